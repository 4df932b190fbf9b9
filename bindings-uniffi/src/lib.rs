//! The client, described once for the languages that have no binding of their own.
//!
//! From this crate uniffi generates Kotlin, Ruby and Swift: `make uniffi-generate`. What each language
//! adds by hand, so that it reads like its own, lies beside its generated sources.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`], [`admin`], [`access`], [`groups`] | `ClientBuilder` and `Client` |
//! | [`fetch`] | `Fetch`: reading one partition from an offset on |
//! | [`producer`], [`transaction`] | `Producer`, `TransactionalProducer`, `Transaction` |
//! | [`consumer`] | `Consumer` and `RebalanceListener` |
//! | [`encryption`], [`embedded`] | `Keyring`, `EmbeddedBroker` |
//! | [`records`], [`blob`] | records, positions, bytes |
//! | [`error`], [`options`], [`metrics`] | errors, options by name, counters |
//! | [`host`], [`wake`] | the threads that serve a client, and waiting for them |
//!
//! Nothing here decides anything: values are converted, the core is called, errors are mapped. Three
//! rules hold throughout:
//!
//! - Objects are made, and records are handed over, by calls that do not wait; calls that wait return
//!   values. Who stops waiting, a cancelled coroutine for instance, loses no record and leaves no
//!   object behind.
//! - An object that is dropped without being closed is closed in the background.
//! - The language's own code is called on the threads of its own calls and on one that is there for
//!   nothing else, never on those that serve connections.

mod access;
mod admin;
mod blob;
mod client;
mod consumer;
mod embedded;
mod encryption;
mod error;
mod fetch;
mod groups;
mod host;
mod metrics;
mod options;
mod producer;
mod records;
mod transaction;
mod wake;

uniffi::setup_scaffolding!("flymq");
