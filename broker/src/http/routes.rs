//! Which path is answered by what.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use prometheus::{TEXT_FORMAT, TextEncoder};
use serde::Serialize;

use super::listener::Context;
use super::visitor::Visitor;
use super::{api, console, health};
use crate::metrics;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Against pages from elsewhere that would show, include or read what is answered here.
const PROTECTION: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What is there, for those who ask for something else.
const PATHS: &str = "/health/live\n/health/ready\n/metrics\n";

/// What a response brings.
pub type Answer = Full<Bytes>;

/// Answers a request. None has a body that would be read.
pub async fn answer<B>(
    context: &Context,
    visitor: &Visitor,
    request: &Request<B>,
) -> Response<Answer> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let path = request.uri().path();
    if let Some(console) = &context.console {
        let called = path.strip_prefix(api::PREFIX);
        let page = console::file(path);
        if (called.is_some() || page.is_some()) && !console.takes_host(host(request)) {
            return text(
                StatusCode::MISDIRECTED_REQUEST,
                "the console answers to addresses, localhost and --advertised-host only\n",
            );
        }
        if let Some(name) = called {
            return api::answer(context, visitor, name, request).await;
        }
        if let Some(page) = page {
            return page;
        }
    }
    match path {
        "/" => text(StatusCode::OK, PATHS),
        "/health/live" => json(StatusCode::OK, &health::LIVE),
        "/health/ready" => {
            let readiness = health::readiness(context).await;
            let status = match readiness.is_ready() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            json(status, &readiness)
        }
        "/metrics" => metrics(context).await,
        _ => text(StatusCode::NOT_FOUND, format!("there is:\n{PATHS}")),
    }
}

/// What the client calls this broker, with or without a port.
fn host<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

async fn metrics(context: &Context) -> Response<Answer> {
    let Some(broker) = context.broker.get() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the broker is starting\n");
    };
    let _turn = context.gathering.lock().await;
    let gathered = metrics::gather(broker).await.map_err(|error| error.to_string());
    let encoded = gathered.and_then(|families| {
        TextEncoder::new().encode_to_string(&families).map_err(|error| error.to_string())
    });
    match encoded {
        Ok(metrics) => response(StatusCode::OK, TEXT_FORMAT, metrics),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Answer> {
    // Maps with string keys always encode.
    let body = serde_json::to_string(body).unwrap_or_default();
    response(status, JSON, body + "\n")
}

fn text(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Response<Answer> {
    response(status, TEXT, body.into().into_owned())
}

pub(super) fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Answer> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
