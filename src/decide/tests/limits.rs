//! Notices have a lane of their own, and everything has a limit.

use super::*;

#[test]
fn notices_have_a_lane_of_their_own() {
    let mut decider = Decider::new();
    let new = |at, service, id| finding(at, service, template(id), Kind::NewTemplate, Severity::Info);
    let opened = step(&mut decider, 0, vec![new(0, "a", 1)]);
    assert_eq!((opened.len(), opened[0].severity), (1, Severity::Info));
    for at in 1..12 {
        assert!(
            step(&mut decider, at, vec![new(at, "a", 1 + at.unsigned_abs())]).is_empty(),
            "one notice for them all"
        );
    }
    // A problem of the service does not join it, and later notices add to the problem without prolonging it.
    let problem = step(&mut decider, 20, vec![spike(20, "a", 100, Severity::Warning)]);
    assert_eq!(problem.len(), 1);
    assert_eq!(
        problem[0].group_key.split(':').nth(1).unwrap(),
        problem[0].episode.to_string(),
        "notices lead no group"
    );
    for at in 21..60 {
        assert!(step(&mut decider, at, vec![new(at, "a", 200)]).is_empty());
    }
    let closed = quiet(&mut decider, 60..700, &[]);
    assert_eq!(closed.len(), 2);
    assert_eq!(closed[0].status, Status::Resolve { reason: Reason::Recovered });
    assert_eq!((closed[0].time, closed[0].severity), (Second(START + 60).end(), Severity::Warning));
    assert_eq!(closed[1].status, Status::Resolve { reason: Reason::Absorbed });
    assert_eq!((closed[1].time, closed[1].novelties), (Second(START + 600).end(), 12));
}

#[test]
fn a_problem_takes_the_place_of_a_notice_of_its_name() {
    let mut decider = Decider::new();
    step(&mut decider, 0, vec![finding(0, "a", template(1), Kind::NewTemplate, Severity::Info)]);
    let messages = step(&mut decider, 300, vec![spike(300, "a", 1, Severity::Warning)]);
    let said: Vec<_> = messages.iter().map(|message| (&message.status, &*message.dedup_key)).collect();
    let key = "prod/a:t0000000000000001";
    assert_eq!(said, [(&Status::Resolve { reason: Reason::Superseded }, key), (&Status::Trigger, key)]);
    assert_ne!(messages[0].episode, messages[1].episode);
}

#[test]
fn a_name_that_is_open_is_not_taken_twice() {
    let mut decider = Decider::new();
    step(&mut decider, 0, ["a", "b"].map(|service| spike(0, service, 1, Severity::Error)).to_vec());
    quiet(&mut decider, 1..100, &[]);
    // Half of it comes back, the other half much later: both resemble the past, but only one can have its name.
    for at in 1_000..1_300 {
        step(&mut decider, at, vec![spike(at, "a", 1, Severity::Error)]);
    }
    let both = vec![spike(1_300, "a", 1, Severity::Error), spike(1_300, "b", 1, Severity::Error)];
    let other = step(&mut decider, 1_300, both);
    assert_eq!((other.len(), &*other[0].dedup_key), (1, "prod/b:t0000000000000001"));
    // What has the very name of an open problem is a part of it, however old that is.
    let mut decider = Decider::new();
    let volume = |at, kind| finding(at, "a", Subject::Volume, kind, Severity::Warning);
    step(&mut decider, 0, vec![volume(0, Kind::Silence)]);
    quiet(&mut decider, 1..200, &[]);
    assert!(step(&mut decider, 200, vec![volume(200, Kind::RateSpike)]).is_empty());
    assert_eq!(decider.open().map(|episode| episode.symptoms().len()).collect::<Vec<_>>(), [2]);
}

#[test]
fn there_is_a_limit_to_everything() {
    let mut decider = Decider::new();
    for n in 0..OPEN_MAX as i64 + 50 {
        // Far enough apart not to be one episode, and each goes on.
        let (at, name) = (n * 25, format!("s{n}"));
        step(&mut decider, at, vec![finding(at, &name, Subject::Volume, Kind::Silence, Severity::Critical)]);
    }
    assert_eq!(decider.open().count(), OPEN_MAX);
    assert_eq!(decider.open().last().unwrap().suppressed, 50);
    let mut decider = Decider::new();
    let many = |range: std::ops::Range<u64>| range.map(|id| spike(0, &format!("s{id}"), id, Severity::Error)).collect();
    let opened = step(&mut decider, 0, many(0..500));
    assert_eq!((opened.len(), opened[0].symptoms, opened[0].services.len()), (1, SYMPTOMS_MAX, SERVICES_MAX));
    assert_eq!((opened[0].suppressed, opened[0].services_total), (499, 500));
    for n in 0..OPEN_MAX as u64 + 10 {
        let mut one = spike(0, "s", 1, Severity::Error);
        one.feature.service = Service::new(Some(&format!("env{n}")), "s");
        step(&mut decider, 1, vec![one]);
    }
    assert_eq!(decider.open().count(), OPEN_MAX, "a domain without any open episode gets one, the oldest closes");
}

#[test]
fn a_flood_in_one_domain_takes_nothing_from_another() {
    let mut decider = Decider::new();
    let notice = |environment: Option<&str>, name: &str, id: u64| {
        let mut notice = spike(0, name, id, Severity::Info);
        notice.feature.service = Service::new(environment, name);
        notice
    };
    step(&mut decider, 0, vec![notice(None, "first", 1)]);
    step(&mut decider, 0, (0..OPEN_MAX as u64).map(|n| notice(Some("flood"), &format!("s{n}"), n)).collect());
    step(&mut decider, 0, vec![notice(None, "second", 2)]);
    let quiet: Vec<u64> = decider.open().filter(|e| e.environment.is_none()).map(|e| e.suppressed).collect();
    assert_eq!(quiet, [0, 0], "both are open, and nothing is counted in them that is not theirs");
    assert_eq!(decider.open().filter(|e| !e.is_closing()).count(), OPEN_MAX);
}
