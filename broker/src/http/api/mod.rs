//! What the console shows, as JSON. `docs/console.md` describes it. It reads and never changes
//! anything.
//!
//! | module | holds |
//! | --- | --- |
//! | `session` | calls to the engine, with the permissions of whoever asks |
//! | `overview` | the broker at a glance |
//! | `topics` | topics and their partitions |
//! | `records` | looking into a topic |
//! | `blob` | bytes, shown in part |
//! | `groups` | consumer groups and how far they are behind |
//! | `inside` | connections, latencies, storage |

mod blob;
mod groups;
mod inside;
mod overview;
mod records;
mod session;
mod topics;

use flymq_protocol::{ErrorCode, ProtocolError};
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::listener::Context;
use super::routes::{Answer, json};
use super::visitor::Visitor;
use crate::Result;
use session::Session;
pub use session::Sources;

/// What all paths begin with.
pub const PREFIX: &str = "/api/v1/";

/// Answers a request for what is called `name`.
pub async fn answer<B>(
    context: &Context,
    visitor: &Visitor,
    name: &str,
    request: &Request<B>,
) -> Response<Answer> {
    match ask(context, visitor, name, request).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = json(status(error.code), &error.to_reply());
            let headers = response.headers_mut();
            if status(error.code) == StatusCode::UNAUTHORIZED {
                let realm = HeaderValue::from_static("Basic realm=\"FlyMQ\", charset=\"UTF-8\"");
                headers.insert(WWW_AUTHENTICATE, realm);
            }
            if visitor.is_over().await {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }
}

async fn ask<B>(
    context: &Context,
    visitor: &Visitor,
    name: &str,
    request: &Request<B>,
) -> Result<Response<Answer>> {
    if request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(invalid("pages from elsewhere may not ask"));
    }
    let starting = || ProtocolError::new(ErrorCode::ShuttingDown, "the broker is starting");
    let broker = context.broker.get().ok_or_else(starting)?;
    if broker.is_stopping() {
        return Err(ProtocolError::new(ErrorCode::ShuttingDown, "the broker is stopping"));
    }
    let login =
        visitor.log_in(broker.access.as_ref(), request.headers().get(AUTHORIZATION)).await?;
    let mut session = Session::new(broker, &context.sources, login);
    let query = request.uri().query().unwrap_or_default();
    Ok(match name {
        "overview" => found(overview::overview(&mut session).await?),
        "topics" => found(topics::topics(&mut session).await?),
        "topic" => found(topics::topic(&mut session, parameters(query)?).await?),
        "records" => found(records::records(&mut session, parameters(query)?).await?),
        "groups" => found(groups::groups(&mut session).await?),
        "group" => found(groups::group(&mut session, parameters(query)?).await?),
        "connections" => found(inside::connections(&mut session)?),
        "latencies" => found(inside::latencies(&mut session)?),
        "engine" => found(inside::engine(&mut session).await?),
        _ => {
            let error = invalid(format!("there is no {PREFIX}{}", crate::topic::shorten(name)));
            json(StatusCode::NOT_FOUND, &error.to_reply())
        }
    })
}

fn found(body: impl Serialize) -> Response<Answer> {
    json(StatusCode::OK, &body)
}

fn invalid(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidRequest, message)
}

/// The parameters of a request.
fn parameters<T: DeserializeOwned>(query: &str) -> Result<T> {
    serde_urlencoded::from_str(query).map_err(|e| invalid(format!("parameters: {e}")))
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::AuthRequired | ErrorCode::AuthFailed => StatusCode::UNAUTHORIZED,
        ErrorCode::NotAuthorized | ErrorCode::TlsRequired => StatusCode::FORBIDDEN,
        ErrorCode::UnknownTopic | ErrorCode::UnknownPartition | ErrorCode::UnknownGroup => {
            StatusCode::NOT_FOUND
        }
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidTopicName
        | ErrorCode::InvalidGroup
        | ErrorCode::OffsetOutOfRange => StatusCode::BAD_REQUEST,
        ErrorCode::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
