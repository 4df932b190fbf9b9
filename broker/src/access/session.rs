//! What a session may do. Decisions are remembered until users or rules change, so that checking a
//! produce costs no more than a look-up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flymq_auth::scram::ChannelBinding;
use flymq_protocol::messages::WhoamiResponse;
use flymq_protocol::{ErrorCode, OpCode, ProtocolError};
use tokio::time::Instant;

use super::exchange::Exchange;
use super::gate::{Gate, Need, gate};
use super::guarded::{Guarded, Named};
use super::rules::{Operation, Resource, Rule, decide, decide_prefix};
use super::users::StoredPassword;
use super::{Access, Snapshot, audit};
use crate::Result;
use crate::topic::shorten;

/// How many names of each kind are remembered with what was decided of them.
const REMEMBERED: usize = 1024;

/// What the connection says of the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it connects from.
    pub address: IpAddr,
    /// Whether nobody else can read the connection.
    pub encrypted: bool,
    /// Subject of the client certificate that TLS has verified.
    pub certificate: Option<String>,
    /// What identifies the connection to both ends.
    pub binding: Option<ChannelBinding>,
}

/// A session's part in authentication and authorisation.
pub struct SessionAccess {
    pub(super) peer: Arc<Peer>,
    pub(super) auth: Arc<Auth>,
    view: Option<View>,
}

/// Tells who a session belongs to.
pub struct Owner(Arc<Auth>);

impl Owner {
    /// The user, if one has logged in and that still holds.
    pub fn user(&self) -> Option<String> {
        self.0.identity().map(|identity| identity.user.clone())
    }
}

/// How far a session is authenticated; AUTH changes it while other requests go on.
#[derive(Default)]
pub(super) struct Auth(Mutex<AuthState>);

#[derive(Default)]
pub(super) struct AuthState {
    pub identity: Option<Arc<Identity>>,
    pub exchange: Option<Exchange>,
    /// Whether a step is under way.
    pub busy: bool,
    pub failures: u32,
    /// Whether the connection is to be closed.
    pub over: bool,
    /// Whether it was ever authenticated.
    pub admitted: bool,
}

impl Auth {
    pub fn lock(&self) -> MutexGuard<'_, AuthState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who the session belongs to, if that still holds.
    fn identity(&self) -> Option<Arc<Identity>> {
        let state = self.lock();
        state.identity.as_ref().filter(|identity| !identity.is_expired()).cloned()
    }
}

/// Who a session belongs to.
pub(super) struct Identity {
    pub user: String,
    pub mechanism: &'static str,
    pub proof: Proof,
    pub expires: Option<Instant>,
}

/// By what it was proved. When that is no longer the user's, the session ends.
pub(super) enum Proof {
    Password(StoredPassword),
    Certificate(String),
}

impl Identity {
    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|at| at <= Instant::now())
    }

    fn holds(&self, snapshot: &Snapshot) -> bool {
        snapshot.stored.users.get(&self.user).is_some_and(|user| match &self.proof {
            Proof::Password(password) => user.password.as_ref() == Some(password),
            Proof::Certificate(subject) => user.certificate == *subject,
        })
    }
}

/// What a user may do, as of one version of users and rules.
struct Permit {
    version: u64,
    rules: Vec<Rule>,
}

impl Permit {
    fn of(identity: &Identity, snapshot: &Snapshot) -> Option<Self> {
        let rules = identity.holds(snapshot).then(|| snapshot.rules_of(&identity.user))?;
        Some(Self { version: snapshot.version, rules })
    }

    fn allows(&self, Need(resource, operation): Need, name: &str) -> bool {
        decide(&self.rules, operation, resource, name)
    }
}

/// A permit with the decisions that were made by it.
struct View {
    identity: Arc<Identity>,
    permit: Arc<Permit>,
    /// By kind of resource and name: which operations were decided, and which of them are allowed.
    known: [HashMap<String, (u8, u8)>; Resource::ALL.len()],
}

impl View {
    fn allows(&mut self, need: Need, name: &str) -> bool {
        let Need(resource, operation) = need;
        let bit = 1 << operation as u8;
        let known = &mut self.known[resource as usize];
        if let Some((decided, allowed)) = known.get(name)
            && decided & bit != 0
        {
            return allowed & bit != 0;
        }
        let may = self.permit.allows(need, name);
        if known.len() >= REMEMBERED && !known.contains_key(name) {
            known.clear();
        }
        let (decided, allowed) = known.entry(name.to_owned()).or_default();
        *decided |= bit;
        *allowed |= if may { bit } else { 0 };
        may
    }
}

/// A request that may be carried out, all or in part.
pub struct Checked<R: Guarded> {
    withheld: R::Withheld,
    /// For answering in part.
    watch: Option<Watch>,
}

struct Watch {
    access: Arc<Access>,
    auth: Arc<Auth>,
    permit: Arc<Permit>,
    need: Need,
}

impl<R: Guarded> Checked<R> {
    /// Completes the response by what was withheld, and takes out what may not be seen (any more).
    pub fn finish(self, mut response: R::Response) -> R::Response {
        if let Some(Watch { access, auth, permit, need }) = self.watch {
            let permit = match access.version() == permit.version {
                true => Some(permit),
                false => auth
                    .identity()
                    .and_then(|identity| Permit::of(&identity, &access.snapshot()))
                    .map(Arc::new),
            };
            let may = |name: &str| permit.as_ref().is_some_and(|p| p.allows(need, name));
            R::give_back(self.withheld, &mut response, &may);
        }
        response
    }
}

