//! Invariant 5, exactly once, by destruction: three instances, a network and a broker, to which all that can happen happens while
//! the recording is written; then what was published has to be, byte for byte, what an undisturbed run over the same input publishes.
//!
//! `tests/chaos --faults N [--seed S]` runs as many faults as one likes, in rounds of twenty, each with a seed of its own; `--kills N`
//! only those that kill somebody, of which an instance or the broker dies in each.

mod fault;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::fault::{Victims, faults};
use crate::support::broker::Broker;
use crate::support::client::{Client, Record};
use crate::support::process::Setup;
use crate::support::proxy::{Network, Proxy};
use crate::support::recording::Recording;
use crate::support::{Random, events, ledger, unique};

const PARTITIONS: i32 = 6;
const ROUND: usize = 20;
/// How long the lines of a round last for each fault. Log time then runs faster than the clock, so that no promise that an idle
/// partition makes by the clock is ever broken by a line that was only delayed.
const WRITING_PER_FAULT: Duration = Duration::from_secs(9);
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn destruction_changes_no_byte_of_what_is_published() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let kills = number("EDDYLINE_CHAOS_KILLS");
    let count = usize::try_from(kills.or(number("EDDYLINE_CHAOS_FAULTS")).unwrap_or(ROUND as u64)).unwrap();
    let (are_kills, what) = (kills.is_some(), if kills.is_some() { "kills" } else { "faults" });
    let seed = number("EDDYLINE_CHAOS_SEED").unwrap_or(1);
    let recording = Recording::shop(i64::from(u16::MAX));
    let proxy = Proxy::new();
    let broker = Broker::behind(proxy.address());
    let (address, network) = (proxy.address().to_owned(), proxy.serve(broker.proxied()));
    for (round, done) in (0..count).step_by(ROUND).enumerate() {
        let (client, topic) = (Client::new(broker.bootstrap()), unique("chaos"));
        client.create_topic(&topic, PARTITIONS, &[]);
        let evidence = std::env::temp_dir().join(unique("eddyline-chaos"));
        std::fs::create_dir_all(&evidence).unwrap();
        let round = Round {
            seed: seed + round as u64,
            faults: ROUND.min(count - done),
            are_kills,
            address: &address,
            broker: &broker,
            network: &network,
            recording: &recording,
            setup: Setup::new(&client, &topic).logs_in(&evidence),
            client,
            evidence,
        };
        let began = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| round.run())) {
            Ok(events) => eprintln!(
                "seed {}: {} {what}, {events} events, nothing lost, nothing twice, the same bytes; {} of {count} {what}, {} s",
                round.seed,
                round.faults,
                done + round.faults,
                began.elapsed().as_secs()
            ),
            Err(failure) => {
                let names =
                    [round.setup.topic.as_str(), &round.setup.prefix, "__transaction_state", "__consumer_offsets"];
                broker.testify(&names, &round.evidence);
                eprintln!(
                    "FAILED with seed {}: `tests/chaos --{what} {} --seed {}` runs it again; the logs are in {}",
                    round.seed,
                    round.faults,
                    round.seed,
                    round.evidence.display()
                );
                resume_unwind(failure);
            }
        }
        std::fs::remove_dir_all(&round.evidence).unwrap();
    }
}

struct Round<'a> {
    seed: u64,
    faults: usize,
    are_kills: bool,
    address: &'a str,
    broker: &'a Broker,
    network: &'a Network,
    recording: &'a Recording,
    client: Client,
    setup: Setup,
    evidence: PathBuf,
}

impl Round<'_> {
    /// Destroys, then verifies. Returns how many events were compared.
    fn run(&self) -> usize {
        let client = &self.client;
        let changes = [("publish.scored", "true"), ("snapshots.every_s", "1"), ("observe.threads", "2")];
        let setup = changes.iter().fold(self.setup.clone(), |setup, (key, value)| setup.set(key, value));
        // The instances reach the broker by the network that breaks, whoever writes and reads for the test does not.
        let through = setup.clone().through(self.address);
        let victims = self.destroy(client, &through);

        setup.wait_until_judged(client, LIMIT);
        let tallied = ledger::assert_all_tallied(client, &setup);
        victims.stop();
        ledger::assert_no_open_transaction(client, &setup);
        ledger::assert_scored_once(client, &setup);
        // The test's own producer may have written a record twice, and others behind later ones, when the broker was killed: what
        // counts is what is there.
        let written: i64 = tallied.until.values().sum();
        let late = tallied.outcomes.late;
        eprintln!("seed {}: {written} records of {} lines, {late} late", self.seed, self.recording.lines.len());
        assert_eq!(tallied.records(), written.unsigned_abs());

        let undisturbed = Setup::new(client, &setup.topic).logs_in(&self.evidence);
        let mut instance = undisturbed.start("a");
        undisturbed.wait_until_judged(client, LIMIT);
        assert!(instance.stop().success());
        assert_eq!(
            ledger::assert_all_tallied(client, &undisturbed).outcomes.late,
            late,
            "late, disturbed and undisturbed"
        );
        let expected = events::published(client, &undisturbed, self.recording.end_ms);
        let published = events::published(client, &setup, self.recording.end_ms);
        write_down(&self.evidence.join("expected.jsonl"), &expected);
        write_down(&self.evidence.join("published.jsonl"), &published);
        assert!(expected.len() > 20, "{} events", expected.len());
        let sorted = |records: &[_]| events::without_coordinates(records.iter().map(events::value));
        events::assert_same("disturbed and undisturbed", &sorted(&published), &sorted(&expected));
        assert!(
            events::bytes(&published) == events::bytes(&expected),
            "the bytes differ: expected.jsonl, published.jsonl"
        );
        events::assert_valid(&published);
        published.len()
    }

    /// Lets the faults happen while the recording is written. Nobody ends who was not told to.
    fn destroy<'a>(&'a self, client: &Client, setup: &'a Setup) -> Victims<'a> {
        let mut random = Random::new(self.seed);
        let faults = faults(self.faults, self.are_kills, &mut random);
        let over = WRITING_PER_FAULT * u32::try_from(self.faults).unwrap();
        let (hurry, is_written) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let hurries = Hurry(&hurry);
            let mut victims = Victims::start(setup, self.broker, self.network, random);
            scope.spawn(|| {
                self.recording.send_over(client, &setup.topic, PARTITIONS, over, &hurry);
                is_written.store(true, Ordering::Relaxed);
            });
            std::thread::sleep(Duration::from_secs(2));
            let began = Instant::now();
            for (number, fault) in faults.into_iter().enumerate() {
                let at = began.elapsed();
                let said = victims.suffer(fault);
                eprintln!("seed {}: {:5.1} s, {}: {said}", self.seed, at.as_secs_f64(), number + 1);
            }
            assert!(!is_written.load(Ordering::Relaxed), "the recording was written before the last fault");
            victims.recover();
            drop(hurries);
            victims
        })
    }
}

/// However the faults end, who writes does not go on for minutes.
struct Hurry<'a>(&'a AtomicBool);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write_down(path: &Path, records: &[Record]) {
    let lines: String = records.iter().map(|record| format!("{}\n", record.text())).collect();
    std::fs::write(path, lines).unwrap();
}
