//! One problem from its first evidence to its end: what is wrong, where, how grave, and what was said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::key::EpisodeId;
use super::message::{Change, Reason, Recurrence};
use super::parts::Parts;
use super::symptom::{End, Symptom, first_evidence};
use crate::record::{Second, Service, TemplateId};
use crate::score::{ClosedSecond, Detector, Direction, Feature, Finding, Judgement, Kind, Severity, Subject};

mod account;

/// How many symptoms an episode holds; what joins beyond it is only counted.
pub const SYMPTOMS_MAX: usize = 64;
/// After how long an episode is closed, whatever comes, in seconds.
pub(super) const EPISODE_S_MAX: i64 = 86_400;
/// How long a notice is open, in seconds.
pub(super) const NOTICE_S: i64 = 600;
/// How long after the last one joined another symptom may join, in seconds.
const JOIN_S: i64 = 20;
/// How long after it opened another symptom may join, in seconds.
const YOUNG_S: i64 = 120;
/// The least time between two updates, in seconds.
const UPDATE_S: i64 = 300;
/// In how many services there are errors when it is critical.
const CRITICAL_SERVICES: usize = 3;
/// What the last message said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    severity: Severity,
    services: usize,
    updated: Option<Second>,
}

/// One problem. Its names are frozen while it is open; severity, score and services only grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Its identity.
    pub id: EpisodeId,
    /// The name of the problem.
    pub dedup_key: Arc<str>,
    /// What correlators fold it into.
    pub group_key: Arc<str>,
    /// When that group began.
    pub group_began: Second,
    /// The domain: everything in it is of this environment.
    pub environment: Option<Arc<str>>,
    /// Whether it is a notice: worth knowing, never worth waking anyone. Notices and problems never mix.
    pub is_notice: bool,
    /// The second at whose end it opened.
    pub opened: Second,
    /// The first evidence.
    pub started: Second,
    /// What was noticed first.
    pub kind: Kind,
    /// Who noticed.
    pub detector: Detector,
    /// The highest severity so far.
    pub severity: Severity,
    /// `-log10 p` of the strongest evidence so far.
    pub surprise: f64,
    /// `-log10` of the threshold that the strongest evidence passed.
    pub threshold: f64,
    /// Findings folded into it that got no message of their own.
    pub suppressed: u64,
    /// Earlier episodes of the problem.
    pub recurrence: Option<Recurrence>,
    symptoms: BTreeMap<Feature, Symptom>,
    services: Parts,
    joined: Second,
    /// No evidence before it counts: an earlier episode of the problem had that.
    floor: Second,
    sequence: u32,
    said: Option<Said>,
    closing: Option<Reason>,
}

impl Episode {
    /// A draft: the episode that `finding` opens, until [`Episode::name`] gives it its names.
    pub(super) fn draft(finding: Finding) -> Self {
        let second = finding.second;
        let mut episode = Self {
            id: EpisodeId::default(),
            dedup_key: Arc::from(""),
            group_key: Arc::from(""),
            group_began: second,
            environment: finding.feature.service.environment.clone(),
            is_notice: finding.severity == Severity::Info,
            opened: second,
            started: second,
            kind: finding.kind,
            detector: finding.detector,
            severity: finding.severity,
            surprise: 0.0,
            threshold: 0.0,
            suppressed: 0,
            recurrence: None,
            symptoms: BTreeMap::new(),
            services: Parts::default(),
            joined: second,
            floor: Second(i64::MIN),
            sequence: 0,
            said: None,
            closing: None,
        };
        episode.take(finding);
        episode.suppressed = 0;
        episode
    }

    /// Whether nothing was said of it yet.
    pub(super) fn is_draft(&self) -> bool {
        self.said.is_none()
    }

