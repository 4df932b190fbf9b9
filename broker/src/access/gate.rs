//! The one table of what each operation needs. `docs/security.md` shows it, and a test compares.

use flymq_protocol::OpCode;

use super::rules::{Operation, Resource};

/// A permission that an operation needs on each resource that its request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need(pub Resource, pub Operation);

/// What it takes to see how the broker itself is: the cluster's status, and in the console its
/// connections, latencies and storage too.
pub const OBSERVE: Need = Need(Resource::Cluster, Operation::Describe);

/// What has to hold before an operation is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: it is there for whoever is not authenticated yet.
    Open,
    /// A session that is authenticated.
    Session,
    /// Permissions.
    Permissions {
        /// Without one of these the request is refused.
        all: &'static [Need],
        /// Without this, an entry of the request or the response gets an error or is left out.
        each: Option<Need>,
    },
}

/// What an operation needs. No operation can be left out: the match has no wildcard.
pub fn gate(op: OpCode) -> Gate {
    use Operation::*;
    use Resource::*;
    const fn all(all: &'static [Need]) -> Gate {
        Gate::Permissions { all, each: None }
    }
    const fn each(all: &'static [Need], resource: Resource, operation: Operation) -> Gate {
        Gate::Permissions { all, each: Some(Need(resource, operation)) }
    }
    const USERS_AND_RULES: Gate = all(&[Need(Cluster, Admin)]);
    match op {
        OpCode::Hello | OpCode::Auth | OpCode::Ping => Gate::Open,
        OpCode::Whoami => Gate::Session,
        OpCode::Produce => all(&[Need(Topic, Write), Need(TransactionalId, Write)]),
        OpCode::Consume => all(&[Need(Topic, Read)]),
        OpCode::Fetch => each(&[], Topic, Read),
        OpCode::ListOffsets => all(&[Need(Topic, Describe)]),
        OpCode::InitProducer => all(&[Need(TransactionalId, Write)]),
        OpCode::CreateTopic => all(&[Need(Topic, Create)]),
        OpCode::DeleteTopic => all(&[Need(Topic, Delete)]),
        OpCode::ListTopics => each(&[], Topic, Describe),
        OpCode::Metadata => each(&[], Topic, Describe),
        OpCode::AddPartitions => all(&[Need(Topic, Alter)]),
        OpCode::DescribeTopic => all(&[Need(Topic, Describe)]),
        OpCode::AlterTopic => all(&[Need(Topic, Alter)]),
        OpCode::ClusterStatus => all(&[OBSERVE]),
        OpCode::Subscribe => all(&[Need(Group, Read), Need(Topic, Read)]),
        OpCode::Commit => each(&[Need(Group, Read)], Topic, Read),
        OpCode::Heartbeat => all(&[Need(Group, Read)]),
        OpCode::Leave => all(&[Need(Group, Read)]),
        OpCode::Committed => each(&[Need(Group, Describe)], Topic, Describe),
        OpCode::ListGroups => each(&[], Group, Describe),
        OpCode::DescribeGroup => all(&[Need(Group, Describe)]),
        OpCode::DeleteGroup => all(&[Need(Group, Delete)]),
        OpCode::BeginTxn => all(&[Need(TransactionalId, Write)]),
        OpCode::CommitTxn => all(&[Need(TransactionalId, Write)]),
        OpCode::AbortTxn => all(&[Need(TransactionalId, Write)]),
        OpCode::TxnOffsets => {
            all(&[Need(TransactionalId, Write), Need(Group, Read), Need(Topic, Read)])
        }
        OpCode::UpsertUser
        | OpCode::DeleteUser
        | OpCode::ListUsers
        | OpCode::AddAcls
        | OpCode::RemoveAcls
        | OpCode::ListAcls => USERS_AND_RULES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(needs: &[Need]) -> String {
        needs
            .iter()
            .map(|n| format!("{} {}", n.0.name(), n.1.name()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn the_page_on_security_shows_the_table() {
        let page = include_str!("../../../docs/security.md");
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|line| *line != "| operation | needs | each entry needs |")
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        let table: Vec<String> = OpCode::ALL
            .iter()
            .map(|&op| {
                let (all, each) = match gate(op) {
                    Gate::Open => ("nothing".to_owned(), String::new()),
                    Gate::Session => ("a session".to_owned(), String::new()),
                    Gate::Permissions { all, each } => (
                        if all.is_empty() { "a session".to_owned() } else { written(all) },
                        each.map_or(String::new(), |need| written(&[need])),
                    ),
                };
                format!("| {} | {all} | {each} |", op.name()).replace("|  |", "| |")
            })
            .collect();
        assert_eq!(rows, table, "\n{}\n", table.join("\n"));
    }
}
