//! A broker with TLS, SASL and ACLs: what is allowed works, what is refused is said in one clear error, and no secret is shown.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::offline::shop::detect;
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::events::{self, assert_same, rfc_3339, without_coordinates};
use crate::support::process::{Setup, eddyline};
use crate::support::recording::Recording;
use crate::support::{ledger, unique};

/// The password of every user.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// One broker for these tests: `eddyline` may all that it needs, `reader` may read only, `novice` all but transactions.
pub fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let users = ["eddyline", "reader", "novice"].map(|user| format!("{user}={PASSWORD}"));
        let broker = Broker::with_users(&users.join(" "));
        broker.allow(
            "eddyline",
            &["--operation", "All", "--topic", "it-", "--group", "it-", "--transactional-id", "it-"],
        );
        broker.allow("novice", &["--operation", "All", "--topic", "it-", "--group", "it-"]);
        for user in ["eddyline", "novice", "reader"] {
            broker.allow(user, &["--operation", "Read", "--topic", "secure-"]);
        }
        broker
    })
}

/// Settings for this user, with the password in a file.
pub fn settings(user: &str, mechanism: &str) -> Vec<(&'static str, String)> {
    static FILE: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, file) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        (folder, file.to_str().unwrap().to_owned())
    });
    vec![
        ("kafka.brokers", broker().secure()),
        ("kafka.properties.security.protocol", "sasl_ssl".to_owned()),
        ("kafka.properties.ssl.ca.location", broker().authority().to_str().unwrap().to_owned()),
        ("kafka.properties.sasl.mechanism", mechanism.to_owned()),
        ("kafka.properties.sasl.username", user.to_owned()),
        ("kafka.properties.sasl.password", format!("{{ file = '{file}' }}")),
    ]
}

fn setup(client: &Client, topic: &str, settings: &[(&str, String)]) -> Setup {
    settings.iter().fold(Setup::new(client, topic), |setup, (key, value)| setup.set(key, value))
}

/// With everything logged, what anybody can see of the process holds no password.
#[test]
fn run_over_tls_and_scram_publishes_the_same_events_and_shows_no_secret() {
    const TOKEN: &str = "open-sesame-open-sesame";
    let client = Client::new(broker().bootstrap());
    let topic = unique("secure");
    client.create_topic(&topic, 2, &[]);
    let recording = Recording::shop(900);
    recording.send(&client, &topic, 2);
    let setup = setup(&client, &topic, &settings("eddyline", "SCRAM-SHA-512"))
        .set("admin.token", "{ env = 'ADMIN_TOKEN' }")
        .env("ADMIN_TOKEN", TOKEN)
        .env("EDDYLINE_LOG", "trace");
    let mut instance = setup.start("a");
    setup.wait_until_judged(&client, Duration::from_secs(90));
    ledger::assert_all_tallied(&client, &setup);
    for path in ["/status", "/metrics", "/livez", "/readyz"] {
        let (code, page) = instance.get(path).unwrap();
        assert_eq!(code == 401, path == "/status", "{path}: {code}");
        assert!(!page.contains(PASSWORD) && !page.contains(TOKEN), "{path}: {page}");
    }
    assert!(instance.stop().success());
    let log = instance.log();
    assert!(log.contains("reading"), "something was logged: {log}");
    assert!(!log.contains(PASSWORD) && !log.contains(TOKEN));
    let until = rfc_3339(recording.end_ms);
    let detected = detect(&["-"], recording.to_json_lines().as_bytes());
    let expected = without_coordinates(detected.into_iter().filter(|event| events::time(event) <= until.as_str()));
    let published = events::published(&client, &setup, recording.end_ms);
    assert!(!expected.is_empty());
    assert_same("detect and run", &expected, &without_coordinates(published.iter().map(events::value)));
}

#[test]
fn plain_scram_256_and_an_oauth_token_log_in_too() {
    let client = Client::new(broker().bootstrap());
    let topic = unique("secure");
    client.create_topic(&topic, 1, &[]);
    Recording::shop(60).send(&client, &topic, 1);
    let mut oauth = settings("eddyline", "OAUTHBEARER");
    oauth.truncate(4);
    oauth.push(("kafka.properties.enable.sasl.oauthbearer.unsecure.jwt", "true".to_owned()));
    oauth.push(("kafka.properties.sasl.oauthbearer.config", "principal=eddyline".to_owned()));
    for settings in [settings("eddyline", "PLAIN"), settings("eddyline", "SCRAM-SHA-256"), oauth] {
        let setup = setup(&client, &topic, &settings);
        let mut instance = setup.start("a");
        setup.wait_until_judged(&client, Duration::from_secs(60));
        assert!(instance.stop().success(), "{settings:?}");
    }
}

/// Runs `eddyline run` with these settings to its end and returns its one error.
fn refused(topic: &str, settings: &[(&str, String)]) -> String {
    let name = unique("it");
    let mut arguments: Vec<String> = ["run", "--topics", topic].map(str::to_owned).to_vec();
    let more =
        [("kafka.group", name.clone()), ("kafka.prefix", format!("{name}.")), ("kafka.instance", "a".to_owned())];
    let more =
        more.into_iter().chain([("admin.listen", "127.0.0.1:0".to_owned()), ("observe.threads", "1".to_owned())]);
    for (key, value) in settings.iter().cloned().chain(more) {
        arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    let began = Instant::now();
    let output = eddyline(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}: {said}", began.elapsed());
    assert_eq!(said.lines().filter(|line| line.starts_with("eddyline: ")).count(), 1, "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("panicked"), "{said}");
    said
}

fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[test]
fn a_login_that_is_refused_and_a_certificate_that_is_not_trusted_are_one_error() {
    let topic = unique("secure");
    let mut wrong = settings("eddyline", "SCRAM-SHA-512");
    wrong.push(("kafka.properties.sasl.password", "wrong".to_owned()));
    assert_says(&refused(&topic, &wrong), &[&broker().secure(), "the user eddyline", "sasl.password"]);
    let mut untrusted = settings("eddyline", "SCRAM-SHA-512");
    untrusted.retain(|(key, _)| !key.ends_with("ssl.ca.location"));
    assert_says(&refused(&topic, &untrusted), &[&broker().secure(), "certificate verify failed", "ssl.ca.location"]);
    // A client that knows no TLS, at a listener that knows nothing else.
    assert_says(&refused(&topic, &[("kafka.brokers", broker().secure())]), &[&broker().secure(), "security.protocol"]);
}

#[test]
fn a_right_that_is_missing_is_one_error_with_the_command_that_grants_it() {
    let client = Client::new(broker().bootstrap());
    let topic = unique("secure");
    client.create_topic(&topic, 1, &[]);
    let unseen = unique("unseen");
    client.create_topic(&unseen, 1, &[]);
    let said = refused(&unseen, &settings("reader", "SCRAM-SHA-512"));
    assert_says(&said, &["the user reader may not see", &unseen, "kafka-acls.sh", "--operation Read"]);
    let said = refused(&topic, &settings("reader", "SCRAM-SHA-512"));
    assert_says(&said, &["Topic authorization failed", "kafka-topics.sh", "--create --topic", ".tallies"]);
    let said = refused(&topic, &settings("novice", "SCRAM-SHA-512"));
    assert_says(&said, &["the user novice may not use the transactional id", "--operation Write --transactional-id"]);
}
