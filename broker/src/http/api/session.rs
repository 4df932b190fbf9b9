//! Calls to the engine, with the permissions of whoever asks: checked as a session's requests are, by
//! the same table.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flymq_protocol::messages::*;
use flymq_protocol::{ErrorCode, ProtocolError};
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::Result;
use crate::access::{Guarded, OBSERVE};
use crate::budget::Room;
use crate::engine::stats::EngineStats;
use crate::engine::{Engine, Reply};
use crate::http::visitor::Login;
use crate::server::Shared;

/// For how long the engine's figures are good. Many who look cost it no more than one.
const FRESH: Duration = Duration::from_secs(1);
/// How many look into topics at a time.
const READERS: usize = 2;

/// Where figures come from, for all who look.
pub struct Sources {
    stats: Mutex<Option<(Instant, Arc<EngineStats>)>>,
    readers: Semaphore,
}

impl Default for Sources {
    fn default() -> Self {
        Self { stats: Mutex::default(), readers: Semaphore::new(READERS) }
    }
}

/// A request's view of the broker.
pub struct Session<'a> {
    pub shared: &'a Shared,
    sources: &'a Sources,
    login: MutexGuard<'a, Login>,
}

impl<'a> Session<'a> {
    pub fn new(shared: &'a Shared, sources: &'a Sources, login: MutexGuard<'a, Login>) -> Self {
        Self { shared, sources, login }
    }

    /// Carries out an operation as far as it is permitted.
    pub async fn call<R: Guarded>(
        &mut self,
        mut request: R,
        operate: impl FnOnce(&dyn Engine, R) -> Reply<R::Response>,
    ) -> Result<R::Response>
    where
        R::Response: Send + 'static,
    {
        let checked = self.login.access.check(self.shared.access.as_ref(), &mut request)?;
        let response = operate(&*self.shared.engine, request).wait().await?;
        Ok(checked.finish(response))
    }

    /// Fetches, with the room in the budget that the answer takes.
    pub async fn fetch(
        &mut self,
        mut request: FetchRequest,
    ) -> Result<(FetchResponse, Option<Room>)> {
        let checked = self.login.access.check(self.shared.access.as_ref(), &mut request)?;
        let fetched = self.shared.engine.fetch(request).wait().await?;
        Ok((checked.finish(fetched.response), fetched.room))
    }

    /// Waits for its turn to look into a topic.
    pub async fn turn(&self) -> Option<SemaphorePermit<'a>> {
        // It is never closed.
        self.sources.readers.acquire().await.ok()
    }

    /// Whether it may be seen how the broker itself is.
    pub fn may_observe(&mut self) -> bool {
        self.login.access.may(self.shared.access.as_ref(), OBSERVE, "*")
    }

    /// Refuses whoever may not see how the broker itself is.
    pub fn observe(&mut self) -> Result<()> {
        match self.may_observe() {
            true => Ok(()),
            false => Err(ProtocolError::new(
                ErrorCode::NotAuthorized,
                "this needs cluster describe, which 'flymq acl add' gives",
            )),
        }
    }

    /// Who asks.
    pub fn principal(&mut self) -> Option<String> {
        let access = self.shared.access.as_ref()?;
        self.login.access.whoami(access).ok().map(|whoami| whoami.principal)
    }

    /// The engine's figures, of now or a second ago. What they name has to be checked.
    pub async fn stats(&self) -> Result<Arc<EngineStats>> {
        let mut known = self.sources.stats.lock().await;
        if let Some((at, stats)) = &*known
            && at.elapsed() < FRESH
        {
            return Ok(stats.clone());
        }
        let stats = Arc::new(self.shared.engine.stats().wait().await?);
        *known = Some((Instant::now(), stats.clone()));
        Ok(stats)
    }

    /// The topics that may be seen.
    pub async fn visible_topics(&mut self) -> Result<Vec<TopicSummary>> {
        let request = ListTopicsRequest {};
        let response =
            self.call(request, |engine, ListTopicsRequest {}| engine.list_topics()).await?;
        Ok(response.topics)
    }

    /// Their names.
    pub async fn visible_topic_names(&mut self) -> Result<HashSet<String>> {
        Ok(self.visible_topics().await?.into_iter().map(|topic| topic.name).collect())
    }

    /// The groups that may be seen.
    pub async fn visible_groups(&mut self) -> Result<Vec<GroupSummary>> {
        let request = ListGroupsRequest {};
        let response =
            self.call(request, |engine, ListGroupsRequest {}| engine.list_groups()).await?;
        Ok(response.groups)
    }
}
