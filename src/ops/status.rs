//! What a status tells: for `/status` of the admin pages and the line that is written every ten seconds.

use serde::Serialize;

/// What one judge last said of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JudgeView {
    /// Whether it publishes, or still learns from the retained tallies.
    pub is_live: bool,
    /// Log time up to which it has judged.
    pub judged_until: Option<String>,
    /// How many services it knows.
    pub services: usize,
    /// How many templates it knows.
    pub templates: usize,
    /// Services that were counted as one because a second had too many.
    pub services_folded: u64,
    /// Services and templates that were forgotten because of the limits.
    pub forgotten: u64,
    /// Services in their first minutes of log time, of which nothing is said yet.
    pub services_warming_up: usize,
    /// How many seconds of log time until the last of them is done.
    pub warm_up_left_seconds: i64,
    /// Services whose templates say little, and why: new kinds of their lines may be counted together.
    pub services_unsuitable: Vec<UnsuitableService>,
    /// Input partitions it knows of.
    pub partitions_known: usize,
    /// Of them, those that have reported: nothing is judged before all have.
    pub partitions_reporting: usize,
    /// Input partitions that are cut off, because nobody reads them or they have not caught up since.
    pub partitions_cut: Vec<String>,
    /// Seconds of log time that wait for a partition that lags.
    pub open_seconds: usize,
    /// Episodes that are open.
    pub open_episodes: Vec<OpenEpisode>,
}

/// A service whose templates say little.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnsuitableService {
    /// The service.
    pub service: String,
    /// Which check says so.
    pub reason: &'static str,
}

/// An open episode, as far as a status tells of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenEpisode {
    /// The name of the problem.
    pub dedup_key: String,
    /// The highest severity so far.
    pub severity: &'static str,
    /// First evidence.
    pub started_at: String,
    /// The services.
    pub services: Vec<String>,
}

/// Everything at once, for `/status` and the status line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Records that wait to be read; `None` where it is not known of every partition.
    pub lag_records: Option<i64>,
    /// Lines read each second in the last ten.
    pub lines_per_second: f64,
    /// Lines read since the start.
    pub lines_total: u64,
    /// Of them, those that were too long, since the start: only their beginning was looked at.
    pub lines_cut: u64,
    /// Services that observers counted as one because a second of a flush had too many, since the start.
    pub services_folded: u64,
    /// Input and tallies partitions read here.
    pub partitions: Vec<PartitionStatus>,
    /// The judges at work here.
    pub judges: Vec<JudgeView>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionStatus {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// Records that wait to be read; `None` where that is not known now.
    pub lag_records: Option<i64>,
    /// Assigned and lagging (as far as known), but without progress for a minute.
    pub is_stalled: bool,
    /// Nearly everything of it goes to the dead letters.
    pub is_undecodable: bool,
}

impl std::fmt::Display for Status {
    /// The status line that is written every ten seconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let services: usize = self.judges.iter().map(|judge| judge.services).sum();
        let templates: usize = self.judges.iter().map(|judge| judge.templates).sum();
        let episodes: usize = self.judges.iter().map(|judge| judge.open_episodes.len()).sum();
        match self.lag_records {
            Some(lag) => write!(f, "lag {lag}")?,
            None => f.write_str("lag unknown")?,
        }
        write!(f, ", {:.0} lines/s", self.lines_per_second)?;
        for judge in &self.judges {
            match &judge.judged_until {
                Some(until) if judge.is_live => write!(f, ", judged until {until}")?,
                Some(until) => write!(f, ", learning again from the tallies, at {until}")?,
                None => write!(
                    f,
                    ", waiting for partitions ({} of {} reported)",
                    judge.partitions_reporting, judge.partitions_known
                )?,
            }
        }
        let cut: Vec<&str> = self.judges.iter().flat_map(|judge| &judge.partitions_cut).map(String::as_str).collect();
        if !cut.is_empty() {
            write!(f, ", cut off: {}", cut.join(" "))?;
        }
        if self.judges.is_empty() {
            return f.write_str(", judged by another instance");
        }
        write!(f, ", {services} services, {templates} templates, {episodes} open episodes")?;
        let left = self.judges.iter().map(|judge| judge.warm_up_left_seconds).max().unwrap_or(0);
        if left > 0 { write!(f, ", warm-up {left} s left") } else { Ok(()) }
    }
}
