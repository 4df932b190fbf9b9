//! Users and what they may do.

use flymq_auth::{Password, Verifier};
use flymq_protocol::messages::*;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::link::{Lane, Retry};

pub use flymq_protocol::messages::{
    Acl, AclFilter, UpsertUserRequest as UserChange, UserInfo, WhoamiResponse as WhoAmI,
};

/// What a broker stores of a password, with a fresh salt; for [`UserChange::credentials`].
///
/// # Errors
///
/// INVALID_ARGUMENT for characters that RFC 4013 does not allow, and for an empty password.
pub fn credentials(password: &Password) -> Result<Credentials> {
    if password.is_empty() {
        return Err(Error::invalid("user", "the password is empty"));
    }
    let verifier = Verifier::generate(password, flymq_auth::DEFAULT_ITERATIONS)
        .map_err(|e| Error::invalid("user", e.to_string()))?;
    Ok(Credentials {
        salt: verifier.salt.clone().into(),
        iterations: verifier.iterations,
        stored_key: verifier.stored_key.to_vec().into(),
        server_key: verifier.server_key.to_vec().into(),
    })
}

impl Client {
    async fn access<R: Request>(
        &self,
        operation: &'static str,
        request: &R,
        retry: Retry,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        self.core().router.call(Lane::Main, operation, request, retry).await
    }

    /// Creates or changes a user. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// UNKNOWN_USER, USER_EXISTS; NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn upsert_user(&self, change: &UserChange) -> Result<bool> {
        // A user that must not exist before would be found the second time.
        let retry = match change.exists {
            Some(false) => Retry::Unsent,
            _ => Retry::Always,
        };
        Ok(self.access("user", change, retry).await?.created)
    }

    /// Deletes a user, with the rules that name it.
    ///
    /// # Errors
    ///
    /// UNKNOWN_USER; NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn delete_user(&self, name: &str) -> Result<()> {
        let request = DeleteUserRequest { name: name.to_owned() };
        self.access("user", &request, Retry::Unsent).await.map(drop)
    }

    /// Every user, by name.
    ///
    /// # Errors
    ///
    /// NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn users(&self) -> Result<Vec<UserInfo>> {
        Ok(self.access("user", &ListUsersRequest {}, Retry::Always).await?.users)
    }

    /// Adds rules. Returns how many of them are new.
    ///
    /// # Errors
    ///
    /// INVALID_REQUEST for what is no rule; NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn add_acls(&self, acls: Vec<Acl>) -> Result<u32> {
        Ok(self.access("acl", &AddAclsRequest { acls }, Retry::Always).await?.added)
    }

    /// Removes the rules that agree with every field of `filter` that is given, and returns them.
    ///
    /// # Errors
    ///
    /// NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn remove_acls(&self, filter: AclFilter) -> Result<Vec<Acl>> {
        Ok(self.access("acl", &RemoveAclsRequest { filter }, Retry::Unsent).await?.removed)
    }

    /// The rules that agree with every field of `filter` that is given.
    ///
    /// # Errors
    ///
    /// NOT_AUTHORIZED without `admin` on the cluster.
    pub async fn acls(&self, filter: AclFilter) -> Result<Vec<Acl>> {
        Ok(self.access("acl", &ListAclsRequest { filter }, Retry::Always).await?.acls)
    }

    /// Who the client's session belongs to.
    ///
    /// # Errors
    ///
    /// Those of any request.
    pub async fn whoami(&self) -> Result<WhoAmI> {
        self.access("whoami", &WhoamiRequest {}, Retry::Always).await
    }
}
