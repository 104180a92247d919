//! What a judge is given and what it gives back: a closed second, what was told already, the findings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Feature, Finding, Lookup, Window};
use crate::record::{Offset, Partition, Second, Service, TemplateId, TimeBasis};
use crate::vectorise::{Cell, Sorted};

/// One closed second of log time: the sums of all services, in their order. It may be empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedSecond {
    /// Which second.
    pub second: Second,
    /// The sums of each service that wrote in it.
    pub cells: Sorted<Service, Cell>,
    /// The partitions of which lines of it are missing: lost, or not counted yet. What is new in it is new, but that nothing was seen of
    /// a service that may write there means nothing.
    pub missing: BTreeSet<Partition>,
}

/// What was noticed in one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What is wrong, in the order of (service, subject, direction); one finding a feature.
    pub findings: Vec<Finding>,
    /// Deviations that have become the new normal: what is open about them is absorbed, not recovered.
    pub adopted: Vec<Feature>,
    /// Templates that became part of another one, in order: of which service, which one, and into which.
    pub merged: Vec<(Service, TemplateId, TemplateId)>,
    /// What others are to be told of the templates.
    pub lookups: Vec<Lookup>,
    /// Services of which lines may be missing in this second, or counted as others': that nothing was seen of them means nothing.
    pub blind: BTreeSet<Service>,
}

/// Per service, the spans of log time that episodes above `info` cover. What was told is not learnt: else a fault would teach
/// the models that it is normal, and its second occurrence would be missed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    spans: BTreeMap<Service, Vec<Window>>,
}

impl Told {
    /// Adds a span of `service`.
    pub fn add(&mut self, service: &Service, span: Window) {
        self.spans.entry(service.clone()).or_default().push(span);
    }

    /// The spans of `service`.
    pub fn of(&self, service: &Service) -> &[Window] {
        if self.spans.is_empty() {
            return &[];
        }
        self.spans.get(service).map_or(&[], Vec::as_slice)
    }
}

/// What is known of the lines of one service in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFacts {
    /// Lines in time.
    pub lines: u64,
    /// First and last offset read from each partition. They may reach up to nine seconds over the window at either end.
    pub ranges: BTreeMap<Partition, (Offset, Offset)>,
    /// The host with the most lines.
    pub host: Option<Arc<str>>,
    /// What the times of most lines rest on.
    pub time_basis: TimeBasis,
    /// Lines of the service since it was first seen: what its models were learnt from.
    pub trained_lines: u64,
}

/// What a status tells of the models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Services that are known.
    pub services: usize,
    /// Templates that are known.
    pub templates: usize,
    /// Services in their first minutes, of which nothing above a notice is said yet.
    pub warming_up: usize,
    /// Seconds of log time until the last of them is done.
    pub warm_up_left_seconds: i64,
    /// Services and templates that were forgotten because of the limits.
    pub forgotten: u64,
}

impl Default for WindowFacts {
    fn default() -> Self {
        Self { lines: 0, ranges: BTreeMap::new(), host: None, time_basis: TimeBasis::Log, trained_lines: 0 }
    }
}
