//! Changing users and rules: the operations, which also work without a broker.

use flymq_auth::Verifier;
use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};

use super::Access;
use super::rules::Rule;
use super::users::{StoredPassword, User, check_name};
use crate::Result;

/// How many users and how many rules there may be.
const MAX_USERS: usize = 10_000;
const MAX_RULES: usize = 10_000;
const MAX_ROLES: usize = 100;

pub(super) fn invalid(message: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidRequest, message)
}

fn unknown(name: &str) -> ProtocolError {
    ProtocolError::new(
        ErrorCode::UnknownUser,
        format!("there is no user {:?}", crate::topic::shorten(name)),
    )
}

impl Access {
    /// Creates or changes a user.
    ///
    /// # Errors
    ///
    /// As `docs/protocol.md` lists them.
    pub fn upsert_user(&self, request: UpsertUserRequest) -> Result<UpsertUserResponse> {
        let UpsertUserRequest { name, exists, credentials, roles, certificate } = request;
        check_name(&name)?;
        let password = credentials.map(|c| self.check_credentials(&c)).transpose()?;
        if let Some(roles) = &roles {
            if roles.len() > MAX_ROLES {
                return Err(invalid(format!("a user has at most {MAX_ROLES} roles")));
            }
            roles.iter().try_for_each(|role| check_name(role))?;
        }
        if certificate.as_ref().is_some_and(|subject| subject.len() > 1024) {
            return Err(invalid("the subject of a certificate has at most 1,024 bytes"));
        }
        self.change(|stored| {
            let there = stored.users.contains_key(&name);
            match (there, exists) {
                (false, Some(true)) => return Err(unknown(&name)),
                (true, Some(false)) => {
                    let message = format!("there is a user {name:?} already");
                    return Err(ProtocolError::new(ErrorCode::UserExists, message));
                }
                (false, _) if stored.users.len() >= MAX_USERS => {
                    return Err(invalid(format!("a broker has at most {MAX_USERS} users")));
                }
                _ => {}
            }
            if let Some(subject) = certificate.as_ref().filter(|subject| !subject.is_empty()) {
                let mut others = stored.users.iter().filter(|(other, _)| **other != name);
                if others.any(|(_, user)| user.certificate == *subject) {
                    return Err(invalid("the certificate belongs to another user already"));
                }
            }
            let user: &mut User = stored.users.entry(name.clone()).or_default();
            if let Some(password) = &password {
                user.password = Some(password.clone());
            }
            if let Some(roles) = &roles {
                user.roles = roles.iter().cloned().collect();
            }
            if let Some(certificate) = &certificate {
                user.certificate.clone_from(certificate);
            }
            Ok(UpsertUserResponse { created: !there })
        })
    }

    fn check_credentials(&self, given: &Credentials) -> Result<StoredPassword> {
        let Credentials { salt, iterations, stored_key, server_key } = given;
        let (least, most) = (self.config.min_iterations, flymq_auth::MAX_ITERATIONS);
        if !(least..=most).contains(iterations) {
            return Err(invalid(format!(
                "{iterations} iterations are outside of {least} to {most}"
            )));
        }
        if !(8..=64).contains(&salt.len()) {
            return Err(invalid(format!("a salt of {} bytes is outside of 8 to 64", salt.len())));
        }
        let key = |bytes: &[u8], field| {
            bytes.try_into().map_err(|_| invalid(format!("{field} does not have 32 bytes")))
        };
        Ok(StoredPassword::new(&Verifier {
            salt: salt.to_vec(),
            iterations: *iterations,
            stored_key: key(stored_key, "stored_key")?,
            server_key: key(server_key, "server_key")?,
        }))
    }

    /// Deletes a user with the rules that name it.
    ///
    /// # Errors
    ///
    /// As `docs/protocol.md` lists them.
    pub fn delete_user(&self, request: DeleteUserRequest) -> Result<DeleteUserResponse> {
        self.change(|stored| {
            stored.users.remove(&request.name).ok_or_else(|| unknown(&request.name))?;
            // A user of the same name may be made later; it begins with nothing.
            let principal = format!("user:{}", request.name);
            stored.acls.retain(|acl| acl.principal != principal);
            Ok(DeleteUserResponse {})
        })
    }

    /// Every user.
    pub fn list_users(&self, _: ListUsersRequest) -> ListUsersResponse {
        let snapshot = self.snapshot();
        let info = |(name, user): (&String, &User)| UserInfo {
            name: name.clone(),
            roles: user.roles.iter().cloned().collect(),
            has_password: user.password.is_some(),
            certificate: user.certificate.clone(),
        };
        ListUsersResponse { users: snapshot.stored.users.iter().map(info).collect() }
    }

    /// Adds rules.
    ///
    /// # Errors
    ///
    /// As `docs/protocol.md` lists them.
    pub fn add_acls(&self, request: AddAclsRequest) -> Result<AddAclsResponse> {
        if request.acls.len() > MAX_ACLS_ADDED {
            return Err(invalid(format!("at most {MAX_ACLS_ADDED} ACLs are added at a time")));
        }
        request.acls.iter().try_for_each(|acl| Rule::parse(acl).map(drop))?;
        self.change(|stored| {
            let before = stored.acls.len();
            stored.acls.extend(request.acls.iter().cloned());
            if stored.acls.len() > MAX_RULES {
                return Err(invalid(format!("a broker has at most {MAX_RULES} ACLs")));
            }
            Ok(AddAclsResponse { added: (stored.acls.len() - before) as u32 })
        })
    }

    /// Removes rules.
    ///
    /// # Errors
    ///
    /// As `docs/protocol.md` lists them.
    pub fn remove_acls(&self, request: RemoveAclsRequest) -> Result<RemoveAclsResponse> {
        self.change(|stored| {
            let filter = &request.filter;
            let removed = stored.acls.extract_if(.., |acl| filter.takes(acl)).collect();
            Ok(RemoveAclsResponse { removed })
        })
    }

    /// Lists rules.
    pub fn list_acls(&self, request: ListAclsRequest) -> ListAclsResponse {
        let snapshot = self.snapshot();
        let taken = snapshot.stored.acls.iter().filter(|acl| request.filter.takes(acl));
        ListAclsResponse { acls: taken.cloned().collect() }
    }
}
