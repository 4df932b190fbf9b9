//! Who the gateway is: SASL, once a connection is made.

use std::time::Duration;

use flymq_auth::{AuthError, Hash, Password, Sha256, Sha512, plain, scram};
use flymq_protocol::{ErrorCode, ProtocolError};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::{Connection, LinkError};
use crate::kafka::config::{KafkaConfig, SaslMechanism};

/// Authenticates a fresh connection. Returns how long that is good for, if not for ever.
pub async fn authenticate(
    connection: &Connection,
    config: &KafkaConfig,
) -> Result<Option<Duration>, LinkError> {
    let (Some(user), Some(password)) = (&config.sasl_username, &config.sasl_password) else {
        return Ok(None);
    };
    let mut session = Session { connection, config, lifetime: None };
    session.choose().await?;
    match config.sasl_mechanism {
        SaslMechanism::Plain => {
            session.step(plain::message(user, password).to_vec()).await?;
        }
        SaslMechanism::ScramSha256 => session.scram::<Sha256>(user, password.clone()).await?,
        SaslMechanism::ScramSha512 => session.scram::<Sha512>(user, password.clone()).await?,
    }
    Ok(session.lifetime)
}

struct Session<'a> {
    connection: &'a Connection,
    config: &'a KafkaConfig,
    lifetime: Option<Duration>,
}

impl Session<'_> {
    async fn choose(&self) -> Result<(), LinkError> {
        let name = self.config.sasl_mechanism.name();
        let request =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(name));
        let response = self.connection.call(&request, self.config.request_timeout).await?;
        if response.error_code == 0 {
            return Ok(());
        }
        if response.error_code == ResponseError::IllegalSaslState.code() {
            let doubt = self.config.security_protocol.doubt();
            return Err(refused(format!("it wants no SASL here; {doubt}")));
        }
        let offered: Vec<&str> = response.mechanisms.iter().map(|m| m.as_str()).collect();
        let offered = offered.join(", ");
        Err(refused(format!("it takes {offered}, not {name}; see sasl.mechanism")))
    }

    async fn step(&mut self, data: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(data.into());
        let response = self.connection.call(&request, self.config.request_timeout).await?;
        if response.error_code != 0 {
            let reason = response.error_message.as_deref().unwrap_or("the credentials are wrong");
            let reason = crate::topic::shorten_to(reason, 300);
            return Err(refused(format!("{reason}; see sasl.username and sasl.password")));
        }
        self.lifetime = u64::try_from(response.session_lifetime_ms)
            .ok()
            .filter(|&ms| ms > 0)
            .map(Duration::from_millis);
        Ok(response.auth_bytes.to_vec())
    }

    async fn scram<H: Hash>(&mut self, user: &str, password: Password) -> Result<(), LinkError> {
        let client = scram::Client::new(user, None);
        let server_first = self.step(client.first().into_bytes()).await?;
        // Kafka's nonce is its own; there is no challenge of the connection in it.
        let reply = client.reply(&server_first, b"").map_err(failed)?;
        let (salt, iterations) = (reply.salt().to_vec(), reply.iterations());
        let stretch = move || password.derive_with::<H>(&salt, iterations);
        let stretching = tokio::task::spawn_blocking(stretch);
        let keys = stretching
            .await
            .map_err(|_| LinkError::Lost("the broker is stopping".to_owned()))?
            .map_err(failed)?;
        let (last, expected) = reply.prove(&keys);
        let server_last = self.step(last.into_bytes()).await?;
        expected.check(&server_last).map_err(failed)
    }
}

fn failed(error: AuthError) -> LinkError {
    refused(error.to_string())
}

fn refused(reason: String) -> LinkError {
    LinkError::Refused(ProtocolError::new(
        ErrorCode::Unavailable,
        format!("Kafka does not let this gateway in: {reason}"),
    ))
}
