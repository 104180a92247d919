//! The program as its users start it: a process with arguments, signals, a log and an HTTP port.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use super::client::{Client, Isolation};
use super::{eventually, unique};

/// Runs the program to its end with this standard input.
pub fn eddyline(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_eddyline"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that ends early closes the pipe: its exit code says what happened.
    let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The memory that a process holds now, in bytes.
pub fn resident_bytes(process: u32) -> u64 {
    status_bytes(process, "VmRSS:")
}

fn status_bytes(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// One `eddyline run` that several instances may share.
#[derive(Clone)]
pub struct Setup {
    bootstrap: String,
    pub topic: String,
    pub group: String,
    pub prefix: String,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    logs: Option<PathBuf>,
}

impl Setup {
    /// A group of its own over a topic; all that it publishes has a prefix of its own.
    pub fn new(client: &Client, topic: &str) -> Self {
        let name = unique("it");
        Self {
            bootstrap: client.bootstrap().to_owned(),
            topic: topic.to_owned(),
            prefix: format!("{name}."),
            group: name,
            settings: Vec::new(),
            environment: Vec::new(),
            logs: None,
        }
    }

    /// With one more setting.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With one more variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same group, reached by another address.
    pub fn through(mut self, address: &str) -> Self {
        self.bootstrap = address.to_owned();
        self
    }

    /// The logs of all instances are kept, in this folder.
    pub fn logs_in(mut self, folder: &Path) -> Self {
        self.logs = Some(folder.to_owned());
        self
    }

    /// The name of one of our topics.
    pub fn ours(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The consumer group of the judges.
    pub fn judges(&self) -> String {
        format!("{}-judge", self.group)
    }

    /// Runs another command with the names of this one to its end.
    pub fn ask(&self, command: &str, more: &[&str]) -> Output {
        let names = [format!("kafka.group={}", self.group), format!("kafka.prefix={}", self.prefix)];
        let given = [command, "--brokers", &self.bootstrap, "--set", &names[0], "--set", &names[1]];
        eddyline(&[&given, more].concat(), &[])
    }

    /// Starts an instance and returns at once.
    pub fn start(&self, instance: &str) -> Instance {
        let admin = free_address();
        let folder = self.logs.clone().unwrap_or_else(std::env::temp_dir);
        let log = folder.join(format!("eddyline-{}-{instance}.log", unique(&self.group)));
        let file = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
        command.args(["run", "--brokers", &self.bootstrap, "--topics", &self.topic]);
        command.envs(self.environment.iter().cloned());
        let mut settings = vec![
            ("kafka.group".to_owned(), self.group.clone()),
            ("kafka.prefix".to_owned(), self.prefix.clone()),
            ("kafka.instance".to_owned(), instance.to_owned()),
            ("admin.listen".to_owned(), admin.clone()),
        ];
        settings.extend(self.settings.iter().cloned());
        for (key, value) in settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        let child = command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Instance { child, log, admin, keeps_log: self.logs.is_some() }
    }

    /// Waits until every record that is in the topic now was observed.
    pub fn wait_until_observed(&self, client: &Client, limit: Duration) {
        let ends = client.ends(&self.topic, Isolation::Uncommitted);
        eventually("the observers to reach the end", limit, || {
            let committed = client.committed(&self.group, &self.topic);
            if ends.iter().all(|(partition, end)| committed.get(partition) >= Some(end)) {
                return Ok(());
            }
            Err(format!("committed {committed:?} of {ends:?}"))
        });
    }

    /// Waits until every record that is in the topic now was observed and what was seen of it was judged.
    pub fn wait_until_judged(&self, client: &Client, limit: Duration) {
        self.wait_until_observed(client, limit);
        // Progress is written at least once a second, so the judges come to commit beyond this end even if it is behind a marker.
        let tallies = self.ours("tallies");
        let ends = client.ends(&tallies, Isolation::Committed);
        eventually("the judges to reach the end", limit, || {
            let committed = client.committed(&self.judges(), &tallies);
            if ends.iter().all(|(partition, end)| committed.get(partition) >= Some(end)) {
                return Ok(());
            }
            Err(format!("committed {committed:?} of {ends:?}"))
        });
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A running instance. It is killed when it goes out of scope, and shows the end of its log if the test failed.
pub struct Instance {
    child: Child,
    log: PathBuf,
    admin: String,
    keeps_log: bool,
}

impl Instance {
    /// SIGKILL, at once; a second one changes nothing.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as a service manager ends it; waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait(Duration::from_secs(30))
    }

    /// SIGSTOP: it neither runs nor answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: a small Debian has no program of that name.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success(), "kill -{name}: {status}");
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        eventually("the program to end", limit, || {
            self.child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Writes beside its log where its threads stand, for it may stand still; with gdb, if that is there.
    fn write_stacks(&self) {
        let Ok(file) = std::fs::File::create(self.log.with_extension("stacks")) else { return };
        let process = self.child.id().to_string();
        let mut gdb = Command::new("timeout");
        gdb.args(["30", "gdb", "-p", &process, "-batch", "-ex", "thread apply all bt 30"]);
        let _ = gdb.stdin(Stdio::null()).stdout(file).stderr(Stdio::null()).status();
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// The most memory it ever held, in bytes.
    pub fn memory_bytes_max(&self) -> u64 {
        status_bytes(self.child.id(), "VmHWM:")
    }

    /// GET of a path of its admin port: status code and body; an error where it does not answer.
    pub fn get(&self, path: &str) -> Result<(u16, String), String> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.admin)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|error| format!("{path}: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{path}: no HTTP: {answer}"))?;
        let code =
            head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| format!("{path}: {head}"))?;
        Ok((code, body.to_owned()))
    }

    /// The partitions that it reads, as its status says; none where it does not answer.
    pub fn reading(&self) -> Vec<(String, i32)> {
        let Ok((_, status)) = self.get("/status") else { return Vec::new() };
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let read = |partition: &serde_json::Value| {
            let number = i32::try_from(partition["partition"].as_i64().unwrap()).unwrap();
            (partition["topic"].as_str().unwrap().to_owned(), number)
        };
        status["partitions"].as_array().unwrap().iter().map(read).collect()
    }

    /// Waits until it says that it is ready.
    pub fn wait_until_ready(&self) {
        eventually("readiness", Duration::from_secs(60), || match self.get("/readyz") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// The sum of all series of a metric, 0 where there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let (code, text) = self.get("/metrics").unwrap();
        assert_eq!(code, 200, "{text}");
        let of_it =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        of_it.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("---- the end of {}", self.log.display());
            eprintln!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            if self.keeps_log {
                self.write_stacks();
            }
        } else if !self.keeps_log {
            let _ = std::fs::remove_file(&self.log);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
