//! Tests of merging.

use proptest::prelude::*;

use super::*;
use crate::template::skeleton::Skeletoniser;

fn id(text: &str) -> TemplateId {
    Skeletoniser::new().skeletonise(text).id
}

/// Meets lines one after the other, as of one second each.
fn meet(lines: &[String]) -> Merges {
    let (mut merges, mut skeletoniser) = (Merges::default(), Skeletoniser::new());
    for (second, line) in (0..).map(Second).zip(lines) {
        let skeleton = skeletoniser.skeletonise(line);
        if merges.contains(skeleton.id) {
            merges.count(skeleton.id, 1, second);
        } else {
            merges.meet(skeleton.id, skeleton.text(), 1, second, &Masks::default());
        }
    }
    merges
}

fn lines_of(pattern: &str, words: &[&str]) -> Vec<String> {
    words.iter().map(|word| pattern.replace('*', word)).collect()
}

const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

#[test]
fn words_of_which_new_ones_keep_coming_are_values() {
    let merges = meet(&lines_of("Invalid user * from 10.0.0.7", &NAMES));
    let root = id("Invalid user <*> from <*>");
    for name in NAMES {
        assert_eq!(merges.resolve(id(&format!("Invalid user {name} from <*>"))), root, "{name}");
    }
    assert_eq!(merges.lines.get(&root), Some(&6), "counts follow");
}

#[test]
fn few_words_that_come_again_stay_apart() {
    let states = ["Started", "Paused", "Resumed", "Stopped", "Suspended", "Crashed"].repeat(20);
    let merges = meet(&lines_of("VM * by the life cycle manager", &states));
    let verbs = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"].repeat(20);
    assert_eq!(merges.aliases().count() + meet(&lines_of("request * of the shop", &verbs)).aliases().count(), 0);
}

#[test]
fn names_need_not_be_many_where_the_word_before_says_that_they_are_names() {
    // Each twenty times before the next, so that never half of them were seen once.
    let often = |pattern: &str, words: &[&str]| -> Vec<String> {
        lines_of(pattern, words).into_iter().flat_map(|line| std::iter::repeat_n(line, 20)).collect()
    };
    for (pattern, words) in [
        ("session opened for user * by root", &["news", "cyrus", "test"][..]),
        ("lost the job of task_id * at night", &["export", "diff", "stage"]),
        ("Failed password for * from 10.0.0.7", &["root", "git", "ftp", "uucp", "admin"]),
    ] {
        let root = id(&pattern.replace('*', "<*>"));
        let merges = meet(&often(pattern, words));
        let merged = words.iter().filter(|word| merges.resolve(id(&pattern.replace('*', word))) == root).count();
        assert_eq!(merged, words.len(), "{pattern}");
    }
    for (pattern, words) in [
        ("session of user * at noon", &["opened", "closed", "locked", "created"][..]),
        ("waiting for * of the disk", &["reading", "writing", "syncing", "closing", "opening"]),
        ("a door that is * for guests", &["big", "small", "green", "new", "old"]),
    ] {
        assert_eq!(meet(&often(pattern, words)).aliases().count(), 0, "{pattern}");
    }
}

#[test]
fn sixteen_words_are_values_however_often_they_come() {
    let words: Vec<String> = (b'a'..=b'p').map(|letter| format!("{}x", char::from(letter))).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).cycle().take(48).collect();
    // The first four come often, so that at no time half of them were seen once.
    let mut often = words.get(..4).unwrap().repeat(5);
    for word in words.get(4..16).unwrap() {
        often.extend([*word; 3]);
    }
    let merges = meet(&lines_of("unit * of the house", &often));
    assert_eq!(merges.resolve(id("unit ax of the house")), id("unit <*> of the house"));
}

#[test]
fn a_variable_in_the_same_place_is_proof() {
    let merges = meet(&["session of 17 was closed".to_owned(), "session of root was closed".to_owned()]);
    assert_eq!(merges.resolve(id("session of root was closed")), id("session of <*> was closed"));
}

