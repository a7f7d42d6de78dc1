//! Profiles, as a program sees them: credentials by way of [`ProfileProvider`] and the chain.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use aws_credential_types::attributes::AccountId;
use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{
    Credentials, DefaultChain, EnvironmentProvider, ProfileProvider, ProvideCredentials,
    ProviderConfig,
};
use sagemaker_async_inference::sys::{Environment, Files, ProcessOutput, Processes, Sys};

const CONFIG: &str = "/h/.aws/config";
const CREDENTIALS: &str = "/h/.aws/credentials";
const KEYS: &str = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = hush\n";

type Variables<'a> = &'a [(&'a str, &'a str)];

fn with(environment: Variables, files: Files) -> Sys {
    let home = [("HOME", "/h"), ("AWS_EC2_METADATA_DISABLED", "true")];
    Sys::real()
        .with_environment(Environment::from_pairs(
            home.into_iter().chain(environment.iter().copied()),
        ))
        .with_files(files)
        .with_processes(Processes::from_fn(|_command| {
            Ok(ProcessOutput {
                exit_code: Some(1),
                stdout: b"hush".to_vec(),
            })
        }))
}

fn ask(sys: Sys, profile: Option<&str>) -> Result<Credentials, CredentialsError> {
    let provider = ProfileProvider::new(sys);
    match profile {
        Some(name) => provider.with_profile(name),
        None => provider,
    }
    .provide_credentials()
}

fn text_of(error: &CredentialsError) -> String {
    format!("{error} {error:?}")
}

#[test]
fn keys_token_and_account() {
    let files = Files::from_pairs([(
        CREDENTIALS,
        format!("[default]\n{KEYS}aws_session_token = token\nAWS_ACCOUNT_ID = 123456789012\n"),
    )]);
    let credentials = ask(with(&[], files), None).unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDPROFILE");
    assert_eq!(credentials.secret_access_key(), "hush");
    assert_eq!(credentials.session_token(), Some("token"));
    let account = credentials.account_id().map(AccountId::as_str);
    assert_eq!(account, Some("123456789012"));
    assert_eq!(credentials.expiry(), None);
}

#[test]
fn the_older_name_of_the_token_counts_where_the_newer_is_not_set() {
    let tokens = [
        (
            "aws_security_token = old\naws_session_token = new\n",
            Some("new"),
        ),
        ("aws_security_token = old\n", Some("old")),
        (
            "aws_session_token =\naws_security_token = old\n",
            Some("old"),
        ),
        ("", None),
    ];
    for (lines, expected) in tokens {
        let files = Files::from_pairs([(CREDENTIALS, format!("[default]\n{KEYS}{lines}"))]);
        let credentials = ask(with(&[], files), None).unwrap();
        assert_eq!(credentials.session_token(), expected, "{lines}");
    }
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_SECURITY_TOKEN", "old"),
    ];
    let token = |more: Option<(&str, &str)>| {
        let environment = Environment::from_pairs(keys.into_iter().chain(more));
        let provider = EnvironmentProvider::new(environment);
        let credentials = provider.provide_credentials().unwrap();
        credentials.session_token().map(str::to_owned)
    };
    assert_eq!(token(None).as_deref(), Some("old"));
    let new = token(Some(("AWS_SESSION_TOKEN", "new")));
    assert_eq!(new.as_deref(), Some("new"));
}

/// The AWS CLI and the Python SDK pass over any line that begins with a comment's sign, however far it is indented.
#[test]
fn indented_comments_below_a_value_are_no_part_of_it() {
    let text = "[default]\naws_access_key_id = AKIDPROFILE\n  # the first\n\t; the second\n\
                aws_secret_access_key = hush\n\n   # of the team\n";
    let files = Files::from_pairs([(CREDENTIALS, text)]);
    let credentials = ask(with(&[], files), None).unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDPROFILE");
    assert_eq!(credentials.secret_access_key(), "hush");
    // Anything else there is a mistake in indentation.
    let files = Files::from_pairs([(CREDENTIALS, text.replace("; the", "the"))]);
    let error = ask(with(&[], files), None).unwrap_err();
    assert!(error.to_string().contains("more than one line"), "{error}");
}

#[test]
fn the_credentials_file_wins_property_by_property() {
    let files = Files::from_pairs([
        (
            CONFIG,
            "[default]\naws_access_key_id = CONFIG\naws_secret_access_key = config\naws_session_token = config\n",
        ),
        (
            CREDENTIALS,
            "[default]\naws_access_key_id = CREDENTIALS\naws_secret_access_key = credentials\n",
        ),
    ]);
    let credentials = ask(with(&[], files), None).unwrap();
    assert_eq!(credentials.access_key_id(), "CREDENTIALS");
    assert_eq!(credentials.secret_access_key(), "credentials");
    assert_eq!(credentials.session_token(), Some("config"));
}

