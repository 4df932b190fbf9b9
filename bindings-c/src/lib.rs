//! The C library, libflymq: its header is `include/flymq.h`, made from here.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`], [`produce`] | `flymq_client`; its calls about topics are in [`admin`], about the cluster in [`cluster`], about groups in [`groups`], about users in [`access`] |
//! | [`pool`] | `flymq_pool`: clients to be borrowed |
//! | [`producer`] | `flymq_producer` |
//! | [`consumer`] | `flymq_consumer`; its places and commits are in [`offsets`]; [`feed`] brings its records to the queue |
//! | [`transaction`] | `flymq_transactional_producer`, `flymq_transaction` |
//! | [`queue`], [`events`], [`event`] | `flymq_queue`: events, polled ([`bell`] is its descriptor) or called back ([`callback`]) |
//! | [`record`], [`message`] | `flymq_record` to send; `flymq_batch` and `flymq_message` that were read |
//! | [`table`], [`partitions`] | `flymq_table`: answers with rows; `flymq_partitions`: places in partitions |
//! | [`config`] | `flymq_config`: options by name |
//! | [`keyring`] | `flymq_keyring`: keys that clients share |
//! | [`key_source`] | `flymq_key_fn`: the application's own source of keys |
//! | [`broker`] | `flymq_broker` inside the process |
//! | [`error`], [`codes`] | `flymq_error`, and the table of codes |
//! | [`log`], [`version`] | the log as events; the version |
//! | [`boundary`] | what is around each exported function: panics caught, errors given |
//! | [`handle`] | what stands behind a pointer: closing it, fork safety |
//! | [`host`] | threads, and waiting |
//! | [`text`] | strings and bytes of C |
//!
//! Nothing here decides anything: arguments are converted, the core is called, errors are given back.
//! Pointers to what the library made are references here: `Option<&T>`, or `Option<Box<T>>` where it is
//! freed. That each is NULL or was given by this library, and is not freed yet, is the caller's part.

// The names are C's, and so are the long lists of parameters.
#![allow(non_camel_case_types, clippy::too_many_arguments)]

mod access;
mod admin;
mod bell;
mod boundary;
mod broker;
mod callback;
mod client;
mod cluster;
mod codes;
mod config;
mod consumer;
mod error;
mod event;
mod events;
mod feed;
mod groups;
mod handle;
mod host;
mod key_source;
mod keyring;
mod log;
mod message;
mod offsets;
mod partitions;
mod pool;
mod produce;
mod producer;
mod queue;
mod record;
mod table;
mod text;
mod transaction;
mod version;
