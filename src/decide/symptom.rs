//! One thing that is wrong: a feature, the newest finding about it, and how long it lasts.

use serde::{Deserialize, Serialize};

use crate::record::Second;
use crate::score::{Direction, Finding, Kind, Severity, Subject, TemplateFacts};
use crate::vectorise::{Cell, TemplateTally};

/// How long a symptom has no evidence before it is over, in seconds. Longer ones let an episode swallow the next fault.
pub(super) const QUIET_S: i64 = 40;
/// After how long a new template that keeps coming is a part of normal life, in seconds.
pub(super) const ABSORB_S: i64 = 600;

/// What prolongs a symptom besides findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Life {
    /// Nothing.
    Findings,
    /// Lines of the template: it is new, so each of them is evidence.
    WhilePresent,
    /// The absence of lines: a silence is found once and lasts until the first line, and so does the drop of a service to
    /// nothing, which is found again only when a whole window has passed.
    WhileAbsent,
}

/// How a symptom ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// No evidence for 40 seconds of log time.
    Quiet,
    /// It is normal now.
    Absorbed,
}

/// One thing that is wrong, and its evidence so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symptom {
    /// The newest finding about it; of those of one second the most surprising.
    pub finding: Finding,
    /// Whether only notices spoke of it: it then neither raises nor prolongs an episode.
    pub is_notice: bool,
    /// The first second with evidence.
    pub first: Second,
    /// The last second with evidence.
    pub last: Second,
    /// When it joined, or came back.
    pub joined: Second,
    /// The gravest severity so far.
    pub severity: Severity,
    /// The greatest `-log10 p` so far.
    pub surprise: f64,
    /// Lines of evidence so far.
    pub lines: u64,
    /// Lines of what it is about since the last evidence: what is normal again, or a pause in what is not.
    pub quiet_lines: u64,
    /// How it ended; `None` while it lasts.
    pub end: Option<End>,
    life: Life,
}

impl Symptom {
    /// The symptom that `finding` begins. No evidence before `floor` counts.
    pub fn new(finding: Finding, floor: Second) -> Self {
        let second = finding.second;
        let mut symptom = Self {
            is_notice: finding.severity == Severity::Info,
            first: first_evidence(&finding, floor),
            last: second,
            joined: second,
            severity: finding.severity,
            surprise: 0.0,
            lines: finding.evidence_lines,
            quiet_lines: 0,
            end: None,
            life: Life::Findings,
            finding,
        };
        symptom.note_finding();
        symptom
    }

    /// Takes in another finding about it. Whether it came back after it had ended.
    pub fn renew(&mut self, finding: Finding, floor: Second) -> bool {
        let came_back = self.end.take().is_some();
        if came_back {
            self.joined = finding.second;
            self.quiet_lines = 0;
        }
        if came_back || !self.counts_cells() {
            self.lines += finding.evidence_lines;
        }
        self.first = self.first.min(first_evidence(&finding, floor));
        self.last = self.last.max(finding.second);
        self.severity = self.severity.max(finding.severity);
        self.is_notice &= finding.severity == Severity::Info;
        if (finding.second, finding.surprise) > (self.finding.second, self.finding.surprise) {
            self.replace(finding);
        }
        self.note_finding();
        came_back
    }

    /// Takes in a symptom that is about the same thing from now on. What lasts goes on.
    pub(super) fn absorb(&mut self, other: Self) {
        self.is_notice &= other.is_notice;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.severity = self.severity.max(other.severity);
        self.lines += other.lines;
        self.end = self.end.and(other.end);
    }

    /// The newer finding stands for the symptom; what it does not bring stays.
    fn replace(&mut self, mut finding: Finding) {
        let old = &mut self.finding;
        finding.template = match (finding.template.take(), old.template.take()) {
            (Some(new), Some(old)) => Some(TemplateFacts { is_new: old.is_new || new.is_new, ..new }),
            (new, old) => new.or(old),
        };
        finding.sample = finding.sample.take().or(old.sample.take());
        finding.nearest = finding.nearest.take().or(old.nearest.take());
        self.finding = finding;
    }