#[test]
fn which_profile_is_read() {
    let section = |name: &str| {
        format!("[{name}]\naws_access_key_id = AKID-{name}\naws_secret_access_key = hush\n")
    };
    let text: String = ["default", "a", "b", "c"].map(section).concat();
    let a = ("AWS_PROFILE", "a");
    let b = ("AWS_DEFAULT_PROFILE", "b");
    let cases: [(Variables, Option<&str>, &str); 6] = [
        (&[], None, "AKID-default"),
        (&[a], None, "AKID-a"),
        (&[b], None, "AKID-b"),
        (&[a, b], None, "AKID-a"),
        (&[a, b], Some("c"), "AKID-c"),
        (&[("AWS_PROFILE", " ")], None, "AKID-default"),
    ];
    for (environment, given, expected) in cases {
        let files = Files::from_pairs([(CREDENTIALS, text.clone())]);
        let found = ask(with(environment, files), given).unwrap();
        assert_eq!(found.access_key_id(), expected, "{environment:?} {given:?}");
    }
}

#[test]
fn named_files_are_read_instead() {
    let files = Files::from_pairs([
        ("/h/work/keys", format!("[default]\n{KEYS}")),
        (CREDENTIALS, "[default]\nnot = these\n".to_owned()),
    ]);
    let named = [("AWS_SHARED_CREDENTIALS_FILE", "~/work/keys")];
    let credentials = ask(with(&named, files), None).unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDPROFILE");
}

