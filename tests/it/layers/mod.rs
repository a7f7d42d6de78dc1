//! Modules import from the layers below them only, and the crate's root stays small.
#![allow(clippy::disallowed_methods)] // the sources, not the crate's files

mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use paths::{names, paths_of};

/// The layers from the bottom. A module may import from those before it. Those in one line of several form
/// a circle on purpose.
const LAYERS: [&[&str]; 21] = [
    &["sys"],
    &["trace"],
    &["timestamp"],
    &["invalid_input"],
    &["words"],
    &["uri"],
    &["limits"],
    &["handle"],
    &["codec"],
    &["error"],
    &["aws"],
    &["credentials"],
    &["session"],
    &["waiter"],
    &["transfer"],
    &["request", "response", "predictor"],
    &["endpoint"],
    &["batch"],
    &["queue"],
    &["local"],
    &["guide", "fuzzing"],
];

/// Upward imports that are still there. This list may only become shorter: an entry that is not needed any
/// more fails as well.
const NOT_YET: &[(&str, &str)] = &[];

/// Names at the root that are not modules, at most.
const ROOT_NAMES: usize = 45;

/// The modules' files with their paths below `src`, without the binary, which is a crate of its own.
fn sources() -> Vec<(String, String)> {
    fn visit(directory: &Path, below: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).expect("a directory of sources") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = format!("{below}{name}");
            if entry.file_type().expect("a type").is_dir() {
                visit(&entry.path(), &format!("{path}/"), found);
            } else if entry.path().extension() == Some("rs".as_ref()) {
                found.push((path, fs::read_to_string(entry.path()).expect("a source")));
            }
        }
    }
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&root, "", &mut found);
    found.retain(|(path, _)| {
        let is_elsewhere = path.starts_with("cli/") || path == "main.rs" || path == "lib.rs";
        // Unit tests in a file of their own.
        !is_elsewhere && !path.ends_with("/tests.rs")
    });
    found.sort();
    found
}

/// `aws/s3/mod.rs` is the module `aws::s3`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// The names that `lib.rs` re-exports, with the modules that they come from.
fn root_names() -> BTreeMap<String, String> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let lib = fs::read_to_string(lib).expect("the crate's root");
    let mut names = BTreeMap::new();
    for statement in lib.split(';') {
        let Some((_, tree)) = statement.split_once("\npub use ") else {
            continue;
        };
        // Paths from the root are relative there: made absolute, they are read as all others are.
        let tree = tree.trim();
        let tree = match tree.strip_prefix('{') {
            Some(list) => format!("use crate::{{{list};"),
            None => format!("use crate::{tree};"),
        };
        for path in paths_of(&tree, &[]) {
            let name = path.last().expect("a name").clone();
            names.insert(name, path[0].clone());
        }
    }
    names
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn modules_import_from_lower_layers_only() {
    let roots = root_names();
    let mut upward = BTreeSet::new();
    for (file, source) in sources() {
        let module = module_of(&file);
        let own = rank(&module[0]).unwrap_or_else(|| panic!("{file} is in no layer"));
        for path in paths_of(&source, &module) {
            let Some(first) = path.first() else {
                panic!(
                    "{file} imports the crate's root, through which every module can be reached"
                );
            };
            let target = match (rank(first), roots.get(first)) {
                (Some(_), _) => first,
                (None, Some(module)) => module,
                // Macros and modules of the fuzzing build.
                (None, None) => panic!("{file}: crate::{} is in no layer", path.join("::")),
            };
            if rank(target).expect("a layer") > own {
                upward.insert((file.clone(), path.join("::")));
            }
        }
    }
    let allowed: BTreeSet<_> = NOT_YET
        .iter()
        .map(|(file, path)| ((*file).to_owned(), (*path).to_owned()))
        .collect();
    let line = |(file, path): &(String, String)| format!("    (\"{file}\", \"{path}\"),\n");
    let new: String = upward.difference(&allowed).map(line).collect();
    let gone: String = allowed.difference(&upward).map(line).collect();
    assert!(new.is_empty(), "imports that point upward:\n{new}");
    assert!(gone.is_empty(), "no longer needed in NOT_YET:\n{gone}");
}

#[test]
fn few_names_are_at_the_root() {
    let names = root_names();
    assert!(names.contains_key("Session") && names.contains_key("CancelToken"));
    let count = names.len();
    assert!(count <= ROOT_NAMES, "{count} names at the root: {names:?}");
}

#[test]
fn only_sys_draws_random_numbers() {
    let outside = sources()
        .into_iter()
        .filter(|(file, source)| !file.starts_with("sys/") && names(source, "fastrand"));
    let outside: Vec<String> = outside.map(|(file, _)| file).collect();
    assert!(outside.is_empty(), "{outside:?}");
}
