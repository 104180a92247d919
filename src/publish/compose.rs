//! A message becomes a canonical event.

use super::event::{
    AnomalyEvent, Cluster, Counts, Entity, Evidence, Feature, Model, Number, Range, Recurrence, Sample, Score, Source,
    Span, Status, Template,
};
use super::narrative::narrative;
use super::summary::summary;
use super::text::{public, public_text, round};
use crate::decide::{Message, Symptom, anchor, cluster_id, identity, rfc3339};
use crate::score::{Detector, Direction};
use crate::vectorise::{ELLIPSIS, SAMPLE_BYTES_MAX};

/// How many samples an event brings.
const SAMPLES_MAX: usize = 5;
/// The smallest p-value that is said: what is beyond it is beyond any model.
const SURPRISE_MAX: f64 = 300.0;
/// The bands: from which `-log10 p` on evidence is called so. A detector's own threshold lies at about 8.
const BANDS: [(f64, &str); 3] = [(8.0, "very_high"), (4.0, "high"), (2.0, "medium")];

/// Who says so: what of the process is a part of its events. The same configuration gives the same provenance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Hash of what changes a model by decree: code version, configuration, promotions, verdicts.
    pub state_id: String,
    /// Hash of the configuration.
    pub config_hash: String,
}

/// The event of a message.
pub fn compose(message: &Message, provenance: &Provenance) -> AnomalyEvent {
    let (status, changed, reason) = match &message.status {
        crate::decide::Status::Trigger => (Status::Trigger, Vec::new(), None),
        crate::decide::Status::Update { changed } => (Status::Update, changed.clone(), None),
        crate::decide::Status::Resolve { reason } => (Status::Resolve, Vec::new(), Some(*reason)),
    };
    let source = source(message);
    let services: Vec<String> = message.services.iter().map(|(name, _)| identity(name).into_owned()).collect();
    let template = template(message);
    AnomalyEvent {
        schema_version: "1.0",
        event_id: message.episode.event_id(message.sequence).to_string(),
        episode_id: message.episode.to_string(),
        dedup_key: message.dedup_key.to_string(),
        group_key: message.group_key.to_string(),
        sequence: message.sequence,
        status,
        changed,
        resolve_reason: reason,
        kind: message.kind,
        detector: message.detector.name(),
        severity: message.severity,
        summary: summary(message),
        time: rfc3339(message.time),
        started_at: rfc3339(message.started.start()),
        ended_at: reason.map(|_| rfc3339(message.ended.start())),
        time_basis: message.time_basis,
        entity: entity(message, services.first()),
        services,
        truncated: message.has_more_ranges || template.as_ref().is_some_and(|(_, is_cut)| *is_cut),
        template: template.map(|(template, _)| template),
        score: score(message.surprise, message.threshold),
        window: window(message),
        counts: Counts {
            window_lines: message.window_lines,
            episode_total: message.lines,
            suppressed: message.suppressed,
        },
        evidence: evidence(message),
        recurrence: message.recurrence.as_ref().map(|past| Recurrence {
            count: past.count,
            last_time: rfc3339(past.last_started.start()),
            last_episode_id: past.last_id.to_string(),
        }),
        samples: samples(message, &source.topic),
        source,
        model: model(message, provenance),
    }
}

fn entity(message: &Message, service: Option<&String>) -> Entity {
    let environment = message.environment.as_deref().filter(|environment| !environment.is_empty());
    Entity {
        service: service.cloned().unwrap_or_default(),
        host: message.host.as_deref().map(|host| identity(host).into_owned()),
        environment: environment.map(|environment| identity(environment).into_owned()),
    }
}

/// The lead's template, and whether its text was cut.
fn template(message: &Message) -> Option<(Template, bool)> {
    let facts = message.lead.finding.template.as_ref()?;
    let text = public_text(&facts.text, SAMPLE_BYTES_MAX);
    let is_cut = facts.text.ends_with(ELLIPSIS) || text.ends_with(ELLIPSIS);
    let template = Template {
        id: facts.id.to_string(),
        text,
        is_new: facts.is_new,
        first_seen: rfc3339(facts.first_seen),
        log_level: facts.level.word(),
    };
    Some((template, is_cut))
}

/// `surprise` and `threshold` are `-log10` of the p-value and of the threshold.
fn score(surprise: f64, threshold: f64) -> Score {
    let p = p_value(surprise);
    let bits = (-libm::log2(p) * 100.0).round() / 100.0 + 0.0;
    let band = BANDS.iter().find(|(from, _)| surprise >= *from).map_or("low", |(_, band)| band);
    let threshold_p = (threshold > 0.0).then(|| Number(p_value(threshold).max(p)));
    Score { p_value: Number(p), surprise_bits: Number(bits), band, threshold_p, calibration: "parametric" }
}

