//! A broker with users, and clients that log in.

use std::time::Duration;

use flymq_auth::{MIN_ITERATIONS, Password, Verifier, scram};
use flymq_broker::access::throttle::ThrottleOptions;
use flymq_broker::{AuthConfig, Broker, Config, ErrorCode, InitialUser};
use flymq_protocol::error::ErrorReply;
use flymq_protocol::messages::*;

use crate::common::{Client, config};

/// A broker with the administrator `root`, and what keeps its folder.
pub struct Guarded {
    pub broker: Broker,
    _folder: tempfile::TempDir,
}

/// Cheap passwords and no pauses, so that tests are quick.
pub fn auth() -> AuthConfig {
    AuthConfig {
        min_iterations: MIN_ITERATIONS,
        iterations: MIN_ITERATIONS,
        throttle: ThrottleOptions { free_failures: u32::MAX - 1, ..Default::default() },
        users: vec![InitialUser {
            name: "root".into(),
            password: Password::new("toor"),
            roles: vec!["admin".into()],
        }],
        ..AuthConfig::default()
    }
}

impl Guarded {
    pub async fn start() -> Self {
        Self::with(auth()).await
    }

    pub async fn with(auth: AuthConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { auth: Some(auth), ..config(folder.path()) };
        Self { broker: Broker::start(config).await.unwrap(), _folder: folder }
    }

    /// A client that has logged in.
    pub async fn client(&self, user: &str, password: &str) -> Client {
        let mut client = Client::connect_silently(&self.broker).await;
        log_in(&mut client, user, password).await.unwrap();
        client
    }

    pub async fn root(&self) -> Client {
        self.client("root", "toor").await
    }

    /// Makes a user whose password is its name, with `rules` of the form `allow read topic t` or
    /// `allow read topic orders-*`.
    pub async fn user(&self, name: &str, rules: &[&str]) -> Client {
        let mut root = self.root().await;
        root.call(&upsert(name, name)).await.unwrap();
        allow(&mut root, name, rules).await;
        self.client(name, name).await
    }
}

pub fn upsert(name: &str, password: &str) -> UpsertUserRequest {
    let verifier = Verifier::generate(&Password::new(password), MIN_ITERATIONS).unwrap();
    UpsertUserRequest {
        name: name.into(),
        credentials: Some(flymq_broker::access::credentials(&verifier)),
        ..Default::default()
    }
}

pub fn rule(user: &str, rule: &str) -> Acl {
    let words: Vec<_> = rule.split(' ').collect();
    let [permission, operation, resource, name] = words[..] else { panic!("{rule}") };
    let (pattern, name) = match name.strip_suffix('*') {
        Some(prefix) if !prefix.is_empty() => ("prefix", prefix),
        _ => ("literal", name),
    };
    Acl {
        principal: format!("user:{user}"),
        permission: permission.into(),
        operation: operation.into(),
        resource: resource.into(),
        pattern: pattern.into(),
        name: name.into(),
    }
}

pub async fn allow(root: &mut Client, user: &str, rules: &[&str]) {
    let acls = rules.iter().map(|text| rule(user, text)).collect();
    root.call(&AddAclsRequest { acls }).await.unwrap();
}

pub async fn take_back(root: &mut Client, user: &str) {
    let principal = Some(format!("user:{user}"));
    let filter = AclFilter { principal, ..Default::default() };
    root.call(&RemoveAclsRequest { filter }).await.unwrap();
}

pub async fn step(
    client: &mut Client,
    mechanism: &str,
    data: impl AsRef<[u8]>,
) -> Result<AuthResponse, ErrorReply> {
    let data = data.as_ref().to_vec().into();
    client.call(&AuthRequest { mechanism: mechanism.into(), data }).await
}

/// HELLO, and SCRAM up to the client's last message.
pub async fn prove(client: &mut Client, user: &str, password: &str) -> (String, scram::Expected) {
    let hello = client.call(&HelloRequest::default()).await.unwrap();
    let exchange = scram::Client::new(user, None);
    let first = step(client, scram::MECHANISM, exchange.first()).await.unwrap();
    assert!(!first.done && first.principal.is_empty());
    let reply = exchange.reply(&first.data, &hello.nonce).unwrap();
    let keys = Password::new(password).derive(reply.salt(), reply.iterations()).unwrap();
    reply.prove(&keys)
}

pub async fn log_in(
    client: &mut Client,
    user: &str,
    password: &str,
) -> Result<AuthResponse, ErrorReply> {
    let (last, expected) = prove(client, user, password).await;
    let answer = step(client, scram::MECHANISM, last).await?;
    expected.check(&answer.data).unwrap();
    assert!(answer.done);
    assert_eq!(answer.principal, user);
    Ok(answer)
}

pub fn code(error: &ErrorReply) -> ErrorCode {
    ErrorCode::from_u16(error.code).unwrap()
}

/// Asks until the answer is as wanted, for what happens by itself before long.
pub async fn eventually<R: Request>(
    client: &mut Client,
    request: &R,
    wanted: impl Fn(&Result<R::Response, ErrorReply>) -> bool,
) {
    let asking = async {
        while !wanted(&client.call(request).await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it does not come");
}
