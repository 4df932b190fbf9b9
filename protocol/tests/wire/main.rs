//! The wire contract: the golden vectors in `conformance/`, the tables and examples of
//! `docs/protocol.md`, and the crate, each checked against the others.
//!
//! `BLESS=1 cargo test -p flymq-protocol --test wire` writes the vectors anew; a change in them is a
//! change of the protocol.

mod arbitrary;
mod batch_properties;
mod batches;
mod golden;
mod invalid;
mod invalid_cases;
mod json;
mod kinds;
mod page;
mod page_fields;
mod page_tables;
mod properties;
mod samples;
mod tables;
