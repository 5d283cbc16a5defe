//! A report for people.

use comfy_table::{CellAlignment, Table, presets};

use super::{Goal, Measure, Ratio, Report};
use crate::statistics::Spread;

impl Report {
    /// The report as text: conditions, figures, ratios, and last what went wrong.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.scenario, self.setting());
        for condition in &self.conditions {
            text.push_str(&format!("  {condition}\n"));
        }
        text.push('\n');
        text.push_str(&table(
            [
                "system", "figure", "median", "min", "max", "unit", "goal", "",
            ],
            self.measures.iter().map(measure_row),
        ));
        if !self.ratios.is_empty() {
            text.push_str("\n\n");
            text.push_str(&table(
                ["ratio", "of", "to", "median", "min", "max", "goal", ""],
                self.ratios.iter().map(ratio_row),
            ));
        }
        text.push('\n');
        for failure in &self.failures {
            text.push_str(&format!("\nfailed: {failure}"));
        }
        if !self.build.is_optimised() {
            text.push_str(&format!(
                "\nOur crates were built with opt-level {}: do not quote these figures, use `make bench`.",
                self.build.opt_level
            ));
        }
        text
    }

    fn setting(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{name} {}", value.to_string().trim_matches('"')))
            .collect();
        let packages: Vec<String> = self
            .build
            .packages
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        let (machine, build) = (&self.machine, &self.build);
        format!(
            "  {}\n  {} cores, {}, {} MiB, Linux {}, load {}\n  {}, {}, opt-level {}\n  {}\n",
            parameters.join(", "),
            machine.cores,
            machine.cpu,
            machine.memory_mib,
            machine.kernel,
            machine.load,
            build.rustc,
            build.target,
            build.opt_level,
            packages.join(", "),
        )
    }
}

/// A table without lines; from the third column on, numbers to the right.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        if matches!(
            header[index],
            "median" | "min" | "max" | "A" | "B" | "B / A"
        ) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A figure with as many digits as a person can use.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        // Nothing divided by nothing.
        size if size.is_nan() => "-".to_owned(),
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn measure_row(measure: &Measure) -> [String; 8] {
    let [goal, met] = standing(measure.goal, &measure.spread);
    let [median, min, max] = spread(&measure.spread);
    [
        measure.system.clone(),
        measure.name.clone(),
        median,
        min,
        max,
        measure.unit.clone(),
        goal,
        met,
    ]
}

fn ratio_row(ratio: &Ratio) -> [String; 8] {
    let [median, min, max] = spread(&ratio.spread);
    let [goal, met] = standing(ratio.goal, &ratio.spread);
    [
        ratio.name.clone(),
        ratio.of.clone(),
        ratio.to.clone(),
        median,
        min,
        max,
        goal,
        met,
    ]
}

/// What should be reached, and whether it is.
fn standing(goal: Option<Goal>, spread: &Spread) -> [String; 2] {
    let Some(goal) = goal else {
        return Default::default();
    };
    let text = match goal {
        Goal::AtMost(limit) => format!("≤ {limit}"),
        Goal::AtLeast(limit) => format!("≥ {limit}"),
    };
    let met = if goal.is_met(spread.median) {
        "met"
    } else {
        "not met"
    };
    [text, met.to_owned()]
}

fn spread(spread: &Spread) -> [String; 3] {
    [spread.median, spread.min, spread.max].map(figure)
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_have_three_digits_that_count() {
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(0.01234), "0.0123");
        assert_eq!(figure(1.2345), "1.23");
        assert_eq!(figure(123.45), "123.5");
        assert_eq!(figure(22_635.4), "22635");
    }
}
