//! The floor, and what Eddyline does above it.

use eddyline::decode::{Decoder, Format};
use eddyline::record::{Offset, Record, Second};
use eddyline::template::{Masks, Merges, Number, ParameterKind, Skeletoniser, number};
use xxhash_rust::xxh3::xxh3_64;

use crate::contest::{Contender, lines};

pub const OURS: [Contender; 5] = [
    ("floor", floor),
    ("header", header),
    ("header+id+parameters", parameters),
    ("header+id+values", values),
    ("header+id+merging", merging),
];

/// Every line is split at its blanks, and every token hashed.
fn floor(bytes: &[u8]) -> u64 {
    lines(bytes).fold(0, |hash, line| line.split(|byte| *byte == b' ').fold(hash, |hash, token| hash ^ xxh3_64(token)))
}

fn each_message(bytes: &[u8], mut each: impl FnMut(&str)) {
    let mut decoder = Decoder::new(Format::Auto);
    for line in lines(bytes) {
        if let Ok(line) = decoder.decode(&Record { offset: Offset(0), timestamp: None, value: Some(line) }) {
            each(line.message);
        }
    }
}

/// The header comes off and is read.
fn header(bytes: &[u8]) -> u64 {
    let mut length = 0;
    each_message(bytes, |message| length += message.len() as u64);
    length
}

/// And the message has its id, and its parameters their kinds and places: what the bar of the issue is about.
fn parameters(bytes: &[u8]) -> u64 {
    let (mut skeletoniser, mut sum) = (Skeletoniser::new(), 0_u64);
    each_message(bytes, |message| {
        let skeleton = skeletoniser.skeletonise(message);
        sum = skeleton
            .parameters
            .iter()
            .fold(sum ^ skeleton.id.0, |sum, parameter| sum.wrapping_add(u64::from(parameter.end)));
    });
    sum
}

/// And the numbers among them are read.
fn values(bytes: &[u8]) -> u64 {
    let (mut skeletoniser, mut sum) = (Skeletoniser::new(), 0_u64);
    each_message(bytes, |message| {
        let skeleton = skeletoniser.skeletonise(message);
        sum ^= skeleton.id.0;
        for parameter in skeleton.parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Number) {
            sum = sum.wrapping_add(match number(parameter.text(message)) {
                Some(Number::Integer(value)) => value.unsigned_abs(),
                Some(Number::Decimal(value)) => value.to_bits(),
                None => 0,
            });
        }
    });
    sum
}

/// Header, id and parameters, and the templates are merged as they come: what the other miners do.
fn merging(bytes: &[u8]) -> u64 {
    let (mut skeletoniser, mut merges, mut sum) = (Skeletoniser::new(), Merges::default(), 0_u64);
    let (mut now, masks) = (0, Masks::default());
    each_message(bytes, |message| {
        let skeleton = skeletoniser.skeletonise(message);
        now += 1;
        if merges.contains(skeleton.id) {
            merges.count(skeleton.id, 1, Second(now));
        } else {
            sum += merges.meet(skeleton.id, skeleton.text(), 1, Second(now), &masks).len() as u64;
        }
        sum ^= merges.resolve(skeleton.id).0;
    });
    sum
}
