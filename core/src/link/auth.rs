//! Logging in, and staying so.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flymq_auth::scram::{self, ChannelBinding};
use flymq_auth::{AuthError, Password, plain};
use flymq_protocol::ErrorCode;
use flymq_protocol::messages::{AuthRequest, AuthResponse};

use super::connection::Connection;
use crate::config::{Config, Mechanism};
use crate::error::{Error, Result};

const PLAIN: &str = "PLAIN";
const EXTERNAL: &str = "EXTERNAL";

/// What holds beneath the protocol.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channel {
    /// Whether nobody else can read it.
    pub encrypted: bool,
    /// Whether the broker has asked for a client certificate and there is one.
    pub certificate: bool,
    /// What identifies it to both ends.
    pub binding: Option<ChannelBinding>,
}

fn failed(error: AuthError) -> Error {
    Error::new(ErrorCode::AuthFailed, "connect", error.to_string())
}

/// Logs in if the broker wants that. Returns after how long it has to be done again.
pub(super) async fn authenticate(
    connection: &Connection,
    config: &Config,
) -> Result<Option<Duration>> {
    let address = connection.address();
    let unsupported =
        |message: String| Error::new(ErrorCode::UnsupportedMechanism, "connect", message);
    if !connection.hello.auth_required {
        // Whoever took the broker's place could get at records by not asking.
        return match &config.username {
            None => Ok(None),
            Some(_) => Err(unsupported(format!(
                "a user name is given, but the broker at {address} asks for no authentication; \
                 leave the name out, or turn on the broker's authentication"
            ))),
        };
    }
    let mechanism = choose(connection, config)?;
    let answer = match (mechanism, &config.username, &config.password) {
        (EXTERNAL, ..) => step(connection, EXTERNAL, Vec::new()).await?,
        (PLAIN, Some(user), Some(password)) => {
            let message = plain::message(user, password).to_vec();
            step(connection, PLAIN, message).await?
        }
        (mechanism, Some(user), Some(password)) => {
            let bind = mechanism == scram::MECHANISM_PLUS;
            exchange(connection, mechanism, user, password, bind).await?
        }
        _ => {
            return Err(Error::new(
                ErrorCode::AuthRequired,
                "connect",
                format!("the broker at {address} wants authentication"),
            ));
        }
    };
    if !answer.done {
        return Err(failed(AuthError::Exchange("the broker wants more than the mechanism has")));
    }
    tracing::debug!(address, principal = answer.principal, mechanism, "logged in");
    let lifetime = Duration::from_millis(answer.session_lifetime_ms);
    Ok(Some(lifetime).filter(|lifetime| !lifetime.is_zero()))
}

/// The best mechanism that both sides take.
fn choose(connection: &Connection, config: &Config) -> Result<&'static str> {
    let offered = |name: &str| connection.hello.mechanisms.iter().any(|m| m == name);
    let Channel { encrypted, certificate, binding } = &connection.channel;
    let wanted = |mechanism| [Mechanism::Auto, mechanism].contains(&config.sasl_mechanism);
    let named = config.username.is_some();
    let may_send_password = *encrypted || config.allow_plain_without_tls;
    let choices = [
        (scram::MECHANISM_PLUS, named && binding.is_some() && wanted(Mechanism::ScramSha256)),
        (scram::MECHANISM, named && wanted(Mechanism::ScramSha256)),
        (PLAIN, named && may_send_password && wanted(Mechanism::Plain)),
        (EXTERNAL, !named && *certificate && wanted(Mechanism::External)),
    ];
    let choice = choices.into_iter().find(|&(name, usable)| usable && offered(name));
    if let Some((name, _)) = choice {
        return Ok(name);
    }
    let address = connection.address();
    if !named && !certificate {
        return Err(Error::new(
            ErrorCode::AuthRequired,
            "connect",
            format!("the broker at {address} wants authentication"),
        ));
    }
    let hint = match offered(PLAIN) && !may_send_password {
        true => "; PLAIN needs TLS, or allow_plain_without_tls",
        false => "",
    };
    Err(Error::new(
        ErrorCode::UnsupportedMechanism,
        "connect",
        format!(
            "the broker at {address} offers {} only{hint}",
            connection.hello.mechanisms.join(", ")
        ),
    ))
}

async fn step(connection: &Connection, mechanism: &str, data: Vec<u8>) -> Result<AuthResponse> {
    let request = AuthRequest { mechanism: mechanism.to_owned(), data: data.into() };
    connection.call("connect", &request).await
}

async fn exchange(
    connection: &Connection,
    mechanism: &str,
    user: &str,
    password: &Password,
    bind: bool,
) -> Result<AuthResponse> {
    let user = flymq_auth::password::prepare(user, "the user name").map_err(failed)?;
    let binding = connection.channel.binding.as_ref();
    let client = match binding {
        Some(_) if !bind => scram::Client::new(&user, None).binding_not_offered(),
        binding => scram::Client::new(&user, binding),
    };
    let first = step(connection, mechanism, client.first().into_bytes()).await?;
    let reply = client.reply(&first.data, &connection.hello.nonce).map_err(failed)?;
    let (salt, iterations) = (reply.salt().to_vec(), reply.iterations());
    let password = password.clone();
    // It takes a while, on purpose.
    let keys = tokio::task::spawn_blocking(move || password.derive(&salt, iterations))
        .await
        .map_err(|_| Error::closed("connect", "runtime"))?
        .map_err(failed)?;
    let (last, expected) = reply.prove(&keys);
    let answer = step(connection, mechanism, last.into_bytes()).await?;
    // The broker has to know the keys too.
    expected.check(&answer.data).map_err(failed)?;
    Ok(answer)
}

/// Logs in again before the session expires, for as long as the connection lasts.
pub(super) async fn renew(connection: Weak<Connection>, config: Config, mut lifetime: Duration) {
    loop {
        // Not all connections at the same moment.
        tokio::time::sleep(lifetime.mul_f64(0.6 + 0.2 * rand::random::<f64>())).await;
        let Some(connection) = connection.upgrade().filter(|c: &Arc<_>| c.is_open()) else {
            return;
        };
        let again = authenticate(&connection, &config);
        match tokio::time::timeout(config.request_timeout, again).await {
            Ok(Ok(Some(next))) => lifetime = next,
            Ok(Ok(None)) => return,
            Ok(Err(error)) if error.is_retriable() => {
                // Tried again while there is time; an expired session is noticed by its requests.
                tracing::debug!(%error, "cannot log in again yet");
                lifetime /= 4;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot log in again");
                return connection.end_session();
            }
            Err(_) => return connection.time_out(),
        }
    }
}
