//! The table for people and the JSON for programs.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::Measured;
use crate::scenario::Target;

/// Prints one line a scenario.
pub fn table(results: &[Measured]) -> std::io::Result<()> {
    let head = ["SCENARIO", "VALUE", "UNIT", "LIMIT", "IS", "RATIO", "TARGET", ""];
    let mut rows = vec![head.map(str::to_owned)];
    for result in results {
        let limit = result.limit.as_ref();
        rows.push([
            result.scenario.name.clone(),
            number(result.value()),
            result.scenario.unit().to_owned(),
            limit.map_or_else(String::new, |(name, _)| name.clone()),
            result.limit_value().map_or_else(String::new, number),
            result.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            result.scenario.target.map_or_else(String::new, target),
            match result.reached() {
                None => "",
                Some(true) => "ok",
                Some(false) => "MISSED",
            }
            .to_owned(),
        ]);
    }
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = std::io::stdout().lock();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            // Figures to the right.
            let pad = " ".repeat(width - cell.chars().count());
            let right = matches!(column, 1 | 4 | 5);
            let cell = if right { pad + cell } else { cell.clone() + &pad };
            line.push_str(&cell);
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

/// One result in one line.
pub fn summary(result: &Measured) -> String {
    let ratio = result.ratio().map_or_else(String::new, |ratio| format!(", ratio {ratio:.2}"));
    format!("{} {}{ratio}", number(result.value()), result.scenario.unit())
}

/// Everything that was measured.
pub fn json(results: &[Measured], quick: bool) -> Value {
    let result = |measured: &Measured| {
        json!({
            "scenario": measured.scenario,
            "unit": measured.scenario.unit(),
            "value": measured.value(),
            "values": measured.values,
            "limit": measured.limit.as_ref().map(|(name, values)| json!({
                "name": name,
                "value": measured.limit_value(),
                "values": values,
            })),
            "ratio": measured.ratio(),
            "ok": measured.reached(),
            "curve": measured.curve,
        })
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "quick": quick,
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "results": results.iter().map(result).collect::<Value>(),
    })
}

fn target(target: Target) -> String {
    match target {
        Target::Min(least) => format!(">= {}", number(least)),
        Target::Max(most) => format!("<= {}", number(most)),
        Target::MinRatio(least) => format!("ratio >= {least}"),
        Target::MaxRatio(most) => format!("ratio <= {most}"),
        Target::MaxAdded(most) => format!("limit + {most}"),
    }
}

/// Three to four digits that matter, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 1000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(1000.0), "1,000");
        assert_eq!(number(1_234_567.8), "1,234,568");
    }
}
