use std::time::Duration;

use flymq_auth::{Password, Verifier};
use flymq_broker::access::{AuthConfig, InitialUser, credentials};
use flymq_broker::{Broker, ErrorCode};
use flymq_protocol::messages::*;
use tokio::time::timeout;

use super::common::Client;
use super::kafka;

const FEW: u32 = 4_096;

async fn gateway() -> Broker {
    let admin = InitialUser {
        name: "root".into(),
        password: Password::new("first"),
        roles: vec!["admin".into()],
    };
    kafka::gateway_with(|config| {
        config.auth = Some(AuthConfig {
            allow_plain_without_tls: true,
            iterations: FEW,
            min_iterations: FEW,
            users: vec![admin],
            ..AuthConfig::default()
        });
    })
    .await
}

async fn log_in(broker: &Broker, name: &str, password: &str) -> Result<Client, u16> {
    let mut client = Client::connect(broker).await;
    let data = format!("\0{name}\0{password}").into_bytes().into();
    match client.call(&AuthRequest { mechanism: "PLAIN".into(), data }).await {
        Ok(answer) => {
            assert!(answer.done);
            Ok(client)
        }
        Err(error) => Err(error.code),
    }
}

fn user(name: &str) -> UpsertUserRequest {
    let verifier = Verifier::generate(&Password::new("secret"), FEW).unwrap();
    UpsertUserRequest {
        name: name.into(),
        exists: Some(false),
        credentials: Some(credentials(&verifier)),
        ..Default::default()
    }
}

async fn names(client: &mut Client) -> Vec<String> {
    let users = client.call(&ListUsersRequest {}).await.unwrap().users;
    users.into_iter().map(|user| user.name).collect()
}

/// Waits until a client sees what it should.
async fn until(client: &mut Client, what: impl Fn(&[String]) -> bool) {
    let seen = async {
        while !what(&names(client).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), seen).await.expect("the other gateway's change");
}

#[tokio::test]
async fn users_are_shared_by_all_gateways() {
    let (a, b) = tokio::join!(gateway(), gateway());
    let mut at_a = log_in(&a, "root", "first").await.unwrap();
    let mut at_b = log_in(&b, "root", "first").await.unwrap();

    // Both at once: each change counts, and the second of the same is told so.
    let create = async |client: &mut Client, own: &str| {
        let mut created = 0;
        for number in 0..5 {
            client.call(&user(&format!("{own}-{number}"))).await.unwrap();
            match client.call(&user(&format!("both-{number}"))).await {
                Ok(_) => created += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::UserExists as u16),
            }
        }
        created
    };
    let (by_a, by_b) = tokio::join!(create(&mut at_a, "a"), create(&mut at_b, "b"));
    assert_eq!(by_a + by_b, 5);
    let complete = |names: &[String]| names.len() == 16;
    until(&mut at_a, complete).await;
    until(&mut at_b, complete).await;

    // Who is deleted at one is out at the other, also where it is logged in.
    let mut gone = log_in(&b, "a-0", "secret").await.unwrap();
    at_a.call(&DeleteUserRequest { name: "a-0".into() }).await.unwrap();
    until(&mut at_b, |names| names.len() == 15).await;
    assert_eq!(gone.refused(&ListTopicsRequest {}).await.0, ErrorCode::AuthRequired);
    let denied = log_in(&b, "a-0", "secret").await.err();
    assert_eq!(denied, Some(ErrorCode::AuthFailed as u16));

    let acl = Acl {
        principal: "user:a-1".into(),
        permission: "allow".into(),
        operation: "describe".into(),
        resource: "cluster".into(),
        pattern: "literal".into(),
        name: "*".into(),
    };
    let mut one = log_in(&b, "a-1", "secret").await.unwrap();
    assert_eq!(one.refused(&ClusterStatusRequest {}).await.0, ErrorCode::NotAuthorized);
    at_a.call(&AddAclsRequest { acls: vec![acl.clone()] }).await.unwrap();
    let allowed = async {
        while one.call(&ClusterStatusRequest {}).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), allowed).await.expect("the rule");

    // A gateway that comes later knows all of it before it serves.
    let late = gateway().await;
    let mut at_late = log_in(&late, "root", "first").await.unwrap();
    assert_eq!(names(&mut at_late).await.len(), 15);
    let filter = AclFilter::default();
    let acls = at_late.call(&ListAclsRequest { filter }).await.unwrap().acls;
    assert_eq!(acls, [acl]);
    for number in 0..5 {
        for own in ["a", "b", "both"] {
            let name = format!("{own}-{number}");
            let _ = at_late.call(&DeleteUserRequest { name }).await;
        }
    }
    assert_eq!(names(&mut at_late).await, ["root"]);
}
