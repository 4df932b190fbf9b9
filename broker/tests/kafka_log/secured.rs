//! A Kafka with TLS and SASL: who gets in, and what those are told who do not.

use std::path::PathBuf;

use flymq_broker::kafka::KafkaConfig;
use flymq_broker::{Broker, Config, EngineConfig, ErrorCode, ProtocolError};

use crate::common::*;
use crate::{kafka, unique};

type Options<'a> = &'a [(&'a str, &'a str)];

fn secret(name: &str) -> PathBuf {
    kafka::secrets().join(name)
}

fn path(name: &str) -> String {
    secret(name).to_str().unwrap().to_owned()
}

fn password() -> String {
    std::fs::read_to_string(secret("password")).unwrap()
}

/// What comes of a gateway to a listener, with a client that stores a record through it if it starts.
async fn try_out(listener: &str, options: Options<'_>) -> Result<(), ProtocolError> {
    let servers = match listener {
        "PLAINTEXT" => kafka::bootstrap_servers().to_owned(),
        _ => std::fs::read_to_string(secret(&format!("{listener}.address"))).unwrap(),
    };
    let mut config = KafkaConfig::new(&servers);
    for (name, value) in options {
        config.set(name, value)?;
    }
    let (shown, secret) = (format!("{config:?}"), password());
    assert!(!shown.contains(&secret), "{shown}");
    let engine = EngineConfig::Kafka(Box::new(config));
    let listen = "127.0.0.1:0".parse().unwrap();
    let broker = Broker::start(Config { engine, listen, ..Config::default() }).await?;
    let mut client = Client::connect(&broker).await;
    let topic = unique("secured");
    client.create(&topic, 1, &[]).await;
    assert_eq!(client.produce(&topic, 0, &["a"]).await, 0);
    client.call(&flymq_protocol::messages::DeleteTopicRequest { name: topic }).await.unwrap();
    Ok(())
}

/// Why a gateway does not start. It has to be told at once or, where another attempt might help, when
/// the time for attempts is up.
async fn refusal(listener: &str, options: Options<'_>) -> String {
    let quick = [("default.api.timeout.ms", "1500")];
    let error = try_out(listener, &[&quick, options].concat()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
    let (secret, text) = (password(), format!("{error} {error:?}"));
    assert!(!text.contains(&secret) && !text.contains("not-the-password"), "{text}");
    error.message
}

#[tokio::test]
async fn each_mechanism_lets_the_right_password_in() {
    let (ca, password) = (path("ca.pem"), password());
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let user = [
            ("sasl.mechanism", mechanism),
            ("sasl.username", "flymq"),
            ("sasl.password", &password),
        ];
        let tls = [("security.protocol", "SASL_SSL"), ("ssl.ca.location", &ca)];
        try_out("SASL_SSL", &[&tls[..], &user].concat()).await.unwrap();
        let wrong = [
            ("sasl.mechanism", mechanism),
            ("sasl.username", "flymq"),
            ("sasl.password", "not-the-password"),
        ];
        let reason = refusal("SASL_SSL", &[&tls[..], &wrong].concat()).await;
        assert!(reason.contains("see sasl.username and sasl.password"), "{reason}");
    }
    let plain = [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "SCRAM-SHA-512")];
    let user = [("sasl.username", "flymq"), ("sasl.password", &*password)];
    try_out("SASL_PLAINTEXT", &[plain, user].concat()).await.unwrap();
}

#[tokio::test]
async fn a_certificate_lets_in_whom_the_cluster_trusts() {
    let [ca, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(path);
    let tls = [("security.protocol", "SSL"), ("ssl.ca.location", &*ca)];
    let own = [("ssl.certificate.location", &*certificate), ("ssl.key.location", &*key)];
    try_out("SSL", &[tls, own].concat()).await.unwrap();
    let reason = refusal("SSL", &tls).await;
    assert!(reason.contains("see ssl.certificate.location"), "{reason}");
    let [certificate, key] = ["stranger.pem", "stranger.key"].map(path);
    let foreign = [("ssl.certificate.location", &*certificate), ("ssl.key.location", &*key)];
    let reason = refusal("SSL", &[tls, foreign].concat()).await;
    assert!(reason.contains("see ssl.certificate.location"), "{reason}");
}

#[tokio::test]
async fn nodes_that_are_not_what_they_should_be_are_not_talked_to() {
    let [ca, foreign] = ["ca.pem", "foreign.pem"].map(path);
    let password = password();
    let user = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.username", "flymq"),
        ("sasl.password", &password),
    ];
    for ca in [&[("ssl.ca.location", &*foreign)][..], &[]] {
        let reason = refusal("SASL_SSL", &[&user[..], ca].concat()).await;
        assert!(reason.contains("see ssl.ca.location"), "{reason}");
    }
    let tls = [("security.protocol", "SSL"), ("ssl.ca.location", &*ca)];
    let reason = refusal("MISNAMED", &tls).await;
    assert!(reason.contains("elsewhere.test") && reason.contains("advertises"), "{reason}");
}

#[tokio::test]
async fn a_security_protocol_that_does_not_fit_is_named() {
    let (ca, password) = (path("ca.pem"), password());
    let tls = [("ssl.ca.location", &*ca)];
    let user = [("sasl.username", "flymq"), ("sasl.password", &*password)];
    let both = [&tls[..], &user].concat();
    let misfits = [
        ("SSL", "PLAINTEXT", &[][..]),
        ("SASL_PLAINTEXT", "PLAINTEXT", &[]),
        ("SASL_SSL", "PLAINTEXT", &[]),
        ("PLAINTEXT", "SSL", &tls),
        ("SASL_PLAINTEXT", "SSL", &tls),
        ("SASL_SSL", "SSL", &tls),
        ("PLAINTEXT", "SASL_PLAINTEXT", &user),
        ("SSL", "SASL_PLAINTEXT", &user),
        ("SASL_SSL", "SASL_PLAINTEXT", &user),
        ("PLAINTEXT", "SASL_SSL", &both),
        ("SASL_PLAINTEXT", "SASL_SSL", &both),
    ];
    let trying = misfits.map(async |(listener, protocol, options)| {
        let options = [&[("security.protocol", protocol)], options].concat();
        let reason = refusal(listener, &options).await;
        let asked = format!("is security.protocol={protocol} that of this listener?");
        assert!(reason.contains(&asked), "{protocol} at {listener}: {reason}");
        let (_, others) = reason.rsplit_once("--kafka security.protocol=").unwrap();
        assert!(others.split('|').any(|other| other == listener), "{reason}");
    });
    futures_util::future::join_all(trying).await;
}

#[tokio::test]
async fn a_mechanism_that_is_not_known_is_refused() {
    let (ca, password) = (path("ca.pem"), password());
    let mechanism = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", &ca),
        ("sasl.username", "flymq"),
        ("sasl.password", &password),
        ("sasl.mechanism", "GSSAPI"),
    ];
    assert_eq!(try_out("SASL_SSL", &mechanism).await.unwrap_err().code, ErrorCode::InvalidArgument);
}
