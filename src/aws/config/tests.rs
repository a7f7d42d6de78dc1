//! The grammar, case by case; what a program sees of it is tested in `tests/it/profile.rs`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::sys::{Environment, Files};

type Properties = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "case")]
    about: String,
    config: Option<Vec<String>>,
    credentials: Option<Vec<String>>,
    profiles: Option<Properties>,
    sso_sessions: Option<Properties>,
    services: Option<Properties>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    line: usize,
    says: String,
}

fn load(config: Option<&str>, credentials: Option<&str>) -> Result<ProfileFiles, ConfigError> {
    let files = [
        ("/h/.aws/config", config),
        ("/h/.aws/credentials", credentials),
    ];
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([("HOME", "/h")]))
        .with_files(Files::from_pairs(
            files
                .into_iter()
                .filter_map(|(path, text)| Some((path, text?))),
        ));
    ProfileFiles::load(&sys)
}

fn plain(sections: &BTreeMap<String, Section>) -> Properties {
    sections
        .iter()
        .map(|(name, section)| {
            let properties = section.properties().iter();
            let plain = properties.map(|(key, value)| (key.clone(), value.to_string()));
            (name.clone(), plain.collect())
        })
        .collect()
}

#[test]
fn every_case_of_the_grammar() {
    let text = include_str!("../../../tests/fixtures/profiles/grammar.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 60);
    for case in cases {
        let name = &case.about;
        let join = |lines: &Option<Vec<String>>| lines.as_ref().map(|lines| lines.join("\n"));
        let (config, credentials) = (join(&case.config), join(&case.credentials));
        let found = load(config.as_deref(), credentials.as_deref())
            .unwrap()
            .sections;
        match (first_problem(&found), case.error) {
            (Some(problem), Some(fault)) => {
                assert_eq!(problem.error.line, fault.line, "{name}: {problem:?}");
                let error = malformed(problem).to_string();
                assert!(error.contains(&fault.says), "{name}: {error}");
            }
            (None, None) => {
                assert_eq!(Some(plain(&found.profiles)), case.profiles, "{name}");
                let expected = [
                    (case.sso_sessions, &found.sso_sessions),
                    (case.services, &found.services),
                ];
                for (expected, found) in expected {
                    assert_eq!(expected.unwrap_or_default(), plain(found), "{name}");
                }
            }
            (None, Some(_)) => panic!("{name}: accepted"),
            (Some(problem), None) => panic!("{name}: {problem:?}"),
        }
    }
}

/// In whatever section that is used.
fn first_problem(sections: &Sections) -> Option<&Problem> {
    let all = [
        &sections.profiles,
        &sections.sso_sessions,
        &sections.services,
    ];
    let of_sections = all.into_iter().flat_map(BTreeMap::values);
    let of_sections = of_sections.filter_map(|section| section.problem.as_ref());
    sections.stray.iter().chain(of_sections).next()
}

#[test]
fn sub_properties_are_found_by_name() {
    let config = "[services a]\ns3 =\n  Endpoint_URL = http://x/?a=b # here\n  endpoint_url=http://y/?a=b\nsts = v\n  endpoint_url = z\n";
    let files = load(Some(config), None).unwrap();
    let section = files.services("a").unwrap().unwrap();
    assert_eq!(
        section.sub_property("s3", "endpoint_url"),
        Some("http://y/?a=b")
    );
    assert_eq!(section.sub_property("s3", "other"), None);
    assert_eq!(section.sub_property("sts", "endpoint_url"), None);
    assert_eq!(section.sub_property("sso", "endpoint_url"), None);
}

#[test]
fn debug_shows_names_and_no_values() {
    let files = load(None, Some("[default]\naws_secret_access_key = hush\n")).unwrap();
    let shown = format!("{files:?}");
    assert!(shown.contains("aws_secret_access_key"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

/// Lines made of the pieces that mean something reach far deeper than plain random bytes.
#[test]
fn no_text_makes_the_parser_panic() {
    const PIECES: [&str; 23] = [
        "[",
        "]",
        "=",
        " ",
        "\t",
        "\n",
        "\r\n",
        "#",
        ";",
        "profile ",
        "default",
        "sso-session",
        "services",
        "a",
        "é",
        "\u{2003}",
        "\0",
        "\u{feff}",
        "~",
        "'",
        "\"",
        "\u{a0}",
        "[profile x]\na =\n b = c\n",
    ];
    let mut random = fastrand::Rng::with_seed(0x5a6e);
    for _ in 0..20_000 {
        let text: String = (0..random.usize(..40))
            .map(|_| PIECES[random.usize(..PIECES.len())])
            .collect();
        if let Ok(files) = load(Some(&text), Some(&text)) {
            for section in files.sections.profiles.values() {
                for key in section.properties().keys() {
                    section.sub_property(key, "b");
                }
            }
        }
    }
}
