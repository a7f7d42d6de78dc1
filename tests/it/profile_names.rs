//! Sections in quotes, in unusual spellings and malformed ones: found, or reported with what to write.

use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::Session;
use sagemaker_async_inference::credentials::{
    Credentials, DefaultChain, ProfileProvider, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Environment, Files, Sys};

const CONFIG: &str = "/h/.aws/config";
const SHARED: &str = "/h/.aws/credentials";
const KEYS: &str = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = hush\n";

fn sys(files: &[(&str, &[u8])], environment: &[(&str, &str)]) -> Sys {
    let home = [("HOME", "/h"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let files = files.iter().map(|(path, text)| (*path, text.to_vec()));
    Sys::real()
        .with_environment(Environment::from_pairs(
            home.into_iter().chain(environment.iter().copied()),
        ))
        .with_files(Files::from_pairs(files))
}

fn provide(files: &[(&str, &[u8])], name: &str) -> Result<Credentials, CredentialsError> {
    let provider = ProfileProvider::new(sys(files, &[]));
    provider.with_profile(name).provide_credentials()
}

#[test]
fn a_name_in_quotes_is_the_name_without_them() {
    for (path, header, name) in [
        (CONFIG, "[profile 'my dev']", "my dev"),
        (CONFIG, "[profile \"my dev\"]", "my dev"),
        (CONFIG, "[profile my dev]", "my dev"),
        (CONFIG, "[profile 'dev']", "dev"),
        (CONFIG, "[profile\"dev\"]", "dev"),
        (CONFIG, "[ profile  'dev' ] # mine", "dev"),
        (CONFIG, "[profile o'neil]", "o'neil"),
        (CONFIG, "[profile 'it'\"'\"'s']", "it's"),
        (CONFIG, "[profile équipe]", "équipe"),
        (SHARED, "[my dev]", "my dev"),
        (SHARED, "['my dev']", "my dev"),
        (SHARED, "[\"dev\"]", "dev"),
    ] {
        let text = format!("{header}\n{KEYS}");
        for asked in [name.to_owned(), format!("\"{name}\"")] {
            let found = provide(&[(path, text.as_bytes())], &asked);
            assert_eq!(found.unwrap().access_key_id(), "AKIDPROFILE", "{header}");
        }
    }
}

#[test]
fn a_source_profile_may_be_in_quotes() {
    let text = format!(
        "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = 'my dev'\n\
         [profile 'my dev']\nregion = x\n[profile b]\n{KEYS}"
    );
    let error = provide(&[(CONFIG, text.as_bytes())], "a").unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("\"'my dev'\", the source_profile of \"a\", has no credentials"),
        "{error}"
    );
}

/// What the error says to write is taken literally, and works.
#[test]
fn a_section_in_another_spelling_is_named_with_the_right_one() {
    for (path, header, name) in [
        (CONFIG, "[dev]", "dev"),
        (CONFIG, "[my dev]", "my dev"),
        (CONFIG, "[Profile dev]", "dev"),
        (CONFIG, "[PROFILE 'my dev']", "my dev"),
        (CONFIG, "[profiledev]", "dev"),
        (CONFIG, "[profile_dev]", "dev"),
        (CONFIG, "[profile:dev]", "dev"),
        (CONFIG, "[profiles dev]", "dev"),
        (CONFIG, "[DEFAULT]", "default"),
        (CONFIG, "[Default]", "default"),
        (SHARED, "[profile dev]", "dev"),
        (SHARED, "[profile 'my dev']", "my dev"),
    ] {
        let text = format!("[profile other]\nregion = x\n\n{header}\n{KEYS}");
        let error = provide(&[(path, text.as_bytes())], name).unwrap_err();
        assert!(!error.is_not_configured(), "{header} {error}");
        let error = error.to_string();
        assert!(!error.contains("hush"), "{error}");
        let advice = format!("write {header} in {path}, line 4, as ");
        let (_, advice) = error
            .split_once(&advice)
            .unwrap_or_else(|| panic!("{header}: {error}"));
        let (correct, _) = advice.split_once(" at the left edge").unwrap();
        let text = text.replace(header, correct);
        let found = provide(&[(path, text.as_bytes())], name);
        assert_eq!(found.unwrap().access_key_id(), "AKIDPROFILE", "{correct}");
    }
}

#[test]
fn a_name_that_is_nowhere_is_shown_as_it_is_to_be_written() {
    for (name, header) in [
        ("dev", "[profile dev]"),
        ("my dev", "[profile 'my dev']"),
        ("o'neil", "[profile \"o'neil\"]"),
    ] {
        let near = b"[profile my-dev-2]\n[prod-dev]\n".as_slice();
        let error = provide(&[(CONFIG, near)], name).unwrap_err().to_string();
        let advice = format!("add {header} to the config file, or choose another");
        assert!(error.contains(&advice), "{error}");
        let text = format!("{header}\n{KEYS}");
        assert!(provide(&[(CONFIG, text.as_bytes())], name).is_ok());
    }
}

#[test]
fn a_name_in_other_letters_is_suggested() {
    let text = format!("[Dev]\n{KEYS}[Default]\n{KEYS}");
    let files: [(&str, &[u8]); 1] = [(SHARED, text.as_bytes())];
    let error = provide(&files, "dev").unwrap_err().to_string();
    assert!(error.contains("did you mean \"Dev\"?"), "{error}");
    assert!(provide(&files, "Dev").is_ok());
    // A different case of a letter does not select another identity.
    let error = ProfileProvider::new(sys(&files, &[])).provide_credentials();
    let error = error.unwrap_err();
    assert!(!error.is_not_configured());
    assert!(
        error.to_string().contains("write [Default] as [default]"),
        "{error}"
    );
}

#[test]
fn an_indented_header_that_continues_a_value_is_named() {
    let text = format!("[profile other]\nregion = x\n  [profile dev]\n{KEYS}");
    let error = provide(&[(CONFIG, text.as_bytes())], "dev")
        .unwrap_err()
        .to_string();
    let advice = "write [profile dev] in /h/.aws/config, line 3, as [profile dev] at the left edge";
    assert!(error.contains(advice), "{error}");
}

#[test]
fn sso_sessions_and_services_are_found_in_quotes_and_named_in_other_spellings() {
    let profile = "[profile p]\nsso_account_id = 123456789012\nsso_role_name = R\nsso_session = ";
    let session = "\nsso_region = eu-west-1\nsso_start_url = https://x.example/start\n";
    // With the section found, what is missing is the token of this session.
    for (asked, header) in [
        ("Big Corp", "[sso-session 'Big Corp']"),
        ("'Big Corp'", "[sso-session \"Big Corp\"]"),
        ("Big Corp", "[sso-session Big Corp]"),
        ("corp", "[sso-session'corp']"),
    ] {
        let text = format!("{profile}{asked}\n{header}{session}");
        let error = provide(&[(CONFIG, text.as_bytes())], "p").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("the SSO token of https://x.example/start"),
            "{error}"
        );
    }
    for header in [
        "[sso_session corp]",
        "[sso-sesion corp]",
        "[corp]",
        "[SSO-Session 'corp']",
    ] {
        let text = format!("{profile}corp\n{header}{session}");
        let error = provide(&[(CONFIG, text.as_bytes())], "p")
            .unwrap_err()
            .to_string();
        let advice = format!("write {header} in /h/.aws/config, line 5, as [sso-session corp]");
        assert!(error.contains(&advice), "{error}");
    }
    let text = format!("{profile}corp\n");
    let shared = format!("[sso-session corp]{session}");
    let files: [(&str, &[u8]); 2] = [(CONFIG, text.as_bytes()), (SHARED, shared.as_bytes())];
    let error = provide(&files, "p").unwrap_err().to_string();
    assert!(
        error.contains("move it to the config file, as [sso-session corp]"),
        "{error}"
    );

    let session = |text: &str| {
        let sys = sys(&[(CONFIG, text.as_bytes())], &[]);
        Session::builder().sys(sys).region("eu-west-1").build()
    };
    let nested = "s3 =\n  endpoint_url = http://mine\n";
    let text = format!("[default]\nservices = 'my own'\n[services \"my own\"]\n{nested}");
    assert!(format!("{:?}", session(&text).unwrap()).contains("http://mine"));
    let text = format!("[default]\nservices = own\n[service own]\n{nested}");
    let error = session(&text).unwrap_err().to_string();
    let advice = "write [service own] in /h/.aws/config, line 3, as [services own]";
    assert!(error.contains(advice), "{error}");
}