impl SessionAccess {
    /// For a connection that has just come.
    pub fn new(peer: Peer) -> Self {
        Self { peer: Arc::new(peer), auth: Arc::default(), view: None }
    }

    /// Whether it has ever been authenticated.
    pub fn is_admitted(&self) -> bool {
        self.auth.lock().admitted
    }

    /// Whether it has failed too often to go on.
    pub fn is_over(&self) -> bool {
        self.auth.lock().over
    }

    /// The session's user and permissions as they are now.
    fn view(&mut self, access: &Access) -> Result<&mut View> {
        let required = |why: &str| ProtocolError::new(ErrorCode::AuthRequired, why);
        let identity = self.auth.lock().identity.clone();
        let identity = identity.ok_or_else(|| required("the session is not authenticated"))?;
        if identity.is_expired() {
            return Err(required("the session has expired; authenticate again"));
        }
        let version = access.version();
        let current = self.view.take().filter(|view| {
            view.permit.version == version && Arc::ptr_eq(&view.identity, &identity)
        });
        let view = match current {
            Some(view) => view,
            None => {
                let ended = || required("the user or its password has changed; authenticate again");
                let permit = Permit::of(&identity, &access.snapshot()).ok_or_else(ended)?;
                View { identity, permit: Arc::new(permit), known: Default::default() }
            }
        };
        Ok(self.view.insert(view))
    }

    /// Refuses an operation that needs a session where there is none.
    pub fn enter(&mut self, access: &Access, op: OpCode) -> Result<()> {
        match gate(op) {
            Gate::Open => Ok(()),
            Gate::Session | Gate::Permissions { .. } => self.view(access).map(drop),
        }
    }

    /// Checks a request, and takes out of it what may not be carried out. Without `access`
    /// everything may.
    ///
    /// # Errors
    ///
    /// NOT_AUTHORIZED if none of it may be carried out, AUTH_REQUIRED without a session.
    pub fn check<R: Guarded>(
        &mut self,
        access: Option<&Arc<Access>>,
        request: &mut R,
    ) -> Result<Checked<R>> {
        let Some(access) = access else {
            return Ok(Checked { withheld: Default::default(), watch: None });
        };
        let peer = self.peer.clone();
        let auth = self.auth.clone();
        let view = self.view(access)?;
        let Gate::Permissions { all, each } = gate(R::OPCODE) else {
            return Ok(Checked { withheld: Default::default(), watch: None });
        };
        for &need in all {
            let mut denied = None;
            request.each_name(need.0, &mut |named| {
                if denied.is_none() && !view.permits(need, &named) {
                    denied = Some(named.to_string());
                }
            });
            if let Some(name) = denied {
                view.note::<R>(&peer, false, need, &name);
                let Need(resource, operation) = need;
                return Err(ProtocolError::new(
                    ErrorCode::NotAuthorized,
                    format!(
                        "{} needs {} {} on {:?}",
                        R::OPCODE.name(),
                        resource.name(),
                        operation.name(),
                        shorten(&name)
                    ),
                ));
            }
            if is_administration(need.1) {
                request.each_name(need.0, &mut |named| {
                    view.note::<R>(&peer, true, need, &named.to_string());
                });
            }
        }
        let Some(need) = each else {
            return Ok(Checked { withheld: Default::default(), watch: None });
        };
        let withheld = request.withhold(&mut |name| {
            let may = view.allows(need, name);
            if !may {
                view.note::<R>(&peer, false, need, name);
            }
            may
        });
        let permit = view.permit.clone();
        let watch = Some(Watch { access: access.clone(), auth, permit, need });
        Ok(Checked { withheld, watch })
    }

    /// Whether the session may do something with a resource, whatever operation that is for.
    pub fn may(&mut self, access: Option<&Arc<Access>>, need: Need, name: &str) -> bool {
        access.is_none_or(|access| self.view(access).is_ok_and(|view| view.allows(need, name)))
    }

    /// Tells who the session belongs to, also later.
    pub fn owner(&self) -> Owner {
        Owner(self.auth.clone())
    }

    /// Who the session belongs to.
    pub fn whoami(&mut self, access: &Access) -> Result<WhoamiResponse> {
        let identity = self.view(access)?.identity.clone();
        let snapshot = access.snapshot();
        let roles = snapshot.stored.users.get(&identity.user).map(|user| &user.roles);
        let left = identity.expires.map(|at| at.saturating_duration_since(Instant::now()));
        Ok(WhoamiResponse {
            principal: identity.user.clone(),
            mechanism: identity.mechanism.to_owned(),
            roles: roles.into_iter().flatten().cloned().collect(),
            expires_in_ms: left.map_or(0, |left| (left.as_millis() as u64).max(1)),
        })
    }
}

impl View {
    fn permits(&mut self, need: Need, named: &Named<'_>) -> bool {
        match named {
            Named::Name(name) => self.allows(need, name),
            Named::Prefix(prefix) => decide_prefix(&self.permit.rules, need.1, need.0, prefix),
        }
    }

    fn note<R: Guarded>(&self, peer: &Peer, allowed: bool, need: Need, name: &str) {
        let (op, resource) = (R::OPCODE.name(), need.0.name());
        audit(allowed, &self.identity.user, peer.address, op, resource, name);
    }
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}…"),
        }
    }
}

fn is_administration(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Delete | Operation::Alter | Operation::Admin)
}
