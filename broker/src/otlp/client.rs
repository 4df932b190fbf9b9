//! HTTP and HTTPS to the collector.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::HeaderMap;
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::runtime::Handle;

use super::{OtlpConfig, invalid};
use crate::Result;

const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// The collector.
pub struct Collector {
    endpoint: String,
    headers: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Spans are sent by a thread outside of the runtime.
    runtime: Handle,
}

impl Collector {
    pub fn new(config: &OtlpConfig) -> Result<Self> {
        let endpoint = config.endpoint.trim_end_matches('/').to_owned();
        let uri: Uri = endpoint.parse().map_err(|_| wrong_endpoint(&endpoint))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(wrong_endpoint(&endpoint));
        }
        let tls = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|e| invalid(e.to_string()))?
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            endpoint,
            headers: headers(&config.headers)?,
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
        })
    }

    /// Where one kind of signal is sent.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.endpoint)
    }
}

fn wrong_endpoint(endpoint: &str) -> flymq_protocol::ProtocolError {
    invalid(format!("{endpoint:?} is not a URL such as http://127.0.0.1:4318"))
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        // The value may be secret, and is not repeated.
        let wrong = || invalid(format!("{name:?} is no header, or its value cannot be"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(
        &self,
        mut request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, HttpError> {
        request.headers_mut().extend(self.headers.clone());
        let client = self.client.clone();
        let exchange = async move {
            let answer = client.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // The time-out, too, is the runtime's.
        let exchange = async { tokio::time::timeout(TIMEOUT, exchange).await? };
        self.runtime.spawn(exchange).await?
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_is_refused_and_secrets_are_not_told() {
        for endpoint in ["", "127.0.0.1:4318", "grpc://a:1", "http://a/?b=c", "http://a b"] {
            let error = Collector::new(&OtlpConfig::new(endpoint)).unwrap_err();
            assert!(error.message.contains("4318"), "{}", error.message);
        }
        let mut config = OtlpConfig::new("https://collector.example/base/");
        config.headers = vec![("authorization".to_owned(), "hunter2".to_owned())];
        let collector = Collector::new(&config).unwrap();
        assert_eq!(collector.url("v1/traces"), "https://collector.example/base/v1/traces");
        let told = format!("{config:?} {collector:?} {:?}", collector.headers);
        assert!(told.contains("authorization") && !told.contains("hunter2"), "{told}");
        config.headers[0].1 = "hunter2\n".to_owned();
        let error = Collector::new(&config).unwrap_err();
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}