const MALFORMED: [&[u8]; 9] = [
    b"[profile other]\n  region = eu-west-1\n",
    b"[profile other]\n\tregion = eu-west-1\n",
    b"[profile other] /* team */\nregion = eu-west-1\n",
    b"[profile other\nregion = eu-west-1\n",
    b"[profile other]\nregion\n",
    b"[profile other]\n= eu-west-1\n",
    b"[profile other]\ns3 =\n  path\n",
    b"[profile other]\nregion = \xff\xfe\n",
    b"[sso-session other]\nx\n[services other]\ny\n[plugins]\nz\n",
];

#[test]
fn a_malformed_section_matters_only_where_it_is_used() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_REGION", "eu-west-1"),
    ];
    for text in MALFORMED {
        for path in [CONFIG, SHARED] {
            let session = Session::builder().sys(sys(&[(path, text)], &keys)).build();
            assert!(session.is_ok(), "{session:?}");
        }
        let whole = [text, b"[profile mine]\n", KEYS.as_bytes()].concat();
        let found = provide(&[(CONFIG, &whole)], "mine");
        assert_eq!(found.unwrap().access_key_id(), "AKIDPROFILE");
    }
}

#[test]
fn a_malformed_section_that_is_used_is_an_error_with_its_line() {
    for text in &MALFORMED[..8] {
        let error = provide(&[(CONFIG, text)], "other").unwrap_err();
        assert!(!error.is_not_configured(), "{error}");
        assert!(
            error.to_string().contains("/h/.aws/config, line "),
            "{error}"
        );
    }
    for (lines, words) in [
        (
            "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = other",
            "line 4",
        ),
        (
            "sso_session = other\nsso_account_id = 1\nsso_role_name = r",
            "line 7",
        ),
    ] {
        let text = format!("[profile p]\n{lines}\n[profile other\n[sso-session other]\nx\n");
        let error = provide(&[(CONFIG, text.as_bytes())], "p").unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    // A search for a missing section reports that a file is malformed.
    let error = provide(&[(CONFIG, MALFORMED[4])], "mine")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/h/.aws/config (malformed at line 2: Expected an '=' sign"),
        "{error}"
    );
}

/// They are the default profile's, whose header is missing.
#[test]
fn lines_above_all_sections_are_reported_to_who_lacks_them() {
    let text = format!("region = eu-west-1\n{KEYS}[profile other]\nregion = x\n");
    let files: [(&str, &[u8]); 1] = [(CONFIG, text.as_bytes())];
    let error = ProfileProvider::new(sys(&files, &[]))
        .provide_credentials()
        .unwrap_err();
    assert!(!error.is_not_configured());
    assert!(
        error
            .to_string()
            .contains("config, line 1: Expected a profile definition"),
        "{error}"
    );
    let error = Session::builder()
        .sys(sys(&files, &[]))
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("put [default] or [profile name] above"),
        "{error}"
    );
    let other = Session::builder()
        .sys(sys(&files, &[]))
        .profile("other")
        .build();
    assert_eq!(other.unwrap().region(), "x");
    let given = Session::builder().sys(sys(&files, &[])).region("y").build();
    assert!(given.is_ok());
    let with_default = format!("region = eu-west-1\n[default]\n{KEYS}");
    let files: [(&str, &[u8]); 1] = [(CONFIG, with_default.as_bytes())];
    let given = Session::builder().sys(sys(&files, &[])).region("y").build();
    assert!(given.is_err());
}

/// As in a file for `docker run --env-file`, which takes them as part of the value.
#[test]
fn keys_in_quotes_are_refused_in_files_and_environment() {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    for quoted in names {
        let value = |name| if name == quoted { "'hush'" } else { "AKID" };
        let variables = names.map(|name| (name, value(name)));
        let lines = names.map(|name| format!("{} = {}\n", name.to_lowercase(), value(name)));
        let file = format!("[default]\n{}", lines.concat());
        for (sys, said) in [
            (sys(&[], &variables), format!("{quoted} is in quotes")),
            (
                sys(&[(SHARED, file.as_bytes())], &[]),
                format!(
                    "{} of profile \"default\" is in quotes",
                    quoted.to_lowercase()
                ),
            ),
        ] {
            let error = DefaultChain::new(sys).provide_credentials().unwrap_err();
            assert!(!error.is_not_configured(), "{error}");
            assert!(error.to_string().contains(&said), "{error}");
            assert!(
                !format!("{error:#} {error:?}").contains("hush"),
                "{error:?}"
            );
        }
    }
}
