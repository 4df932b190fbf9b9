//! Runs: a warm-up, then limit and scenario in turn, then medians.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::limits::Limit;
use crate::measure::Prepared;
use crate::scenario::{Kind, Scenario, Target};

/// How every scenario is measured.
pub struct Harness<'a> {
    scenarios: &'a [Scenario],
    data_dir: PathBuf,
    quick: bool,
    runs: usize,
    runtime: tokio::runtime::Runtime,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Measured {
    pub scenario: Scenario,
    pub values: Vec<f64>,
    /// The name of what it is compared with, and what came out there.
    pub limit: Option<(String, Vec<f64>)>,
    /// Of a log that grows, the rate of each of its parts.
    pub curve: Vec<f64>,
}

impl Measured {
    pub fn value(&self) -> f64 {
        median(&self.values)
    }

    pub fn limit_value(&self) -> Option<f64> {
        self.limit.as_ref().map(|(_, values)| median(values))
    }

    /// The median of the ratios of each run to the limit measured next to it, if that is anything.
    pub fn ratio(&self) -> Option<f64> {
        let (_, limits) = self.limit.as_ref()?;
        let ratios: Vec<f64> = self.values.iter().zip(limits).map(|(v, l)| v / l).collect();
        Some(median(&ratios)).filter(|ratio| ratio.is_finite())
    }

    /// The median of what each run took more than the limit measured next to it.
    fn added(&self) -> Option<f64> {
        let (_, limits) = self.limit.as_ref()?;
        let added: Vec<f64> = self.values.iter().zip(limits).map(|(v, l)| v - l).collect();
        Some(median(&added))
    }

    /// Whether the target is reached, if there is one.
    pub fn reached(&self) -> Option<bool> {
        let ratio = self.ratio();
        Some(match self.scenario.target? {
            Target::Min(least) => self.value() >= least,
            Target::Max(most) => self.value() <= most,
            Target::MinRatio(least) => ratio? >= least,
            Target::MaxRatio(most) => ratio? <= most,
            Target::MaxAdded(most) => self.added()? <= most,
        })
    }
}

/// What a scenario is compared with, ready to be measured again and again.
enum Reference {
    Limit(Limit),
    Scenario(Box<Prepared>),
}

impl<'a> Harness<'a> {
    pub fn new(
        scenarios: &'a [Scenario],
        data_dir: PathBuf,
        quick: bool,
        runs: usize,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let harness = Self { scenarios, data_dir, quick, runs, runtime };
        for scenario in scenarios {
            if let Some(name) = &scenario.limit {
                ensure!(
                    Limit::from_name(name).is_some() || harness.find(name).is_some(),
                    "{} is compared with {name:?}, which is neither a limit nor a scenario",
                    scenario.name
                );
            }
        }
        Ok(harness)
    }

    fn find(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|s| s.name == name)
    }

    /// Measures one scenario, and what it is compared with.
    pub fn measure(&self, scenario: &Scenario) -> anyhow::Result<Measured> {
        let runs = scenario.runs.unwrap_or(self.runs);
        let mut prepared = self.prepare(scenario)?;
        if scenario.kind == Kind::Growth {
            let curve = self.runtime.block_on(prepared.growth())?;
            // The first and the last quarter.
            let quarter = curve.len() / 4;
            let values = vec![median(&curve[curve.len() - quarter..])];
            let limit = Some(("its beginning".to_owned(), vec![median(&curve[..quarter])]));
            return Ok(Measured { scenario: scenario.clone(), values, limit, curve });
        }
        let mut reference = match &scenario.limit {
            None => None,
            Some(name) => Some(match Limit::from_name(name) {
                Some(limit) => Reference::Limit(limit),
                None => {
                    let other = self.find(name).context("it was found before")?;
                    Reference::Scenario(Box::new(self.prepare(other)?))
                }
            }),
        };
        if runs > 1 {
            self.refer(&mut reference)?;
            self.runtime.block_on(prepared.measure())?;
        }
        let (mut values, mut limits) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            limits.extend(self.refer(&mut reference)?);
            values.push(self.runtime.block_on(prepared.measure())?);
        }
        let limit = scenario.limit.clone().map(|name| (name, limits));
        Ok(Measured { scenario: scenario.clone(), values, limit, curve: Vec::new() })
    }

    fn prepare(&self, scenario: &Scenario) -> anyhow::Result<Prepared> {
        self.runtime.block_on(Prepared::new(scenario, &self.data_dir, self.quick))
    }

    fn refer(&self, reference: &mut Option<Reference>) -> anyhow::Result<Option<f64>> {
        Ok(match reference {
            None => None,
            Some(Reference::Limit(limit)) => Some(limit.measure(&self.data_dir, self.quick)?),
            Some(Reference::Scenario(other)) => Some(self.runtime.block_on(other.measure())?),
        })
    }
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn targets() {
        let text = "[[scenario]]\nname = 'a'\nkind = 'produce'\nrecords = 1\nlimit = 'append'\n";
        let scenario = Scenario::parse(text).unwrap().remove(0);
        let reached = |target, value, limit| {
            let scenario = Scenario { target: Some(target), ..scenario.clone() };
            let limit = Some(("append".to_owned(), vec![limit]));
            Measured { scenario, values: vec![value], limit, curve: Vec::new() }.reached()
        };
        assert_eq!(reached(Target::Min(2.0), 2.0, 0.0), Some(true));
        assert_eq!(reached(Target::Max(2.0), 2.1, 0.0), Some(false));
        assert_eq!(reached(Target::MinRatio(0.5), 1.0, 2.1), Some(false));
        assert_eq!(reached(Target::MaxRatio(3.0), 6.0, 2.0), Some(true));
        assert_eq!(reached(Target::MaxAdded(2.0), 6.0, 4.0), Some(true));
        assert_eq!(reached(Target::MaxAdded(2.0), 6.1, 4.0), Some(false));
    }
}
