//! What holds for any seconds: a restored scorer goes on as it would have, and the past does not know the future.

use super::*;

/// What one service writes in a second: template, level, lines.
fn seconds() -> impl Strategy<Value = Vec<Vec<(u8, u64, usize, u64)>>> {
    let line = (0_u8..3, 0_u64..6, 0_usize..6, prop_oneof![8 => 1_u64..4, 1 => 50_u64..200]);
    proptest::collection::vec(proptest::collection::vec(line, 0..5), 400..700)
}

fn play(scorer: &mut Scorer, seconds: &[Vec<(u8, u64, usize, u64)>], from: usize) -> Vec<Judgement> {
    let closed = |(place, lines): (usize, &Vec<(u8, u64, usize, u64)>)| {
        let second = Second(START + i64::try_from(from + place).expect("small"));
        let mut cells: BTreeMap<Service, Cell> = BTreeMap::new();
        for &(service, template, level, lines) in lines {
            let cell = cells.entry(Service::new(None, &format!("s{service}"))).or_default();
            add(cell, second, template, Level::from_index(level), lines);
        }
        ClosedSecond { second, cells: cells.into_iter().collect(), missing: BTreeSet::new() }
    };
    seconds.iter().enumerate().map(closed).map(|mut second| scorer.judge(&mut second, &Told::default())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_scorer_goes_on_as_if_nothing_had_happened(seconds in seconds(), cut in any::<proptest::sample::Index>()) {
        let cut = cut.index(seconds.len());
        let mut whole = Scorer::new();
        let expected = play(&mut whole, &seconds, 0);
        let mut first = Scorer::new();
        let mut judged = play(&mut first, &seconds[..cut], 0);
        let bytes = postcard::to_stdvec(&first).expect("a snapshot");
        let mut second: Scorer = postcard::from_bytes(&bytes).expect("a restore");
        judged.extend(play(&mut second, &seconds[cut..], cut));
        prop_assert_eq!(&judged, &expected);
        prop_assert_eq!(postcard::to_stdvec(&second).expect("bytes"), postcard::to_stdvec(&whole).expect("bytes"));
    }

    #[test]
    fn another_future_changes_no_past_finding(seconds in seconds(), mut other in seconds(), cut in any::<proptest::sample::Index>()) {
        let cut = cut.index(seconds.len().min(other.len()));
        other[..cut].clone_from_slice(&seconds[..cut]);
        let (one, two) = (play(&mut Scorer::new(), &seconds, 0), play(&mut Scorer::new(), &other, 0));
        prop_assert_eq!(&one[..cut], &two[..cut]);
    }
}
