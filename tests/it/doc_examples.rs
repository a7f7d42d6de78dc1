//! The examples of the docs: which items have one, and that it compiles when it is pasted.
#![allow(clippy::disallowed_methods)] // the sources, not the crate's files

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LISTING: &str = include_str!("../fixtures/public_api.txt");
const ROOT: &str = "sagemaker_async_inference::";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources and pages below a folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|known| known == extension) {
            found.push(path);
        }
    }
    found
}

/// A hidden line that a reader who pastes the rest does not miss: the end of the function around it, the feature that
/// it needs, the use of a value that is only shown.
fn is_dispensable(hidden: &str) -> bool {
    let kept = ["", "}", "Ok(())"];
    kept.contains(&hidden)
        || hidden.starts_with("Ok::<(), ")
        || hidden.starts_with("let _ = ")
        || hidden.starts_with("#[cfg(feature = ")
        || hidden.starts_with("fn _") // what the compiler is to prove of the example
}

#[test]
fn no_example_hides_what_it_needs() {
    let sources = files(&root().join("src"), "rs").into_iter();
    let pages = files(&root().join("src"), "md").into_iter();
    let readme = [root().join("README.md")];
    let (mut examples, mut hiding) = (0, Vec::new());
    for path in sources.chain(pages).chain(readme) {
        let is_source = path.extension().is_some_and(|known| known == "rs");
        let text = fs::read_to_string(&path).expect("a text");
        let mut is_in_rust = None;
        for (number, line) in text.lines().enumerate() {
            let doc = line.trim_start();
            let doc = doc.strip_prefix("///").or_else(|| doc.strip_prefix("//!"));
            let Some(line) = (if is_source { doc } else { Some(line) }) else {
                is_in_rust = None;
                continue;
            };
            let line = line.strip_prefix(' ').filter(|_| is_source).unwrap_or(line);
            if let Some(language) = line.trim_start().strip_prefix("```") {
                is_in_rust = match is_in_rust {
                    Some(_) => None,
                    None => Some(is_rust(language, is_source)),
                };
                examples += usize::from(is_in_rust == Some(true));
            } else if let (Some(true), Some(hidden)) = (is_in_rust, hidden(line))
                && !is_dispensable(hidden)
            {
                let file = path.strip_prefix(root()).expect("below the root");
                hiding.push(format!("{}:{}: {hidden}", file.display(), number + 1));
            }
        }
    }
    assert!(examples > 200, "{examples}");
    assert!(hiding.is_empty(), "{hiding:#?}");
}

fn is_rust(language: &str, is_source: bool) -> bool {
    let mut words = language.split([',', ' ']);
    let first = words.next().unwrap_or_default();
    ["rust", "no_run", "should_panic"].contains(&first) || (is_source && first.is_empty())
}

/// What follows the mark of a hidden line.
fn hidden(line: &str) -> Option<&str> {
    match line.trim() {
        "#" => Some(""),
        line => line.strip_prefix("# "),
    }
}

/// Names of types, traits and functions with an example at their definition, and `Type::method` of methods.
fn with_example() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files(&root().join("src"), "rs") {
        let text = fs::read_to_string(&path).expect("a text");
        let (mut has_example, mut owner) = (false, String::new());
        for line in text.lines() {
            let code = line.trim_start();
            if code.starts_with("///") {
                has_example |= code.starts_with("/// ```");
                continue;
            }
            if line.starts_with("impl") {
                implemented(line).clone_into(&mut owner);
            }
            if let Some(name) = defined(code).filter(|_| has_example) {
                // A type that a macro defines is indented, too.
                let is_method = line.starts_with(' ') && code.contains("fn ");
                found.insert(if is_method {
                    format!("{owner}::{name}")
                } else {
                    name.to_owned()
                });
            }
            // Attributes stand between the docs and the item.
            let is_attribute = code.starts_with("#[") || code.ends_with(")]");
            has_example &= is_attribute;
        }
    }
    found
}

