//! What `scenarios.toml` may say.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::attack::Method;

/// One thing to measure. Every field is explained at the head of `scenarios.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    pub kind: Kind,
    #[serde(default = "defaults::record_bytes")]
    pub record_bytes: usize,
    #[serde(default)]
    pub records: u64,
    #[serde(default)]
    pub total_bytes: u64,
    #[serde(default)]
    pub quick_total_bytes: u64,
    #[serde(default = "defaults::one")]
    pub partitions: u32,
    #[serde(default = "defaults::one")]
    pub clients: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_records: Option<u64>,
    #[serde(default = "defaults::batch_bytes")]
    pub batch_bytes: usize,
    #[serde(default = "defaults::linger_ms")]
    pub linger_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_bytes: Option<usize>,
    #[serde(default = "defaults::compression")]
    pub compression: String,
    #[serde(default)]
    pub encryption: bool,
    #[serde(default)]
    pub durability: Durability,
    #[serde(default)]
    pub tls: bool,
    #[serde(default)]
    pub scraped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<Method>,
    #[serde(default)]
    pub measure: Measure,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Produce,
    Consume,
    Latency,
    Memory,
    Connections,
    Growth,
    Seal,
    Rebalance,
    Idle,
    Heartbeats,
    Transactions,
}

/// What makes the members of a group share their partitions anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// One more joins.
    Join,
    /// One leaves.
    Leave,
    /// All join at the same time.
    All,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    #[default]
    Os,
    Fsync,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    #[default]
    Records,
    Bytes,
    Micros,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Min(f64),
    Max(f64),
    MinRatio(f64),
    MaxRatio(f64),
    MaxAdded(f64),
}

mod defaults {
    pub fn record_bytes() -> usize {
        100
    }

    pub fn one() -> u32 {
        1
    }

    pub fn batch_bytes() -> usize {
        128 << 10
    }

    pub fn linger_ms() -> u64 {
        5
    }

    pub fn compression() -> String {
        "none".to_owned()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

impl Scenario {
    /// Reads all scenarios and checks what can be checked beforehand.
    pub fn parse(text: &str) -> anyhow::Result<Vec<Self>> {
        let File { scenario: scenarios } =
            toml::from_str(text).context("the scenarios are not well formed")?;
        for (index, scenario) in scenarios.iter().enumerate() {
            let name = &scenario.name;
            ensure!(!scenarios[..index].iter().any(|s| s.name == *name), "two are called {name}");
            let sized = match scenario.kind {
                Kind::Produce | Kind::Consume | Kind::Latency | Kind::Seal => scenario.records > 0,
                Kind::Memory | Kind::Growth => {
                    scenario.total_bytes > 0 && scenario.quick_total_bytes > 0
                }
                Kind::Transactions => {
                    scenario.records > 0 && scenario.transaction_records.is_some_and(|r| r > 0)
                }
                Kind::Connections | Kind::Idle | Kind::Heartbeats | Kind::Rebalance => true,
            };
            ensure!(sized, "{name} does not say how much to write");
            let triggered = scenario.kind == Kind::Rebalance;
            ensure!(scenario.trigger.is_some() == triggered, "{name}: a rebalance has a trigger");
            let compared = scenario.limit.is_some() || scenario.kind == Kind::Growth;
            if let Some(Target::MinRatio(_) | Target::MaxRatio(_) | Target::MaxAdded(_)) =
                scenario.target
            {
                ensure!(compared, "{name} has a target that compares, and nothing to compare with");
            }
            if scenario.kind == Kind::Growth && scenario.limit.is_some() {
                bail!("{name} is compared with its own beginning and has no other limit");
            }
        }
        Ok(scenarios)
    }

    /// How many records a run writes or reads.
    pub fn amount(&self, quick: bool) -> u64 {
        match (self.kind, quick) {
            (Kind::Memory | Kind::Growth, false) => self.total_bytes / self.record_bytes as u64,
            (Kind::Memory | Kind::Growth, true) => {
                self.quick_total_bytes / self.record_bytes as u64
            }
            (_, false) => self.records,
            (_, true) => (self.records / 4).max(1),
        }
    }

    /// What its value counts.
    pub fn unit(&self) -> &'static str {
        match (self.kind, self.measure) {
            (Kind::Latency, _) => "µs p50",
            (Kind::Memory, _) => "MiB",
            (Kind::Connections, _) => "KiB each",
            (Kind::Rebalance, _) => "ms",
            (Kind::Idle | Kind::Heartbeats, _) => "% of a core",
            (_, Measure::Records) => "records/s",
            (_, Measure::Bytes) => "bytes/s",
            (_, Measure::Micros) => "µs each",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenarios_built_in_are_sound() {
        let scenarios = Scenario::parse(include_str!("../scenarios.toml")).unwrap();
        let named = |name: &str| scenarios.iter().find(|s| s.name == name).unwrap();
        assert_eq!(named("produce-100b").target, Some(Target::Min(1e6)));
        assert_eq!(named("memory").amount(false), 4 << 20);
        assert_eq!(named("produce-1k").unit(), "bytes/s");
    }

    #[test]
    fn mistakes_are_told() {
        let one = "[[scenario]]\nname = 'a'\nkind = 'produce'\n";
        let bad = [
            format!("{one}records = 1\nrecord_size = 1"),
            one.to_owned(),
            format!("{one}records = 1\n{one}records = 1"),
            format!("{one}records = 1\ntarget = {{ min_ratio = 1.0 }}"),
        ];
        for text in bad {
            assert!(Scenario::parse(&text).is_err(), "{text}");
        }
        assert!(Scenario::parse(&format!("{one}records = 1")).is_ok());
    }
}
