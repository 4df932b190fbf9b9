//! The Python extension module `flymq._native`.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | `FlyMQClient` |
//! | [`pool`] | `FlyMQClientPool` |
//! | [`producer`] | `Producer`, `Delivery` |
//! | [`consumer`] | `Consumer`, `Commit` |
//! | [`transaction`] | `TransactionalProducer`, `Transaction` |
//! | [`messages`] | `Message`, `RecordMetadata` |
//! | [`serdes`] | serializers and deserializers of Python, applied |
//! | [`topics`] | `TopicDescription`, `PartitionDescription` |
//! | [`cluster`] | the named tuples of `flymq.cluster` |
//! | [`groups`] | the named tuples of `flymq.groups` |
//! | [`encryption`] | `Keyring`, and the keys of a client |
//! | [`tls`] | arguments about TLS |
//! | [`embedded`] | `EmbeddedBroker` |
//! | [`cli`] | the `flymq` command |
//! | [`convert`] | Python values → what the core takes |
//! | [`errors`] | errors → the exceptions of `flymq.errors` |
//! | [`wait`] | waiting: GIL released, signals answered, panics caught |
//! | [`asyncio`] | the same for asyncio: awaitables, completed from the core's threads |
//! | [`op`] | calls with work for Python before and after them |
//! | [`step`] | calls that take several steps, of the core and of Python |
//! | [`context`] | context managers |
//! | [`handle`] | what stands behind an object: closing it, fork safety |
//! | [`fork`] | which process this is |
//! | [`logging`] | what the core logs → `logging` |
//! | [`at_exit`] | what is open at interpreter exit is closed |
//!
//! Each class that waits has one for asyncio beside it. What they do is written once, as functions of
//! what stands behind both, and `#[mirrored]` (the crate in `macros/`) makes the methods of both of it.
//!
//! Nothing here decides anything: values are converted, the core is called, errors are mapped.

// Python's keyword arguments are arguments here.
#![allow(clippy::too_many_arguments)]

mod asyncio;
mod at_exit;
mod cli;
mod client;
mod cluster;
mod consumer;
mod context;
mod convert;
mod embedded;
mod encryption;
mod errors;
mod fork;
mod groups;
mod handle;
mod logging;
mod messages;
mod op;
mod pool;
mod producer;
mod serdes;
mod step;
mod tls;
mod topics;
mod transaction;
mod wait;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The compiled part of `flymq`; import from `flymq` instead.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        cli::cli,
        client::{AsyncFlyMQClient, FlyMQClient},
        consumer::{AsyncCommit, AsyncConsumer, Commit, Consumer},
        embedded::EmbeddedBroker,
        encryption::Keyring,
        errors::error_table,
        logging::_log,
        messages::{Message, RecordMetadata},
        pool::{AsyncFlyMQClientPool, FlyMQClientPool},
        producer::{AsyncDelivery, AsyncProducer, Delivery, Producer},
        topics::{PartitionDescription, TopicDescription},
        transaction::{
            AsyncTransaction, AsyncTransactionalProducer, Transaction, TransactionalProducer,
        },
        wait::_panic,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::refuse_sub_interpreter()?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::fork::watch()?;
        super::close_at_exit(module.py())
    }
}

/// From Python 3.12 on the import refuses by itself. What is kept for all of the process, such as what
/// is open at exit, belongs to one interpreter.
fn refuse_sub_interpreter() -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter, which importing takes.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err("flymq works in the main interpreter only, not in subinterpreters"))
}

fn close_at_exit(py: Python<'_>) -> PyResult<()> {
    // Before that of `logging`, which has to be there for what is logged meanwhile.
    py.import("logging")?;
    let close_all = wrap_pyfunction!(at_exit::close_all, py)?;
    py.import("atexit")?.call_method1("register", (close_all,))?;
    Ok(())
}
