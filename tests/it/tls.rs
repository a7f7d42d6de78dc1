//! Whose certificates are trusted: the roots of a CA bundle and no others.

use crate::support;

use std::io::ErrorKind;

use rcgen::KeyPair;
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Error, Session, SessionBuilder};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{caller_identity, keys},
    raw::{Raw, answer},
    tls::{Authority, accept, close},
};

/// A server whose certificate an authority of its own vouches for.
struct Tls {
    root: String,
    server: Raw,
}

impl Tls {
    fn start() -> Self {
        let authority = Authority::new();
        let names = authority.server(&["localhost", "127.0.0.1"]);
        let server = Raw::start(move |stream| {
            let mut stream = accept(&names, stream)?;
            answer(&mut stream, &caller_identity().body)?;
            close(stream)
        });
        Self {
            root: authority.root(),
            server,
        }
    }

    fn url(&self) -> String {
        self.server.url().replace("http://", "https://")
    }
}

fn builder(url: &str, sys: Sys) -> SessionBuilder {
    Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url(url)
        .sys(sys)
}

fn sys<'a>(
    environment: &[(&str, &str)],
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Sys {
    let home = [("HOME", "/h")].into_iter();
    Sys::real()
        .with_environment(Environment::from_pairs(
            home.chain(environment.iter().copied()),
        ))
        .with_files(Files::from_pairs(files))
}

fn untrusted(outcome: Result<String, Error>) {
    match outcome {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Tls, "{error:?}");
            assert_eq!(error.attempts(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_from_code_environment_or_profile_is_trusted() {
    let tls = Tls::start();
    let profile = [
        ("/h/.aws/config", "[default]\nca_bundle = /ca.pem\n"),
        ("/ca.pem", &*tls.root),
    ];
    let variable = [("AWS_CA_BUNDLE", "/ca.pem")];
    let old = [("/ca.pem", "unused"), ("/mine.pem", &*tls.root)];
    let builders = [
        builder(&tls.url(), sys(&[], [])).ca_bundle_pem(tls.root.as_str()),
        builder(&tls.url(), sys(&variable, [("/ca.pem", &*tls.root)])),
        builder(&tls.url(), sys(&[], profile)),
        builder(&tls.url(), sys(&variable, old)).ca_bundle("/mine.pem"),
    ];
    for builder in builders {
        builder.build().unwrap().default_bucket().unwrap();
    }
}

#[test]
fn a_bundle_may_hold_several_and_other_things() {
    let (tls, other) = (Tls::start(), Tls::start());
    let key = KeyPair::generate().unwrap().serialize_pem();
    let pem = format!("Comment\n{}{key}\n{}", other.root, tls.root);
    let session = builder(&tls.url(), sys(&[], []))
        .ca_bundle_pem(pem)
        .build()
        .unwrap();
    session.default_bucket().unwrap();
}

#[test]
fn nobody_else_is_trusted() {
    let (tls, other) = (Tls::start(), Tls::start());
    let by_web_pki = builder(&tls.url(), sys(&[], [])).build().unwrap();
    untrusted(by_web_pki.default_bucket());
    let by_other = builder(&tls.url(), sys(&[], [])).ca_bundle_pem(other.root.as_str());
    untrusted(by_other.build().unwrap().default_bucket());
}

#[test]
fn a_bundle_that_is_none_is_refused_by_its_name() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let not_der = "-----BEGIN CERTIFICATE-----\naHVzaA==\n-----END CERTIFICATE-----\n";
    let not_base64 = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\naHVzaA==\n";
    let cases = [
        ("", "has no certificate in it;"),
        ("some text", "has no certificate in it;"),
        (&key, "has no certificate in it;"),
        (not_der, "has no certificate in it that can be a root"),
        (not_base64, "is not PEM"),
        (cut, "is not PEM"),
    ];
    for (pem, words) in cases {
        let named = [("AWS_CA_BUNDLE", "/ca.pem")];
        let error = builder("https://x", sys(&named, [("/ca.pem", pem)]))
            .build()
            .unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with("AWS_CA_BUNDLE /ca.pem: "), "{shown}");
        assert!(shown.contains(words), "{shown}");
        let given = builder("https://x", sys(&[], [])).ca_bundle_pem(pem);
        assert!(given.build().unwrap_err().to_string().contains(words));
    }
}

#[test]
fn a_bundle_that_cannot_be_read_is_refused_by_its_name() {
    let config = ("/h/.aws/config", "[default]\nca_bundle = /gone.pem\n");
    let error = builder("https://x", sys(&[], [config]))
        .build()
        .unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.starts_with("ca_bundle of profile \"default\" /gone.pem: cannot be read"),
        "{shown}"
    );

    let files = Files::none().with_error("/ca.pem", ErrorKind::PermissionDenied);
    let denied = Sys::real()
        .with_environment(Environment::empty())
        .with_files(files);
    let error = builder("https://x", denied)
        .ca_bundle("/ca.pem")
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the CA bundle /ca.pem: cannot be read: "),
        "{error}"
    );
}

/// A bundle of the environment is not put into the user's agent, and one of the user's own beside
/// it is a contradiction.
#[test]
fn an_agent_of_the_users_trusts_whom_it_says() {
    let agent = || {
        ureq::Agent::config_builder()
            .proxy(None)
            .build()
            .new_agent()
    };
    let named = sys(&[("AWS_CA_BUNDLE", "/gone.pem")], []);
    assert!(builder("https://x", named).agent(agent()).build().is_ok());
    let both = builder("https://x", sys(&[], []))
        .agent(agent())
        .ca_bundle("/ca.pem");
    match both.build() {
        Err(Error::Config(error)) => assert_eq!(error.setting(), "the CA bundle"),
        other => panic!("{other:?}"),
    }
}
