//! The tables of the guide's page on performance, which `cargo bench` writes.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::Outcome;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/performance.md");

/// A table of Markdown, with what it is measured in above it.
pub struct Table {
    text: String,
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self {
            text: String::new(),
        };
        table.row(columns);
        table.row(&vec!["---"; columns.len()]);
        table
    }

    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        for cell in cells {
            let _ = write!(self.text, "| {} ", cell.as_ref());
        }
        self.text.push_str("|\n");
    }

    /// As [`publish`].
    pub fn publish(&self, name: &str) -> Outcome<()> {
        publish(name, &self.text)
    }
}

/// Prints the text, and if this is a whole run of `cargo bench`, puts it between the page's markers
/// `<!-- name -->` and `<!-- /name -->`.
pub fn publish(name: &str, text: &str) -> Outcome<()> {
    println!("{name}\n\n{text}");
    // What cargo passes by itself; anything else chose a part.
    let is_whole = std::env::args()
        .skip(1)
        .all(|argument| argument == "--bench")
        && std::env::args().len() > 1;
    if !is_whole {
        return Ok(());
    }
    let page = fs::read_to_string(PAGE)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let missing = || format!("{PAGE} has no place for {name}");
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    fs::write(PAGE, format!("{before}{begin}\n{text}\n{end}{after}"))?;
    Ok(())
}

/// What tables of all benches are of: the processor, its number of cores, the system, and how much else they did.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        })
        .to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let other = busy().map_or("unknown".to_owned(), |share| {
        format!("{:.0} %", share * 100.0)
    });
    format!(
        "{cores} cores of {model}, {} {}; other work on them before the run: {other}.\n",
        std::env::consts::OS,
        kernel.trim()
    )
}

/// The share of its time that the machine works while this process does not.
fn busy() -> Option<f64> {
    // Idle time, and all time, in ticks.
    let ticks = || -> Option<(f64, f64)> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let fields = stat.lines().next()?.split_whitespace().skip(1).take(8);
        let ticks = fields
            .map(str::parse)
            .collect::<Result<Vec<f64>, _>>()
            .ok()?;
        Some((ticks.get(3)? + ticks.get(4)?, ticks.iter().sum()))
    };
    let before = ticks()?;
    std::thread::sleep(Duration::from_secs(3));
    let after = ticks()?;
    Some(1.0 - (after.0 - before.0) / (after.1 - before.1))
}
