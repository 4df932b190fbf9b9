//! Messages of Python from those of the core, and what becomes of those that cannot be read.

use std::collections::{BTreeMap, HashSet};
use std::sync::PoisonError;

use flymq_core::{Error, ErrorCode, Message as CoreMessage};
use pyo3::prelude::*;

use super::Consumer;
use super::reading::Reading;
use crate::messages::Message;
use crate::wait::{Failure, Host};

impl Consumer {
    /// What the deserializers make of the messages, without those that the consumer's policy passes
    /// over and those that come again later.
    pub(super) fn deserialize(
        &self,
        py: Python<'_>,
        host: &Host,
        reading: &Reading,
        messages: Vec<CoreMessage>,
    ) -> PyResult<Vec<Message>> {
        let mut read = Vec::with_capacity(messages.len());
        if self.deserializers.is_empty() {
            read.extend(messages.into_iter().map(Message::from));
            return Ok(read);
        }
        let mut begins = BTreeMap::new();
        let mut halted = HashSet::new();
        for message in messages {
            let slot = (message.topic.clone(), message.partition);
            if halted.contains(&slot) {
                continue;
            }
            begins.entry(slot.clone()).or_insert(message.offset);
            match self.deserializers.message(py, &message) {
                Ok(message) => read.push(message),
                Err(error) => match self.refuse(py, host, reading, &message, error) {
                    Ok(true) => {}
                    Ok(false) => drop(halted.insert(slot)),
                    Err(interruption) => {
                        // Nothing of this was returned, so all of it comes again.
                        self.with(py, |consumer| {
                            for ((topic, partition), offset) in begins {
                                consumer.seek_to(&topic, partition, offset)?;
                            }
                            Ok(())
                        })?;
                        return Err(interruption);
                    }
                },
            }
        }
        Ok(read)
    }

    /// Has the core decide about a message that cannot be read. Returns whether reading goes on behind
    /// it; fails if something else than the deserializer has failed, such as Ctrl-C.
    fn refuse(
        &self,
        py: Python<'_>,
        host: &Host,
        reading: &Reading,
        message: &CoreMessage,
        raised: PyErr,
    ) -> PyResult<bool> {
        let Some(text) = serialization(py, &raised) else { return Err(raised) };
        let error = Error::new(ErrorCode::Serialization, "poll", text.clone());
        let refuse =
            async { Ok::<_, Failure>(reading.borrow().await?.refuse(message, error).await) };
        let passed = host.wait_unless_ready(py, refuse)?;
        if !passed {
            self.raised().insert(text, raised);
        }
        Ok(passed)
    }

    /// The error that a deserializer led to, where the core returns what it was given for it.
    pub(super) fn with_cause(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let raised = serialization(py, &error).and_then(|text| self.raised().remove(&text));
        raised.unwrap_or(error)
    }

    fn raised(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, PyErr>> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message of a SerializationError.
fn serialization(py: Python<'_>, error: &PyErr) -> Option<String> {
    let value = error.value(py);
    let code: u16 = value.getattr("code").ok()?.extract().ok()?;
    (code == ErrorCode::Serialization as u16).then_some(())?;
    value.getattr("message").ok()?.extract().ok()
}
