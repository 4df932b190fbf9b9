//! AUTH: exchanges that are wrong, replayed, reordered, too many, or too late.

use std::time::Duration;

use flymq_auth::scram::{MECHANISM, MECHANISM_PLUS};
use flymq_broker::access::throttle::ThrottleOptions;
use flymq_broker::{AuthConfig, ErrorCode};
use flymq_protocol::messages::*;
use tokio::net::TcpSocket;

use crate::common::Client;
use crate::help::{Guarded, auth, code, eventually, log_in, prove, step, upsert};

#[tokio::test]
async fn the_challenge_says_what_is_needed() {
    let guarded = Guarded::start().await;
    let mut client = Client::connect_silently(&guarded.broker).await;
    let hello = client.call(&HelloRequest::default()).await.unwrap();
    assert!(hello.auth_required && hello.features.contains(&"access".to_owned()));
    assert_eq!(hello.mechanisms, [MECHANISM]);
    let answer = log_in(&mut client, "root", "toor").await.unwrap();
    assert_eq!(answer.session_lifetime_ms, 3_600_000);
    let me = client.call(&WhoamiRequest {}).await.unwrap();
    assert_eq!((me.principal.as_str(), me.mechanism.as_str()), ("root", MECHANISM));
    assert_eq!(me.roles, ["admin"]);
    assert!((1..=3_600_000).contains(&me.expires_in_ms));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_get_the_same_answer() {
    let guarded = Guarded::start().await;
    let mut answers = Vec::new();
    for (user, password) in [("root", "wrong"), ("nobody", "toor")] {
        let mut client = Client::connect_silently(&guarded.broker).await;
        answers.push(log_in(&mut client, user, password).await.unwrap_err());
        assert_eq!(client.refused(&WhoamiRequest {}).await.0, ErrorCode::AuthRequired);
    }
    assert_eq!(code(&answers[0]), ErrorCode::AuthFailed);
    assert_eq!(answers[0], answers[1]);
    // The salt of a user that does not exist stays the same, as that of one who does.
    let mut salts = Vec::new();
    for user in ["nobody", "nobody", "root", "root"] {
        let mut client = Client::connect(&guarded.broker).await;
        let first = step(&mut client, MECHANISM, format!("n,,n={user},r=abc")).await.unwrap();
        let text = String::from_utf8(first.data.to_vec()).unwrap();
        salts.push(text.split_once(',').unwrap().1.to_owned());
    }
    assert_eq!(salts[0], salts[1]);
    assert_eq!(salts[2], salts[3]);
    assert_ne!(salts[0], salts[2]);
    assert_eq!(salts[0].len(), salts[2].len());
}

#[tokio::test]
async fn mechanisms_that_are_not_offered() {
    let guarded = Guarded::start().await;
    let mut client = Client::connect(&guarded.broker).await;
    for mechanism in ["ANONYMOUS", "PLAIN", "EXTERNAL", MECHANISM_PLUS, "scram-sha-256", ""] {
        let refused = step(&mut client, mechanism, b"\0root\0toor").await.unwrap_err();
        assert_eq!(code(&refused), ErrorCode::UnsupportedMechanism, "{mechanism}");
    }
    assert_eq!(client.refused(&WhoamiRequest {}).await.0, ErrorCode::AuthRequired);
}

#[tokio::test]
async fn plain_where_the_operator_allows_it() {
    let guarded = Guarded::with(AuthConfig { allow_plain_without_tls: true, ..auth() }).await;
    let mut client = Client::connect(&guarded.broker).await;
    for wrong in ["\0root\0wrong", "\0nobody\0toor", "root", "", "\0root\0", "ada\0root\0toor"] {
        let mut client = Client::connect(&guarded.broker).await;
        let refused = step(&mut client, "PLAIN", wrong).await.unwrap_err();
        assert_eq!(code(&refused), ErrorCode::AuthFailed, "{wrong:?}");
    }
    let answer = step(&mut client, "PLAIN", "\0root\0toor").await.unwrap();
    assert!(answer.done && answer.principal == "root");
    assert_eq!(client.call(&WhoamiRequest {}).await.unwrap().mechanism, "PLAIN");
}

#[tokio::test]
async fn steps_out_of_order() {
    let guarded = Guarded::start().await;
    // The last step without the first.
    let mut client = Client::connect_silently(&guarded.broker).await;
    let (last, _) = prove(&mut client, "root", "toor").await;
    let mut other = Client::connect(&guarded.broker).await;
    let refused = step(&mut other, MECHANISM, &last).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
    // One connection's proof within another's exchange.
    let (_, _) = prove(&mut other, "root", "toor").await;
    let refused = step(&mut other, MECHANISM, &last).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
    // A second first step makes the first one's proof worthless.
    step(&mut client, MECHANISM, "n,,n=root,r=abc").await.unwrap();
    let refused = step(&mut client, MECHANISM, &last).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
    // A proof that was refused is not tried again, and neither is one that was accepted.
    let (last, _) = prove(&mut client, "root", "toor").await;
    step(&mut client, MECHANISM, &last).await.unwrap();
    let refused = step(&mut client, MECHANISM, &last).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
    // What was proved stays so.
    assert_eq!(client.call(&WhoamiRequest {}).await.unwrap().principal, "root");
}

#[tokio::test]
async fn one_step_at_a_time() {
    let guarded = Guarded::with(AuthConfig { allow_plain_without_tls: true, ..auth() }).await;
    let mut client = Client::connect(&guarded.broker).await;
    let plain = |password: &str| AuthRequest {
        mechanism: "PLAIN".into(),
        data: format!("\0root\0{password}").into_bytes().into(),
    };
    // Both are on their way before the first is answered; what follows is refused by then.
    client.send(&plain("toor")).await;
    client.send(&plain("toor")).await;
    client.send(&WhoamiRequest {}).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let frame = client.receive().await.unwrap();
        let code = frame.decode::<flymq_protocol::error::ErrorReply>().map(|error| error.code);
        answers.push((frame.id, code.ok()));
    }
    answers.sort_unstable();
    let (busy, required) = (ErrorCode::InvalidRequest, ErrorCode::AuthRequired);
    assert_eq!(answers[0], (2, None));
    assert!(answers[1].1.is_none_or(|code| code == busy as u16), "{answers:?}");
    assert!(answers[2].1.is_none_or(|code| code == required as u16), "{answers:?}");
}

