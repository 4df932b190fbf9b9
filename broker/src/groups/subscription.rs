//! A SUBSCRIBE request, checked.

use std::sync::Arc;

use flymq_protocol::messages::{MAX_NAMED, SubscribeRequest};
use flymq_protocol::{ErrorCode, ProtocolError};
use regex::{Regex, RegexBuilder};

use super::Millis;
use super::slots::Catalog;
use crate::Result;
use crate::topic::{check_name, shorten};

/// How long a member id, an instance id or a group's name may be, in bytes.
const MAX_ID: usize = 255;
const MAX_PATTERN: usize = 1024;
/// How much memory a compiled pattern may take, in bytes.
const PATTERN_MEMORY: usize = 256 << 10;

const SESSION_TIMEOUT: Millis = 45_000;
const SESSION_TIMEOUTS: std::ops::RangeInclusive<Millis> = 500..=1_800_000;
const REBALANCE_TIMEOUT: Millis = 60_000;
const REBALANCE_TIMEOUTS: std::ops::RangeInclusive<Millis> = 500..=3_600_000;

/// How partitions are assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignor {
    #[default]
    Sticky,
    Range,
}

impl Assignor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sticky => "sticky",
            Self::Range => "range",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "sticky" => Some(Self::Sticky),
            "range" => Some(Self::Range),
            _ => None,
        }
    }
}

/// Which topics a member wants.
#[derive(Debug, Default)]
pub struct Subscription {
    /// By name, ascending.
    pub topics: Vec<String>,
    pub pattern: Option<Pattern>,
}

/// A regular expression over whole names.
#[derive(Debug)]
pub struct Pattern {
    pub text: String,
    compiled: Regex,
}

impl PartialEq for Subscription {
    fn eq(&self, other: &Self) -> bool {
        let pattern = self.pattern.as_ref().map(|p| &p.text);
        self.topics == other.topics && pattern == other.pattern.as_ref().map(|p| &p.text)
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self> {
        if text.len() > MAX_PATTERN {
            return Err(invalid(format!("pattern has {} bytes, not 1 to 1024", text.len())));
        }
        let compile = |text: &str| {
            RegexBuilder::new(text)
                .size_limit(PATTERN_MEMORY)
                .dfa_size_limit(PATTERN_MEMORY)
                .build()
                .map_err(|e| invalid(format!("pattern cannot be used: {e}")))
        };
        // By itself first: what only becomes one when something stands around it is no pattern.
        compile(&text)?;
        let compiled = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text, compiled })
    }
}

impl Subscription {
    pub fn new(mut topics: Vec<String>, pattern: Option<String>) -> Result<Self> {
        if topics.is_empty() && pattern.is_none() {
            return Err(invalid("there are neither topics nor a pattern".into()));
        }
        if topics.len() > MAX_NAMED {
            return Err(invalid(format!(
                "{} topics exceed the limit of {MAX_NAMED}",
                topics.len()
            )));
        }
        for topic in &topics {
            check_name(topic).map_err(|error| invalid(error.message))?;
        }
        topics.sort_unstable();
        topics.dedup();
        Ok(Self { topics, pattern: pattern.map(Pattern::new).transpose()? })
    }

    /// The topics that there are of those subscribed to.
    pub fn resolve(&self, catalog: &Catalog) -> Vec<Arc<str>> {
        let named = self.topics.iter().filter_map(|name| catalog.get_key_value(name.as_str()));
        let mut found: Vec<_> = named.map(|(name, _)| name.clone()).collect();
        if let Some(pattern) = &self.pattern {
            found.extend(catalog.keys().filter(|name| pattern.compiled.is_match(name)).cloned());
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

/// A member that joins, or changes what it subscribes to.
#[derive(Clone, Debug)]
pub struct Join {
    pub member_id: Arc<str>,
    pub generation: i32,
    pub instance_id: Option<String>,
    pub subscription: Arc<Subscription>,
    pub assignor: Assignor,
    pub session_timeout: Millis,
    pub rebalance_timeout: Millis,
    pub client_id: String,
    pub address: String,
}

impl Join {
    /// Checks a request, which came from this client and address.
    pub fn new(request: SubscribeRequest, client_id: String, address: String) -> Result<Self> {
        check_id("member_id", &request.member_id)?;
        if let Some(instance_id) = &request.instance_id {
            check_id("instance_id", instance_id)?;
        }
        let assignor = Assignor::from_name(&request.assignor).ok_or_else(|| {
            invalid(format!("assignor is sticky or range, not {:?}", shorten(&request.assignor)))
        })?;
        let timeout = |field, given: u32, default, bounds: std::ops::RangeInclusive<Millis>| {
            let timeout = if given == 0 { default } else { Millis::from(given) };
            if bounds.contains(&timeout) {
                return Ok(timeout);
            }
            let (least, most) = bounds.into_inner();
            Err(invalid(format!("{field} is {least} to {most}, not {given}")))
        };
        let session_timeout = timeout(
            "session_timeout_ms",
            request.session_timeout_ms,
            SESSION_TIMEOUT,
            SESSION_TIMEOUTS,
        )?;
        let rebalance_timeout = timeout(
            "rebalance_timeout_ms",
            request.rebalance_timeout_ms,
            REBALANCE_TIMEOUT,
            REBALANCE_TIMEOUTS,
        )?;
        Ok(Self {
            member_id: request.member_id.into(),
            generation: request.generation,
            instance_id: request.instance_id,
            subscription: Arc::new(Subscription::new(request.topics, request.pattern)?),
            assignor,
            session_timeout,
            rebalance_timeout,
            client_id,
            address,
        })
    }
}

/// Refuses what is not a group's name.
pub fn check_group(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_ID {
        return Err(ProtocolError::new(
            ErrorCode::InvalidGroup,
            format!("a group's name has 1 to {MAX_ID} bytes, not {}", name.len()),
        ));
    }
    Ok(())
}

fn check_id(field: &str, id: &str) -> Result<()> {
    if id.is_empty() || id.len() > MAX_ID {
        return Err(invalid(format!("{field} has 1 to {MAX_ID} bytes, not {}", id.len())));
    }
    Ok(())
}

pub fn invalid(message: String) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::TopicSize;

    fn resolve(topics: &[&str], pattern: Option<&str>) -> Vec<String> {
        let names = ["a", "ab", "abc", "b"];
        let size = TopicSize { id: 1, partitions: 1 };
        let catalog = names.iter().map(|&name| (name.into(), size)).collect();
        let topics = topics.iter().map(|&t| t.to_owned()).collect();
        let subscription = Subscription::new(topics, pattern.map(str::to_owned)).unwrap();
        subscription.resolve(&catalog).iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn patterns_match_whole_names_and_add_to_the_list() {
        assert_eq!(resolve(&[], Some("a|b")), ["a", "b"]);
        assert_eq!(resolve(&[], Some("ab?")), ["a", "ab"]);
        assert_eq!(resolve(&["b", "none", "b"], Some("ab.*")), ["ab", "abc", "b"]);
    }

    #[test]
    fn bad_patterns_are_refused() {
        let huge = "x".repeat(1025);
        for bad in ["a)|(?:b", "(", r"(a)\1", r"\w{1000}{1000}", &huge] {
            let error = Subscription::new(Vec::new(), Some(bad.to_owned())).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{bad}");
        }
    }
}
