//! Two reports of one scenario side by side: did a change help?

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Args;

use crate::{
    Result, print,
    report::{Report, figure, table},
    statistics::Spread,
};

/// The reports.
#[derive(Debug, Args)]
pub(crate) struct Parameters {
    /// The report before the change.
    #[arg(value_name = "A.json")]
    before: PathBuf,
    /// The report after it.
    #[arg(value_name = "B.json")]
    after: PathBuf,
}

pub(crate) fn run(parameters: &Parameters) -> Result<()> {
    let read = |path: &PathBuf| -> Result<Report> {
        fs::read_to_string(path)
            .map_err(Into::into)
            .and_then(|json| Report::read(&json))
            .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
    };
    print(&compare(
        &read(&parameters.before)?,
        &read(&parameters.after)?,
    )?)
}

fn compare(before: &Report, after: &Report) -> Result<String> {
    if before.scenario != after.scenario {
        return Err(format!(
            "{} and {} cannot be compared",
            before.scenario, after.scenario
        )
        .into());
    }
    let mut text = format!("{}\n\n", before.scenario);
    for difference in differences(before, after) {
        text.push_str(&format!("  {difference}\n"));
    }
    let (old, new) = (figures(before), figures(after));
    let rows = old.iter().filter_map(|(name, a)| {
        let b = new.get(name)?;
        Some([
            name.clone(),
            figure(a.median),
            figure(b.median),
            figure(b.median / a.median),
            significance(a, b).to_owned(),
        ])
    });
    text.push('\n');
    text.push_str(&table(["figure", "A", "B", "B / A", ""], rows));
    Ok(text)
}

/// Whatever besides the code may explain a change.
fn differences(before: &Report, after: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for (name, a) in &before.parameters {
        match after.parameters.get(name) {
            Some(b) if a == b => {}
            Some(b) => found.push(format!("{name}: {a} and {b}")),
            None => found.push(format!("{name}: {a} and not given")),
        }
    }
    let same_machine = before.machine.cpu == after.machine.cpu
        && before.machine.cores == after.machine.cores
        && before.machine.kernel == after.machine.kernel;
    if !same_machine {
        found.push("different machines".to_owned());
    }
    if before.build.rustc != after.build.rustc
        || before.build.opt_level != after.build.opt_level
        || before.build.target_features != after.build.target_features
    {
        found.push("built differently".to_owned());
    }
    for (which, report) in [("A", before), ("B", after)] {
        if !report.failures.is_empty() {
            found.push(format!("{which} failed, its figures count for nothing"));
        }
    }
    found
}

fn figures(report: &Report) -> BTreeMap<String, &Spread> {
    let measures = report
        .measures
        .iter()
        .map(|m| (format!("{}: {} {}", m.system, m.name, m.unit), &m.spread));
    let ratios = report
        .ratios
        .iter()
        .map(|r| (format!("ratio {}: {} to {}", r.name, r.of, r.to), &r.spread));
    measures.chain(ratios).collect()
}

/// Runs that overlap prove no difference.
fn significance(a: &Spread, b: &Spread) -> &'static str {
    if a.runs.len() < 2 || b.runs.len() < 2 {
        "single runs"
    } else if a.max < b.min || b.max < a.min {
        ""
    } else {
        "within the spread"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(scenario: &str, nodes: u32, runs: Vec<f64>) -> Report {
        let mut report = Report::begin(scenario, &BTreeMap::from([("nodes", nodes)])).unwrap();
        report.measure("peerage", "latency", "ms", runs);
        report
    }

    #[test]
    fn a_change_is_shown_as_a_ratio() {
        let text = compare(
            &report("flood", 3, vec![2.0, 2.1]),
            &report("flood", 3, vec![1.0, 1.1]),
        )
        .unwrap();
        assert!(text.contains("0.5122"), "{text}");
        assert!(!text.contains("within the spread"), "{text}");
    }

    #[test]
    fn overlapping_runs_are_said_to_prove_nothing() {
        let text = compare(
            &report("flood", 3, vec![2.0, 4.0]),
            &report("flood", 3, vec![3.0, 5.0]),
        )
        .unwrap();
        assert!(text.contains("within the spread"), "{text}");
    }

    #[test]
    fn different_parameters_are_named() {
        let text = compare(
            &report("flood", 3, vec![1.0]),
            &report("flood", 50, vec![1.0]),
        )
        .unwrap();
        assert!(text.contains("nodes: 3 and 50"), "{text}");
    }

    #[test]
    fn different_scenarios_are_not_compared() {
        assert!(
            compare(
                &report("flood", 3, vec![1.0]),
                &report("store", 3, vec![1.0])
            )
            .is_err()
        );
    }
}
