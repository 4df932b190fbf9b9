//! `flymq certs`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use anyhow::{Context, bail};
use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::args::{CertsCommand, DevCerts};
use crate::output::Output;

/// How long the certificates are valid.
const DAYS: i64 = 30;

pub fn run(command: CertsCommand) -> anyhow::Result<()> {
    let CertsCommand::Dev(options) = command;
    dev(options)
}

/// A file to be written, and who may read it.
struct File {
    name: &'static str,
    text: String,
    mode: u32,
}

fn dev(DevCerts { dir, host }: DevCerts) -> anyhow::Result<()> {
    let files = make(&host).context("cannot make certificates")?;
    if let Some(file) = files.iter().find(|file| dir.join(file.name).exists()) {
        bail!(
            "{} is there already; name another folder, or remove it first",
            dir.join(file.name).display()
        );
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("cannot create {}", dir.display()))?;
    for file in files {
        let path = dir.join(file.name);
        // Never readable by others, not even for a moment, and never over another file.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(file.mode);
        options
            .open(&path)
            .and_then(|mut open| open.write_all(file.text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let dir = dir.display();
    let mut out = Output::new();
    out.line(format_args!(
        "wrote ca, server and client (.pem and .key) to {dir}, valid for {DAYS} days

Start a broker with TLS:
  flymq broker --tls-cert {dir}/server.pem --tls-key {dir}/server.key
and talk to it:
  flymq -a flymqs://localhost:9092 --tls-ca-file {dir}/ca.pem health

To let in only clients with a certificate, start it with
  --tls-client-ca {dir}/ca.pem
and give clients
  --tls-cert-file {dir}/client.pem --tls-key-file {dir}/client.key

These are for development: whoever reads ca.key can pass for your broker."
    ))?;
    out.flush()
}

fn make(hosts: &[String]) -> anyhow::Result<Vec<File>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = params(&[], "FlyMQ development CA")?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let ca_key_pem = ca_key.serialize_pem();
    let issuer = Issuer::new(ca, ca_key);

    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend_from_slice(hosts);
    let server = issue(&issuer, &names, "flymq-server", ExtendedKeyUsagePurpose::ServerAuth)?;
    let client = issue(&issuer, &[], "flymq-client", ExtendedKeyUsagePurpose::ClientAuth)?;
    let file = |name, text, mode| File { name, text, mode };
    Ok(vec![
        file("ca.pem", ca_pem, 0o644),
        file("ca.key", ca_key_pem, 0o600),
        file("server.pem", server.0, 0o644),
        file("server.key", server.1, 0o600),
        file("client.pem", client.0, 0o644),
        file("client.key", client.1, 0o600),
    ])
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    subject: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> anyhow::Result<(String, String)> {
    let mut params = params(names, subject)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}

fn params(names: &[String], subject: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    // From yesterday on, for clocks that disagree and for time zones.
    let today = jiff::Zoned::now().date();
    let date = |date: jiff::civil::Date| {
        date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    params.not_before = date(today.checked_sub(1.day())?);
    params.not_after = date(today.checked_add((DAYS + 1).days())?);
    Ok(params)
}
