//! The Python extension module `flymq._native`.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | `FlyMQClient`; [`admin`] its calls about topics and offsets, [`groups`] about groups |
//! | [`pool`] | `FlyMQClientPool` |
//! | [`producer`] | `Producer`, `Delivery` |
//! | [`consumer`] | `Consumer`, `Commit` |
//! | [`transaction`] | `TransactionalProducer`, `Transaction` |
//! | [`messages`] | `Message`, `RecordMetadata` |
//! | [`topics`] | `TopicDescription`, `PartitionDescription` |
//! | [`encryption`] | `Keyring`, and the keys of a client |
//! | [`tls`] | arguments about TLS |
//! | [`embedded`] | `EmbeddedBroker` |
//! | [`cli`] | the `flymq` command |
//! | [`convert`] | Python values → what the core takes |
//! | [`errors`] | errors → the exceptions of `flymq.errors` |
//! | [`wait`] | waiting: GIL released, signals answered, panics caught |
//! | [`handle`] | what stands behind an object: closing it, fork safety |
//! | [`fork`] | which process this is |
//! | [`at_exit`] | what is open at interpreter exit is closed |
//!
//! Nothing here decides anything: values are converted, the core is called, errors are mapped.

// Python's keyword arguments are arguments here.
#![allow(clippy::too_many_arguments)]

mod admin;
mod at_exit;
mod cli;
mod client;
mod consumer;
mod convert;
mod embedded;
mod encryption;
mod errors;
mod fork;
mod groups;
mod handle;
mod messages;
mod pool;
mod producer;
mod tls;
mod topics;
mod transaction;
mod wait;

use pyo3::prelude::*;

/// The compiled part of `flymq`; import from `flymq` instead.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        cli::cli,
        client::FlyMQClient,
        consumer::{Commit, Consumer},
        embedded::EmbeddedBroker,
        encryption::Keyring,
        errors::error_table,
        messages::{Message, RecordMetadata},
        pool::FlyMQClientPool,
        producer::{Delivery, Producer},
        topics::{PartitionDescription, TopicDescription},
        transaction::{Transaction, TransactionalProducer},
        wait::_panic,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::fork::watch()?;
        super::close_at_exit(module.py())
    }
}

fn close_at_exit(py: Python<'_>) -> PyResult<()> {
    let close_all = wrap_pyfunction!(at_exit::close_all, py)?;
    py.import("atexit")?.call_method1("register", (close_all,))?;
    Ok(())
}
