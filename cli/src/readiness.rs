//! `flymq health --http`: what the broker says of itself over HTTP.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde_json::Value;

use crate::args::{Format, ServerOptions};
use crate::failure::Reported;
use crate::output::Output;
use crate::session;

/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

pub fn run(
    server: &ServerOptions,
    url: &str,
    timeout_ms: u64,
    format: Format,
) -> anyhow::Result<()> {
    let uri: Uri = format!("{}/health/ready", url.trim_end_matches('/'))
        .parse()
        .with_context(|| format!("{url:?} is not a URL such as http://127.0.0.1:9644"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        bail!("{url:?} is not a URL such as http://127.0.0.1:9644");
    }
    let tls = tls(server)?;
    let (status, said) = session::block_on(async {
        let patience = Duration::from_millis(timeout_ms);
        tokio::time::timeout(patience, ask(uri, tls))
            .await
            .map_err(|_| anyhow!("no answer from {url} within {timeout_ms} ms"))?
            .with_context(|| format!("cannot ask {url}"))
    })?;
    let mut out = Output::new();
    match format {
        Format::Json => out.json(&said)?,
        Format::Text => out.line(told(&said))?,
    }
    out.flush()?;
    if status.is_success() { Ok(()) } else { Err(Reported.into()) }
}

async fn ask(uri: Uri, tls: ClientConfig) -> anyhow::Result<(StatusCode, Value)> {
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let (head, body) = client.get(uri).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| anyhow!(e))?;
    let said = serde_json::from_slice(&body.to_bytes())
        .with_context(|| format!("the answer, {}, is not that of a broker", head.status))?;
    Ok((head.status, said))
}

/// Whom to trust: those of `--tls-ca-file`, or whom the operating system does.
fn tls(server: &ServerOptions) -> anyhow::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?;
    let Some(file) = &server.tls_ca_file else {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let unusable = || format!("cannot use {}", file.display());
    for certificate in CertificateDer::pem_file_iter(file).with_context(unusable)? {
        roots.add(certificate.with_context(unusable)?).with_context(unusable)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Such as `degraded: broker ok, engine degraded (the disk is short of room)`.
fn told(said: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let part = |name: &str| {
        let part = &said[name];
        match part["reason"].as_str() {
            Some(reason) => format!("{name} {} ({reason})", text(&part["status"])),
            None => format!("{name} {}", text(&part["status"])),
        }
    };
    format!("{}: {}, {}", text(&said["status"]), part("broker"), part("engine"))
}
