//! Options of a producer.

use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::Codec;

use super::batch::Limits;
use super::inner::Inner;
use super::transaction::Coordinator;
use super::{Handle, Producer};
use crate::client::Core;
use crate::error::{Error, Result};
use crate::options::{self, Opt, OptionInfo, option};

/// How much larger a batch may get that has to wait for others, and up to which size.
const CROWDED: usize = 4;
const MOST_CROWDED: usize = 512 << 10;

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Lz4 => Self::Lz4,
            Compression::Zstd => Self::Zstd,
        }
    }
}

impl std::str::FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "lz4" => Ok(Self::Lz4),
            "zstd" => Ok(Self::Zstd),
            other => Err(Error::invalid(
                "producer",
                format!("there is no compression {other:?}; use none, lz4 or zstd"),
            )),
        }
    }
}

/// The options of a producer, by name.
const OPTIONS: &[Opt<ProducerBuilder>] = &[
    option(
        "linger_ms",
        "5",
        "How long a record may wait for others to share its batch.",
        |builder, value| Ok(builder.linger(value.millis()?)),
    ),
    option(
        "batch_bytes",
        "131072",
        "At what size a batch is sent without waiting longer. One that has to wait for others takes more.",
        |builder, value| Ok(builder.batch_bytes(value.bytes()?)),
    ),
    option(
        "buffer_bytes",
        "33554432",
        "How many bytes of records may be unacknowledged; sending more waits.",
        |builder, value| Ok(builder.buffer_bytes(value.bytes()?)),
    ),
    option(
        "max_in_flight",
        "5",
        "How many batches of a partition may be under way at a time, 1 to 5.",
        |builder, value| Ok(builder.max_in_flight(value.number()?)),
    ),
    option(
        "compression",
        "none",
        "How batches are compressed: none, lz4 or zstd.",
        |builder, value| Ok(builder.compression(value.text().parse()?)),
    ),
    option(
        "delivery_timeout_ms",
        "120000",
        "After how long a record that could not be delivered is given up.",
        |builder, value| Ok(builder.delivery_timeout(value.millis()?)),
    ),
];

/// Options of a producer. Made by [`Client::producer`](crate::Client::producer).
#[derive(Clone, Debug)]
pub struct ProducerBuilder {
    core: Arc<Core>,
    linger: Duration,
    batch_bytes: usize,
    buffer_bytes: usize,
    max_in_flight: usize,
    compression: Compression,
    delivery_timeout: Duration,
}

impl ProducerBuilder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            linger: Duration::from_millis(5),
            batch_bytes: 128 << 10,
            buffer_bytes: 32 << 20,
            max_in_flight: 5,
            compression: Compression::None,
            delivery_timeout: Duration::from_secs(120),
        }
    }

    /// All options that [`set`](Self::set) takes.
    pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
        options::infos(OPTIONS)
    }

    /// Sets an option by its name.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a name that there is not, or a value that the option does not take.
    pub fn set(self, name: &str, value: &str) -> Result<Self> {
        options::set(OPTIONS, self, "producer", name, value)
    }

    /// How long a record may wait for others to share its batch. Default 5 ms; 0 sends at once,
    /// together with whatever else came while earlier batches were under way.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// At what size a batch is sent without waiting longer. Default 128 KiB. While
    /// [`max_in_flight`](Self::max_in_flight) batches are under way, the next one takes up to four times as
    /// much, but no more than 512 KiB: it has to wait in any case.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How many bytes of records may be unacknowledged. Sending more waits. Default 32 MiB.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// How many batches of a partition may be under way at a time, 1 to 5. Default 5.
    pub fn max_in_flight(mut self, batches: usize) -> Self {
        self.max_in_flight = batches;
        self
    }

    /// How batches are compressed. Default not at all. A client that encrypts does not compress:
    /// encrypted bytes do not get any smaller.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// After how long a record that could not be delivered is given up. Default 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Starts the producer. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for options out of bounds.
    pub fn build(self) -> Result<Producer> {
        Ok(Producer { handle: self.start(None)? })
    }

    pub(super) fn start(self, transaction: Option<Arc<Coordinator>>) -> Result<Arc<Handle>> {
        let check = |good, message: &str| {
            if good { Ok(()) } else { Err(Error::invalid("producer", message)) }
        };
        check((1..=5).contains(&self.max_in_flight), "max_in_flight is 1 to 5")?;
        check((1..=16 << 20).contains(&self.batch_bytes), "batch_bytes is 1 to 16 MiB")?;
        check(
            (self.batch_bytes..=1 << 30).contains(&self.buffer_bytes),
            "buffer_bytes is at least batch_bytes and at most 1 GiB",
        )?;
        let mut codec = Codec::from(self.compression);
        if codec != Codec::None && self.core.router.config().encryption.is_some() {
            tracing::warn!(
                "encrypted records are not compressed; the producer's compression is off"
            );
            codec = Codec::None;
        }
        let limits = Limits {
            batch_bytes: self.batch_bytes,
            crowded_bytes: (CROWDED * self.batch_bytes).min(MOST_CROWDED).max(self.batch_bytes),
            max_in_flight: self.max_in_flight,
            codec,
        };
        Ok(Handle::start(Inner::new(
            self.core,
            transaction,
            limits,
            self.buffer_bytes,
            self.linger,
            self.delivery_timeout,
        )))
    }
}
