//! What lasts, what comes back, and what it is called then.

use super::*;

#[test]
fn a_new_template_lasts_while_it_comes_and_is_absorbed() {
    let mut decider = Decider::new();
    let new = |at, id| finding(at, "a", template(id), Kind::NewTemplate, Severity::Error);
    step(&mut decider, 0, vec![new(0, 1)]);
    let closed = quiet(&mut decider, 1..700, &[("a", 1)]);
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Absorbed });
    assert_eq!((closed[0].time, closed[0].lines), (Second(START + 600).end(), 10 + 600 * 3));
    step(&mut decider, 1_000, vec![new(1_000, 2)]);
    assert!(quiet(&mut decider, 1_001..1_100, &[("a", 2)]).is_empty());
    let closed = quiet(&mut decider, 1_100..1_200, &[("a", 3)]);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Recovered });
    assert_eq!(closed[0].time, Second(START + 1_099 + 40).end());
    assert_eq!(closed[0].figures, Some(Figures::default()), "no more lines");
}

#[test]
fn a_silence_lasts_until_the_lines_come_back() {
    let mut decider = Decider::new();
    let silence = finding(0, "a", Subject::Volume, Kind::Silence, Severity::Critical);
    let opened = step(&mut decider, 0, vec![silence]);
    assert_eq!((&*opened[0].dedup_key, opened[0].severity), ("prod/a:volume", Severity::Critical));
    assert!(quiet(&mut decider, 1..1_000, &[("b", 9)]).is_empty());
    let closed = quiet(&mut decider, 1_000..1_100, &[("a", 9)]);
    assert_eq!((closed.len(), closed[0].time), (1, Second(START + 999 + 40).end()));
    // One that never ends is closed after a day, also when log time jumps.
    step(&mut decider, 2_000, vec![finding(2_000, "a", Subject::Volume, Kind::Silence, Severity::Critical)]);
    let closed = step(&mut decider, 2_000 + 90_000, Vec::new());
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Expired });
}

#[test]
fn a_drop_to_nothing_lasts_until_the_lines_come_back() {
    let mut decider = Decider::new();
    let mut drop = finding(0, "a", Subject::Volume, Kind::RateDrop, Severity::Warning);
    drop.figures.observed = 0.0;
    step(&mut decider, 0, vec![drop]);
    assert!(quiet(&mut decider, 1..300, &[("b", 9)]).is_empty());
    let closed = quiet(&mut decider, 300..400, &[("a", 9)]);
    assert_eq!((closed.len(), closed[0].time), (1, Second(START + 299 + 40).end()));
    assert!(!closed[0].figures_are_gaps && closed[0].figures.is_some_and(|figures| figures.observed > 0.0));
}

#[test]
fn what_is_adopted_is_absorbed() {
    let mut decider = Decider::new();
    let spike = spike(0, "a", 1, Severity::Warning);
    let feature = spike.feature.clone();
    step(&mut decider, 0, vec![spike]);
    let adopted = Judgement { adopted: vec![feature], ..Judgement::default() };
    let closed = decider.step(&second(30, &[]), adopted, &Known);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Absorbed });
}

#[test]
fn what_comes_back_has_the_same_key_and_its_history() {
    let mut decider = Decider::new();
    let first = step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error), spike(0, "b", 2, Severity::Error)]);
    quiet(&mut decider, 1..100, &[]);
    // This time another service is first; volumes say little.
    let volume = finding(1_000, "b", Subject::Volume, Kind::RateSpike, Severity::Warning);
    let again = step(&mut decider, 1_000, vec![spike(1_000, "b", 2, Severity::Error), volume]);
    assert_eq!(again[0].dedup_key, first[0].dedup_key);
    let past = again[0].recurrence.as_ref().unwrap();
    assert_eq!((past.count, past.last_started, past.last_id), (1, first[0].started, first[0].episode));
    quiet(&mut decider, 1_001..1_100, &[]);
    let other = step(&mut decider, 2_000, vec![spike(2_000, "c", 7, Severity::Error)]);
    assert_eq!((&*other[0].dedup_key, &other[0].recurrence), ("prod/c:t0000000000000007", &None));
    quiet(&mut decider, 2_001..2_100, &[]);
    let third = step(&mut decider, 3_000, vec![spike(3_000, "b", 2, Severity::Error)]);
    assert_eq!(third[0].recurrence.as_ref().map(|past| past.count), Some(2), "both are remembered as one problem");
}

/// A template that was merged meanwhile is the same problem when it recurs.
#[test]
fn what_comes_back_under_the_name_of_what_it_became_a_part_of_is_known() {
    let mut decider = Decider::new();
    let first = step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error)]);
    quiet(&mut decider, 1..100, &[]);
    let merged = vec![(Service::new(Some("prod"), "a"), TemplateId(1), TemplateId(9))];
    decider.step(&second(500, &[]), Judgement { merged, ..Judgement::default() }, &Known);
    let again = step(&mut decider, 1_000, vec![spike(1_000, "a", 9, Severity::Error)]);
    assert_eq!(again[0].dedup_key, first[0].dedup_key);
    assert_eq!(again[0].recurrence.as_ref().map(|past| past.count), Some(1));
}

/// Nothing is known of a stretch whose lines were lost, so nothing recovers in it.
#[test]
fn what_is_wrong_does_not_recover_while_lines_are_missing() {
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![spike(0, "a", 1, Severity::Error)]);
    for at in 1..300 {
        let blind = BTreeSet::from([Service::new(Some("prod"), "a")]);
        assert_eq!(decider.step(&second(at, &[]), Judgement { blind, ..Judgement::default() }, &Known), []);
    }
    assert!(quiet(&mut decider, 300..330, &[]).is_empty(), "it may go on");
    assert_eq!(quiet(&mut decider, 330..400, &[]).len(), 1, "and is over when it does not");
}
