//! `guide::troubleshooting` contains the messages that this crate prints, and the kinds of its errors.
#![allow(clippy::disallowed_methods)] // the sources, not the crate's files

use std::fs;
use std::path::Path;

use sagemaker_async_inference::credentials::{
    DefaultChain, ProcessProvider, ProfileProvider, ProvideCredentials,
};
use sagemaker_async_inference::error::{EndpointWaitError, EndpointWaitReason};
use sagemaker_async_inference::sys::{Environment, Files, ProcessOutput, Processes, Sys};
use sagemaker_async_inference::{Deserializer, Json, Serializer, Session};

const PAGE: &str = include_str!("../../src/guide/troubleshooting.md");

/// The messages in the first column of the page's tables.
fn messages() -> Vec<&'static str> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_start_matches("| ").split(" | ").next());
    cells
        .filter(|cell| cell.contains('`'))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// The parts of a message that are the same in every case: between `..`, and between words in capitals and
/// numbers, which stand for what differs.
fn fixed_parts(message: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let ends = |c: char| [':', ';', '(', ')'].contains(&c);
    for piece in message.split("..").flat_map(|piece| piece.split(ends)) {
        for word in piece.split(' ') {
            let bare: String = word.chars().filter(char::is_ascii_alphabetic).collect();
            let is_address = word.starts_with("http://");
            let is_placeholder = PLACEHOLDERS.contains(&&*bare) || word.contains('[') || is_address;
            match parts.last_mut() {
                Some(part) if !is_placeholder => {
                    part.push(' ');
                    part.push_str(word);
                }
                _ => parts.push(String::new()),
            }
        }
        parts.push(String::new());
    }
    let parts = parts.into_iter();
    let parts = parts.map(|part| part.trim_matches([' ', '"', ':', ';', ',']).to_owned());
    parts.filter(|part| part.len() > 3).collect()
}

const PLACEHOLDERS: [&str; 18] = [
    "ACTION", "ARN", "DEVICE", "FILE", "HEADER", "ID", "LIMIT", "N", "NAME", "OTHER", "PROGRAM",
    "REMEDY", "RESOURCE", "SETTING", "TEXT", "URI", "URL", "VALUE",
];

/// Every literal of the sources as the compiler joins it, without the docs.
fn sources() -> String {
    let mut text = String::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    );
    let mut joined = String::new();
    let mut lines = text.split("\\\n");
    joined.push_str(lines.next().unwrap_or_default());
    for line in lines {
        joined.push_str(line.trim_start());
    }
    joined.replace("\\\"", "\"")
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|known| known == "rs") {
            let source = fs::read_to_string(path).expect("a text");
            let code = source
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

/// Messages that are put together when they are made.
fn composed() -> Vec<String> {
    let nothing = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().copied().chain([("HOME", "/home/me")]);
        let off = [("AWS_EC2_METADATA_DISABLED", "true")];
        Sys::real()
            .with_environment(Environment::from_pairs(pairs.chain(off)))
            .with_files(Files::none())
    };
    let session = |sys: Sys| Session::builder().sys(sys);
    let profile = |profile: &str| {
        let sys = nothing(&[]);
        let files = Files::from_pairs([("/home/me/.aws/config", profile)]);
        ProfileProvider::new(sys.with_files(files))
    };
    let no_region = session(nothing(&[])).build().expect_err("no region");
    let fips = session(nothing(&[("AWS_REGION", "us-east-1")]));
    let fips = fips.use_fips(true).endpoint_url("http://127.0.0.1:1");
    let looped = "[default]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = b\n\
                  [profile b]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = default\n";
    let half = "[default]\naws_access_key_id = AKIDEXAMPLE\n";
    let absent = Processes::from_fn(|_| {
        Ok(ProcessOutput {
            exit_code: Some(127),
            stdout: Vec::new(),
        })
    });
    let absent = ProcessProvider::new(&Sys::real().with_processes(absent), "keys");
    let providers: [Box<dyn ProvideCredentials>; 4] = [
        Box::new(DefaultChain::new(nothing(&[]))),
        Box::new(profile(looped)),
        Box::new(profile(half)),
        Box::new(absent),
    ];
    let mut texts: Vec<String> = providers
        .iter()
        .map(|provider| provider.provide_credentials().expect_err("no credentials"))
        .map(|error| format!("{error:#}"))
        .collect();
    let json = Json::new();
    let read: Result<u8, _> = json.deserialize(b"x", None);
    texts.push(format!("{:#}", read.expect_err("no number")));
    let written = json.serialize(&f64::NAN).expect_err("no number of JSON");
    texts.push(format!("{written:#}"));
    let reason = EndpointWaitReason::Failed;
    let failed = EndpointWaitError::for_tests("my-endpoint", reason);
    texts.push(format!("{failed:#}"));
    texts.push(format!("{no_region:#}"));
    texts.push(format!("{:#}", fips.build().expect_err("no such host")));
    texts
}

#[test]
fn every_message_of_the_page_is_one_of_this_crate() {
    let mut sources = sources();
    sources.extend(composed());
    let messages = messages();
    assert!(messages.len() > 60, "{}", messages.len());
    let mut unknown = Vec::new();
    for message in messages {
        for part in fixed_parts(message) {
            if !sources.contains(&part) {
                unknown.push(format!("{part:?} of `{message}`"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

mod kinds {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use sagemaker_async_inference::error::{
        EndpointWaitError, EndpointWaitReason, TransferErrorKind, TransportErrorKind,
    };
    use sagemaker_async_inference::{InvalidInput, TransferError, TransportError};

    use super::{fixed_parts, messages};

    /// All values of an enum of words: an unknown word is refused with a list of them.
    fn all<T: FromStr<Err = InvalidInput> + Debug>() -> Vec<T> {
        let refused = "no such word".parse::<T>().expect_err("an unknown word");
        let words = refused.limit().strip_prefix("one of ").expect("a list");
        let words = words.split(", ");
        words
            .map(|word| word.parse().expect("a known word"))
            .collect()
    }

    fn is_on_the_page(error: &impl Display) -> bool {
        let text = format!("{error:#}");
        messages().into_iter().any(|message| {
            let parts = fixed_parts(message);
            !parts.is_empty() && parts.iter().all(|part| text.contains(part.as_str()))
        })
    }

    #[test]
    fn every_kind_of_error_is_on_the_page() {
        let transport = all().into_iter().map(|kind: TransportErrorKind| {
            let error = TransportError::for_tests(kind, "GetObject", "my-bucket.s3.amazonaws.com");
            (format!("{kind:?}"), format!("{error:#}"))
        });
        let transfer = all().into_iter().map(|kind: TransferErrorKind| {
            (
                format!("{kind:?}"),
                format!("{:#}", TransferError::new(kind, "in.json")),
            )
        });
        let waits = all().into_iter().map(|reason: EndpointWaitReason| {
            let error = EndpointWaitError::for_tests("my-endpoint", reason);
            (format!("{reason:?}"), format!("{error:#}"))
        });
        let all: Vec<_> = transport.chain(transfer).chain(waits).collect();
        assert!(all.len() > 20, "{all:?}");
        let missing: Vec<_> = all
            .iter()
            .filter(|(_, text)| !is_on_the_page(text))
            .collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
