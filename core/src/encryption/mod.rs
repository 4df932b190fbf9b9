//! End-to-end encryption of records with AES-256-GCM: brokers and disks see sealed values only.
//!
//! | module | holds |
//! | --- | --- |
//! | `key` | [`EncryptionKey`]: how keys are written, named and derived |
//! | `keyring` | [`Keyring`], [`KeyProvider`]: where keys come from |
//! | `seal` | a key and a nonce for each record, used once |
//! | `open` | derived keys, remembered |
//! | `format` | the bytes of an encrypted record |
//!
//! The format, and what it protects and what not, is specified in `docs/security.md`.

mod format;
mod key;
mod keyring;
mod open;
mod seal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, Nonce};
use bytes::Bytes;
use flymq_protocol::ErrorCode;

pub use format::ENCRYPTION_HEADER;
pub use key::{EncryptionKey, MAX_KEY_ID_LEN};
pub use keyring::{KeyProvider, Keyring};

use crate::error::{Error, Result};
use crate::record::{Message, Record};
use format::{Preamble, TAG_LEN};
use open::{Opener, Refusal};
use seal::{Once, Sealer};

/// Encrypts what a client sends, and decrypts what it reads. Clones share their keys.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let data = tempfile::tempdir().unwrap();
/// # let broker = flymq_broker::Broker::start(flymq_broker::Config {
/// #     data_dir: data.path().into(),
/// #     listen: "127.0.0.1:0".parse().unwrap(),
/// #     ..Default::default()
/// # }).await.unwrap();
/// # let address = broker.local_addr().to_string();
/// use flymq_core::{Client, Encryption, EncryptionKey, Keyring, NewTopic, Record};
///
/// let keyring = Keyring::new(EncryptionKey::generate()); // or Keyring::from_file(…)?
/// let client =
///     Client::builder(&address).encryption(Encryption::new(keyring.clone())).connect().await?;
/// client.create_topic(NewTopic::new("payments")).await?;
/// client.produce("payments", Record::new("4711 EUR").key("k")).await?;
/// let message = client.consume("payments", 0, 0).await?.unwrap();
/// assert_eq!(message.value.as_deref(), Some(&b"4711 EUR"[..]));
///
/// // Without the key there is an error, and never the encrypted bytes.
/// let stranger = Client::connect(&address).await?;
/// assert_eq!(stranger.consume("payments", 0, 0).await.unwrap_err().name(), "UNKNOWN_ENCRYPTION_KEY");
///
/// // From now on with another key; what the old one has sealed stays readable.
/// keyring.add(EncryptionKey::generate().with_id("2026-02")?)?;
/// keyring.encrypt_with("2026-02")?;
/// # flymq_core::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Encryption {
    keys: Arc<dyn KeyProvider>,
    seal_headers: bool,
    refuse_plain: bool,
    sealer: Arc<Sealer>,
    opener: Arc<Opener>,
}

impl Encryption {
    /// Encryption with the keys of a [`Keyring`], or of an application's own [`KeyProvider`].
    pub fn new(keys: impl KeyProvider) -> Self {
        Self {
            keys: Arc::new(keys),
            seal_headers: false,
            refuse_plain: false,
            sealer: Arc::default(),
            opener: Arc::default(),
        }
    }

    /// Whether names and values of headers are encrypted too. Default no: they are readable then,
    /// and not protected against changes. For reading this does not matter.
    pub fn seal_headers(mut self, seal: bool) -> Self {
        self.seal_headers = seal;
        self
    }

    /// Whether records that are not encrypted are refused with DECRYPTION_FAILED. Default no, so that
    /// topics may hold both; but then whoever can write to the log can pass a plain record off as
    /// one of the encrypted ones' senders'.
    pub fn refuse_plain(mut self, refuse: bool) -> Self {
        self.refuse_plain = refuse;
        self
    }

    /// Turns on what is asked for, and nothing off.
    pub(crate) fn also(self, seal_headers: bool, refuse_plain: bool) -> Self {
        let (seal, refuse) = (self.seal_headers || seal_headers, self.refuse_plain || refuse_plain);
        self.seal_headers(seal).refuse_plain(refuse)
    }

    /// Encrypts a record for a topic. Clients do so themselves with what they send.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a record that has the reserved header; what a [`KeyProvider`] fails with.
    pub fn seal(&self, topic: &str, record: Record) -> Result<Record> {
        check_not_reserved(&record)?;
        let key = self.keys.current()?;
        let once = self.sealer.once(&key)?;
        seal(topic, record, key.id(), &once, self.seal_headers)
    }