#[tokio::test]
async fn too_many_failures_end_the_connection() {
    let guarded = Guarded::start().await;
    let mut client = Client::connect_silently(&guarded.broker).await;
    for _ in 0..5 {
        let refused = log_in(&mut client, "root", "wrong").await.unwrap_err();
        assert_eq!(code(&refused), ErrorCode::AuthFailed);
    }
    assert!(client.receive().await.is_none());
}

#[tokio::test]
async fn who_does_not_log_in_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let config = flymq_broker::Config {
        auth: Some(auth()),
        io_timeout: Duration::from_millis(300),
        ..crate::common::config(folder.path())
    };
    let broker = flymq_broker::Broker::start(config).await.unwrap();
    let mut idle = Client::connect(&broker).await;
    let mut member = Client::connect_silently(&broker).await;
    log_in(&mut member, "root", "toor").await.unwrap();
    assert!(idle.receive().await.is_none());
    assert_eq!(member.call(&WhoamiRequest {}).await.unwrap().principal, "root");
}

/// A client from another address of the loopback.
async fn connect_from(guarded: &Guarded, address: [u8; 4]) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((std::net::Ipv4Addr::from(address), 0).into()).unwrap();
    let mut client = Client::connect_silently(&guarded.broker).await;
    client.stream = socket.connect(guarded.broker.local_addr()).await.unwrap();
    client
}

