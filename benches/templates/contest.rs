//! A contest over the same lines: each contender in a process of its own, in turn, round by round, measured as a whole:
//! the reading of the file is part of it, for all of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use cpu_time::ProcessTime;

use crate::lines::data;

/// A program that does something with every line, and returns what keeps the compiler from leaving that out.
pub type Contender = (&'static str, fn(&[u8]) -> u64);

const LINES: usize = 1_000_000;
const ROUNDS: usize = 5;

/// Runs the contest, or, in a process that was started for it, one contender. The first one is what all are held against.
///
/// Arguments: a file of lines instead of those made here; names of contenders, to run only those and the first.
pub fn run(contenders: &[Contender]) {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [only, name, file] = arguments.as_slice()
        && only == "--one"
    {
        return one(contenders, name, file);
    }
    let (names, files): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| contenders.iter().any(|(name, _)| *argument == name));
    let file = files.first().map_or_else(made, |file| PathBuf::from(*file));
    let chosen: Vec<&str> = contenders
        .iter()
        .map(|(name, _)| *name)
        .enumerate()
        .filter(|(place, name)| *place == 0 || names.is_empty() || names.iter().any(|wanted| wanted == name))
        .map(|(_, name)| name)
        .collect();
    let mut results = vec![Vec::new(); chosen.len()];
    for _ in 0..ROUNDS {
        for (name, results) in chosen.iter().zip(&mut results) {
            results.push(child(name, &file));
        }
    }
    report(&chosen, &results, &file);
}

/// Seconds of the processor and MiB of memory of each run.
fn report(names: &[&str], results: &[Vec<(f64, f64)>], file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let lines = memchr::memchr_iter(b'\n', &bytes).count();
    let mib = bytes.len() as f64 / f64::from(1 << 20);
    println!("{lines} lines, {mib:.0} MiB, in memory; {ROUNDS} rounds in turn; CPU of the whole process");
    println!("{:<22} {:>8} {:>8} {:>14} {:>8} {:>10}", "", "min s", "median s", "lines/CPU-s", "x floor", "peak MiB");
    let least = |runs: &[(f64, f64)]| runs.iter().map(|run| run.0).fold(f64::INFINITY, f64::min);
    let floor = results.first().map_or(1.0, |runs| least(runs));
    for (name, runs) in names.iter().zip(results) {
        let mut seconds: Vec<f64> = runs.iter().map(|run| run.0).collect();
        seconds.sort_by(f64::total_cmp);
        let (min, median) = (seconds[0], seconds[seconds.len() / 2]);
        let peak = runs.iter().map(|run| run.1).fold(0.0, f64::max);
        let rate = lines as f64 / min;
        println!("{name:<22} {min:>8.3} {median:>8.3} {rate:>14.0} {:>8.2} {peak:>10.0}", min / floor);
    }
}

/// A contender in a process of its own.
fn child(name: &str, file: &Path) -> (f64, f64) {
    let output = Command::new(std::env::current_exe().unwrap()).args(["--one", name]).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap());
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn one(contenders: &[Contender], name: &str, file: &str) {
    let bytes = std::fs::read(file).unwrap();
    let (_, contender) = contenders.iter().find(|(other, _)| *other == name).unwrap();
    std::hint::black_box(contender(&bytes));
    println!("{} {}", ProcessTime::now().as_duration().as_secs_f64(), peak_mib());
}

/// The most memory that this process ever held.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// The lines of a file in memory.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes).map(move |end| {
        let line = &bytes[start..end];
        start = end + 1;
        line
    })
}

/// A million lines of the systems of Loghub, or, where `EDDYLINE_DATA` has none, of the recording `shop`, drawn at random
/// with a fixed seed. Behind the header all numbers of two and more digits are drawn anew, so that few lines are equal.
fn made() -> PathBuf {
    let sources = sources();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut text = Vec::with_capacity(LINES * 150);
    for _ in 0..LINES {
        let source = &sources[random.below(sources.len())];
        let line = &source[random.below(source.len())];
        let begin = text.len();
        text.extend_from_slice(line);
        for run in text[begin..].chunk_by_mut(|a, b| a.is_ascii_digit() && b.is_ascii_digit()).scan(0, |at, run| {
            *at += run.len();
            Some((*at - run.len(), run))
        }) {
            let (at, run) = run;
            if at > 40 && run.len() > 1 && run[0].is_ascii_digit() {
                run.iter_mut().for_each(|digit| *digit = b'0' + random.below(10) as u8);
            }
        }
        text.push(b'\n');
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contest.log");
    std::fs::write(&file, text).unwrap();
    file
}

fn sources() -> Vec<Vec<Vec<u8>>> {
    let split = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
        lines.filter(|line| !line.is_empty()).collect()
    };
    if let Some(folder) = data().map(|data| data.join("parsing/loghub_2k")).filter(|folder| folder.is_dir()) {
        let mut systems: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        systems.sort();
        let file = |system: &PathBuf| system.join(format!("{}_2k.log", system.file_name().unwrap().to_str().unwrap()));
        return systems.iter().map(|system| split(&std::fs::read(file(system)).unwrap())).collect();
    }
    eprintln!("there is no parsing/loghub_2k in EDDYLINE_DATA: lines of the recording shop instead");
    let shop = crate::lines::Lines::shop();
    let mut text = Vec::new();
    for index in 0..shop.len() {
        shop.write(index, crate::lines::time_ms(index, 100), crate::lines::Form::Plain, &mut text);
        text.push(b'\n');
    }
    vec![split(&text)]
}

/// The generator xorshift64 of Marsaglia (2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
