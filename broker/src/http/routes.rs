//! Which path is answered by what.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};
use prometheus::{TEXT_FORMAT, TextEncoder};
use serde::Serialize;

use super::health;
use super::listener::Context;
use crate::metrics;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What is there, for those who ask for something else.
const PATHS: &str = "/health/live\n/health/ready\n/metrics\n";

/// Answers a request. None has a body that would be read.
pub async fn answer<B>(context: &Context, request: &Request<B>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
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

async fn metrics(context: &Context) -> Response<Full<Bytes>> {
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

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    // Maps with string keys always encode.
    let body = serde_json::to_string(body).unwrap_or_default();
    response(status, JSON, body + "\n")
}

fn text(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Response<Full<Bytes>> {
    response(status, TEXT, body.into().into_owned())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
