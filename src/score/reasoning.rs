//! What the models hold of a service at a moment, in numbers: for who asks why something was found, or was not.

use super::{Detector, NearestCluster, Scorer, Subject};
use crate::record::{Second, Service};

/// What one model holds of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Reasoning {
    /// Who judges by it.
    pub detector: Detector,
    /// What it is about, within the service.
    pub subject: Subject,
    /// Which of several: the length of a window, the class of a level.
    pub of: String,
    /// Names of numbers, and the numbers.
    pub numbers: Vec<(&'static str, f64)>,
}

impl Scorer {
    /// What all detectors hold of these subjects of a service before `now` is judged: the expectations that it will be held
    /// against. O(services) for the prior of new templates.
    pub fn reasoning(&self, service: &Service, subjects: &[Subject], now: Second) -> Vec<Reasoning> {
        let Some(known) = self.catalogue.service(service) else { return Vec::new() };
        let mut found = self.novelty.reasoning(&self.catalogue, service, now);
        for &subject in subjects {
            found.extend(self.rates.reasoning(service, known, subject, now, self.budget));
            found.extend(self.silence.reasoning(service, known, subject, now, self.budget));
        }
        found.extend(self.mixes.reasoning(known.number, now));
        found
    }

    /// The known cluster nearest to a service's last ten seconds, and what differs.
    pub fn nearest(&self, service: &Service) -> Option<NearestCluster> {
        self.mixes.nearest(self.catalogue.service(service)?, self.now?)
    }
}
