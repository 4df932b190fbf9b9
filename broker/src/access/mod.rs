//! Who may use the broker, and for what.
//!
//! | module | holds |
//! | --- | --- |
//! | `gate` | the one table: what each operation needs |
//! | `guarded` | which resources a request names, and answers in part |
//! | [`rules`] | rules and the built-in roles, and how they are weighed |
//! | `store` | what keeps users and rules, and what of them is in force |
//! | `users` | the file that they are kept in on one machine |
//! | `admin` | changing users and rules |
//! | `session` | what a session may do, remembered until something changes |
//! | `exchange` | AUTH |
//! | [`throttle`] | slowing down those who guess |

mod admin;
mod exchange;
mod gate;
mod guarded;
pub mod rules;
mod session;
pub(crate) mod store;
pub mod throttle;
pub(crate) mod users;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flymq_auth::{Password, Verifier};
use flymq_protocol::messages::{Credentials, UpsertUserRequest};
use flymq_protocol::{ErrorCode, ProtocolError};
use tokio::sync::Semaphore;

use crate::Result;
use rules::Rule;
use store::{Current, Store};
use throttle::{Throttle, ThrottleOptions};
use users::{AccessFile, Stored};

pub use exchange::auth;
pub use flymq_protocol::messages::{
    AddAclsRequest, DeleteUserRequest, ListAclsRequest, RemoveAclsRequest,
};
pub use gate::{Gate, Need, OBSERVE, gate};
pub use guarded::Guarded;
pub use session::{Owner, Peer, SessionAccess};

/// How many passwords are stretched at a time, for PLAIN.
const STRETCHING: usize = 2;

/// Options of authentication and authorisation.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// After how long a session has to be authenticated again; `None` for never. Default 1 h.
    pub session_lifetime: Option<Duration>,
    /// Take PLAIN also where the connection is not encrypted. Default no.
    pub allow_plain_without_tls: bool,
    /// The fewest PBKDF2 iterations of a password that is set. Default 15,000.
    pub min_iterations: u32,
    /// How many iterations users get that the broker itself makes, and those that do not exist are
    /// said to have. Default [`flymq_auth::DEFAULT_ITERATIONS`].
    pub iterations: u32,
    /// After how many failures a connection is closed. Default 5.
    pub max_failures: u32,
    /// How failed attempts slow down further ones.
    pub throttle: ThrottleOptions,
    /// Users that are made at start unless they are there already.
    pub users: Vec<InitialUser>,
}

/// A user that a broker makes at start, the first administrator above all.
#[derive(Clone, Debug)]
pub struct InitialUser {
    /// The user.
    pub name: String,
    /// Its password.
    pub password: Password,
    /// Its roles.
    pub roles: Vec<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            session_lifetime: Some(Duration::from_secs(3600)),
            allow_plain_without_tls: false,
            min_iterations: 15_000,
            iterations: flymq_auth::DEFAULT_ITERATIONS,
            max_failures: 5,
            throttle: ThrottleOptions::default(),
            users: Vec::new(),
        }
    }
}

/// The users and rules of a broker.
pub struct Access {
    config: AuthConfig,
    current: Arc<Current>,
    store: Box<dyn Store>,
    throttle: Throttle,
    /// How many attempts had to wait, or were sent away.
    throttled: AtomicU64,
    stretching: Semaphore,
}

/// Users and rules as they are between two changes.
pub(crate) struct Snapshot {
    version: u64,
    stored: Stored,
}

impl Access {
    /// Whether a data folder has users or rules.
    pub fn exists(folder: &Path) -> bool {
        AccessFile::exists(folder)
    }

    /// Opens a data folder's users and rules, which no other process may use at the same time.
    ///
    /// # Errors
    ///
    /// STORAGE_FAILED if a broker runs on the folder, or if it or its file cannot be used;
    /// INVALID_REQUEST for an initial user that cannot be.
    pub fn open(folder: &Path, config: AuthConfig) -> Result<Self> {
        let (file, stored) = AccessFile::open(folder)?;
        Self::with_store(Box::new(file), Arc::new(Current::new(stored)), config)
    }

