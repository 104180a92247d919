//! Any bytes as a record of the tallies topic: never a panic, and what is understood survives being written and read again, and
//! can be judged.
#![no_main]

use eddyline::stage::Judge;
use eddyline::vectorise::wire::Flush;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(flush) = Flush::decode(bytes) else { return };
    let encoded = flush.encode();
    assert_eq!(Flush::decode(&encoded).ok().as_ref(), Some(&flush));
    let (mut judge, mut messages) = (Judge::new(), Vec::new());
    judge.flush(Flush::decode_for_judge(bytes).expect("it was read before"), &mut messages);
    // Again, into a judge that was restored.
    let snapshot = judge.snapshot().expect("a state can be written");
    let mut judge = Judge::restore(&snapshot.concat()).expect("and read");
    judge.flush(flush, &mut messages);
    judge.end_of_input(&mut messages);
});
