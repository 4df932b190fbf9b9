//! Who may do what: rules, the bundles of the built-in roles, and how they are weighed.

use flymq_protocol::messages::Acl;
use flymq_protocol::{ErrorCode, ProtocolError};

use crate::Result;
use crate::topic::shorten;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$each:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$each])* $variant,)* }

        impl $type {
            /// Every one there is.
            pub const ALL: &'static [$type] = &[$($type::$variant,)*];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }

            fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

names! {
    /// What is done with a resource.
    Operation {
        /// Read records, or be a member of a group.
        Read = "read",
        /// Write records, or run transactions.
        Write = "write",
        /// Create it.
        Create = "create",
        /// Delete it.
        Delete = "delete",
        /// Change its configuration or size.
        Alter = "alter",
        /// See that it is there, and how it is.
        Describe = "describe",
        /// Everything; of the cluster, also users and rules.
        Admin = "admin",
    }
}

names! {
    /// What operations are done with.
    Resource {
        /// A topic.
        Topic = "topic",
        /// A consumer group.
        Group = "group",
        /// A producer's stable name.
        TransactionalId = "transactional_id",
        /// The broker itself: its users and rules. Its name is `*`.
        Cluster = "cluster",
    }
}

/// The name of the one cluster, and in rules of every resource.
pub const ANY: &str = "*";

/// Which names a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Literal(String),
    Prefix(String),
}

/// A rule, checked and without its principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    allow: bool,
    operation: Operation,
    resource: Resource,
    pattern: Pattern,
}

impl Rule {
    /// Reads a rule.
    pub fn parse(acl: &Acl) -> Result<Self> {
        let invalid = |field: &str, value: &str, wanted: &str| {
            ProtocolError::new(
                ErrorCode::InvalidRequest,
                format!("{field} {:?} of an ACL is not {wanted}", shorten(value)),
            )
        };
        let Acl { principal, permission, operation, resource, pattern, name } = acl;
        let of_someone = |prefix| {
            principal
                .strip_prefix(prefix)
                .is_some_and(|name| super::users::check_name(name).is_ok())
        };
        if !(principal == ANY || of_someone("user:") || of_someone("role:")) {
            return Err(invalid("principal", principal, "user:NAME, role:NAME or *"));
        }
        let allow = match permission.as_str() {
            "allow" => true,
            "deny" => false,
            other => return Err(invalid("permission", other, "allow or deny")),
        };
        let operation = Operation::parse(operation).ok_or_else(|| {
            invalid("operation", operation, "read, write, create, delete, alter, describe or admin")
        })?;
        let resource = Resource::parse(resource).ok_or_else(|| {
            invalid("resource", resource, "topic, group, transactional_id or cluster")
        })?;
        if name.is_empty() || name.len() > 255 {
            return Err(invalid("name", name, "1 to 255 bytes long"));
        }
        let pattern = match pattern.as_str() {
            "literal" if name == ANY => Pattern::Any,
            "literal" => Pattern::Literal(name.clone()),
            "prefix" => Pattern::Prefix(name.clone()),
            other => return Err(invalid("pattern", other, "literal or prefix")),
        };
        if resource == Resource::Cluster && pattern != Pattern::Any {
            return Err(invalid("name", name, "*, as the cluster's is, and literal"));
        }
        Ok(Self { allow, operation, resource, pattern })
    }

    fn is_about(&self, resource: Resource, name: &str) -> bool {
        self.resource == resource
            && match &self.pattern {
                Pattern::Any => true,
                Pattern::Literal(literal) => literal == name,
                Pattern::Prefix(prefix) => name.starts_with(prefix.as_str()),
            }
    }

    /// Whether it has a say on an operation. Whoever may do something with a resource may also see
    /// it; whoever may not do something can still be allowed to see it.
    fn concerns(&self, operation: Operation) -> bool {
        use Operation::*;
        self.operation == operation
            || self.operation == Admin
            || (self.allow
                && operation == Describe
                && matches!(self.operation, Read | Write | Delete | Alter))
    }
}

/// What a built-in role allows, on every resource of each kind.
pub fn bundle(role: &str) -> Vec<Rule> {
    use Operation::*;
    use Resource::*;
    let allowed: &[(Resource, Operation)] = match role {
        "admin" => &[(Topic, Admin), (Group, Admin), (TransactionalId, Admin), (Cluster, Admin)],
        "producer" => &[(Topic, Write), (TransactionalId, Write)],
        "consumer" => &[(Topic, Read), (Group, Read)],
        "reader" => &[(Topic, Read)],
        _ => &[],
    };
    let rule = |&(resource, operation): &_| Rule {
        allow: true,
        operation,
        resource,
        pattern: Pattern::Any,
    };
    allowed.iter().map(rule).collect()
}

/// Weighs one principal's rules: a rule that denies wins, and what no rule allows is denied.
pub fn decide(rules: &[Rule], operation: Operation, resource: Resource, name: &str) -> bool {
    let mut allowed = false;
    for rule in rules.iter().filter(|r| r.concerns(operation) && r.is_about(resource, name)) {
        if !rule.allow {
            return false;
        }
        allowed = true;
    }
    allowed
}

