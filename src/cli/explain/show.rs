//! The explanation, as a person reads it.

use std::fmt::Write;

use serde_json::Value;

use super::published::Published;
use super::rebuild::{Moment, Rebuilt, Seen};
use crate::config::Config;
use crate::decide::{Message, Symptom, anchor, rfc3339};
use crate::evaluate::differing_fields;
use crate::publish::redact;
use crate::record::{Level, Second, Service, StreamTime, TemplateId};
use crate::score::{Finding, NearestCluster, Reasoning, Scorer, Subject, Window};

/// How many templates of a service are listed.
const TEMPLATES_MAX: usize = 12;
/// How many hours of a template's history are listed.
const HOURS_MAX: usize = 24;
/// Characters of a text.
const TEXT_CHARS_MAX: usize = 160;

/// All of it. Writing to a string cannot fail, so results are let go.
pub(super) fn explanation(published: &Published, rebuilt: &Rebuilt, config: &Config) -> String {
    let mut text = String::new();
    the_event(&mut text, published);
    origin(&mut text, published, rebuilt, config);
    if let Some(moment) = &rebuilt.moment {
        seen(&mut text, published, rebuilt, moment);
        if let Some((message, _)) = &rebuilt.event {
            decided(&mut text, message);
        }
        findings(&mut text, published, moment);
        models(&mut text, published, rebuilt, moment);
        history(&mut text, published, rebuilt, moment);
    }
    verdict(&mut text, published, rebuilt);
    text
}

fn title(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n== {title}");
}

fn the_event(text: &mut String, published: &Published) {
    title(text, "The event as published");
    let at = published.published_at_ms.map_or_else(String::new, |at| format!(", written {}", rfc3339(StreamTime(at))));
    let _ = writeln!(text, "{} offset {}{at}", published.partition, published.offset);
    let pretty = serde_json::to_string_pretty(&published.value).unwrap_or_default();
    let _ = writeln!(text, "{pretty}");
}

fn origin(text: &mut String, published: &Published, rebuilt: &Rebuilt, config: &Config) {
    title(text, "What it was computed from");
    let range =
        |range: Option<(i64, i64)>| range.map_or("none".to_owned(), |(first, last)| format!("{first} to {last}"));
    let _ = match &rebuilt.snapshot {
        Some((id, offset)) => writeln!(text, "state: snapshot {id} at offset {offset} of {}", rebuilt.partition),
        None => writeln!(text, "state: learnt from the first retained tally of {} on", rebuilt.partition),
    };
    let _ = writeln!(text, "tallies read: offsets {}", range(rebuilt.read));
    let _ = writeln!(text, "tallies with lines of its services in its window: offsets {}", range(rebuilt.in_window));
    let present = config.provenance().config_hash;
    let _ = writeln!(
        text,
        "configuration: {} then, {present} now; version: {} then, {} now",
        published.config_hash,
        published.version,
        env!("CARGO_PKG_VERSION")
    );
    for note in &rebuilt.notes {
        let _ = writeln!(text, "note: {note}");
    }
}

fn seen(text: &mut String, published: &Published, rebuilt: &Rebuilt, moment: &Moment) {
    let window = Window { start: published.window.start, end: published.second.plus(1) };
    title(text, &format!("What was seen in the window, {}", span(window)));
    if rebuilt.seen.is_empty() {
        let _ = writeln!(text, "no line of its services");
    }
    for (service, seen) in &rebuilt.seen {
        lines_of(text, service, seen, &moment.scorer);
    }
    title(text, &format!("What was seen in the second that decided, {}", rfc3339(published.second.start())));
    let mut any = false;
    for (service, cell) in moment.closed.cells.iter().filter(|(service, _)| published.concerns(service)) {
        any = true;
        let mut seen = Seen::default();
        seen.add(cell);
        lines_of(text, service, &seen, &moment.scorer);
    }
    if !moment.closed.missing.is_empty() {
        let missing: Vec<String> = moment.closed.missing.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "lines of {} around it are missing: services that may write there are judged for what is new only",
            missing.join(" ")
        );
    }
    if !any {
        let _ = writeln!(text, "no line of its services; {} other services wrote", moment.closed.cells.len());
    }
}