    fn note_finding(&mut self) {
        let surprise = self.finding.surprise;
        if surprise.is_finite() {
            self.surprise = self.surprise.max(surprise);
        }
        match self.finding.kind {
            Kind::NewTemplate => self.life = Life::WhilePresent,
            Kind::Silence => self.life = Life::WhileAbsent,
            Kind::RateDrop if self.is_of_service() && self.finding.figures.observed == 0.0 => {
                self.life = Life::WhileAbsent;
            }
            _ => {}
        }
    }

    /// Whether its lines are counted second by second as evidence; else the findings say how many lines there were.
    fn counts_cells(&self) -> bool {
        matches!(self.finding.feature.subject, Subject::Template(_)) && self.finding.feature.direction == Direction::Up
    }

    /// Looks at what its service wrote in `second`.
    pub fn observe(&mut self, second: Second, cell: Option<&Cell>) {
        if self.joined == second {
            return;
        }
        let written = cell.map_or(0, |cell| self.lines_in(cell));
        // Lines of any level end the silence of a service.
        let is_back = self.is_of_service() && cell.is_some_and(|cell| cell.total() > 0);
        let is_absent = written == 0 && !is_back;
        match self.life {
            _ if self.end.is_some() => {}
            Life::WhilePresent if written > 0 => self.last = second,
            Life::WhileAbsent if is_absent => self.last = second,
            Life::WhileAbsent => self.life = Life::Findings,
            Life::WhilePresent | Life::Findings => {}
        }
        self.quiet_lines += written;
        if self.last == second {
            if self.counts_cells() {
                self.lines += self.quiet_lines;
            }
            self.quiet_lines = 0;
        }
    }

    /// A second of which lines were lost says nothing of whether it goes on, so it does.
    pub fn pass_over(&mut self, second: Second) {
        if self.end.is_none() {
            self.last = second;
        }
    }

    /// The lines of a second that it is about: those that the models count, and all where a template is new.
    fn lines_in(&self, cell: &Cell) -> u64 {
        match self.finding.feature.subject {
            Subject::Template(id) if self.is_novelty() => {
                cell.templates.get(&id).map_or(0, |tally| tally.total() + tally.late)
            }
            Subject::Template(id) | Subject::Heartbeat(id) => {
                cell.templates.get(&id).map_or(0, TemplateTally::countable)
            }
            Subject::Level(level) => cell.at_level(level),
            Subject::Volume => cell.countable(),
            Subject::Mix(_) | Subject::Service => cell.total(),
        }
    }

    /// Ends it where its time is over.
    pub fn settle(&mut self, second: Second) {
        if self.end.is_some() {
            return;
        }
        if second.since(self.last) >= QUIET_S {
            self.end = Some(End::Quiet);
        } else if self.life == Life::WhilePresent && second.since(self.joined) >= ABSORB_S {
            self.end = Some(End::Absorbed);
        }
    }

    /// Whether it lasts and is more than a notice.
    pub fn is_active(&self) -> bool {
        self.end.is_none() && !self.is_notice
    }

    /// Whether the figures that models have of it now are gaps between lines, in seconds, and not lines.
    pub(super) fn is_measured_in_gaps(&self) -> bool {
        let is_silent = self.life == Life::WhileAbsent && self.finding.kind == Kind::Silence;
        is_silent || matches!(self.finding.feature.subject, Subject::Heartbeat(_))
    }

    /// Whether it is about all lines of its service.
    fn is_of_service(&self) -> bool {
        self.finding.feature.subject == Subject::Volume
    }

    /// Whether it is about a template that is new to the service.
    pub fn is_novelty(&self) -> bool {
        self.life == Life::WhilePresent
    }
}

/// The first second with evidence for a finding; none before `floor` counts, for an earlier episode had that.
pub(super) fn first_evidence(finding: &Finding, floor: Second) -> Second {
    finding.onset.max(floor).min(finding.second)
}
