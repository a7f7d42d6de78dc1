//! The tables of the guide's page on performance, which `cargo bench` writes.

use std::fmt::Write as _;
use std::fs;

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

    /// Prints it, and if this is a whole run of `cargo bench`, puts it between the page's markers
    /// `<!-- name -->` and `<!-- /name -->`.
    pub fn publish(&self, name: &str) -> Outcome<()> {
        println!("{name}\n\n{}", self.text);
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
        let text = &self.text;
        fs::write(PAGE, format!("{before}{begin}\n{text}\n{end}{after}"))?;
        Ok(())
    }
}

/// What tables of all benches are of: the processor, its number of cores, the system, the day.
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
    format!(
        "{cores} cores of {model}, {} {}",
        std::env::consts::OS,
        kernel.trim()
    )
}
