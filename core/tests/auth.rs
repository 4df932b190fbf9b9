//! Logging in, staying logged in, and what becomes of work when the session ends.

mod common;

use std::time::Duration;

use common::guarded::{auth, guarded_broker};
use flymq_auth::scram::{ClientFirst, Server};
use flymq_auth::{MIN_ITERATIONS, Password, Verifier};
use flymq_broker::{AuthConfig, Broker};
use flymq_core::{
    Acl, AclFilter, Client, ClientBuilder, ErrorCode, Mechanism, NewTopic, Record, UserChange,
};
use flymq_protocol::OpCode;
use flymq_protocol::frame::{self, Frame, FrameHeader, HEADER_LEN};
use flymq_protocol::messages::{AuthRequest, AuthResponse, HelloResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Guarded {
    broker: Broker,
    _folder: tempfile::TempDir,
}

impl Guarded {
    async fn start(auth: Option<AuthConfig>) -> Self {
        let (_folder, broker, _) = match auth {
            Some(auth) => guarded_broker(auth, None).await,
            None => common::broker().await,
        };
        Self { broker, _folder }
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder(&self.broker.local_addr().to_string())
    }

    async fn log_in(&self, user: &str, password: &str) -> flymq_core::Result<Client> {
        self.builder().credentials(user, Password::new(password)).connect().await
    }
}

fn code<T: std::fmt::Debug>(result: flymq_core::Result<T>) -> ErrorCode {
    result.unwrap_err().code().unwrap()
}

#[tokio::test]
async fn users_log_in() {
    let guarded = Guarded::start(Some(auth())).await;
    let root = guarded.log_in("root", "toor").await.unwrap();
    let me = root.whoami().await.unwrap();
    assert_eq!((me.principal.as_str(), me.mechanism.as_str()), ("root", "SCRAM-SHA-256"));
    assert_eq!(me.roles, ["admin"]);
    for (user, password) in [("root", "wrong"), ("nobody", "toor"), ("root\u{7}", "toor")] {
        let refused = guarded.log_in(user, password).await;
        assert_eq!(code(refused), ErrorCode::AuthFailed, "{user}");
    }
    assert_eq!(code(guarded.builder().connect().await), ErrorCode::AuthRequired);
    let no_password = guarded.builder().credentials("root", Password::new(""));
    assert_eq!(code(no_password.connect().await), ErrorCode::AuthFailed);
}

#[tokio::test]
async fn a_broker_that_does_not_ask_is_not_trusted() {
    let open = Guarded::start(None).await;
    let refused = open.log_in("root", "toor").await;
    assert_eq!(code(refused), ErrorCode::UnsupportedMechanism);
    let client = open.builder().connect().await.unwrap();
    assert_eq!(client.whoami().await.unwrap().principal, "anonymous");
}

#[tokio::test]
async fn plain_needs_the_consent_of_both() {
    let both = AuthConfig { allow_plain_without_tls: true, ..auth() };
    let (scram, plain) = (Guarded::start(Some(auth())).await, Guarded::start(Some(both)).await);
    let connect = |guarded: &Guarded, allow| {
        let builder = guarded.builder().credentials("root", Password::new("toor"));
        builder.sasl_mechanism(Mechanism::Plain).allow_plain_without_tls(allow).connect()
    };
    let unsupported = ErrorCode::UnsupportedMechanism;
    assert_eq!(code(connect(&scram, true).await), unsupported);
    let refused = connect(&plain, false).await.unwrap_err();
    assert_eq!(refused.code(), Some(unsupported));
    assert!(refused.message().contains("TLS"), "{refused}");
    let client = connect(&plain, true).await.unwrap();
    assert_eq!(client.whoami().await.unwrap().mechanism, "PLAIN");
    // Left to itself the client takes the better one.
    let client = plain.builder().credentials("root", Password::new("toor"));
    let client = client.allow_plain_without_tls(true).connect().await.unwrap();
    assert_eq!(client.whoami().await.unwrap().mechanism, "SCRAM-SHA-256");
}

#[tokio::test]
async fn users_and_rules() {
    let guarded = Guarded::start(Some(auth())).await;
    let root = guarded.log_in("root", "toor").await.unwrap();
    let keys = flymq_core::access::credentials(&Password::new("lovelace")).unwrap();
    let change = UserChange { name: "ada".into(), credentials: Some(keys), ..Default::default() };
    assert!(root.upsert_user(&change).await.unwrap());
    assert!(!root.upsert_user(&change).await.unwrap());
    let ada = guarded.log_in("ada", "lovelace").await.unwrap();
    root.create_topic(NewTopic::new("orders-1")).await.unwrap();
    assert_eq!(code(ada.produce("orders-1", Record::new("v")).await), ErrorCode::NotAuthorized);
    let rule = Acl {
        principal: "user:ada".into(),
        permission: "allow".into(),
        operation: "write".into(),
        resource: "topic".into(),
        pattern: "prefix".into(),
        name: "orders-".into(),
    };
    assert_eq!(root.add_acls(vec![rule.clone()]).await.unwrap(), 1);
    ada.produce("orders-1", Record::new("v")).await.unwrap();
    assert_eq!(root.acls(AclFilter::default()).await.unwrap(), std::slice::from_ref(&rule));
    assert_eq!(root.remove_acls(AclFilter::default()).await.unwrap(), [rule]);
    assert_eq!(code(ada.produce("orders-1", Record::new("v")).await), ErrorCode::NotAuthorized);
    assert_eq!(code(ada.users().await), ErrorCode::NotAuthorized);
    assert_eq!(root.users().await.unwrap().len(), 2);
    root.delete_user("ada").await.unwrap();
    // The session is over, and a new one is not to be had.
    assert_eq!(code(ada.whoami().await), ErrorCode::AuthFailed);
    assert_eq!(
        code(flymq_core::access::credentials(&Password::new(""))),
        ErrorCode::InvalidArgument
    );
}

#[tokio::test]
async fn sessions_are_renewed_without_dropping_work() {
    let lifetime = Duration::from_millis(1500);
    let config = AuthConfig { session_lifetime: Some(lifetime), ..auth() };
    let guarded = Guarded::start(Some(config)).await;
    let client = guarded.log_in("root", "toor").await.unwrap();
    client.create_topic(NewTopic::new("t")).await.unwrap();
    let began = tokio::time::Instant::now();
    let mut sent = 0;
    while began.elapsed() < 3 * lifetime {
        let stored = client.produce("t", Record::new("v")).await.unwrap();
        assert_eq!(stored.offset, sent);
        sent += 1;
        tokio::task::yield_now().await;
    }
    // All over one connection, and none of it again.
    let metrics = client.metrics();
    assert_eq!((metrics.connections, metrics.retries), (1, 0));
}

#[tokio::test]
async fn an_ended_session_is_begun_anew() {
    let guarded = Guarded::start(Some(auth())).await;
    let root = guarded.log_in("root", "toor").await.unwrap();
    let user = |password: &str| UserChange {
        name: "ada".into(),
        credentials: Some(flymq_core::access::credentials(&Password::new(password)).unwrap()),
        roles: Some(vec!["admin".into()]),
        ..Default::default()
    };
    root.upsert_user(&user("p")).await.unwrap();
    let ada = guarded.log_in("ada", "p").await.unwrap();
    ada.create_topic(NewTopic::new("t")).await.unwrap();
    let producer = ada.producer().build().unwrap();
    // The same password with another salt ends the session; the client logs in again.
    for round in 0..3 {
        root.upsert_user(&user("p")).await.unwrap();
        assert_eq!(ada.whoami().await.unwrap().principal, "ada");
        root.upsert_user(&user("p")).await.unwrap();
        let stored = producer.send("t", Record::new("v")).await.unwrap().await.unwrap();
        assert_eq!(stored.offset, round);
    }
    root.upsert_user(&user("other")).await.unwrap();
    assert_eq!(code(ada.whoami().await), ErrorCode::AuthFailed);
    // Asking again is answered without asking the broker.
    for _ in 0..20 {
        assert_eq!(code(ada.whoami().await), ErrorCode::AuthFailed);
    }
}

/// Takes connections and offers SCRAM, without knowing anybody's keys.
async fn impostor() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(deceive(stream));
        }
    });
    address
}

