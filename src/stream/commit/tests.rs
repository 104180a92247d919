//! Tests of the rules by which a transaction is committed.

use super::*;
use crate::record::Topic;
use crate::stream::log::{Rebalance, Retained, Taker, Tallied};

/// A connection whose sends end as they are told to, and which knows what was committed.
struct Scripted {
    sends: Vec<Result<(), Failure>>,
    sent: usize,
    stragglers: bool,
    renewed: usize,
    known: Known,
    committed: Option<Committed>,
    /// From where to where the last tallies go.
    tallied: Option<(i64, i64)>,
}

impl Scripted {
    fn commit(sends: Vec<Result<(), Failure>>, committed: i64, in_rebalance: bool) -> (Result<(), CommitError>, usize) {
        let (ended, scripted) = Self::commit_with(false, sends, committed, in_rebalance);
        (ended, scripted.sent)
    }

    fn commit_with(
        stragglers: bool,
        sends: Vec<Result<(), Failure>>,
        committed: i64,
        in_rebalance: bool,
    ) -> (Result<(), CommitError>, Self) {
        let at = |offset| Some(Committed { offset: Offset(offset), metadata: String::new() });
        let known = Known::from([(Partition::new(Topic::new("logs"), 0), at(3))]);
        let mut scripted =
            Self { sends, sent: 0, stragglers, renewed: 0, known, committed: at(committed), tallied: None };
        let mut transaction = Transaction::default();
        transaction.offsets.insert(Partition::new(Topic::new("logs"), 0), (Offset(7), String::new()));
        let ended = commit_whole(&mut scripted, &transaction, in_rebalance);
        (ended, scripted)
    }
}

impl Log for Scripted {
    fn now(&self) -> Duration {
        Duration::from_secs(self.sent as u64)
    }
    fn poll(&mut self, _: Duration, _: &mut Taker<'_>) -> Result<usize, CommitError> {
        Ok(0)
    }
    fn rebalance(&mut self) -> Option<Rebalance> {
        None
    }
    fn committed(&mut self, _: &[Partition]) -> Result<Vec<(Partition, Option<Committed>, Retained)>, CommitError> {
        Ok(Vec::new())
    }
    fn assign(&mut self, _: &[(Partition, Offset)]) -> Result<(), CommitError> {
        Ok(())
    }
    fn rewind(&mut self, _: &[(Partition, Offset)]) -> Result<(), CommitError> {
        Ok(())
    }

    fn unassign(&mut self, _: &[Partition]) -> Result<(), CommitError> {
        Ok(())
    }
    fn at_end(&mut self) -> Vec<Partition> {
        Vec::new()
    }
    fn hold(&mut self, _: &[Partition]) -> Result<(), CommitError> {
        Ok(())
    }
    fn commit(&mut self, _: &Transaction, _: bool) -> Result<(), CommitError> {
        Ok(())
    }
    fn leave(&mut self) {}
}

