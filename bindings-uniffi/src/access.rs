//! Users and what they may do.

use flymq_core::access::credentials;
use flymq_core::{Acl, AclFilter, Password, UserChange, UserInfo, WhoAmI};

use crate::client::Client;
use crate::error::Result;

/// A rule: who may, or may not, do what with which resources.
#[uniffi::remote(Record)]
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

/// Which rules are meant: those that agree with every field that is given.
#[uniffi::remote(Record)]
pub struct AclFilter {
    /// As of a rule.
    #[uniffi(default)]
    pub principal: Option<String>,
    /// As of a rule.
    #[uniffi(default)]
    pub permission: Option<String>,
    /// As of a rule.
    #[uniffi(default)]
    pub operation: Option<String>,
    /// As of a rule.
    #[uniffi(default)]
    pub resource: Option<String>,
    /// As of a rule.
    #[uniffi(default)]
    pub pattern: Option<String>,
    /// As of a rule.
    #[uniffi(default)]
    pub name: Option<String>,
}

/// A user.
#[uniffi::remote(Record)]
pub struct UserInfo {
    /// The user.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whether it can log in with a password.
    pub has_password: bool,
    /// Subject of its client certificate, or empty.
    pub certificate: String,
}

/// Who a session belongs to.
#[uniffi::remote(Record)]
pub struct WhoAmI {
    /// The user; `anonymous` where none is needed.
    pub principal: String,
    /// How it was authenticated.
    pub mechanism: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// After how many milliseconds it has to be authenticated again; 0 for never.
    pub expires_in_ms: u64,
}

#[uniffi::export]
impl Client {
    /// Creates or changes a user; what is not given stays as it is. With `exists` the user has to be
    /// there before, or must not. Returns whether it is new.
    ///
    /// UNKNOWN_USER, USER_EXISTS; NOT_AUTHORIZED without `admin` on the cluster.
    #[uniffi::method(default(password = None, roles = None, certificate = None, exists = None))]
    pub async fn upsert_user(
        &self,
        name: String,
        password: Option<String>,
        roles: Option<Vec<String>>,
        certificate: Option<String>,
        exists: Option<bool>,
    ) -> Result<bool> {
        let password = password.map(Password::new);
        self.run(move |client| async move {
            let credentials = password.as_ref().map(credentials).transpose()?;
            let change = UserChange { name, exists, credentials, roles, certificate };
            client.upsert_user(&change).await
        })
        .await
    }

    /// Deletes a user, with the rules that name it. UNKNOWN_USER, NOT_AUTHORIZED.
    pub async fn delete_user(&self, name: String) -> Result<()> {
        self.run(|client| async move { client.delete_user(&name).await }).await
    }

    /// Every user, by name. NOT_AUTHORIZED.
    pub async fn list_users(&self) -> Result<Vec<UserInfo>> {
        self.run(|client| async move { client.users().await }).await
    }

    /// Adds rules. Returns how many of them are new. INVALID_REQUEST, NOT_AUTHORIZED.
    pub async fn add_acls(&self, acls: Vec<Acl>) -> Result<u32> {
        self.run(|client| async move { client.add_acls(acls).await }).await
    }

    /// Removes rules, and returns them. NOT_AUTHORIZED.
    pub async fn remove_acls(&self, filter: AclFilter) -> Result<Vec<Acl>> {
        self.run(|client| async move { client.remove_acls(filter).await }).await
    }

    /// The rules that a filter means. NOT_AUTHORIZED.
    pub async fn list_acls(&self, filter: AclFilter) -> Result<Vec<Acl>> {
        self.run(|client| async move { client.acls(filter).await }).await
    }

    /// Who the client's session belongs to.
    pub async fn whoami(&self) -> Result<WhoAmI> {
        self.run(|client| async move { client.whoami().await }).await
    }
}
