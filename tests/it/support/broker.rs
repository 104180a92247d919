//! A real Apache Kafka: one for all tests, or one of its own for a test that ends it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use super::{repository, unique};

/// A broker of this process. It ends with it, however that one ends: `tests/kafka/kafka hold` waits for the end of its input,
/// then stops the broker and removes its data.
pub struct Broker {
    bootstrap: String,
    data: PathBuf,
    held: Child,
}

impl Broker {
    /// Starts a broker on free loopback ports.
    ///
    /// # Panics
    /// Where Kafka was not fetched, or does not start.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a broker with a second listener, whose clients it sends to a proxy at this address.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn behind(proxy: &str) -> Self {
        Self::with(&[("KAFKA_PROXY", proxy)])
    }

    /// Starts a broker with a second listener, with TLS, SASL and ACLs, that these users may log in at (`NAME=PASSWORD …`).
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn with_users(users: &str) -> Self {
        Self::with(&[("KAFKA_USERS", users)])
    }

    /// Starts a broker with these variables of `tests/kafka/kafka`.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let libs = libs();
        let data = std::env::temp_dir().join(unique("eddyline-kafka"));
        let mut held = Command::new(repository("tests/kafka/kafka"))
            .arg("hold")
            .args([&libs, &data])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bootstrap = String::new();
        BufReader::new(held.stdout.take().unwrap()).read_line(&mut bootstrap).unwrap();
        assert!(!bootstrap.is_empty(), "Kafka did not start, see above");
        Self { bootstrap: bootstrap.trim().to_owned(), data, held }
    }

    /// Where it listens.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where the listener behind the proxy really is.
    pub fn proxied(&self) -> String {
        std::fs::read_to_string(self.data.join("proxied")).unwrap().trim().to_owned()
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        self.command("pause", None);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.command("resume", None);
    }

    /// Where the listener with TLS, SASL and ACLs is.
    pub fn secure(&self) -> String {
        std::fs::read_to_string(self.data.join("secure")).unwrap().trim().to_owned()
    }

    /// The certificate of the authority to trust.
    pub fn authority(&self) -> PathBuf {
        self.data.join("ca.pem")
    }

    /// Lets a user do something with what begins with a name: `arguments` are those of `kafka-acls.sh`.
    pub fn allow(&self, user: &str, arguments: &[&str]) {
        let user = format!("User:{user}");
        let add = ["--add", "--resource-pattern-type", "prefixed", "--allow-principal", &user];
        let output = self.tool("org.apache.kafka.tools.AclCommand", &[&add, arguments].concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// One of Kafka's own tools, by its class.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(repository("tests/kafka/kafka"));
        command.arg("tool").args([&libs(), &self.data]).arg(class).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Writes down what the broker has of topics with one of these in their names: its log, who is in which group, which transactions
    /// are open, and the partitions' files.
    pub fn testify(&self, names: &[&str], folder: &Path) {
        let _ = std::fs::copy(self.data.join("kafka.log"), folder.join("kafka.log"));
        let members = ["--describe", "--all-groups", "--members", "--verbose"];
        let groups = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &members);
        let transactions = self.tool("org.apache.kafka.tools.TransactionsCommand", &["list"]);
        for (name, output) in [("groups.txt", groups), ("transactions.txt", transactions)] {
            let _ = std::fs::write(folder.join(name), [output.stdout, output.stderr].concat());
        }
        let Ok(partitions) = std::fs::read_dir(self.data.join("logs")) else { return };
        for partition in partitions.flatten() {
            let name = partition.file_name().to_string_lossy().into_owned();
            if names.iter().any(|part| name.contains(part)) {
                let _ = Command::new("cp").arg("-r").args([&partition.path(), folder]).status();
            }
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(&self) {
        self.command("kill", None);
    }

    /// From now on every write of its fails, as on a full disk. It then ends by itself.
    pub fn fill_disk(&self) {
        let arguments = ["--pid", &self.pid(), "--fsize=1:"];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success(), "prlimit");
    }

    /// Whether its process is there.
    pub fn is_running(&self) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn pid(&self) -> String {
        std::fs::read_to_string(self.data.join("pid")).unwrap().trim().to_owned()
    }

    /// Starts it again on the same data and port.
    pub fn again(&self) {
        self.command("again", Some(&libs()));
    }

    fn command(&self, name: &str, libs: Option<&PathBuf>) {
        let status = Command::new(repository("tests/kafka/kafka"))
            .arg(name)
            .args(libs)
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "kafka {name}: {status}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.held.stdin.take());
        let _ = self.held.wait();
    }
}

/// The folder of Kafka's jars.
fn libs() -> PathBuf {
    let libs = repository("tests/.cache/kafka");
    assert!(libs.join("pom.xml").exists(), "no Kafka in {}: `tests/run` fetches it", libs.display());
    libs
}

/// The broker that the tests share, each with topics of its own: `EDDYLINE_TEST_KAFKA` where that is set, else one that is
/// started when the first test asks for it.
pub fn shared() -> &'static str {
    static SHARED: OnceLock<(String, Option<Broker>)> = OnceLock::new();
    let (bootstrap, _) = SHARED.get_or_init(|| match std::env::var("EDDYLINE_TEST_KAFKA") {
        Ok(bootstrap) => (bootstrap, None),
        Err(_) => {
            let broker = Broker::start();
            (broker.bootstrap().to_owned(), Some(broker))
        }
    });
    bootstrap
}