impl Connection for Scripted {
    fn is_assigned(&self, _: &Partition) -> bool {
        true
    }
    fn send(&mut self, _: &Transaction) -> Result<(), Failure> {
        self.sent += 1;
        self.sends.remove(0)
    }
    fn abort(&mut self) -> Result<(), Failure> {
        Ok(())
    }
    fn may_have_stragglers(&self) -> bool {
        self.stragglers
    }
    fn renew(&mut self) -> Result<(), CommitError> {
        self.renewed += 1;
        Ok(())
    }
    fn known(&mut self) -> &mut Known {
        &mut self.known
    }
    fn committed_offsets(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, CommitError> {
        Ok(partitions.iter().map(|partition| (partition.clone(), self.committed.clone())).collect())
    }
    fn last_written(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        self.last_committed(partitions)
    }
    fn last_committed(&mut self, partitions: &[Partition]) -> Result<BTreeMap<Partition, Tallied>, CommitError> {
        let told = |(from, to)| {
            let until = Committed { offset: Offset(to), metadata: "clock".to_owned() };
            Tallied { from: Offset(from), until }
        };
        Ok(partitions.iter().filter_map(|partition| Some((partition.clone(), told(self.tallied?)))).collect())
    }
    fn assignment_lost(&self) -> bool {
        false
    }
    fn poll_paused(&mut self) -> Result<bool, CommitError> {
        Ok(false)
    }
    fn is_stopping(&self) -> bool {
        false
    }
    fn wait(&mut self, _: Duration) {}
}

fn put_out() -> Result<(), Failure> {
    Err(Failure::NotAMember("UNKNOWN_MEMBER_ID".to_owned()))
}

#[test]
fn who_is_put_out_commits_nothing_more() {
    for in_rebalance in [true, false] {
        let (ended, sent) = Scripted::commit(vec![put_out(), Ok(())], 3, in_rebalance);
        assert!(matches!((ended, sent), (Err(CommitError::Broken(_)), 1)));
    }
}

#[test]
fn what_is_still_on_its_way_is_refused_by_the_epoch_of_a_new_producer() {
    let aborted = || Err(Failure::Abort("timed out".to_owned()));
    // Before it is sent, before it is asked what was committed, before it is sent again, and after that.
    for (stragglers, renewed) in [(false, 0), (true, 4)] {
        let (ended, scripted) = Scripted::commit_with(stragglers, vec![aborted(), Ok(())], 3, false);
        assert!(ended.is_ok());
        assert_eq!(scripted.renewed, renewed);
    }
}

/// It would end what the other one of the name does, and so on for ever.
#[test]
fn who_is_fenced_makes_no_new_producer() {
    let fenced = || Err(Failure::Fenced("another process".to_owned()));
    assert!(matches!(Scripted::commit(vec![fenced(), Ok(())], 3, false), (Err(CommitError::Fenced(_)), 1)));
}

#[test]
fn the_group_does_not_wait_for_minutes_while_partitions_are_given_up() {
    let stale = || (0..200).map(|_| Err(Failure::Abort("ILLEGAL_GENERATION".to_owned()))).collect();
    assert!(matches!(Scripted::commit(stale(), 3, true), (Err(CommitError::Broken(_)), 10)));
    assert!(matches!(Scripted::commit(stale(), 3, false), (Err(CommitError::Broken(_)), 120)));
}

#[test]
fn in_doubt_it_is_sent_again_only_if_it_was_not_committed() {
    let doubt = || Err(Failure::Doubt("no answer".to_owned()));
    assert!(matches!(Scripted::commit(vec![doubt(), Ok(())], 7, false), (Ok(()), 1)));
    assert!(matches!(Scripted::commit(vec![doubt(), Ok(())], 3, false), (Ok(()), 2)));
}

/// The transaction before was not committed after all.
#[test]
fn nothing_is_sent_again_behind_what_was_taken_back() {
    for failure in [Failure::Doubt("no answer".to_owned()), Failure::Abort("timed out".to_owned())] {
        assert!(matches!(Scripted::commit(vec![Err(failure), Ok(())], 2, false), (Err(CommitError::Broken(_)), 1)));
    }
}

/// The offset at which reading goes on where the group stands at 3 or nowhere, and what is known to be committed.
fn goes_on(committed: Option<i64>, tallied: Option<(i64, i64)>) -> (Option<(i64, String)>, Option<i64>) {
    let partition = Partition::new(Topic::new("logs"), 0);
    let committed = committed.map(|offset| Committed { offset: Offset(offset), metadata: "group".to_owned() });
    let known = Known::new();
    let mut scripted =
        Scripted { sends: Vec::new(), sent: 0, stragglers: false, renewed: 0, known, committed, tallied };
    let found = where_to_go_on(&mut scripted, std::slice::from_ref(&partition)).unwrap();
    let [(_, found)] = &found[..] else { panic!("one partition") };
    let known = scripted.known.get(&partition).and_then(Option::as_ref).map(|known| known.offset.0);
    (found.as_ref().map(|found| (found.offset.0, found.metadata.clone())), known)
}

#[test]
fn what_was_counted_is_not_read_again_though_the_group_does_not_know_of_it() {
    let group = || Some((3, "group".to_owned()));
    assert_eq!(goes_on(Some(3), Some((3, 7))), (Some((7, "clock".to_owned())), Some(3)));
    assert_eq!(goes_on(Some(3), Some((1, 3))), (group(), Some(3)), "as it should be");
    assert_eq!(goes_on(Some(3), Some((3, 3))), (group(), Some(3)), "nothing was read");
    assert_eq!(goes_on(Some(3), Some((5, 7))), (group(), Some(3)), "somebody set it back");
    assert_eq!(goes_on(Some(3), None), (group(), Some(3)));
    assert_eq!(goes_on(None, Some((5, 7))), (None, None), "somebody deleted it, or made the topic anew");
    assert_eq!(goes_on(None, Some((0, 7))), (Some((7, "clock".to_owned())), None), "the first of all was lost");
}