#[test]
fn the_order_of_the_proof_does_not_matter() {
    let merges = meet(&["session of root was closed".to_owned(), "session of 17 was closed".to_owned()]);
    assert_eq!(merges.resolve(id("session of root was closed")), id("session of <*> was closed"));
    for lines in [["proxy is HTTPS now", "proxy is SOCKS5 now"], ["proxy is SOCKS5 now", "proxy is HTTPS now"]] {
        assert_eq!(meet(&lines.map(str::to_owned)).aliases().count(), 0, "a state is no value");
    }
}

#[test]
fn identifiers_need_not_be_many() {
    let often = |pattern: &str, words: &[&str]| lines_of(pattern, &words.repeat(20));
    for (pattern, words) in [
        ("no process * to kill", ["com.example.chat", "com.example.mail", "org.example.maps"]),
        ("set * to its default", ["max_open_files", "max_backfills", "recovery_sleep"]),
        ("Initializing *", ["system.peers", "system.local", "system.paxos"]),
        ("poked * again now", ["shop/web-api", "shop/cart-db", "crm/mail-out"]),
    ] {
        let root = id(&pattern.replace('*', "<*>"));
        assert_eq!(meet(&often(pattern, &words)).resolve(id(&pattern.replace('*', words[0]))), root, "{pattern}");
    }
    for (pattern, words) in [
        ("ended by * in the shop", ["java.io.IOException", "java.lang.Error", "a.b.ParseException"]),
        ("got action * of the phone", ["a.intent.SCREEN_ON", "a.intent.SCREEN_OFF", "a.intent.TIME_TICK"]),
        ("mounted * on the disk", ["read-only", "read-write", "write-only"]),
        ("does * to the disk", ["reads/writes", "and/or", "input/output"]),
    ] {
        assert_eq!(meet(&often(pattern, &words)).aliases().count(), 0, "{pattern}");
    }
}

#[test]
fn five_words_alone_in_brackets_are_names() {
    let words = ["java", "mysqld", "chrome", "cron", "sshd"];
    let merges = meet(&lines_of("Killed process 17 (*) of memory", &words.repeat(20)));
    assert_eq!(merges.resolve(id("Killed process 17 (java) of memory")), id("Killed process 17 (<*>) of memory"));
}

#[test]
fn identifiers_that_vary_at_once_are_left_out_at_once() {
    let pairs = [("sales_etl", "load.orders"), ("crm_export", "diff.all"), ("dwh_nightly", "vacuum.facts")];
    let lines: Vec<String> =
        pairs.iter().map(|(dag, task)| format!("Detected job with dag {dag} and task {task}")).collect();
    let root = id("Detected job with dag <*> and task <*>");
    assert_eq!(meet(&lines).resolve(id(&lines[0])), root);
    let classes = ["java.io.IOException", "java.lang.Error", "a.b.ParseException"];
    let lines: Vec<String> = classes.iter().map(|class| format!("job of {class} ended by x.{class}")).collect();
    assert_eq!(meet(&lines).aliases().count(), 0, "exceptions are states");
}

#[test]
fn a_participle_in_quotes_is_a_name_where_there_is_proof() {
    let lines = ["user 'ann' in vhost 'shop'", "user 'ann' in vhost 'staging'"].map(str::to_owned);
    assert_eq!(meet(&lines).resolve(id(&lines[1])), id("user '<*>' in vhost '<*>'"));
    let lines = ["state 'DOWN' of vhost 'shop'", "state 'ok' of vhost 'shop'"].map(str::to_owned);
    assert_eq!(meet(&lines).aliases().count(), 0, "a constant is a state");
}