    /// Decrypts a message that was read without that (see [`Config::decrypt`](crate::Config)), in
    /// place. `topic` is the one it was produced to, which for a dead letter is not the one it was
    /// read from.
    ///
    /// # Errors
    ///
    /// DECRYPTION_FAILED, UNKNOWN_ENCRYPTION_KEY, what a [`KeyProvider`] fails with; then the message
    /// is as it was.
    pub fn open(&self, topic: &str, message: &mut Message) -> Result<()> {
        let at = |header: &(String, _)| header.0 == ENCRYPTION_HEADER;
        let failed = |what: &str| failed(message, what);
        let Some(index) = message.headers.iter().position(at) else {
            return match self.refuse_plain {
                true => Err(failed("is not encrypted, and plain records are refused")),
                false => Ok(()),
            };
        };
        if message.headers[index + 1..].iter().any(at) {
            return Err(failed("cannot be decrypted: it has two encryption headers"));
        }
        let header = message.headers[index].1.clone();
        let header = header.ok_or_else(|| failed(EMPTY_HEADER))?;
        let (preamble, len) = Preamble::parse(&header)
            .map_err(|why| failed(&format!("cannot be decrypted: {why}")))?;
        let sealed = match &message.value {
            None if preamble.no_value => &header[len..],
            Some(value) if !preamble.no_value => value,
            None => return Err(failed("cannot be decrypted: its value was taken away")),
            Some(_) => return Err(failed("cannot be decrypted: it was sealed without a value")),
        };
        let key = message.key.as_deref();
        let mut context = Vec::with_capacity(len + format::context_len(topic, key));
        context.extend(&header[..len]);
        format::write_context(&mut context, topic, key);
        let opened = self.opener.open(&*self.keys, &preamble, &context, sealed)?;
        let opened = opened.map_err(|refusal| match refusal {
            Refusal::UnknownKey => {
                unknown_key(message, &preamble, "which the keyring does not have")
            }
            Refusal::Forged => failed(&format!(
                "cannot be decrypted with key {:?}: the record was altered, was sealed for another \
                 topic or record key, or the key is another one of the same id",
                preamble.key_id
            )),
        })?;
        let mut value = Bytes::from(opened);
        let mut headers = None;
        if preamble.headers_sealed {
            // Only a holder of the key can have made a mistake here.
            let parted = format::read_headers(value);
            let parted = parted.ok_or_else(|| failed("cannot be decrypted: bad sealed headers"))?;
            (headers, value) = (Some(parted.0), parted.1);
        }
        if preamble.no_value && !value.is_empty() {
            return Err(failed("cannot be decrypted: it has a value and is sealed as having none"));
        }
        let no_value = preamble.no_value;
        match headers {
            // Others that it has now are nothing that its sender vouches for.
            Some(headers) => message.headers = headers,
            None => drop(message.headers.remove(index)),
        }
        message.value = (!no_value).then_some(value);
        Ok(())
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("seal_headers", &self.seal_headers)
            .field("refuse_plain", &self.refuse_plain)
            .finish_non_exhaustive()
    }
}

/// Encrypts with a given key and nonce.
fn seal(
    topic: &str,
    mut record: Record,
    key_id: &str,
    once: &Once,
    headers_sealed: bool,
) -> Result<Record> {
    let (salt, nonce) = (once.salt, once.nonce);
    let no_value = record.value.is_none();
    let preamble = Preamble { headers_sealed, no_value, key_id, salt, nonce };
    let key = record.key.as_deref();
    let len = preamble.encoded_len();
    let mut context = Vec::with_capacity(len + format::context_len(topic, key));
    preamble.write(&mut context);
    format::write_context(&mut context, topic, key);

    let value = record.value.take().unwrap_or_default();
    let mut sealed = Vec::with_capacity(value.len() + TAG_LEN);
    if headers_sealed {
        format::write_headers(&mut sealed, &record.headers);
        record.headers.clear();
    }
    sealed.extend(&value[..]);
    let nonce = Nonce::assume_unique_for_key(nonce);
    once.derived.seal_in_place_append_tag(nonce, Aad::from(&context), &mut sealed).map_err(
        |_| Error::new(ErrorCode::Internal, "encryption", "AES-256-GCM refused to encrypt"),
    )?;
    context.truncate(len);
    if no_value {
        context.extend(sealed);
    } else {
        record.value = Some(sealed.into());
    }
    record.headers.push((ENCRYPTION_HEADER.to_owned(), Some(context.into())));
    Ok(record)
}

const EMPTY_HEADER: &str = "cannot be decrypted: its encryption header is empty";

/// Refuses a record that would be taken for an encrypted one.
pub(crate) fn check_not_reserved(record: &Record) -> Result<()> {
    if record.headers.iter().any(|(name, _)| name == ENCRYPTION_HEADER) {
        return Err(Error::invalid(
            "send",
            format!(
                "the header {ENCRYPTION_HEADER} is reserved for encryption; \
                 to send an encrypted message on, use Record::forward"
            ),
        ));
    }
    Ok(())
}

/// Refuses a message that is encrypted, for want of any key.
pub(crate) fn check_plain(message: &Message) -> Result<()> {
    let Some((_, header)) = message.headers.iter().find(|(name, _)| name == ENCRYPTION_HEADER)
    else {
        return Ok(());
    };
    let header = header.as_deref().ok_or_else(|| failed(message, EMPTY_HEADER))?;
    Err(match Preamble::parse(header) {
        Ok((preamble, _)) => unknown_key(message, &preamble, "and this client has no key at all"),
        Err(why) => failed(message, &format!("cannot be decrypted: {why}")),
    })
}

fn unknown_key(message: &Message, preamble: &Preamble<'_>, why: &str) -> Error {
    let what = format!("is encrypted with key {:?}, {why}", preamble.key_id);
    about(ErrorCode::UnknownEncryptionKey, message, &what)
}

fn failed(message: &Message, what: &str) -> Error {
    about(ErrorCode::DecryptionFailed, message, what)
}

fn about(code: ErrorCode, message: &Message, what: &str) -> Error {
    let Message { topic, partition, offset, .. } = message;
    let text = format!("offset {offset} of partition {partition} of topic {topic:?} {what}");
    Error::new(code, "decrypt", text)
}
