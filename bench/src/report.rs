//! What a scenario found: as JSON for machines, as tables for people.

mod table;

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

pub(crate) use self::table::{figure, table};
use crate::{
    Result,
    machine::{Build, Machine},
    statistics::Spread,
};

/// The version of the JSON; raised when a field changes its meaning.
const FORMAT: u32 = 1;

/// The outcome of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) format: u32,
    pub(crate) scenario: String,
    pub(crate) started_unix_seconds: u64,
    pub(crate) parameters: BTreeMap<String, serde_json::Value>,
    pub(crate) machine: Machine,
    pub(crate) build: Build,
    /// What was warmed up, what was left out: whatever a reader has to know.
    pub(crate) conditions: Vec<String>,
    pub(crate) measures: Vec<Measure>,
    pub(crate) ratios: Vec<Ratio>,
    /// What went wrong. With any of them the figures count for nothing.
    pub(crate) failures: Vec<String>,
}

/// One figure of one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measure {
    pub(crate) system: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) goal: Option<Goal>,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// One figure of one system divided by that of another, run by run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) of: String,
    pub(crate) to: String,
    pub(crate) goal: Option<Goal>,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// What a figure should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl Report {
    /// A report without figures, of a scenario that begins now.
    pub(crate) fn begin(scenario: &str, parameters: &impl Serialize) -> Result<Self> {
        let parameters = serde_json::to_value(parameters)?;
        Ok(Self {
            format: FORMAT,
            scenario: scenario.to_owned(),
            started_unix_seconds: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
            parameters: serde_json::from_value(parameters)?,
            machine: Machine::here(),
            build: Build::this(),
            conditions: Vec::new(),
            measures: Vec::new(),
            ratios: Vec::new(),
            failures: Vec::new(),
        })
    }

    pub(crate) fn read(json: &str) -> Result<Self> {
        let report: Self = serde_json::from_str(json)?;
        if report.format != FORMAT {
            return Err(format!("report format {} is not known", report.format).into());
        }
        Ok(report)
    }

    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Notes a figure, one value per run.
    pub(crate) fn measure(&mut self, system: &str, name: &str, unit: &str, runs: Vec<f64>) {
        self.measures.push(Measure {
            system: system.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            goal: None,
            spread: Spread::of(runs),
        });
    }

    /// Sets what a figure noted before should reach; nothing when it was not measured.
    pub(crate) fn expect(&mut self, system: &str, name: &str, goal: Goal) {
        for measure in &mut self.measures {
            if measure.system == system && measure.name == name {
                measure.goal = Some(goal);
            }
        }
    }

    /// Notes how two figures relate in each run; nothing when one of them was not measured.
    pub(crate) fn ratio(
        &mut self,
        name: &str,
        of: (&str, &str),
        to: (&str, &str),
        goal: Option<Goal>,
    ) {
        let (Some(above), Some(below)) = (self.find(of), self.find(to)) else {
            return;
        };
        let runs = above
            .spread
            .runs
            .iter()
            .zip(&below.spread.runs)
            .map(|(above, below)| above / below)
            // Nothing divided by nothing is no figure, and JSON has no word for it.
            .filter(|ratio| ratio.is_finite())
            .collect::<Vec<_>>();
        if runs.is_empty() {
            return;
        }
        self.ratios.push(Ratio {
            name: name.to_owned(),
            of: of.0.to_owned(),
            to: to.0.to_owned(),
            goal,
            spread: Spread::of(runs),
        });
    }

    fn find(&self, (system, name): (&str, &str)) -> Option<&Measure> {
        self.measures
            .iter()
            .find(|measure| measure.system == system && measure.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::begin("test", &BTreeMap::from([("nodes", 3)])).unwrap();
        report.measure("ours", "latency", "ms", vec![1.0, 3.0, 2.0]);
        report.measure("theirs", "latency", "ms", vec![2.0, 3.0, 8.0]);
        report.ratio(
            "latency",
            ("ours", "latency"),
            ("theirs", "latency"),
            Some(Goal::AtMost(0.5)),
        );
        report
    }

    #[test]
    fn a_ratio_is_taken_run_by_run() {
        let report = report();
        assert_eq!(report.ratios[0].spread.runs, [0.5, 1.0, 0.25]);
        assert_eq!(report.ratios[0].spread.median, 0.5);
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = report();
        assert_eq!(Report::read(&report.json().unwrap()).unwrap(), report);
    }

    #[test]
    fn a_report_of_another_format_is_refused() {
        let mut report = report();
        report.format = FORMAT + 1;
        assert!(Report::read(&report.json().unwrap()).is_err());
    }

    #[test]
    fn a_figure_that_was_not_measured_has_no_ratio() {
        let mut report = report();
        report.ratio("cpu", ("ours", "cpu"), ("theirs", "cpu"), None);
        assert_eq!(report.ratios.len(), 1);
    }

    #[test]
    fn the_text_says_whether_a_goal_is_met() {
        let text = report().text();
        assert!(text.contains("≤ 0.5"), "{text}");
        assert!(text.contains("met"), "{text}");
    }
}
