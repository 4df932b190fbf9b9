//! Logging in within TLS: bound to the connection, and by certificate.

mod common;

use common::certs::Ca;
use common::guarded::{auth, guarded_broker};
use common::trusting;
use flymq_auth::Password;
use flymq_broker::{Broker, ClientAuth};
use flymq_core::*;

async fn start(tls: flymq_broker::TlsConfig) -> (tempfile::TempDir, Broker, String) {
    guarded_broker(auth(), Some(tls)).await
}

fn root(config: &Config) -> Config {
    Config {
        username: Some("root".to_owned()),
        password: Some(Password::new("toor")),
        ..config.clone()
    }
}

async fn mechanism(config: Config) -> String {
    let client = Client::with_config(config).await.unwrap();
    // On a resumed session too, which the lane for reading has.
    client.create_topic(NewTopic::new("t").if_not_exists()).await.unwrap();
    client.fetch("t", 0, 0, FetchOptions::default()).await.unwrap();
    client.whoami().await.unwrap().mechanism
}

#[tokio::test]
async fn scram_is_bound_to_the_connection_where_it_can_be() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.server().broker()).await;
    let config = root(&trusting(&address, &ca));
    assert_eq!(mechanism(config.clone()).await, "SCRAM-SHA-256-PLUS");
    let plain = Config { sasl_mechanism: Mechanism::Plain, ..config.clone() };
    assert_eq!(mechanism(plain).await, "PLAIN");
    let wrong = Config { password: Some(Password::new("wrong")), ..config };
    let refused = Client::with_config(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AuthFailed), "{refused}");
}

#[tokio::test]
async fn a_login_that_is_passed_on_over_another_connection_fails() {
    let ca = Ca::new("ca");
    let (_dir, _broker, address) = start(ca.server().broker()).await;
    // Whoever has a certificate that the client takes, and is between both.
    let relay = Relay::start(&ca, &address).await;
    let refused = Client::with_config(root(&trusting(&relay, &ca))).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AuthFailed), "{refused}");
    let unbound = Config {
        password: Some(Password::new("toor")),
        sasl_mechanism: Mechanism::Plain,
        ..root(&trusting(&relay, &ca))
    };
    // It is the binding that does it.
    assert!(Client::with_config(unbound).await.is_ok());
}

#[tokio::test]
async fn a_certificate_logs_its_user_in() {
    let (ca, clients) = (Ca::new("ca"), Ca::new("clients"));
    let mut tls = ca.server().broker();
    tls.client_ca = Some(flymq_broker::Pem::Memory(clients.pem.clone().into()));
    tls.client_auth = ClientAuth::Optional;
    let (_dir, _broker, address) = start(tls).await;
    let config = trusting(&address, &ca);
    let named = |name: &str| {
        let identity = clients.issue(&["x"], |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
        });
        let mut config = config.clone();
        config.tls.cert = Some(Pem::Memory(identity.cert.into()));
        config.tls.key = Some(Pem::Memory(identity.key.into()));
        config
    };
    let admin = Client::with_config(root(&config)).await.unwrap();
    let billing = UserChange {
        name: "billing".into(),
        certificate: Some("CN=billing".into()),
        ..UserChange::default()
    };
    admin.upsert_user(&billing).await.unwrap();

    let client = Client::with_config(named("billing")).await.unwrap();
    let me = client.whoami().await.unwrap();
    assert_eq!((me.principal.as_str(), me.mechanism.as_str()), ("billing", "EXTERNAL"));
    let denied = client.create_topic(NewTopic::new("t")).await.unwrap_err();
    assert_eq!(denied.code(), Some(ErrorCode::NotAuthorized), "{denied}");
    for stranger in [named("other"), config.clone()] {
        let refused = Client::with_config(stranger).await.unwrap_err();
        let codes = [Some(ErrorCode::AuthFailed), Some(ErrorCode::AuthRequired)];
        assert!(codes.contains(&refused.code()), "{refused}");
    }
    // A user without a certificate logs in with a password, whatever certificate there is.
    assert_eq!(mechanism(root(&named("billing"))).await, "SCRAM-SHA-256-PLUS");
}

/// Ends TLS, and begins it anew towards the broker.
struct Relay;

impl Relay {
    async fn start(ca: &Ca, broker: &str) -> String {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
        use std::sync::Arc;
        let identity = ca.server();
        let certificate = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let broker = broker.to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                let broker = broker.clone();
                tokio::spawn(async move {
                    let mut inner = acceptor.accept(stream).await.unwrap();
                    let outer = tokio::net::TcpStream::connect(broker).await.unwrap();
                    let name = ServerName::try_from("localhost").unwrap();
                    let mut outer = connector.connect(name, outer).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
                });
            }
        });
        address
    }
}
