//! Any bytes as a record: reading it never panics, gives the same each time, and its parameters are parts of the line.
#![no_main]

use eddyline::decode::{Decoder, Format};
use eddyline::record::{Offset, Record, TimeBasis};
use eddyline::template::{PARAMETERS_MAX, SKELETON_BYTES_MAX, Skeletoniser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let record = Record { offset: Offset(7), timestamp: Some((1_795_420_887_000, TimeBasis::KafkaCreate)), value: Some(bytes) };
    for format in [Format::Auto, Format::Text, Format::Json] {
        let (mut one, mut other) = (Decoder::new(format), Decoder::new(format));
        // What was read before has no influence.
        let _ = other.decode(&Record { value: Some(b"2026-11-25T01:02:03Z web[7]: INFO  hello"), ..record });
        let (Ok(line), Ok(again)) = (one.decode(&record), other.decode(&record)) else {
            assert!(one.decode(&record).is_err() && other.decode(&record).is_err());
            continue;
        };
        assert_eq!((line.time, line.level, line.message), (again.time, again.level, again.message));
        check_skeleton(line.message);
    }
    check_skeleton(&String::from_utf8_lossy(bytes));
});

fn check_skeleton(message: &str) {
    let (mut one, mut other) = (Skeletoniser::new(), Skeletoniser::new());
    other.skeletonise("user 17 logged in from 10.0.0.1 in 3ms");
    let again = other.skeletonise(message).id;
    let skeleton = one.skeletonise(message);
    assert_eq!(skeleton.id, again);
    assert!(skeleton.text().len() <= SKELETON_BYTES_MAX && skeleton.parameters.len() <= PARAMETERS_MAX);
    let mut last_end = 0;
    for parameter in skeleton.parameters {
        let (start, end) = (parameter.start as usize, parameter.end as usize);
        assert!(last_end <= start && start <= end, "{parameter:?} behind {last_end}");
        assert_eq!(message.get(start..end), Some(parameter.text(message)), "{parameter:?}");
        last_end = end;
    }
}