    /// Gives a draft its names, and what is remembered of the problem.
    pub(super) fn name(
        &mut self,
        id: EpisodeId,
        dedup_key: Arc<str>,
        group: (Arc<str>, Second),
        past: Option<(Recurrence, Second)>,
    ) {
        if let Some((kind, detector)) = self.symptoms().first().map(|lead| (lead.finding.kind, lead.finding.detector)) {
            (self.kind, self.detector) = (kind, detector);
        }
        self.id = id;
        self.dedup_key = dedup_key;
        (self.group_key, self.group_began) = group;
        if let Some((recurrence, floor)) = past {
            self.recurrence = Some(recurrence);
            self.raise_floor(floor);
        }
    }

    fn raise_floor(&mut self, floor: Second) {
        self.floor = floor;
        for symptom in self.symptoms.values_mut() {
            symptom.first = symptom.first.max(floor.min(symptom.last));
        }
        self.started = self.started.max(floor.min(self.opened));
    }

    /// Whether `feature` is among its symptoms.
    pub fn holds(&self, feature: &Feature) -> bool {
        self.symptoms.contains_key(feature)
    }

    /// Whether `service` has evidence in it.
    pub fn concerns(&self, service: &Service) -> bool {
        self.services.contains(service)
    }

    /// Whether something else that is wrong may still be a part of the same problem.
    pub(super) fn is_young(&self, second: Second) -> bool {
        second.since(self.joined) <= JOIN_S && self.is_recent(second)
    }

    /// Whether it opened a short while ago.
    pub(super) fn is_recent(&self, second: Second) -> bool {
        second.since(self.opened) <= YOUNG_S
    }

    /// The services that it says anything of. Some come twice.
    pub(super) fn named(&self) -> impl Iterator<Item = &Service> {
        self.symptoms.keys().map(|feature| &feature.service).chain(self.services.names())
    }

    /// Takes in a finding: a new symptom, or more of a known one.
    pub(super) fn take(&mut self, finding: Finding) {
        let is_aside = finding.severity == Severity::Info && !self.is_notice;
        if !is_aside {
            self.raise(&finding);
        }
        let (second, floor) = (finding.second, self.floor);
        let has_room = self.symptoms.len() < SYMPTOMS_MAX;
        let joins = match self.symptoms.get_mut(&finding.feature) {
            Some(symptom) => symptom.renew(finding, floor),
            None if has_room => {
                self.symptoms.insert(finding.feature.clone(), Symptom::new(finding, floor));
                true
            }
            None => {
                self.suppressed += 1;
                return;
            }
        };
        if joins {
            self.suppressed += 1;
            self.joined = if is_aside { self.joined } else { second };
        }
    }

    /// Severity, score, services and first evidence after this finding.
    fn raise(&mut self, finding: &Finding) {
        let first = first_evidence(finding, self.floor);
        // What was said of the first evidence changes only for a service that joins with an earlier one.
        let is_open = self.is_draft() || !self.concerns(&finding.feature.service);
        if finding.surprise.is_finite() && finding.surprise > self.surprise {
            (self.surprise, self.threshold) = (finding.surprise, finding.threshold);
        }
        if self.services.add(finding) && is_open {
            self.started = self.started.min(first);
        }
        let reached =
            if self.services.with_errors() >= CRITICAL_SERVICES { Severity::Critical } else { finding.severity };
        self.severity = self.severity.max(reached);
    }

    /// How many services take part, those that it does not name among them.
    pub fn services_total(&self) -> usize {
        self.services.total()
    }

    /// In how many of its services there are errors.
    pub fn services_with_errors(&self) -> usize {
        self.services.with_errors()
    }

    /// Counts findings for which there was no room anywhere else.
    pub(super) fn suppress(&mut self) {
        self.suppressed += 1;
    }

