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
    let own = LISTING.lines().filter(|line| line.contains(ROOT));
    own.map(|line| {
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

/// Types of the list that are marked so that a value of them is not dropped by mistake.
fn marked() -> BTreeSet<&'static str> {
    lines()
        .filter(|line| is_type(line.kind) && line.kind.contains("must_use"))
        .map(|line| line.path)
        .collect()
}

#[test]
fn a_value_that_a_method_returns_changed_is_not_dropped_unnoticed() {
    let marked = marked();
    let unmarked: BTreeSet<&str> = LISTING
        .lines()
        .filter(|line| line.contains("(Self") && line.ends_with(" -> Self"))
        .filter_map(|line| {
            let start = line.find(ROOT)? + ROOT.len();
            let path = line[start..].split(['(', '<']).next()?;
            let (owner, _) = path.rsplit_once("::")?;
            let is_fine = marked.contains(owner) || line.starts_with("must_use");
            (!is_fine && !is_word_list(owner)).then_some(path)
        })
        .collect();
    assert!(unmarked.is_empty(), "without must_use: {unmarked:#?}");
}

/// Enums are `Copy` and made of nothing that could be lost.
fn is_word_list(owner: &str) -> bool {
    lines().any(|line| line.kind.ends_with("enum") && line.path == owner)
}

#[test]
fn what_holds_work_is_not_dropped_unnoticed() {
    let marked = marked();
    let losing = [
        "AsyncInferenceResponse",
        "AsyncRequest",
        "InferenceHandle",
        "batch::Adder",
        "batch::AsCompleted",
        "batch::Completed",
        "batch::Inputs",
        "batch::SubmitAll",
        "endpoint::Deployment",
        "endpoint::EndpointUpdate",
        "endpoint::ListedEndpoints",
        "local::Fault",
        "local::LocalEndpoint",
        "local::LocalEndpointBuilder",
        "queue::Deliveries",
        "queue::Delivery",
        "queue::Notified",
        "response::CleanUpReport",
        "transfer::ResultReader",
    ];
    let lost: Vec<&str> = losing
        .into_iter()
        .filter(|name| !marked.contains(name))
        .collect();
    assert!(lost.is_empty(), "without must_use: {lost:?}");
}

/// Enums that carry values of other types, and no word of their own.
const CARRIERS: [&str; 2] = ["queue::Notified", "queue::QueueEvent"];

#[test]
fn every_enum_is_written_as_text_and_those_of_words_are_read() {
    let has = |name: &str, of: &str| {
        let line = format!("impl {of} for {ROOT}{name}");
        LISTING.lines().any(|known| known == line)
    };
    let enums: Vec<&str> = lines()
        .filter(|line| line.kind.ends_with("enum"))
        .map(|line| line.path)
        .collect();
    assert!(enums.len() > 25, "{enums:?}");
    for name in enums {
        assert!(
            has(name, "Display") || CARRIERS.contains(&name),
            "{name} has no text"
        );
        let is_word = LISTING
            .lines()
            .any(|line| line.contains(&format!("fn {ROOT}{name}::as_str(")));
        let is_read = has(name, "TryFrom<&str>") || has(name, "From<&str>");
        assert!(!is_word || (has(name, "FromStr") && is_read), "{name}");
    }
}

/// Complete values that stay in use: a method that returns a changed one begins with `with_`. Builders, requests,
/// documents and other values that are filled in before they run have bare names.
const COMPLETE: [&str; 20] = [
    "AsyncInferenceResponse",
    "AsyncPredictor",
    "Bytes",
    "Csv",
    "Json",
    "JsonLines",
    "Npy",
    "Session",
    "Text",
    "credentials::AssumeRoleProvider",
    "credentials::CachedCredentials",
    "credentials::ContainerProvider",
    "credentials::ProcessProvider",
    "credentials::ProfileProvider",
    "credentials::ProviderConfig",
    "endpoint::Endpoint",
    "queue::ResultQueue",
    "queue::SnsVerifier",
    "session::Timeouts",
    "sys::Sys",
];

#[test]
fn methods_that_change_a_complete_value_begin_with_with_or_are_verbs() {
    let verbs = ["allow_nan", "allow_version_1"];
    let odd: Vec<&str> = LISTING
        .lines()
        .filter(|line| line.contains("(Self, ") && line.ends_with("Self"))
        .filter_map(|line| {
            let start = line.find(ROOT)? + ROOT.len();
            let path = line[start..].split(['(', '<']).next()?;
            let (owner, method) = path.rsplit_once("::")?;
            let is_fine = method.starts_with("with_") || verbs.contains(&method);
            (COMPLETE.contains(&owner) && !is_fine).then_some(path)
        })
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// The policy, with a table of the types of other crates in the interface.
const POLICY: &str = include_str!("../../src/guide/changelog.md");

#[test]
fn types_of_other_crates_are_listed_and_those_that_callers_make_are_re_exported() {
    let used: BTreeSet<String> = LISTING
        .lines()
        .filter_map(|line| line.strip_prefix("foreign ").map(str::to_owned))
        .collect();
    let mut listed = BTreeSet::new();
    let table = POLICY.split("| crate | types |").nth(1).expect("a table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, types, _, reexport] = cells[..] else {
            panic!("{row}")
        };
        let name = name.trim_matches('`');
        let types = types.split(", ").map(|known| known.trim_matches('`'));
        listed.extend(types.map(|known| format!("{name}::{known}")));
        if let Some((path, _)) = reexport.trim_start_matches("[`").split_once('`') {
            let line = format!("use {ROOT}{path} = ");
            assert!(
                LISTING.lines().any(|known| known.starts_with(&line)),
                "{path}"
            );
        }
    }
    assert_eq!(listed, used);
}

#[test]
fn structs_have_no_bounds_and_fields_only_where_more_may_come() {
    let bounded: Vec<&str> = LISTING
        .lines()
        .filter(|line| {
            line.split(ROOT)
                .next()
                .is_some_and(|kind| kind.ends_with("struct "))
        })
        .filter(|line| {
            line.split(ROOT)
                .nth(1)
                .is_some_and(|rest| rest.replace("::", "").contains(':'))
        })
        .collect();
    assert!(bounded.is_empty(), "{bounded:#?}");

    let open: BTreeSet<&str> = lines()
        .filter(|line| line.kind.contains("non_exhaustive") || line.kind.ends_with("enum"))
        .map(|line| line.path)
        .collect();
    let fixed: BTreeSet<&str> = lines()
        .filter(|line| line.kind == "field")
        .filter_map(|line| Some(line.path.rsplit_once("::")?.0))
        .filter(|owner| {
            let of_variant = owner
                .rsplit_once("::")
                .is_some_and(|(name, _)| open.contains(name));
            !open.contains(owner) && !of_variant
        })
        .collect();
    // A test makes one, and a command has no more to give.
    assert_eq!(fixed, BTreeSet::from(["sys::ProcessOutput"]));
}
