//! What was measured: medians beside each other, and every value as JSON.

#![expect(clippy::print_stdout, reason = "the tables are the result")]

use serde::Serialize;
use std::collections::BTreeMap;

/// A value is marked when others took more of the server's core than this part.
pub(crate) const FOREIGN_MAX: f64 = 0.12;

/// What a figure measures of each case and contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) decimals: usize,
}

impl Metric {
    pub(crate) const fn new(name: &'static str, decimals: usize) -> Self {
        Self { name, decimals }
    }
}

/// One value of a contender in a case.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    contender: String,
    case: String,
    metric: &'static str,
    round: u32,
    value: f64,
    /// The part of the server's core that others took meanwhile.
    foreign: f64,
}

/// A figure's table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    name: &'static str,
    title: &'static str,
    metrics: Vec<Metric>,
    /// What is worth knowing about single runs: what went wrong in them.
    remarks: Vec<String>,
    measured: Vec<Measured>,
    /// In the order they came in.
    contenders: Vec<String>,
    cases: Vec<String>,
}

/// Where a value belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) contender: &'a str,
    pub(crate) case: &'a str,
    pub(crate) round: u32,
    pub(crate) foreign: f64,
}

impl Figure {
    pub(crate) fn new(name: &'static str, title: &'static str, metrics: &[Metric]) -> Self {
        Self {
            name,
            title,
            metrics: metrics.to_vec(),
            remarks: Vec::new(),
            measured: Vec::new(),
            contenders: Vec::new(),
            cases: Vec::new(),
        }
    }

    /// Adds a value of each metric, in their order. What could not be measured is not a number.
    pub(crate) fn add(&mut self, place: Place<'_>, values: &[f64]) {
        assert_eq!(values.len(), self.metrics.len(), "one value of each metric");
        if !self.contenders.iter().any(|name| name == place.contender) {
            self.contenders.push(place.contender.to_owned());
        }
        if !self.cases.iter().any(|name| name == place.case) {
            self.cases.push(place.case.to_owned());
        }
        for (metric, &value) in self.metrics.iter().zip(values) {
            self.measured.push(Measured {
                contender: place.contender.to_owned(),
                case: place.case.to_owned(),
                metric: metric.name,
                round: place.round,
                value,
                foreign: place.foreign,
            });
        }
    }

    pub(crate) fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// A table per metric: contenders beside each other, and how many times the others' value the first one's is.
    pub(crate) fn print(&self) {
        println!("\n## {}\n", self.title);
        for &metric in &self.metrics {
            self.print_metric(metric);
        }
        for remark in &self.remarks {
            println!("- {remark}");
        }
    }

    fn print_metric(&self, metric: Metric) {
        let Some((first, others)) = self.contenders.split_first() else { return };
        let mut head = vec![metric.name.to_owned()];
        head.extend(self.contenders.iter().cloned());
        head.extend(others.iter().map(|other| format!("{first} ÷ {other}")));
        let mut rows = vec![head];
        for case in &self.cases {
            let medians: Vec<_> =
                self.contenders.iter().map(|contender| self.median(metric, case, contender)).collect();
            let mut row = vec![case.clone()];
            row.extend(medians.iter().map(|median| match median {
                Some((value, is_clean)) => {
                    format!("{}{}", grouped(*value, metric.decimals), if *is_clean { "" } else { " *" })
                }
                None => "-".to_owned(),
            }));
            row.extend(medians[1..].iter().map(|other| match (medians[0], other) {
                (Some((first, _)), Some((other, _))) if *other != 0.0 => format!("{:.2}", first / other),
                _ => "-".to_owned(),
            }));
            rows.push(row);
        }
        print_columns(&rows);
        println!();
    }

    /// The median of the rounds, and whether others left the server alone in most of them.
    fn median(&self, metric: Metric, case: &str, contender: &str) -> Option<(f64, bool)> {
        let of = |is_clean_only: bool| {
            let values = self.measured.iter().filter(|measured| {
                measured.contender == contender
                    && measured.case == case
                    && measured.metric == metric.name
                    && measured.value.is_finite()
                    && (!is_clean_only || measured.foreign <= FOREIGN_MAX)
            });
            median(values.map(|measured| measured.value).collect())
        };
        of(true).map(|value| (value, true)).or_else(|| of(false).map(|value| (value, false)))
    }
}

/// How the run was made, and all that it found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    pub(crate) about: BTreeMap<&'static str, String>,
    pub(crate) figures: &'a [Figure],
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// As a table of Markdown, which is also readable as it is.
fn print_columns(rows: &[Vec<String>]) {
    let columns = rows[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        if index == 0 {
            let rule = widths.iter().enumerate().map(|(column, &width)| {
                if column == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width - 1)) }
            });
            println!("| {} |", rule.collect::<Vec<_>>().join(" | "));
        }
    }
}

/// With its thousands apart.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Metric, Place, grouped, median};

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(1_234_567.0, 0), "1,234,567");
        assert_eq!(grouped(-123.45, 1), "-123.5");
        assert_eq!(grouped(1000.25, 2), "1,000.25");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn disturbed_rounds_count_only_when_there_are_no_others() {
        let metric = Metric::new("ns", 0);
        let mut figure = Figure::new("f", "F", &[metric]);
        let place = |round, foreign| Place { contender: "moim", case: "c", round, foreign };
        figure.add(place(0, 0.5), &[900.0]);
        assert_eq!(figure.median(metric, "c", "moim"), Some((900.0, false)));
        figure.add(place(1, 0.01), &[100.0]);
        assert_eq!(figure.median(metric, "c", "moim"), Some((100.0, true)));
    }
}