fn lines_of(text: &mut String, service: &Service, seen: &Seen, scorer: &Scorer) {
    let levels = Level::ALL.iter().zip(seen.by_level).filter(|&(_, lines)| lines > 0);
    let levels: Vec<String> = levels.map(|(level, lines)| format!("{lines} {}", level.word())).collect();
    let late = if seen.late > 0 { format!(", {} late", seen.late) } else { String::new() };
    let _ = writeln!(text, "{service}: {} lines ({}){late}", seen.by_level.iter().sum::<u64>(), levels.join(", "));
    let mut templates: Vec<(TemplateId, u64)> = seen.templates.iter().map(|(&id, &lines)| (id, lines)).collect();
    templates.sort_by_key(|&(id, lines)| (std::cmp::Reverse(lines), id));
    for &(id, lines) in templates.iter().take(TEMPLATES_MAX) {
        let _ = writeln!(text, "  {lines:>7} {id} {}", text_of(scorer, service, id, seen));
    }
    if templates.len() > TEMPLATES_MAX {
        let _ = writeln!(text, "  and {} other templates", templates.len() - TEMPLATES_MAX);
    }
}

fn text_of(scorer: &Scorer, service: &Service, id: TemplateId, seen: &Seen) -> String {
    match (scorer.catalogue().service(service).and_then(|known| known.template(id)), seen.texts.get(&id)) {
        (Some(known), _) => public(&known.text()),
        (None, Some(text)) => format!("(never before) {}", public(text)),
        (None, None) => "(never before)".to_owned(),
    }
}

/// Redacted and cut.
fn public(text: &str) -> String {
    let redacted = redact(text).map(|(text, _)| text.into_owned()).unwrap_or_else(|| "(cannot be redacted)".to_owned());
    redacted.chars().take(TEXT_CHARS_MAX).collect()
}

/// What the episode rests on.
fn decided(text: &mut String, message: &Message) {
    title(text, "What the message rests on: the episode's symptoms, each as it was last found");
    for symptom in std::iter::once(&message.lead).chain(&message.others) {
        let _ = writeln!(text, "{}", finding_line(&symptom.finding));
        let _ = writeln!(text, "  {}", course(symptom));
    }
    let more = message.symptoms.saturating_sub(1 + message.others.len());
    if more > 0 {
        let _ = writeln!(text, "and {more} further symptoms");
    }
    if let Some(nearest) = &message.lead.finding.nearest {
        cluster(text, "nearest known cluster then", nearest);
    }
}

fn course(symptom: &Symptom) -> String {
    let end = match symptom.end {
        Some(end) => format!("over ({end:?})").to_lowercase(),
        None => "lasts".to_owned(),
    };
    format!(
        "evidence from {} to {}, {} lines; gravest {}; {end}",
        rfc3339(symptom.first.start()),
        rfc3339(symptom.last.start()),
        symptom.lines,
        symptom.severity.word()
    )
}

fn findings(text: &mut String, published: &Published, moment: &Moment) {
    title(text, "What the detectors found of its services in that second");
    let concerned = |finding: &&Finding| published.concerns(&finding.feature.service);
    let mut any = false;
    for finding in moment.judgement.iter().flat_map(|judgement| &judgement.findings).filter(concerned) {
        any = true;
        let _ = writeln!(text, "{}", finding_line(finding));
    }
    let adopted = moment.judgement.iter().flat_map(|judgement| &judgement.adopted);
    for feature in adopted.filter(|feature| published.concerns(&feature.service)) {
        any = true;
        let _ = writeln!(text, "adopted as normal: {} {}", feature.service, anchor(feature.subject));
    }
    if !any {
        let _ = writeln!(
            text,
            "nothing: what the message says follows from what was found before, and from the time that passed"
        );
    }
}

fn finding_line(finding: &Finding) -> String {
    let figures = finding.figures;
    let threshold = match finding.threshold > 0.0 {
        true => format!("{} needed", bits(finding.threshold)),
        false => "no threshold, a notice".to_owned(),
    };
    format!(
        "{} by {} at {}: {} {}, {}: observed {}, expected {} (95 %: {} to {}) in {}; surprise {}, {threshold}",
        kind(finding),
        finding.detector,
        rfc3339(finding.second.start()),
        finding.feature.service,
        anchor(finding.feature.subject),
        finding.severity.word(),
        number(figures.observed),
        number(figures.expected),
        number(figures.expected_low),
        number(figures.expected_high),
        span(finding.window),
        bits(finding.surprise),
    )
}