#[tokio::test]
async fn guessing_is_slow_and_hinders_nobody_else() {
    let throttle = ThrottleOptions {
        free_failures: 0,
        first_delay: Duration::from_secs(3600),
        max_delay: Duration::from_secs(3600),
        ..ThrottleOptions::default()
    };
    let guarded = Guarded::with(AuthConfig { throttle, ..auth() }).await;
    // Has been here before, from where the guesses come too.
    let mut known = connect_from(&guarded, [127, 0, 0, 2]).await;
    log_in(&mut known, "root", "toor").await.unwrap();
    known.call(&upsert("ada", "ada")).await.unwrap();

    let mut guesser = connect_from(&guarded, [127, 0, 0, 2]).await;
    let refused = log_in(&mut guesser, "ada", "guess").await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
    // Further guesses wait too long, over further connections as well, and for other users.
    for user in ["ada", "eve"] {
        let mut guesser = connect_from(&guarded, [127, 0, 0, 2]).await;
        let refused = log_in(&mut guesser, user, "ada").await.unwrap_err();
        assert_eq!((code(&refused), refused.retriable), (ErrorCode::Overloaded, true));
    }
    // So do guesses for the same user from elsewhere; other users get in from there.
    let mut elsewhere = connect_from(&guarded, [127, 0, 0, 3]).await;
    let refused = log_in(&mut elsewhere, "ada", "ada").await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::Overloaded);
    let mut elsewhere = connect_from(&guarded, [127, 0, 0, 3]).await;
    log_in(&mut elsewhere, "root", "toor").await.unwrap();
    let mut again = connect_from(&guarded, [127, 0, 0, 2]).await;
    log_in(&mut again, "root", "toor").await.unwrap();
}

#[tokio::test]
async fn sessions_expire_and_are_renewed() {
    let lifetime = Some(Duration::from_millis(300));
    let guarded = Guarded::with(AuthConfig { session_lifetime: lifetime, ..auth() }).await;
    let mut client = guarded.root().await;
    let expired = |answer: &Result<WhoamiResponse, _>| {
        answer.as_ref().is_err_and(|e| code(e) == ErrorCode::AuthRequired)
    };
    eventually(&mut client, &WhoamiRequest {}, expired).await;
    let refused = client.refused(&ListTopicsRequest {}).await;
    assert_eq!(refused.0, ErrorCode::AuthRequired);
    assert!(refused.1.contains("expired"), "{}", refused.1);
    log_in(&mut client, "root", "toor").await.unwrap();
    client.call(&ListTopicsRequest {}).await.unwrap();
    // Not for somebody else.
    client.call(&upsert("ada", "ada")).await.unwrap();
    let refused = log_in(&mut client, "ada", "ada").await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::AuthFailed);
}

#[tokio::test]
async fn a_changed_password_ends_sessions() {
    let guarded = Guarded::start().await;
    let mut root = guarded.root().await;
    let mut ada = guarded.user("ada", &[]).await;
    assert!(ada.call(&WhoamiRequest {}).await.is_ok());
    root.call(&upsert("ada", "new")).await.unwrap();
    assert_eq!(ada.refused(&WhoamiRequest {}).await.0, ErrorCode::AuthRequired);
    assert!(log_in(&mut ada, "ada", "ada").await.is_err());
    log_in(&mut ada, "ada", "new").await.unwrap();
    // Other changes do not.
    let roles = Some(vec!["reader".to_owned()]);
    let change = UpsertUserRequest { name: "ada".into(), roles, ..Default::default() };
    root.call(&change).await.unwrap();
    assert_eq!(ada.call(&WhoamiRequest {}).await.unwrap().roles, ["reader"]);
    root.call(&DeleteUserRequest { name: "ada".into() }).await.unwrap();
    assert_eq!(ada.refused(&WhoamiRequest {}).await.0, ErrorCode::AuthRequired);
    assert!(log_in(&mut ada, "ada", "new").await.is_err());
}
