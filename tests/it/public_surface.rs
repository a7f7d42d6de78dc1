//! What holds for the list of the public interface, which `.ci/public-api` keeps equal to the code.

use std::collections::{BTreeMap, BTreeSet};

const LISTING: &str = include_str!("../fixtures/public_api.txt");
const ROOT: &str = "sagemaker_async_inference::";

/// One item of the list: `fn`, `endpoint::Model::new`.
struct Line {
    kind: &'static str,
    path: &'static str,
}

fn lines() -> impl Iterator<Item = Line> {
    LISTING.lines().map(|line| {
        let start = line.find(ROOT).expect("a path of the crate");
        let kind = line[..start].trim();
        let whole = &line[start + ROOT.len()..];
        let end = whole.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let path = whole[..end.unwrap_or(whole.len())].trim_end_matches(':');
        Line { kind, path }
    })
}

fn is_type(kind: &str) -> bool {
    let word = kind.rsplit(' ').next();
    word.is_some_and(|word| ["struct", "enum", "trait", "type"].contains(&word))
}

/// Paths of the types, modules, free functions and re-exports: what a program imports.
fn importable() -> Vec<&'static str> {
    let modules: BTreeSet<&str> = lines()
        .filter(|line| line.kind == "mod")
        .map(|line| line.path)
        .collect();
    let is_free = |path: &str| match path.rsplit_once("::") {
        Some((parent, _)) => modules.contains(parent),
        None => true,
    };
    lines()
        .filter(|line| match line.kind {
            "mod" | "use" => true,
            kind if kind.ends_with("fn") || kind == "const" => is_free(line.path),
            kind => is_type(kind),
        })
        .map(|line| line.path)
        .collect()
}

#[test]
fn every_item_has_one_public_path() {
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in importable() {
        let name = path.rsplit("::").next().expect("a name");
        paths.entry(name).or_default().insert(path);
    }
    paths.retain(|_, paths| paths.len() > 1);
    assert!(paths.is_empty(), "with several public paths: {paths:#?}");
}

#[test]
fn at_most_45_names_are_at_the_root() {
    let at_root: BTreeSet<&str> = importable()
        .into_iter()
        .filter(|path| !path.contains("::"))
        .collect();
    let (modules, names): (Vec<_>, Vec<_>) = at_root
        .into_iter()
        .partition(|name| name.starts_with(char::is_lowercase) && is_module(name));
    assert!(names.len() <= 45, "{}: {names:?}", names.len());
    assert!(names.contains(&"AsyncPredictor") && modules.contains(&"endpoint"));
}

fn is_module(name: &str) -> bool {
    lines().any(|line| line.kind == "mod" && line.path == name)
}