    /// A template is a part of another one from now on: what is wrong about it is so about that one. Keys and ids stay.
    pub(super) fn merge(&mut self, service: &Service, from: TemplateId, into: TemplateId) {
        for direction in [Direction::Up, Direction::Down] {
            for (old, new) in [
                (Subject::Template(from), Subject::Template(into)),
                (Subject::Heartbeat(from), Subject::Heartbeat(into)),
            ] {
                let feature = |subject| Feature { service: service.clone(), subject, direction };
                let Some(mut symptom) = self.symptoms.remove(&feature(old)) else { continue };
                symptom.finding.feature = feature(new);
                match self.symptoms.get_mut(&symptom.finding.feature) {
                    Some(known) => known.absorb(symptom),
                    None => drop(self.symptoms.insert(feature(new), symptom)),
                }
            }
        }
    }

    /// Moves the symptoms of a draft that turned out to be the same problem in here.
    pub(super) fn join(&mut self, draft: Self) {
        for symptom in draft.symptoms.into_values() {
            self.take(symptom.finding);
        }
    }

    /// Closes it at the end of this second.
    pub(super) fn close(&mut self, reason: Reason) {
        self.closing = Some(reason);
    }

    /// Whether it was decided already that it closes at the end of this second.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// What this second says of its symptoms; those that were adopted are normal now.
    pub(super) fn observe(&mut self, closed: &ClosedSecond, judgement: &Judgement) {
        for (feature, symptom) in &mut self.symptoms {
            symptom.observe(closed.second, closed.cells.get(&feature.service));
            if judgement.blind.contains(&feature.service) {
                symptom.pass_over(closed.second);
            }
            if judgement.adopted.contains(feature) {
                symptom.end = Some(End::Absorbed);
            }
            symptom.settle(closed.second);
        }
    }

    /// Why it closes at the end of this second; `None` while it lasts.
    pub(super) fn closes(&self, second: Second) -> Option<Reason> {
        if self.closing.is_some() {
            return self.closing;
        }
        if self.is_notice {
            let is_learnt = matches!(self.kind, Kind::NewTemplate | Kind::NewService);
            let reason = if is_learnt { Reason::Absorbed } else { Reason::Expired };
            return (second.since(self.opened) >= NOTICE_S).then_some(reason);
        }
        let ended =
            |end| self.symptoms.values().filter(|symptom| !symptom.is_notice && symptom.end == Some(end)).count();
        if self.symptoms.values().any(Symptom::is_active) {
            return (second.since(self.opened) >= EPISODE_S_MAX).then_some(Reason::Expired);
        }
        Some(if ended(End::Absorbed) >= ended(End::Quiet) { Reason::Absorbed } else { Reason::Recovered })
    }

    /// What an update at the end of this second would have to say, where it is worth one and the last is long enough ago. A
    /// service that joins can wait until no more do; a higher severity cannot.
    pub(super) fn updates(&self, second: Second) -> Option<Vec<Change>> {
        let said = self.said?;
        let is_due = said.updated.is_none_or(|at| second.since(at) >= UPDATE_S);
        let is_graver = self.severity > said.severity;
        let is_wider = self.services.count() > said.services;
        if !is_due || !(is_graver || is_wider && !self.is_young(second)) {
            return None;
        }
        let changes = [(is_graver, Change::Severity), (is_wider, Change::Services)];
        Some(changes.into_iter().filter_map(|(holds, change)| holds.then_some(change)).collect())
    }

    /// Notes that a message goes out, and gives its number.
    pub(super) fn says(&mut self, second: Second, is_update: bool) -> u32 {
        let number = if self.said.is_some() { self.sequence + 1 } else { 0 };
        self.sequence = number;
        let updated = if is_update { Some(second) } else { self.said.and_then(|said| said.updated) };
        self.said = Some(Said { severity: self.severity, services: self.services.count(), updated });
        number
    }

    /// Nothing was said of it yet, as far as whoever listens now can know.
    pub(super) fn unsay(&mut self) {
        self.said = None;
    }

    /// What it is about.
    pub(super) fn features(&self) -> Vec<&Feature> {
        self.symptoms.keys().collect()
    }
}
