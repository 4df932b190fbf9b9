//! `Keyring`.

use flymq_core::{EncryptionKey, Error, ErrorCode, Keyring, Result};

use crate::call::Job;
use crate::client::opened;
use crate::handles::{self, Resource};
use crate::wire::{Args, Out};

/// A keyring of the core.
pub struct Keys(pub Keyring);

impl Resource for Keys {
    const NAME: &'static str = "keyring";
}

fn key(args: &mut Args) -> Result<EncryptionKey> {
    let (id, key) = (args.text()?, args.bytes()?.unwrap_or_default());
    EncryptionKey::from_bytes(&key)?.with_id(id)
}

/// Opens a keyring from its text, or with keys of which the first encrypts.
pub fn open(_: u64, args: &mut Args) -> Result<Job> {
    let keyring = match args.optional_text()? {
        Some(text) => Keyring::parse(&text)?,
        None => {
            let mut keys = args.list(key)?.into_iter();
            let missing =
                || Error::new(ErrorCode::InvalidArgument, "keyring", "the keyring has no key");
            let keyring = Keyring::new(keys.next().ok_or_else(missing)?);
            keys.try_for_each(|key| keyring.add(key))?;
            keyring
        }
    };
    Ok(Job::Done(opened(Keys(keyring))))
}

pub fn add(handle: u64, args: &mut Args) -> Result<Job> {
    handles::get::<Keys>(handle)?.0.add(key(args)?)?;
    Ok(Job::Done(Out::empty()))
}

pub fn encrypt_with(handle: u64, args: &mut Args) -> Result<Job> {
    handles::get::<Keys>(handle)?.0.encrypt_with(&args.text()?)?;
    Ok(Job::Done(Out::empty()))
}

pub fn ids(handle: u64, _: &mut Args) -> Result<Job> {
    let mut ids = handles::get::<Keys>(handle)?.0.ids();
    ids.sort();
    let mut out = Out::empty();
    out.texts(&ids);
    Ok(Job::Done(out))
}
