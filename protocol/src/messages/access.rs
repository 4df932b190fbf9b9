//! Users and what they may do.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;

/// How many ACLs one request adds at most.
pub const MAX_ACLS_ADDED: usize = 1000;

/// Creates or changes a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpsertUserRequest {
    /// The user.
    pub name: String,
    /// Whether the user has to exist before, or must not.
    #[serde(default)]
    pub exists: Option<bool>,
    /// For logging in with a password; nil leaves them as they are.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// The user's roles; nil leaves them as they are.
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    /// Subject of the client certificate that logs the user in; empty for none, nil leaves it.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// What checks a password: the keys of RFC 5802, never the password itself.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    /// Random bytes of this user.
    pub salt: Blob,
    /// PBKDF2 iterations.
    pub iterations: u32,
    /// SHA-256 of the ClientKey.
    pub stored_key: Blob,
    /// The ServerKey.
    pub server_key: Blob,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The user is as asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpsertUserResponse {
    /// Whether the user is new.
    pub created: bool,
}

/// Deletes a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteUserRequest {
    /// The user.
    pub name: String,
}

/// It is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteUserResponse {}

/// Asks for all users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListUsersRequest {}

/// All users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListUsersResponse {
    /// Every user, by name.
    #[serde(default)]
    pub users: Vec<UserInfo>,
}

/// A user in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The user.
    pub name: String,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether it can log in with a password.
    #[serde(default)]
    pub has_password: bool,
    /// Subject of its client certificate, or empty.
    #[serde(default)]
    pub certificate: String,
}

/// A rule: who may, or may not, do what with which resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Acl {
    /// `user:NAME`, `role:NAME` or `*`.
    pub principal: String,
    /// `allow` or `deny`.
    pub permission: String,
    /// `read`, `write`, `create`, `delete`, `alter`, `describe`, or `admin` for all of them.
    pub operation: String,
    /// `topic`, `group`, `transactional_id` or `cluster`.
    pub resource: String,
    /// `literal` or `prefix`.
    pub pattern: String,
    /// The name or its beginning; literal `*` for all.
    pub name: String,
}

/// Adds rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AddAclsRequest {
    /// The rules, at most [`MAX_ACLS_ADDED`].
    pub acls: Vec<Acl>,
}

/// They are in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AddAclsResponse {
    /// How many of them are new.
    pub added: u32,
}

/// Rules that agree with every field that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclFilter {
    /// See [`Acl::principal`].
    #[serde(default)]
    pub principal: Option<String>,
    /// See [`Acl::permission`].
    #[serde(default)]
    pub permission: Option<String>,
    /// See [`Acl::operation`].
    #[serde(default)]
    pub operation: Option<String>,
    /// See [`Acl::resource`].
    #[serde(default)]
    pub resource: Option<String>,
    /// See [`Acl::pattern`].
    #[serde(default)]
    pub pattern: Option<String>,
    /// See [`Acl::name`].
    #[serde(default)]
    pub name: Option<String>,
}

impl AclFilter {
    /// Whether a rule agrees with every field that is given.
    pub fn takes(&self, acl: &Acl) -> bool {
        [
            (&self.principal, &acl.principal),
            (&self.permission, &acl.permission),
            (&self.operation, &acl.operation),
            (&self.resource, &acl.resource),
            (&self.pattern, &acl.pattern),
            (&self.name, &acl.name),
        ]
        .into_iter()
        .all(|(wanted, value)| wanted.as_ref().is_none_or(|wanted| wanted == value))
    }
}

/// Removes rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoveAclsRequest {
    /// Which rules.
    pub filter: AclFilter,
}

/// They are gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoveAclsResponse {
    /// The rules that were removed.
    #[serde(default)]
    pub removed: Vec<Acl>,
}

/// Asks for rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListAclsRequest {
    /// Which rules.
    pub filter: AclFilter,
}

/// The rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListAclsResponse {
    /// Those that agree with the filter.
    #[serde(default)]
    pub acls: Vec<Acl>,
}

/// Asks who the session belongs to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WhoamiRequest {}

/// Who the session belongs to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WhoamiResponse {
    /// The user; `anonymous` where none is needed.
    pub principal: String,
    /// How it was authenticated.
    #[serde(default)]
    pub mechanism: String,
    /// The user's roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// After how many milliseconds AUTH has to be repeated; 0 for never.
    #[serde(default)]
    pub expires_in_ms: u64,
}
