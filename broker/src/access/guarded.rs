//! What each request names, and how a request with many entries is answered in part.

use flymq_protocol::ErrorCode;
use flymq_protocol::messages::*;

use super::rules::{ANY, Resource};

/// A request that is subject to permissions.
pub trait Guarded: Request + 'static {
    /// Entries that were taken out of a request, to be answered with an error.
    type Withheld: Default + Send + 'static;

    /// Calls `visit` with the name of every resource of that kind that the request is about.
    fn each_name(&self, resource: Resource, visit: &mut dyn FnMut(Named<'_>));

    /// Takes out the entries that may not be carried out.
    fn withhold(&mut self, _may: &mut dyn FnMut(&str) -> bool) -> Self::Withheld {
        Self::Withheld::default()
    }

    /// Answers the entries that were withheld, and leaves out what may not be seen.
    fn give_back(
        _withheld: Self::Withheld,
        _response: &mut Self::Response,
        _may: &dyn Fn(&str) -> bool,
    ) {
    }
}

/// How a request names a resource.
pub enum Named<'a> {
    /// By its name.
    Name(&'a str),
    /// By the beginning of its name: any of them.
    Prefix(&'a str),
}

macro_rules! guarded {
    ($($request:ty: |$it:ident, $visit:ident| { $($resource:ident => $names:expr;)* })*) => {$(
        impl Guarded for $request {
            type Withheld = ();
            guarded!(@names |$it, $visit| { $($resource => $names;)* });
        }
    )*};
    (@names |$it:ident, $visit:ident| { $($resource:ident => $names:expr;)* }) => {
        fn each_name(&self, resource: Resource, $visit: &mut dyn FnMut(Named<'_>)) {
            let $it = self;
            match resource {
                $(Resource::$resource => $names,)*
                #[allow(unreachable_patterns)]
                _ => { let _ = ($it, $visit); }
            }
        }
    };
}

guarded! {
    ProduceRequest: |it, visit| {
        Topic => visit(Named::Name(&it.topic));
        TransactionalId => {
            if let Some(id) = &it.transactional_id { visit(Named::Name(id)) }
        };
    }
    ConsumeRequest: |it, visit| { Topic => visit(Named::Name(&it.topic)); }
    ListOffsetsRequest: |it, visit| { Topic => visit(Named::Name(&it.topic)); }
    InitProducerRequest: |it, visit| {
        TransactionalId => {
            if let Some(id) = &it.transactional_id { visit(Named::Name(id)) }
        };
    }
    CreateTopicRequest: |it, visit| { Topic => visit(Named::Name(&it.name)); }
    DeleteTopicRequest: |it, visit| { Topic => visit(Named::Name(&it.name)); }
    AddPartitionsRequest: |it, visit| { Topic => visit(Named::Name(&it.name)); }
    DescribeTopicRequest: |it, visit| { Topic => visit(Named::Name(&it.name)); }
    AlterTopicRequest: |it, visit| { Topic => visit(Named::Name(&it.name)); }
    SubscribeRequest: |it, visit| {
        Group => visit(Named::Name(&it.group));
        Topic => {
            it.topics.iter().for_each(|topic| visit(Named::Name(topic)));
            if let Some(pattern) = &it.pattern { visit(Named::Prefix(literal_prefix(pattern))) }
        };
    }
    HeartbeatRequest: |it, visit| { Group => visit(Named::Name(&it.group)); }
    LeaveRequest: |it, visit| { Group => visit(Named::Name(&it.group)); }
    DescribeGroupRequest: |it, visit| { Group => visit(Named::Name(&it.group)); }
    DeleteGroupRequest: |it, visit| { Group => visit(Named::Name(&it.group)); }
    BeginTxnRequest: |it, visit| { TransactionalId => visit(Named::Name(&it.transactional_id)); }
    CommitTxnRequest: |it, visit| { TransactionalId => visit(Named::Name(&it.transactional_id)); }
    AbortTxnRequest: |it, visit| { TransactionalId => visit(Named::Name(&it.transactional_id)); }
    TxnOffsetsRequest: |it, visit| {
        TransactionalId => visit(Named::Name(&it.transactional_id));
        Group => visit(Named::Name(&it.group));
        Topic => it.offsets.iter().for_each(|offset| visit(Named::Name(&offset.topic)));
    }
    // There is one cluster, whose rules hold whatever it is called here: the name is what the audit
    // log says was changed.
    UpsertUserRequest: |it, visit| { Cluster => visit(Named::Name(&it.name)); }
    DeleteUserRequest: |it, visit| { Cluster => visit(Named::Name(&it.name)); }
    ClusterStatusRequest: |it, visit| { Cluster => visit(Named::Name(ANY)); }
    ListUsersRequest: |it, visit| { Cluster => visit(Named::Name(ANY)); }
    AddAclsRequest: |it, visit| {
        Cluster => {
            visit(Named::Name(ANY));
            it.acls.iter().for_each(|acl| visit(Named::Name(&written(acl))));
        };
    }
    RemoveAclsRequest: |it, visit| { Cluster => visit(Named::Name(&format!("{:?}", it.filter))); }
    ListAclsRequest: |it, visit| { Cluster => visit(Named::Name(ANY)); }
}

fn written(acl: &Acl) -> String {
    let Acl { principal, permission, operation, resource, pattern, name } = acl;
    format!("{principal} {permission} {operation} {resource} {pattern} {name}")
}

const DENIED: u16 = ErrorCode::NotAuthorized as u16;

fn denied_topic(topic: FetchTopic) -> FetchedTopic {
    let partitions = topic.partitions.into_iter().map(|p| FetchedPartition {
        partition: p.partition,
        error: DENIED,
        message: format!("topic read is needed on {:?}", crate::topic::shorten(&topic.topic)),
        next_offset: p.offset,
        ..Default::default()
    });
    FetchedTopic { partitions: partitions.collect(), topic: topic.topic }
}

impl Guarded for FetchRequest {
    type Withheld = Vec<FetchTopic>;
    guarded!(@names |it, visit| {
        Topic => it.topics.iter().for_each(|topic| visit(Named::Name(&topic.topic)));
    });

    fn withhold(&mut self, may: &mut dyn FnMut(&str) -> bool) -> Self::Withheld {
        let withheld: Vec<_> = self.topics.extract_if(.., |topic| !may(&topic.topic)).collect();
        if !withheld.is_empty() {
            // An error is news, which ends the wait.
            self.max_wait_ms = 0;
        }
        withheld
    }

    fn give_back(
        withheld: Self::Withheld,
        response: &mut FetchResponse,
        may: &dyn Fn(&str) -> bool,
    ) {
        // Permissions may have changed while the request waited.
        for topic in response.topics.iter_mut().filter(|topic| !may(&topic.topic)) {
            let partitions = topic.partitions.iter().map(|p| FetchPartition {
                partition: p.partition,
                offset: p.batches.first().map_or(p.next_offset, |batch| batch.base_offset),
                max_bytes: 0,
            });
            let denied =
                FetchTopic { partitions: partitions.collect(), topic: topic.topic.clone() };
            *topic = denied_topic(denied);
        }
        response.topics.extend(withheld.into_iter().map(denied_topic));
    }
}

impl Guarded for MetadataRequest {
    type Withheld = Vec<(usize, String)>;
    guarded!(@names |it, visit| {
        Topic => it.topics.iter().for_each(|topic| visit(Named::Name(topic)));
    });

    fn withhold(&mut self, may: &mut dyn FnMut(&str) -> bool) -> Self::Withheld {
        let mut withheld = Vec::new();
        let mut kept = Vec::with_capacity(self.topics.len());
        for (at, topic) in std::mem::take(&mut self.topics).into_iter().enumerate() {
            if may(&topic) { kept.push(topic) } else { withheld.push((at, topic)) }
        }
        self.topics = kept;
        withheld
    }

    fn give_back(
        withheld: Self::Withheld,
        response: &mut MetadataResponse,
        _may: &dyn Fn(&str) -> bool,
    ) {
        let mut kept = std::mem::take(&mut response.topics).into_iter();
        for (at, name) in withheld {
            let missing = at - response.topics.len();
            response.topics.extend(kept.by_ref().take(missing));
            response.topics.push(TopicSummary { name, partitions: 0, error: DENIED });
        }
        response.topics.extend(kept);
    }
}

impl Guarded for ListTopicsRequest {
    type Withheld = ();
    guarded!(@names |it, visit| {});

    fn give_back(_: (), response: &mut ListTopicsResponse, may: &dyn Fn(&str) -> bool) {
        response.topics.retain(|topic| may(&topic.name));
    }
}

impl Guarded for ListGroupsRequest {
    type Withheld = ();
    guarded!(@names |it, visit| {});

    fn give_back(_: (), response: &mut ListGroupsResponse, may: &dyn Fn(&str) -> bool) {
        response.groups.retain(|group| may(&group.group));
    }
}

impl Guarded for CommitRequest {
    type Withheld = Vec<CommittedOffset>;
    guarded!(@names |it, visit| {
        Group => visit(Named::Name(&it.group));
        Topic => it.offsets.iter().for_each(|offset| visit(Named::Name(&offset.topic)));
    });

    fn withhold(&mut self, may: &mut dyn FnMut(&str) -> bool) -> Self::Withheld {
        self.offsets.extract_if(.., |offset| !may(&offset.topic)).collect()
    }

    fn give_back(
        withheld: Self::Withheld,
        response: &mut CommitResponse,
        _may: &dyn Fn(&str) -> bool,
    ) {
        let denied = |offset| CommittedOffset { error: DENIED, ..offset };
        response.failed.extend(withheld.into_iter().map(denied));
    }
}

impl Guarded for CommittedRequest {
    type Withheld = Vec<TopicPartitions>;
    guarded!(@names |it, visit| {
        Group => visit(Named::Name(&it.group));
        Topic => {
            let topics = it.topics.iter().flatten();
            topics.for_each(|topic| visit(Named::Name(&topic.topic)));
        };
    });

    fn withhold(&mut self, may: &mut dyn FnMut(&str) -> bool) -> Self::Withheld {
        let Some(topics) = &mut self.topics else { return Vec::new() };
        topics.extract_if(.., |topic| !may(&topic.topic)).collect()
    }

    fn give_back(
        withheld: Self::Withheld,
        response: &mut CommittedResponse,
        may: &dyn Fn(&str) -> bool,
    ) {
        // Where all offsets were asked for, those of hidden topics are left out.
        response.offsets.retain(|offset| may(&offset.topic));
        for TopicPartitions { topic, partitions } in withheld {
            response.offsets.extend(partitions.into_iter().map(|partition| CommittedOffset {
                topic: topic.clone(),
                partition,
                error: DENIED,
                ..Default::default()
            }));
        }
    }
}

/// The characters with which every match of a regular expression begins: those before the first that
/// means something else, less one that may be repeated or left out. Nothing where there is a choice.
fn literal_prefix(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let literal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let end = pattern.find(|c| !literal(c)).unwrap_or(pattern.len());
    match pattern[end..].chars().next() {
        Some('*' | '?' | '{' | '+') => &pattern[..end.saturating_sub(1)],
        _ => &pattern[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_patterns() {
        for (pattern, prefix) in [
            ("orders-.*", "orders-"),
            ("orders", "orders"),
            ("ab*", "a"),
            ("ab?c", "a"),
            ("ab{0,1}", "a"),
            ("*", ""),
            (".*", ""),
            ("^a", ""),
            ("(?i)a", ""),
            ("a|b", ""),
            ("a(b|c)", ""),
            ("a\\d", "a"),
            ("é", ""),
            ("", ""),
        ] {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }

    fn offset(topic: &str) -> CommittedOffset {
        CommittedOffset { topic: topic.into(), offset: Some(7), ..Default::default() }
    }

    /// Only what begins with `a` is allowed.
    fn may(name: &str) -> bool {
        name.starts_with('a')
    }

    #[test]
    fn commits_are_stored_in_part() {
        let mut request = CommitRequest {
            offsets: ["b1", "a1", "b2"].map(offset).to_vec(),
            ..Default::default()
        };
        let withheld = request.withhold(&mut may);
        assert_eq!(request.offsets, [offset("a1")]);
        let mut response = CommitResponse::default();
        CommitRequest::give_back(withheld, &mut response, &may);
        let failed: Vec<_> = response.failed.iter().map(|o| (o.topic.as_str(), o.error)).collect();
        assert_eq!(failed, [("b1", DENIED), ("b2", DENIED)]);
    }

    #[test]
    fn committed_offsets_are_shown_in_part() {
        let ask = |topics: Option<Vec<&str>>| {
            let named = |topic: &str| TopicPartitions { topic: topic.into(), partitions: vec![0] };
            let topics = topics.map(|topics| topics.into_iter().map(named).collect());
            let mut request = CommittedRequest { topics, ..Default::default() };
            let withheld = request.withhold(&mut may);
            let offsets = match request.topics {
                Some(topics) => topics.iter().map(|t| offset(&t.topic)).collect(),
                None => ["a1", "b1"].map(offset).to_vec(),
            };
            let mut response = CommittedResponse { offsets };
            CommittedRequest::give_back(withheld, &mut response, &may);
            response.offsets.into_iter().map(|o| (o.topic, o.error, o.offset)).collect::<Vec<_>>()
        };
        let seen = ("a1".to_owned(), 0, Some(7));
        assert_eq!(ask(None), std::slice::from_ref(&seen));
        assert_eq!(ask(Some(vec!["b1", "a1"])), [seen, ("b1".to_owned(), DENIED, None)]);
    }

    #[test]
    fn groups_are_listed_in_part() {
        let group = |name: &str| GroupSummary { group: name.into(), ..Default::default() };
        let mut response = ListGroupsResponse { groups: ["a1", "b1"].map(group).to_vec() };
        ListGroupsRequest::give_back((), &mut response, &may);
        assert_eq!(response.groups, [group("a1")]);
    }

    #[test]
    fn metadata_keeps_its_order() {
        for topics in [vec!["b1", "a1", "b2", "a2"], vec!["a1"], vec!["b1"], vec!["a1", "a2", "b1"]]
        {
            let wanted: Vec<_> = topics.iter().map(|t| (*t).to_owned()).collect();
            let mut request = MetadataRequest { topics: wanted.clone() };
            let withheld = request.withhold(&mut may);
            let known = |name: String| TopicSummary { name, partitions: 1, error: 0 };
            let mut response = MetadataResponse {
                topics: request.topics.into_iter().map(known).collect(),
                ..Default::default()
            };
            MetadataRequest::give_back(withheld, &mut response, &may);
            let names: Vec<_> = response.topics.iter().map(|t| t.name.clone()).collect();
            assert_eq!(names, wanted);
            assert!(response.topics.iter().all(|t| (t.error == DENIED) != may(&t.name)));
        }
    }
}