/// Whatever the order, the one with the most variables stays, and merges say its text.
#[test]
fn what_varies_in_two_places_goes_into_what_has_both_as_variables() {
    let line = |client: &str, vhost: &str| format!("connection of {client} granted access to vhost '{vhost}' now");
    let all = [line("17", "shop"), line("web", "shop"), line("web", "staging"), line("17", "staging")];
    let root = "connection of <*> granted access to vhost '<*>' now";
    for first in 0..all.len() {
        let mut lines = all.to_vec();
        lines.rotate_left(first);
        for _ in 0..2 {
            let merges = meet(&lines);
            for line in &lines {
                assert_eq!(merges.resolve(id(line)), id(root), "{line} of {lines:?}");
            }
            assert_eq!(merges.texts.get(&id(root)).map(AsRef::as_ref), Some(root), "{lines:?}");
            lines.reverse();
        }
    }
}

#[test]
fn two_words_must_remain() {
    assert_eq!(meet(&lines_of("hello *", &NAMES)).aliases().count(), 0);
    assert_eq!(meet(&lines_of("*", &["a.example", "b.example", "c.example"])).aliases().count(), 0);
}

#[test]
fn a_word_that_comes_twice_is_left_out_in_both_places() {
    let merges = meet(&lines_of("client 10.0.0.7 (*): query: * IN A", &["a.example", "b.example", "c.example"]));
    let root = id("client <*> (<*>): query: <*> IN A");
    assert_eq!(merges.resolve(id("client <*> (a.example): query: a.example IN A")), root);
    assert_eq!(merges.lines.get(&root), Some(&3));
}

#[test]
fn an_evicted_family_returns_with_its_old_id() {
    let lines = lines_of("Invalid user * from 10.0.0.7", &NAMES);
    let mut merges = meet(&lines);
    merges.retain(|_| false);
    assert_eq!(merges, Merges::default());
    let again = meet(&lines);
    assert_eq!(again.resolve(id("Invalid user bob from <*>")), id("Invalid user <*> from <*>"));
}

#[test]
fn aliases_are_bounded_and_who_returns_is_merged_again() {
    let lines: Vec<String> = (0..ALIASES_MAX + 100)
        .map(|number| {
            let name: String = format!("{number:05}").bytes().map(|digit| char::from(digit - b'0' + b'g')).collect();
            format!("Invalid user {name} from here")
        })
        .collect();
    let mut merges = meet(&lines);
    assert!(merges.aliases.len() <= ALIASES_MAX);
    assert_eq!(merges.lines.len(), 1);
    let first = lines.first().unwrap();
    assert!(!merges.contains(id(first)), "the oldest was forgotten");
    merges.meet(id(first), first.as_str(), 1, Second(1 << 20), &Masks::default());
    assert_eq!(merges.resolve(id(first)), id("Invalid user <*> from here"));
}

proptest! {
    #[test]
    fn merging_ends_and_keeps_every_line(words in prop::collection::vec("[a-d]{1,2}|[0-9]|<\\*>|[.:(=]", 3..40), per_line in 3_usize..7) {
        let lines: Vec<String> = words.windows(per_line).map(|words| words.join(" ")).collect();
        let merges = meet(&lines);
        prop_assert_eq!(merges.lines.values().sum::<u64>(), lines.len() as u64);
        for line in &lines {
            prop_assert!(merges.lines.contains_key(&merges.resolve(id(line))), "{}", line);
        }
        for (_, into) in merges.aliases() {
            prop_assert!(merges.lines.contains_key(&into));
        }
    }

    #[test]
    fn a_restored_state_goes_on_as_if_it_had_not_stopped(words in prop::collection::vec("[a-f]{1,2}", 1..30), cut in 0_usize..30) {
        let lines: Vec<String> = words.iter().map(|word| format!("the user {word} has left")).collect();
        let (before, after) = lines.split_at(cut.min(lines.len()));
        let bytes = postcard::to_stdvec(&meet(before)).unwrap();
        let mut merges: Merges = postcard::from_bytes(&bytes).unwrap();
        for (second, line) in (before.len() as i64..).map(Second).zip(after) {
            match merges.contains(id(line)) {
                true => drop(merges.count(id(line), 1, second)),
                false => drop(merges.meet(id(line), line.as_str(), 1, second, &Masks::default())),
            }
        }
        prop_assert_eq!(merges, meet(&lines));
    }
}