fn kind(finding: &Finding) -> String {
    serde_json::to_value(finding.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A `-log10` of a probability.
fn bits(log10: f64) -> String {
    format!("{:.1} bits (p = {:.1e})", log10 * std::f64::consts::LOG2_10, libm::pow(10.0, -log10.min(300.0)))
}

fn models(text: &mut String, published: &Published, rebuilt: &Rebuilt, moment: &Moment) {
    title(text, "What each detector held of its services before that second");
    let services = moment.scorer.catalogue().services().map(|(service, _)| service);
    for service in services.filter(|service| published.concerns(service)) {
        let _ = writeln!(text, "{service}:");
        let mut subjects = vec![Subject::Volume, Subject::Level(Level::Warn), Subject::Level(Level::Error)];
        subjects.extend(rebuilt.aliases.iter().map(|&id| Subject::Template(id)));
        for reasoning in moment.scorer.reasoning(service, &subjects, published.second) {
            let _ = writeln!(text, "  {}", reasoning_line(&reasoning));
        }
        if let Some(nearest) = moment.scorer.nearest(service) {
            cluster(text, "  nearest known cluster", &nearest);
        }
    }
}

fn reasoning_line(reasoning: &Reasoning) -> String {
    let numbers = reasoning.numbers.iter().map(|(name, value)| format!("{name} {}", number(*value)));
    let numbers: Vec<String> = numbers.collect();
    format!("{:<8} {} {}: {}", reasoning.detector.name(), anchor(reasoning.subject), reasoning.of, numbers.join(", "))
}

fn cluster(text: &mut String, label: &str, nearest: &NearestCluster) {
    let _ = writeln!(
        text,
        "{label}: {} of the family {}, distance {} (its own windows lie within {})",
        public(&nearest.template),
        public(&nearest.family),
        number(nearest.distance),
        number(nearest.radius)
    );
    for (what, texts) in [("has, the cluster lacks", &nearest.added), ("lacks, the cluster has", &nearest.missing)] {
        for differs in texts {
            let _ = writeln!(text, "    the window {what}: {}", public(differs));
        }
    }
}

fn history(text: &mut String, published: &Published, rebuilt: &Rebuilt, moment: &Moment) {
    let Some(template) = &published.template else { return };
    title(text, &format!("The history of template {template}"));
    let ids: Vec<String> = rebuilt.aliases.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "its ids: {}", ids.join(", "));
    let services = moment.scorer.catalogue().services();
    for (service, known) in services {
        for (&id, known) in rebuilt.aliases.iter().filter_map(|id| Some((id, known.template(*id)?))) {
            let _ = writeln!(
                text,
                "{service}: {id} first seen {}, last before {}, gravest {}: {}",
                rfc3339(known.birth.start()),
                rfc3339(known.last_seen.start()),
                known.level.word(),
                public(&known.text())
            );
        }
    }
    if rebuilt.hours.is_empty() {
        let _ = writeln!(text, "no line of it in the tallies that were read");
    }
    let skipped = rebuilt.hours.len().saturating_sub(HOURS_MAX);
    if skipped > 0 {
        let _ = writeln!(text, "{} lines in {skipped} hours before", rebuilt.hours.values().take(skipped).sum::<u64>());
    }
    for (hour, lines) in rebuilt.hours.iter().skip(skipped) {
        let _ = writeln!(text, "{lines:>9} lines in the hour from {}", rfc3339(Second(hour * 3_600).start()));
    }
}

/// Whether the same comes out again.
fn verdict(text: &mut String, published: &Published, rebuilt: &Rebuilt) {
    title(text, "Computed again");
    let Some((_, record)) = &rebuilt.event else {
        let _ = writeln!(text, "recomputed: no such event comes out");
        return;
    };
    let headers = record.headers.iter();
    let headers = headers.map(|header| (header.name.to_string(), header.value.clone().unwrap_or_default()));
    let bytes = record.value.as_deref().unwrap_or_default();
    let is_same = bytes == published.bytes
        && record.key.as_ref() == Some(&published.key)
        && headers.collect::<Vec<_>>() == published.headers;
    if is_same {
        let _ = writeln!(text, "recomputed: identical bytes (key, headers and value)");
        return;
    }
    let _ = writeln!(text, "recomputed: not the same bytes");
    let computed: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let differences = differing_fields(&published.value, &computed);
    for difference in &differences {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
        let _ = writeln!(
            text,
            "  {}: published {}, recomputed {}",
            difference.path,
            side(&difference.left),
            side(&difference.right)
        );
    }
    if differences.is_empty() {
        let _ = writeln!(text, "  the fields of the value are the same; key, headers or the form of the value differ");
    }
}

fn span(window: Window) -> String {
    let seconds = window.end.since(window.start);
    format!("{} to {} ({seconds} s)", rfc3339(window.start.start()), rfc3339(window.end.start()))
}

/// A number with some four significant digits.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 {
        return format!("{value:.0}");
    }
    match magnitude {
        0.001..1_000.0 => format!("{value:.3}"),
        1_000.0..1e15 => format!("{value:.0}"),
        _ => format!("{value:.3e}"),
    }
}