/// `AsyncPredictor` of `impl<S, D> AsyncPredictor<S, D> {`.
fn implemented(line: &str) -> &str {
    let mut rest = line.trim_start_matches("impl");
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.find(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0
        });
        rest = &rest[end.map_or(0, |end| end + 1)..];
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    &rest[..end.unwrap_or(rest.len())]
}

/// The name of a public item that this line begins.
fn defined(code: &str) -> Option<&str> {
    let code = code.strip_prefix("pub ")?;
    let code = code.strip_prefix("const ").unwrap_or(code);
    let kinds = ["struct ", "enum ", "trait ", "fn "];
    let rest = kinds.iter().find_map(|kind| code.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[test]
fn every_type_and_every_function_has_an_example() {
    let modules: BTreeSet<&str> = LISTING
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_prefix(ROOT))
        .collect();
    let with_example = with_example();
    let mut without = BTreeMap::new();
    let mut checked = 0;
    for line in LISTING.lines() {
        let Some((kind, path)) = line.split_once(ROOT) else {
            continue;
        };
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let path = path[..end.unwrap_or(path.len())].trim_end_matches(':');
        let kind = kind.trim().rsplit(' ').next().unwrap_or_default();
        let is_free = path
            .rsplit_once("::")
            .is_none_or(|(m, _)| modules.contains(m));
        if ["struct", "enum", "trait"].contains(&kind) || (kind == "fn" && is_free) {
            let name = path.rsplit("::").next().unwrap_or_default();
            checked += 1;
            if !with_example.contains(name) {
                without.insert(path, kind);
            }
        }
    }
    assert!(checked > 140, "{checked}");
    // Its docs are those of the crate that it comes from.
    without.remove("credentials::Credentials");
    assert!(without.is_empty(), "without an example: {without:#?}");
}

#[test]
fn methods_that_are_called_often_have_an_example() {
    let often = [
        "AsCompleted::download_to",
        "AsCompleted::progress",
        "AsyncInferenceResponse::download",
        "AsyncInferenceResponse::get_result",
        "AsyncInferenceResponse::handle",
        "AsyncInferenceResponse::new",
        "AsyncInferenceResponse::read_result",
        "AsyncInferenceResponse::try_get_result",
        "AsyncInferenceResponse::with_deserializer",
        "AsyncInferenceResponse::write_result",
        "AsyncPredictor::new",
        "AsyncPredictor::predict",
        "AsyncPredictor::predict_async",
        "AsyncPredictor::request",
        "AsyncPredictor::request_at",
        "AsyncPredictor::request_file",
        "AsyncPredictor::request_reader",
        "AsyncPredictor::response_from",
        "AsyncPredictor::resume",
        "AsyncPredictor::submit_all",
        "AsyncPredictor::with_deserializer",
        "AsyncPredictor::with_serializer",
        "AsyncPredictor::with_waiter_config",
        "AsyncRequest::cancel",
        "AsyncRequest::into_owned",
        "AsyncRequest::submit",
        "AsyncRequest::try_clone",
        "AsyncRequest::upload_to",
        "Endpoint::describe",
        "Endpoint::remove",
        "Endpoint::update",
        "Endpoint::wait_in_service",
        "Error::handle",
        "Error::is_retryable",
        "Error::remedy",
        "InferenceHandle::save_all",
        "LocalEndpoint::jobs",
        "LocalEndpoint::session",
        "LocalEndpointBuilder::model",
        "Notification::parse_all",
        "Session::builder",
        "Session::from_env",
        "Session::with_retry",
        "SessionBuilder::credentials",
        "SubmitAll::journal",
        "SubmitAll::on_submitted",
        "SubmitAll::progress",
        "WaiterConfig::adaptive",
        "WaiterConfig::new",
    ];
    let with_example = with_example();
    let without: Vec<_> = often
        .iter()
        .filter(|method| !with_example.contains(**method))
        .collect();
    assert!(without.is_empty(), "without an example: {without:#?}");
}