/// As [`decide`], for every name that begins with `prefix`, known or not. A rule that denies any of
/// them denies all.
pub fn decide_prefix(
    rules: &[Rule],
    operation: Operation,
    resource: Resource,
    prefix: &str,
) -> bool {
    let mut allowed = false;
    for rule in rules.iter().filter(|r| r.concerns(operation) && r.resource == resource) {
        let (touches, covers) = match &rule.pattern {
            Pattern::Any => (true, true),
            Pattern::Literal(name) => (name.starts_with(prefix), false),
            Pattern::Prefix(own) => {
                let covers = prefix.starts_with(own.as_str());
                (covers || own.starts_with(prefix), covers)
            }
        };
        match rule.allow {
            false if touches => return false,
            true if covers => allowed = true,
            _ => {}
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(permission: &str, operation: &str, pattern: &str, name: &str) -> Rule {
        let [principal, resource] = ["user:ada", "topic"].map(str::to_owned);
        let [permission, operation, pattern, name] =
            [permission, operation, pattern, name].map(str::to_owned);
        Rule::parse(&Acl { principal, permission, operation, resource, pattern, name }).unwrap()
    }

    fn may(rules: &[Rule], operation: Operation, name: &str) -> bool {
        decide(rules, operation, Resource::Topic, name)
    }

    #[test]
    fn nothing_is_allowed_unless_a_rule_says_so() {
        for &operation in Operation::ALL {
            assert!(!may(&[], operation, "t"));
            let own = rule("allow", operation.name(), "literal", "t");
            assert!(may(std::slice::from_ref(&own), operation, "t"));
            assert!(!may(std::slice::from_ref(&own), operation, "tt"));
            for &other in Operation::ALL.iter().filter(|&&other| other != operation) {
                let implied = operation == Operation::Admin
                    || (other == Operation::Describe && operation != Operation::Create);
                assert_eq!(
                    may(std::slice::from_ref(&own), other, "t"),
                    implied,
                    "{own:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn who_denies_wins() {
        let everything = rule("allow", "admin", "literal", "*");
        let not_this = rule("deny", "write", "literal", "t");
        for rules in [[everything.clone(), not_this.clone()], [not_this, everything.clone()]] {
            assert!(!may(&rules, Operation::Write, "t"));
            assert!(may(&rules, Operation::Describe, "t") && may(&rules, Operation::Write, "u"));
        }
        let nothing = [everything, rule("deny", "admin", "prefix", "t")];
        assert!(
            Operation::ALL.iter().all(|&op| !may(&nothing, op, "t1") && may(&nothing, op, "u"))
        );
    }

    #[test]
    fn built_in_roles() {
        use Operation::*;
        use Resource::*;
        let all: Vec<_> = Resource::ALL
            .iter()
            .flat_map(|&r| Operation::ALL.iter().map(move |&o| (r, o)))
            .collect();
        let may = |role| {
            let rules = bundle(role);
            let allowed = all.iter().filter(|(r, o)| decide(&rules, *o, *r, "x"));
            allowed.copied().collect::<Vec<_>>()
        };
        assert_eq!(may("admin"), all);
        let write = [(Topic, Write), (Topic, Describe)];
        let transact = [(TransactionalId, Write), (TransactionalId, Describe)];
        assert_eq!(may("producer"), [write, transact].concat());
        let read = [(Topic, Read), (Topic, Describe)];
        assert_eq!(may("reader"), read);
        assert_eq!(may("consumer"), [read, [(Group, Read), (Group, Describe)]].concat());
        assert!(may("billing").is_empty() && may("").is_empty());
    }

    #[test]
    fn patterns() {
        let prefix = [rule("allow", "read", "prefix", "orders-")];
        assert!(
            may(&prefix, Operation::Read, "orders-") && may(&prefix, Operation::Read, "orders-1")
        );
        assert!(
            !may(&prefix, Operation::Read, "orders") && !may(&prefix, Operation::Read, "x-orders-")
        );
        // A star is one only where a literal is nothing else.
        let star = [rule("allow", "read", "prefix", "*")];
        assert!(!may(&star, Operation::Read, "t"));
        assert!(!decide(&prefix, Operation::Read, Resource::Group, "orders-1"));
    }

    #[test]
    fn all_names_with_a_beginning() {
        let may =
            |rules: &[Rule], prefix| decide_prefix(rules, Operation::Read, Resource::Topic, prefix);
        let orders = rule("allow", "read", "prefix", "orders-");
        assert!(may(std::slice::from_ref(&orders), "orders-eu"));
        assert!(!may(std::slice::from_ref(&orders), "orders") && !may(&[], ""));
        assert!(!may(&[rule("allow", "read", "literal", "a")], "a"));
        assert!(may(&[rule("allow", "read", "literal", "*")], ""));
        for deny in [
            ("literal", "orders-eu-1"),
            ("prefix", "orders-eu-"),
            ("prefix", "ord"),
            ("literal", "*"),
        ] {
            let rules = [orders.clone(), rule("deny", "read", deny.0, deny.1)];
            assert!(!may(&rules, "orders-eu"), "{deny:?}");
        }
        assert!(may(&[orders.clone(), rule("deny", "read", "prefix", "orders-us")], "orders-eu"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let good = Acl {
            principal: "role:x".into(),
            permission: "deny".into(),
            operation: "alter".into(),
            resource: "cluster".into(),
            pattern: "literal".into(),
            name: "*".into(),
        };
        Rule::parse(&good).unwrap();
        let spoil: [fn(&mut Acl); 11] = [
            |a| a.principal = "ada".into(),
            |a| a.principal = "user:".into(),
            |a| a.principal = String::new(),
            |a| a.permission = "Allow".into(),
            |a| a.operation = "any".into(),
            |a| a.resource = "topics".into(),
            |a| a.pattern = "regex".into(),
            |a| a.pattern = "prefix".into(),
            |a| a.name = "x".into(),
            |a| a.name = String::new(),
            |a| a.name = "x".repeat(256),
        ];
        for spoil in spoil {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert_eq!(Rule::parse(&bad).unwrap_err().code, ErrorCode::InvalidRequest, "{bad:?}");
        }
    }
}
