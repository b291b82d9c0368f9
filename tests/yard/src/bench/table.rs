//! The bench's tables for people.

use super::{median, Budget, Figure, Report, Row, RATIO_BUDGET, RSS_BUDGET};

/// The tables, with their footnotes.
pub fn render(report: &Report) -> String {
    let mut parts = Vec::new();
    if !report.rows.is_empty() {
        parts.push(rows(report));
    }
    if !report.figures.is_empty() {
        parts.push(the_box(report));
    }
    parts.join("\n")
}

fn the_box(report: &Report) -> String {
    let mut out = format!(
        "{:<32} {:>9} {:<20} {:>9}  {:<8} {}\n",
        "the box", "measured", "", "budget", "", "of what"
    );
    for of in &report.figures {
        out.push_str(&figure(of));
    }
    let over = report.figures.iter().filter(|f| f.is_over()).count();
    let not = report
        .figures
        .iter()
        .filter(|f| f.measured.is_none())
        .count();
    out.push_str(&format!(
        "\n{} figures, {over} over their budgets, {not} not measured in this run; {} processors, {:.0} s \
         in all.\n",
        report.figures.len(),
        report.processors,
        report.seconds,
    ));
    out
}

/// A line of the box's table.
pub fn figure(figure: &Figure) -> String {
    let budget = match figure.budget {
        None => String::new(),
        Some(Budget::AtMost(b)) => format!("<= {}", short(b)),
        Some(Budget::Under(b)) => format!("< {}", short(b)),
        Some(Budget::AtLeast(b)) => format!(">= {}", short(b)),
    };
    let verdict = match (figure.measured, figure.budget) {
        (None, _) if figure.failed => "FAILED",
        (None, _) => "NOT HERE",
        (_, None) => "",
        _ if figure.is_over() => "OVER",
        _ => "met",
    };
    format!(
        "{:<32} {:>9} {:<20} {:>9}  {:<8} {}\n",
        figure.name,
        figure.measured.map_or_else(|| "-".to_owned(), short),
        figure.unit,
        budget,
        verdict,
        figure.remark,
    )
}

/// Three digits are enough.
fn short(value: f64) -> String {
    match value.abs() {
        a if a >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn rows(report: &Report) -> String {
    let mut out = format!(
        "{:<26} {:>6} {:>5} {:>7} {:>7} {:>7} {:>8} {:>7} {:>6} {:>5} {:>8} {:>6}\n",
        "row",
        "mails",
        "MiB",
        "raw",
        "bare",
        "postern",
        "mails/s",
        "MiB/s",
        "ratio",
        "net",
        "RSS MiB",
        "sink"
    );
    for row in &report.rows {
        out.push_str(&line(row));
    }
    out.push_str(&format!(
        "\nraw, bare, postern: seconds from start to end, medians. ratio: bare / postern, median of \
         the pairs; net:\nwithout what an empty drain takes. sink: its ceiling as a multiple of the \
         faster drain, void under 5.\n! over budget: ratio at least {RATIO_BUDGET}, resident at \
         most {} MiB. {} pairs, {} processors, {:.0} s in all.\n",
        RSS_BUDGET >> 20,
        report.rows.iter().map(|r| r.bare.len()).max().unwrap_or(0),
        report.processors,
        report.seconds,
    ));
    for row in &report.rows {
        if row.ratio.is_some() {
            let middle = |of: &[super::Taken], what: fn(&super::Taken) -> f64| {
                median(&of.iter().map(what).collect::<Vec<_>>())
            };
            let processor = |of: &[super::Taken]| {
                format!(
                    "{:.2} of the machine's {:.2} ({:.0} % busy)",
                    middle(of, |t| t.processor),
                    middle(of, |t| t.machine),
                    middle(of, |t| t.busy) * 100.0
                )
            };
            let laden = middle(&row.laden, |t| t.seconds);
            out.push_str(&format!(
                "{}: empty drain bare {:.2} s, postern {:.2} s; processor seconds bare {}, postern {}; bare with \
                 the difference beside it {laden:.2} s, {:.2} of postern's{}\n",
                row.name,
                row.bare_empty,
                row.postern_empty,
                processor(&row.bare),
                processor(&row.postern),
                laden / middle(&row.postern, |t| t.seconds),
                row.mbsync.map_or(String::new(), |s| format!("; mbsync copies in {s:.2} s")),
            ));
        }
    }
    out
}

fn line(row: &Row) -> String {
    let dash = || "-".to_owned();
    let seconds = |of: Option<f64>| of.map_or_else(dash, |s| format!("{s:.2}"));
    let taken = |of: &[super::Taken]| match of.is_empty() {
        true => None,
        false => Some(median(&of.iter().map(|t| t.seconds).collect::<Vec<_>>())),
    };
    let postern = taken(&row.postern);
    let mib = row.octets as f64 / f64::from(1 << 20);
    let mark = |bad: bool| if bad { "!" } else { " " };
    let fastest = row.bare.iter().chain(&row.postern);
    let fastest = fastest.map(|t| t.seconds).fold(f64::INFINITY, f64::min);
    let sink = row.ceiling.map(|c| c / (row.mails as f64 / fastest));
    format!(
        "{:<26} {:>6} {:>5.0} {:>7} {:>7} {:>7} {:>8} {:>7} {:>5}{} {:>5} {:>7.1}{} {:>6}{}\n",
        row.name,
        row.mails,
        mib,
        seconds(row.raw),
        seconds(taken(&row.bare)),
        seconds(postern),
        postern.map_or_else(dash, |s| format!("{:.0}", row.mails as f64 / s)),
        postern.map_or_else(dash, |s| format!("{:.0}", mib / s)),
        row.ratio.map_or_else(dash, |r| format!("{r:.2}")),
        mark(row.ratio.is_some_and(|r| r < RATIO_BUDGET)),
        row.net.map_or_else(dash, |r| format!("{r:.2}")),
        row.peak_rss as f64 / f64::from(1 << 20),
        mark(row.peak_rss > RSS_BUDGET),
        sink.map_or_else(dash, |s| format!("{s:.1}x")),
        if row.void { " void" } else { "" },
    )
}