fn p_value(surprise: f64) -> f64 {
    round(libm::pow(10.0, -surprise.clamp(0.0, SURPRISE_MAX)))
}

fn window(message: &Message) -> Span {
    let (start, end) = (message.window.start.start(), message.window.end.start());
    Span { start: rfc3339(start), end: rfc3339(end), duration_ms: end.0.saturating_sub(start.0) }
}

fn evidence(message: &Message) -> Evidence {
    let finding = &message.lead.finding;
    let figure = |pick: fn(&crate::score::Figures) -> f64| message.figures.as_ref().map(|f| Number(round(pick(f))));
    let has_range = message.figures.is_some_and(|figures| figures.expected_high > figures.expected_low);
    let is_open = !matches!(message.status, crate::decide::Status::Resolve { .. });
    Evidence {
        narrative: narrative(message),
        observed: figure(|f| f.observed),
        expected: figure(|f| f.expected),
        expected_low: figure(|f| f.expected_low).filter(|_| has_range),
        expected_high: figure(|f| f.expected_high).filter(|_| has_range),
        unit: message.figures.map(|_| if message.figures_are_gaps { "s" } else { "lines" }),
        nearest_cluster: finding.nearest.as_ref().filter(|_| is_open).map(|nearest| Cluster {
            id: cluster_id(nearest.id),
            template: public_text(&nearest.template, SAMPLE_BYTES_MAX),
            family: public_text(&nearest.family, SAMPLE_BYTES_MAX),
            // A share of 1: what is below the fourth decimal is the noise of its sums.
            distance: Number(round(libm::round(nearest.distance * 1e4) / 1e4)),
            radius: Number(round(nearest.radius)),
        }),
        features: features(message),
    }
}

/// The symptoms, with their share of the surprise.
fn features(message: &Message) -> Vec<Feature> {
    let symptoms = || std::iter::once(&message.lead).chain(&message.others);
    let total: f64 = symptoms().map(|symptom| symptom.surprise).sum();
    let share = |symptom: &Symptom| if total > 0.0 { symptom.surprise / total } else { 0.0 };
    let feature = |symptom: &Symptom| {
        let feature = &symptom.finding.feature;
        let direction = if feature.direction == Direction::Up { "up" } else { "down" };
        Feature {
            name: format!("{} {} {direction}", identity(&feature.service.name), anchor(feature.subject)),
            observed: Number(round(symptom.finding.figures.observed)),
            expected: Number(round(symptom.finding.figures.expected)),
            contribution: Number(round(share(symptom))),
        }
    };
    symptoms().map(feature).collect()
}

/// Redacted lines that show it, of different coordinates; a line that cannot be redacted is left out.
fn samples(message: &Message, main_topic: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for symptom in std::iter::once(&message.lead).chain(&message.others) {
        let Some(sample) = &symptom.finding.sample else { continue };
        let Some(public) = public(&sample.shown(), SAMPLE_BYTES_MAX) else { continue };
        let topic = identity(&sample.topic);
        let entry = Sample {
            text: public.text,
            time: rfc3339(sample.time),
            topic: (topic != main_topic).then(|| topic.into_owned()),
            partition: sample.partition.max(0),
            offset: sample.offset.max(0),
            redactions: public.redactions,
            truncated: sample.truncated || public.is_cut,
        };
        if samples.len() < SAMPLES_MAX && !samples.contains(&entry) {
            samples.push(entry);
        }
    }
    samples
}

/// The records to read; the topic of the first range stands for all that do not name another.
fn source(message: &Message) -> Source {
    let main = message.ranges.first().map_or_else(String::new, |range| identity(&range.topic).into_owned());
    let range = |range: &crate::decide::Range| {
        let topic = identity(&range.topic);
        Range {
            topic: (topic != main.as_str()).then(|| topic.into_owned()),
            partition: range.partition.max(0),
            first_offset: range.first.max(0),
            last_offset: range.last.max(0),
        }
    };
    Source { ranges: message.ranges.iter().map(range).collect(), topic: main }
}

fn model(message: &Message, provenance: &Provenance) -> Model {
    Model {
        name: match message.detector {
            Detector::Novelty => "novelty-gamma-poisson",
            Detector::Rate => "rate-negative-binomial",
            Detector::Silence => "silence-gamma",
            Detector::Mix => "mix-micro-clusters",
        },
        version: env!("CARGO_PKG_VERSION"),
        state_id: provenance.state_id.clone(),
        config_hash: provenance.config_hash.clone(),
        trained_lines: message.trained_lines,
        trained_until: rfc3339(message.window.start.start()),
        mode: "live",
        producer: concat!("eddyline/", env!("CARGO_PKG_VERSION")),
    }
}
