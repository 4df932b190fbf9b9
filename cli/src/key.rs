//! `flymq key`, and the keys that commands encrypt and decrypt with.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use flymq_core::{Encryption, EncryptionKey, Keyring};

use crate::args::{GenerateKey, KeyCommand, KeyOptions};
use crate::failure::say;
use crate::output::Output;

pub fn run(command: KeyCommand) -> anyhow::Result<()> {
    let KeyCommand::Generate(options) = command;
    generate(options)
}

fn generate(GenerateKey { id, out }: GenerateKey) -> anyhow::Result<()> {
    let mut key = EncryptionKey::generate();
    let mut line = key.to_base64();
    if let Some(id) = id {
        key = key.with_id(id)?;
        line.insert_str(0, &format!("{}:", key.id()));
    }
    line.push('\n');
    let Some(path) = out else {
        let mut out = Output::new();
        out.write(line.as_bytes())?;
        return out.flush();
    };
    // Never over another key, and never readable by others, not even for a moment.
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write the key to {}", path.display()))?;
    say(format_args!("key {} written to {}", key.id(), path.display()));
    Ok(())
}

/// The keys that the options name, or else the environment.
pub fn encryption(options: &KeyOptions) -> anyhow::Result<Option<Encryption>> {
    let keyring = match &options.encryption_key_file {
        Some(file) => Some(Keyring::from_file(file)?),
        None => Keyring::from_env()?,
    };
    Ok(keyring.map(Encryption::new))
}
