//! The comparison, as a table or as JSON.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anstyle::Style;
use serde_json::{Value, json};

use super::super::report::style_of;
use super::{Output, Span};
use crate::evaluate::{Difference, Episode, Pair, Totals};

/// What is shown.
pub(super) struct Shown {
    /// What A and B are.
    pub(super) names: [String; 2],
    pub(super) totals: [Totals; 2],
    pub(super) pairs: Vec<Pair>,
    /// Whether events were compared byte for byte.
    pub(super) by_bytes: bool,
    /// Why there may be differences.
    pub(super) reasons: Vec<String>,
}

impl Shown {
    fn count(&self, is_such: impl Fn(&Difference) -> bool) -> usize {
        self.pairs.iter().filter(|pair| is_such(&pair.difference)).count()
    }

    fn changed(&self) -> usize {
        self.count(|difference| matches!(difference, Difference::Changed(_)))
    }
}

pub(super) fn write(shown: &Shown, span: &Span, output: Output) -> io::Result<()> {
    let text = match output {
        Output::Text => table(shown, span),
        Output::Json => json_lines(shown, span),
    };
    anstream::stdout().write_all(text.as_bytes())?;
    anstream::stdout().flush()
}

fn json_lines(shown: &Shown, span: &Span) -> String {
    let side = |episode: &Option<Episode>| episode.as_ref().map(described);
    let mut lines: Vec<Value> = Vec::with_capacity(shown.pairs.len() + 1);
    for pair in &shown.pairs {
        let mut line = json!(pair.difference);
        if let (Some(line), Some(one)) = (line.as_object_mut(), pair.a.as_ref().or(pair.b.as_ref())) {
            line.insert("dedup_key".to_owned(), json!(one.first().map(|said| &said.dedup_key)));
            line.insert("a".to_owned(), json!(side(&pair.a)));
            line.insert("b".to_owned(), json!(side(&pair.b)));
        }
        lines.push(line);
    }
    let [a, b] = [0, 1].map(|side| json!({"is": shown.names.get(side), "totals": shown.totals.get(side)}));
    lines.push(json!({"totals": {
        "since": span.since,
        "until": span.until,
        "a": a,
        "b": b,
        "same": shown.count(|difference| *difference == Difference::Same),
        "changed": shown.changed(),
        "only_in_a": shown.count(|difference| *difference == Difference::OnlyInA),
        "only_in_b": shown.count(|difference| *difference == Difference::OnlyInB),
        "compared": if shown.by_bytes { "bytes" } else { "severity, times and summary" },
        "reasons": shown.reasons,
    }}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn described(episode: &Episode) -> Value {
    json!({
        "episode_id": episode.first().map(|said| &said.episode_id),
        "severity": episode.last().map(|said| said.severity.word()),
        "started_at": episode.started_at(),
        "ended_at": episode.ended_at(),
        "resolve_reason": episode.last().and_then(|said| said.resolve_reason.as_ref()),
        "summary": episode.first().map(|said| &said.summary),
        "events": episode.messages.iter().map(|said| &said.event_id).collect::<Vec<_>>(),
    })
}

fn table(shown: &Shown, span: &Span) -> String {
    let mut text = String::new();
    let (bold, [a, b]) = (Style::new().bold(), &shown.names);
    let until = span.until.as_deref().map_or_else(String::new, |until| format!(" until {until}"));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "Episodes since {}{until}. A: {a}. B: {b}.\n", span.since);
    for pair in &shown.pairs {
        match &pair.difference {
            Difference::Same => {}
            Difference::OnlyInA => row(&mut text, "only A", pair.a.as_ref()),
            Difference::OnlyInB => row(&mut text, "only B", pair.b.as_ref()),
            Difference::Changed(what) => {
                let _ = writeln!(text, "{bold}other {}{bold:#}", what.join(", "));
                row(&mut text, "  in A", pair.a.as_ref());
                row(&mut text, "  in B", pair.b.as_ref());
            }
        }
    }
    let same = shown.count(|difference| *difference == Difference::Same);
    let how = if shown.by_bytes { "equal byte for byte" } else { "the same" };
    let (only_a, only_b) = (
        shown.count(|difference| *difference == Difference::OnlyInA),
        shown.count(|difference| *difference == Difference::OnlyInB),
    );
    let changed = shown.changed();
    let _ = writeln!(text, "{same} episodes {how}, {changed} changed, {only_a} only in A, {only_b} only in B.");
    for (name, totals) in ["A", "B"].iter().zip(&shown.totals) {
        let _ = writeln!(text, "{name}: {totals}");
    }
    let differs = changed + only_a + only_b > 0;
    if shown.by_bytes && differs && shown.reasons.is_empty() {
        let _ = writeln!(text, "No reason for the differences is known.");
    }
    for reason in &shown.reasons {
        let _ = writeln!(text, "Note: {reason}.");
    }
    text
}

fn row(text: &mut String, label: &str, episode: Option<&Episode>) {
    let Some((first, last)) = episode.and_then(|episode| Some((episode.first()?, episode.last()?))) else { return };
    let (style, dim) = (style_of(last.severity), Style::new().dimmed());
    let end = match (&last.ended_at, &last.resolve_reason) {
        (Some(end), Some(reason)) => format!("{} {reason}", end.get(11..19).unwrap_or(end)),
        _ => "open".to_owned(),
    };
    let start = last.started_at.get(..19).unwrap_or(&last.started_at);
    let _ = writeln!(
        text,
        "{label:<7} {style}{:<8}{style:#} {dim}{start} – {end}{dim:#} {}",
        last.severity.word(),
        first.summary
    );
}