    /// Users and rules that something else than a data folder keeps. Makes the initial users, which
    /// may block.
    pub(crate) fn with_store(
        store: Box<dyn Store>,
        current: Arc<Current>,
        config: AuthConfig,
    ) -> Result<Self> {
        let access = Self {
            current,
            store,
            throttle: Throttle::new(config.throttle.clone()),
            throttled: AtomicU64::new(0),
            stretching: Semaphore::new(STRETCHING),
            config,
        };
        for user in &access.config.users {
            if access.snapshot().stored.users.contains_key(&user.name) {
                continue;
            }
            let verifier = Verifier::generate(&user.password, access.config.iterations)
                .map_err(|e| admin::invalid(e.to_string()))?;
            let made = access.upsert_user(UpsertUserRequest {
                name: user.name.clone(),
                exists: Some(false),
                credentials: Some(credentials(&verifier)),
                roles: Some(user.roles.clone()),
                ..Default::default()
            });
            // Another gateway may have been quicker.
            if let Err(error) = made
                && error.code != ErrorCode::UserExists
            {
                return Err(error);
            }
        }
        Ok(access)
    }

    /// Whether there is anybody who can log in.
    pub fn has_users(&self) -> bool {
        !self.snapshot().stored.users.is_empty()
    }

    /// How many attempts to log in had to wait, or were sent away, because others had failed.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// The options it was opened with.
    pub fn config(&self) -> &AuthConfig {
        &self.config
    }

    /// Why changes that were made elsewhere may not be known here; `None` if they are.
    pub fn problem(&self) -> Option<String> {
        self.store.problem()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.current.snapshot()
    }

    fn version(&self) -> u64 {
        self.current.version()
    }

    /// Makes a change, in the store and then for every session. It may be made more than once, to
    /// what others have left.
    fn change<T: Send>(
        &self,
        mut change: impl FnMut(&mut Stored) -> Result<T> + Send,
    ) -> Result<T> {
        let mut result = None;
        self.store.change(&self.current, &mut |stored| {
            result = Some(change(stored)?);
            Ok(())
        })?;
        result.ok_or_else(|| {
            ProtocolError::new(ErrorCode::Internal, "a change of users and rules was not made")
        })
    }
}

impl Snapshot {
    /// The rules that concern a user, also by the roles it has.
    fn rules_of(&self, user: &str) -> Vec<Rule> {
        let Some(found) = self.stored.users.get(user) else { return Vec::new() };
        let concerns = |principal: &str| {
            principal == rules::ANY
                || principal.strip_prefix("user:") == Some(user)
                || principal.strip_prefix("role:").is_some_and(|role| found.roles.contains(role))
        };
        let own = self.stored.acls.iter().filter(|acl| concerns(&acl.principal));
        // What was stored has been checked.
        let own = own.filter_map(|acl| Rule::parse(acl).ok());
        found.roles.iter().flat_map(|role| rules::bundle(role)).chain(own).collect()
    }

    fn user_with_certificate(&self, subject: &str) -> Option<&str> {
        let mut users = self.stored.users.iter();
        users
            .find(|(_, user)| !subject.is_empty() && user.certificate == subject)
            .map(|(n, _)| &**n)
    }
}

/// What UPSERT_USER takes, of a password's verifier.
pub fn credentials(verifier: &Verifier) -> Credentials {
    Credentials {
        salt: verifier.salt.clone().into(),
        iterations: verifier.iterations,
        stored_key: verifier.stored_key.to_vec().into(),
        server_key: verifier.server_key.to_vec().into(),
    }
}

/// Notes what was done, or not allowed, for those who look into it later.
fn audit(
    allowed: bool,
    principal: &str,
    address: IpAddr,
    operation: &str,
    resource: &str,
    name: &str,
) {
    let name = crate::topic::shorten(name);
    if allowed {
        tracing::info!(target: "flymq::audit", principal, %address, operation, resource, name, "allowed");
    } else {
        tracing::warn!(target: "flymq::audit", principal, %address, operation, resource, name, "denied");
    }
}