/// After a source that is not configured the chain continues.
#[test]
fn nothing_configured() {
    let denied = Files::none()
        .with_error(CONFIG, ErrorKind::PermissionDenied)
        .with_error(CREDENTIALS, ErrorKind::NotADirectory);
    let region_only = || Files::from_pairs([(CONFIG, "[default]\nregion = eu-west-1\n")]);
    let blank = "[default]\naws_access_key_id =\naws_secret_access_key =\n";
    let cases: [(Sys, &str); 6] = [
        (with(&[], Files::none()), "/h/.aws/config (not found)"),
        (
            Sys::real()
                .with_environment(Environment::empty())
                .with_files(Files::none()),
            "~/.aws/config (no home directory known)",
        ),
        (
            with(&[], denied),
            "/h/.aws/config (not readable by this user)",
        ),
        (
            with(&[("AWS_CONFIG_FILE", "/gone")], Files::none()),
            "/gone (not found)",
        ),
        (with(&[], region_only()), "has no aws_access_key_id"),
        (
            with(&[], Files::from_pairs([(CREDENTIALS, blank)])),
            "has no aws_access_key_id",
        ),
    ];
    for (sys, words) in cases {
        let error = ask(sys, None).unwrap_err();
        assert!(error.is_not_configured(), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A broken source stops a chain, and its error shows no value.
#[test]
fn configured_and_broken() {
    let two_lines = "aws_access_key_id = AKID\n hush\naws_secret_access_key = hush";
    let cases: [(&str, &str); 12] = [
        (
            "aws_access_key_id = hush",
            "has aws_access_key_id and no aws_secret_access_key",
        ),
        (
            "aws_secret_access_key = hush",
            "has aws_secret_access_key and no aws_access_key_id",
        ),
        (
            "aws_session_token = hush",
            "has aws_session_token and no aws_access_key_id",
        ),
        (
            two_lines,
            "aws_access_key_id of profile \"default\" spans more than one line",
        ),
        (
            "role_arn = x\nsource_profile = b",
            "profile \"b\", the source_profile of \"default\", is not in the files",
        ),
        (
            "role_arn = x\nweb_identity_token_file = /gone",
            "cannot assume the role x: role ARN \"x\" is not valid: 20 to 2048 characters",
        ),
        (
            "credential_source = gone",
            "credential_source of profile \"default\" is \"gone\", and not one of Environment",
        ),
        (
            "credential_process = helper hush",
            "the credential process \"helper ...\" ended with exit code 1; run it manually",
        ),
        ("sso_session = gone", "[sso-session gone] that is not there"),
        (
            "sso_start_url = x\nsso_region = y",
            "has neither sso_account_id nor sso_role_name",
        ),
        ("hush", "credentials, line 4: Expected an '=' sign"),
        (
            "= hush",
            "credentials, line 4: Property did not have a name",
        ),
    ];
    for (lines, words) in cases {
        for keys in ["\n\n", KEYS] {
            let is_about_keys = lines.starts_with("aws_");
            if is_about_keys && keys == KEYS {
                continue;
            }
            let text = format!("[default]\n{keys}{lines}\n");
            let error = ask(with(&[], Files::from_pairs([(CREDENTIALS, text)])), None).unwrap_err();
            assert!(!error.is_not_configured(), "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(!text_of(&error).contains("hush"), "{error:?}");
        }
    }
}

#[test]
fn files_that_are_no_text_or_cannot_be_read() {
    let named = [("AWS_CONFIG_FILE", CONFIG)];
    let endless = vec![b'#'; usize::try_from(Files::MAX_BYTES).unwrap() + 1];
    let cases: [(Sys, &str); 6] = [
        (
            with(
                &[],
                Files::from_pairs([(CONFIG, b"[default]\nhush = \xff\xfe".to_vec())]),
            ),
            "line 2: The line is not UTF-8 text; save the file as UTF-8",
        ),
        (
            with(
                &[],
                Files::from_pairs([(CONFIG, b"\xff\xfe[\0d\0".to_vec())]),
            ),
            "is UTF-16 text; save it as UTF-8",
        ),
        (
            with(&[], Files::from_pairs([(CONFIG, endless)])),
            "cannot be read",
        ),
        (
            with(
                &[],
                Files::none().with_error(CONFIG, ErrorKind::IsADirectory),
            ),
            "or name another with AWS_CONFIG_FILE",
        ),
        (
            with(
                &named,
                Files::none().with_error(CONFIG, ErrorKind::PermissionDenied),
            ),
            "correct AWS_CONFIG_FILE",
        ),
        (
            with(&[], Files::none().with_error(CONFIG, ErrorKind::Other)),
            "cannot be read",
        ),
    ];
    for (sys, words) in cases {
        let error = ask(sys, None).unwrap_err();
        assert!(!error.is_not_configured(), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains(CONFIG), "{error}");
        assert!(!text_of(&error).contains("hush"), "{error:?}");
    }
}

/// The table of the grammar, as far as it is visible from outside: which profiles exist, and where the fault is.
#[test]
fn every_case_of_the_grammar() {
    let text = include_str!("../fixtures/profiles/grammar.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    for case in cases {
        let lines = |file: &str| {
            let lines = case[file].as_array()?.iter().map(|line| line.as_str());
            Some(lines.collect::<Option<Vec<_>>>()?.join("\n"))
        };
        let files = [
            (CONFIG, lines("config")),
            (CREDENTIALS, lines("credentials")),
        ];
        let files = Files::from_pairs(files.into_iter().filter_map(|(at, text)| Some((at, text?))));
        let ask = |name: &str| {
            let error = ask(with(&[], files.clone()), Some(name)).unwrap_err();
            (error.is_not_configured(), error.to_string())
        };
        if let Some(profiles) = case["profiles"].as_object() {
            for name in profiles.keys() {
                let (_, error) = ask(name);
                assert!(!error.contains("is not in the files"), "{case} {error}");
            }
            let (_, error) = ask("nobody has this name");
            let names = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
            let known = format!("the profiles are: {names}");
            let none = profiles.is_empty() && error.contains("there are no profiles");
            assert!(none || error.contains(&known), "{case} {error}");
        } else {
            let place = format!(", line {}: ", case["error"]["line"]);
            let mut users = ["default", "box"].map(ask).into_iter();
            let found = users.find(|(_, error)| error.contains(&place));
            let (not_configured, error) = found.unwrap_or_else(|| panic!("{case}"));
            assert!(!not_configured, "{case} {error}");
            let says = case["error"]["says"].as_str().unwrap();
            assert!(error.contains(says), "{case} {error}");
        }
    }
}

/// Those of this platform; the others are tested beside the code.
#[test]
fn every_place_of_the_files() {
    let text = include_str!("../fixtures/profiles/locations.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    for case in cases.iter().filter(|case| case["windows"] == cfg!(windows)) {
        let set: BTreeMap<String, String> = serde_json::from_value(case["set"].clone()).unwrap();
        let sys = Sys::real()
            .with_environment(Environment::from_pairs(set))
            .with_files(Files::none());
        let error = ask(sys, None).unwrap_err().to_string();
        for path in [&case["config"], &case["credentials"]] {
            let words = match path.as_str() {
                Some(path) => format!("{path} (not found)"),
                None => "no home directory known".to_owned(),
            };
            assert!(error.contains(&words), "{case} {error}");
        }
    }
}

#[test]
fn a_missing_profile_is_reported_with_the_existing_ones() {
    let files = || Files::from_pairs([(CONFIG, "[default]\n[profile team-a]\n[team-b]\n")]);
    let by_variable = ask(with(&[("AWS_PROFILE", "gone")], files()), None).unwrap_err();
    let given = ask(with(&[], files()), Some("gone")).unwrap_err();
    for error in [&by_variable, &given] {
        assert!(!error.is_not_configured());
        let text = error.to_string();
        assert!(text.contains("profile \"gone\""), "{text}");
        assert!(text.contains("the profiles are: default, team-a"), "{text}");
        assert!(text.contains("/h/.aws/credentials (not found)"), "{text}");
    }
    assert!(by_variable.to_string().contains("(from AWS_PROFILE)"));
}

#[test]
fn the_chain_tries_its_sources_in_order() {
    let files = || Files::from_pairs([(CREDENTIALS, format!("[default]\n{KEYS}[empty]\n"))]);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let both = with(&keys, files());
    let key = |chain: &DefaultChain| {
        let credentials = chain.provide_credentials().unwrap();
        credentials.access_key_id().to_owned()
    };
    assert_eq!(key(&DefaultChain::new(&both)), "AKIDENVIRONMENT");
    let given = DefaultChain::new(ProviderConfig::new(&both).with_profile("default"));
    assert_eq!(key(&given), "AKIDPROFILE");
    let empty = DefaultChain::new(ProviderConfig::new(&both).with_profile("empty"));
    assert_eq!(key(&empty), "AKIDENVIRONMENT");
    assert_eq!(key(&DefaultChain::new(with(&[], files()))), "AKIDPROFILE");

    let last = EnvironmentProvider::new(Environment::from_pairs(keys));
    let more = DefaultChain::new(with(&[], Files::none())).then(last);
    assert_eq!(key(&more), "AKIDENVIRONMENT");
}

#[test]
fn the_chain_stops_at_a_failing_source_and_names_those_tried() {
    let half = [("AWS_ACCESS_KEY_ID", "AKID")];
    let files = Files::from_pairs([(CREDENTIALS, format!("[default]\n{KEYS}"))]);
    let error = DefaultChain::new(with(&half, files))
        .provide_credentials()
        .unwrap_err();
    assert!(!error.is_not_configured());
    assert!(!error.to_string().contains("profile"), "{error}");

    let role = Files::from_pairs([(CONFIG, "[default]\nrole_arn = x\n")]);
    let next = Credentials::new("AKIDNEXT", "hush", None, None, "next");
    let error = DefaultChain::new(with(&[], role))
        .then(next)
        .provide_credentials()
        .unwrap_err();
    assert!(!error.is_not_configured());
    let text = error.to_string();
    assert!(
        text.contains("environment: AWS_ACCESS_KEY_ID is not set"),
        "{text}"
    );
    assert!(
        text.contains("profile: profile \"default\" has role_arn, and neither source_profile nor"),
        "{text}"
    );
}

#[test]
fn debug_shows_no_content() {
    let files = Files::from_pairs([(CREDENTIALS, format!("[default]\n{KEYS}"))]);
    let sys = with(&[("AWS_SECRET_ACCESS_KEY", "hush")], files);
    let chain = DefaultChain::new(ProviderConfig::new(&sys).with_profile("default"));
    let provider = ProfileProvider::new(sys.clone());
    for shown in [
        format!("{sys:?}"),
        format!("{chain:?}"),
        format!("{provider:?}"),
    ] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[test]
fn no_bytes_make_the_provider_panic() {
    let mut random = fastrand::Rng::with_seed(0xa7f3);
    for _ in 0..5_000 {
        let mut bytes = format!("[default]\n{KEYS}").into_bytes();
        for _ in 0..random.usize(..8) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        bytes.truncate(random.usize(..=bytes.len()));
        let files = Files::from_pairs([(CONFIG, bytes.clone()), (CREDENTIALS, bytes)]);
        if let Err(error) = ask(with(&[], files), None) {
            assert!(!text_of(&error).contains("hush"), "{error:?}");
        }
    }
}

#[test]
fn the_disk_is_read_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, format!("[default]\n{KEYS}")).unwrap();
    let path = path.to_str().unwrap();
    let sys = with(&[("AWS_SHARED_CREDENTIALS_FILE", path)], Files::disk());
    assert_eq!(ask(sys, None).unwrap().access_key_id(), "AKIDPROFILE");

    let folder_named = [("AWS_CONFIG_FILE", folder.path().to_str().unwrap())];
    let error = ask(with(&folder_named, Files::disk()), None).unwrap_err();
    assert!(!error.is_not_configured(), "{error}");
    if cfg!(unix) {
        let endless = with(&[("AWS_CONFIG_FILE", "/dev/zero")], Files::disk());
        assert!(!ask(endless, None).unwrap_err().is_not_configured());
    }
}

/// What a shell's `<(..)` gives is empty when it is read again, by another session or after a refresh.
#[cfg(unix)]
#[test]
fn files_that_are_pipes_are_read_once_and_kept() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let content = "[default]\naws_access_key_id = AKIDPIPE\naws_secret_access_key = hush\n";
    writer.write_all(content.as_bytes()).expect("a short text");
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", path.as_str())];
    for _ in 0..3 {
        let sys = Sys::real().with_environment(Environment::from_pairs(variables));
        let found = ask(sys, None).expect("keys");
        assert_eq!(found.access_key_id(), "AKIDPIPE");
    }
}