async fn deceive(mut stream: tokio::net::TcpStream) -> Option<()> {
    let challenge = [7; 32];
    loop {
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header).await.ok()?;
        let header = FrameHeader::parse(&header, 1 << 20).unwrap();
        let mut payload = vec![0; header.length];
        stream.read_exact(&mut payload).await.ok()?;
        let frame = Frame::new(header.opcode, payload.into()).unwrap();
        let answer = if header.opcode == OpCode::Hello as u8 {
            let hello = HelloResponse {
                cluster_id: String::new(),
                broker_version: String::new(),
                auth_required: true,
                mechanisms: vec!["SCRAM-SHA-256".into()],
                nonce: challenge.to_vec().into(),
                max_frame_bytes: 1 << 20,
                features: Vec::new(),
            };
            frame::encode(OpCode::Hello.response(), frame.id, &hello)
        } else {
            let request: AuthRequest = frame.decode().unwrap();
            let (done, data) = match ClientFirst::parse(&request.data) {
                Ok(first) => {
                    let nobody = Verifier::imaginary(b"x", first.user(), MIN_ITERATIONS);
                    let server = Server::answer(first, &nobody, &challenge, None).unwrap();
                    (false, server.first().to_owned())
                }
                Err(_) => (true, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_owned()),
            };
            let answer = AuthResponse {
                done,
                data: data.into_bytes().into(),
                principal: "root".into(),
                session_lifetime_ms: 0,
            };
            frame::encode(OpCode::Auth.response(), frame.id, &answer)
        };
        stream.write_all(&answer.unwrap().to_bytes()).await.ok()?;
    }
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_is_found_out() {
    let client = Client::builder(&impostor().await).credentials("root", Password::new("toor"));
    let refused = client.connect().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AuthFailed));
    assert!(refused.message().contains("server's signature"), "{refused}");
}
