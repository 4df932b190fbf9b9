//! Users and what they may do.

use flymq_protocol::messages::*;

use super::{Sample, blob, request, response, strings};

fn rule() -> Acl {
    Acl {
        principal: "user:ada".into(),
        permission: "allow".into(),
        operation: "write".into(),
        resource: "topic".into(),
        pattern: "prefix".into(),
        name: "orders-".into(),
    }
}

fn whole() -> AclFilter {
    let Acl { principal, permission, operation, resource, pattern, name } = rule();
    AclFilter {
        principal: Some(principal),
        permission: Some(permission),
        operation: Some(operation),
        resource: Some(resource),
        pattern: Some(pattern),
        name: Some(name),
    }
}

pub fn access() -> Vec<Sample> {
    let keys = Credentials {
        salt: blob(&[1; 16]),
        iterations: 50_000,
        stored_key: blob(&[2; 32]),
        server_key: blob(&[3; 32]),
    };
    vec![
        request(
            "upsert_user",
            1,
            UpsertUserRequest {
                name: "ada".into(),
                exists: Some(false),
                credentials: Some(keys),
                roles: Some(strings(["producer"])),
                certificate: Some("CN=ada".into()),
            },
        ),
        response::<UpsertUserRequest>(
            "upsert_user_response",
            1,
            UpsertUserResponse { created: true },
        ),
        request("delete_user", 2, DeleteUserRequest { name: "ada".into() }),
        response::<DeleteUserRequest>("delete_user_response", 2, DeleteUserResponse {}),
        request("list_users", 3, ListUsersRequest {}),
        response::<ListUsersRequest>(
            "list_users_response",
            3,
            ListUsersResponse {
                users: vec![UserInfo {
                    name: "ada".into(),
                    roles: strings(["producer"]),
                    has_password: true,
                    certificate: "CN=ada".into(),
                }],
            },
        ),
        request("add_acls", 4, AddAclsRequest { acls: vec![rule()] }),
        response::<AddAclsRequest>("add_acls_response", 4, AddAclsResponse { added: 1 }),
        request("remove_acls", 5, RemoveAclsRequest { filter: whole() }),
        response::<RemoveAclsRequest>(
            "remove_acls_response",
            5,
            RemoveAclsResponse { removed: vec![rule()] },
        ),
        request("list_acls", 6, ListAclsRequest { filter: whole() }),
        response::<ListAclsRequest>(
            "list_acls_response",
            6,
            ListAclsResponse { acls: vec![rule()] },
        ),
        request("whoami", 7, WhoamiRequest {}),
        response::<WhoamiRequest>(
            "whoami_response",
            7,
            WhoamiResponse {
                principal: "ada".into(),
                mechanism: "SCRAM-SHA-256".into(),
                roles: strings(["producer"]),
                expires_in_ms: 3_600_000,
            },
        ),
    ]
}
