//! A broker that wants to know who its clients are.

use flymq_auth::{MIN_ITERATIONS, Password};
use flymq_broker::access::throttle::ThrottleOptions;
use flymq_broker::{AuthConfig, Broker, InitialUser, TlsConfig};
use flymq_core::{AclFilter, Client, Config};

use super::{cluster, config, empty, kafka};

/// Whoever empties a cluster: a user that no test has.
const CLEANER: &str = "cleaner";

/// Options with the administrator root, whose password is toor.
pub fn auth() -> AuthConfig {
    AuthConfig {
        min_iterations: MIN_ITERATIONS,
        iterations: MIN_ITERATIONS,
        throttle: ThrottleOptions { free_failures: 1_000_000, ..Default::default() },
        users: vec![administrator("root")],
        ..AuthConfig::default()
    }
}

fn administrator(name: &str) -> InitialUser {
    let password = Password::new("toor");
    InitialUser { name: name.into(), password, roles: vec!["admin".into()] }
}

/// A broker of its own; or a gateway to a cluster without any users and rules but its own.
pub async fn guarded_broker(
    auth: AuthConfig,
    tls: Option<TlsConfig>,
) -> (tempfile::TempDir, Broker, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = flymq_broker::Config {
        data_dir: dir.path().into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        auth: Some(auth),
        tls,
        ..Default::default()
    };
    if let Some(cluster) = cluster() {
        forget_everybody(&cluster).await;
        config.engine = kafka(&cluster);
    }
    let broker = Broker::start(config).await.unwrap();
    let address = broker.local_addr().to_string();
    (dir, broker, address)
}

/// Deletes all users and rules, with topics and groups.
async fn forget_everybody(cluster: &str) {
    let gateway = flymq_broker::Config {
        engine: kafka(cluster),
        listen: "127.0.0.1:0".parse().unwrap(),
        auth: Some(AuthConfig { users: vec![administrator(CLEANER)], ..auth() }),
        ..Default::default()
    };
    let gateway = Broker::start(gateway).await.unwrap();
    let login = Config {
        username: Some(CLEANER.to_owned()),
        password: Some(Password::new("toor")),
        ..config(&gateway.local_addr().to_string())
    };
    let client = Client::with_config(login).await.unwrap();
    client.remove_acls(AclFilter::default()).await.unwrap();
    empty(&client).await;
    let users = client.users().await.unwrap();
    for user in users.iter().filter(|user| user.name != CLEANER) {
        client.delete_user(&user.name).await.unwrap();
    }
    client.delete_user(CLEANER).await.unwrap();
    client.close().await;
    gateway.shutdown().await;
}
