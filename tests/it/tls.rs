//! Which certificates are trusted: the roots of a CA bundle and no others.

use crate::support;

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::KeyPair;
use rustls::ServerConfig;
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Error, Session, SessionBuilder};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{caller_identity, keys},
    raw::{Raw, respond},
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
            respond(&mut stream, &caller_identity().body)?;
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
fn no_other_issuer_is_trusted() {
    let (tls, other) = (Tls::start(), Tls::start());
    let by_web_pki = builder(&tls.url(), sys(&[], [])).build().unwrap();
    untrusted(by_web_pki.default_bucket());
    let by_other = builder(&tls.url(), sys(&[], [])).ca_bundle_pem(other.root.as_str());
    untrusted(by_other.build().unwrap().default_bucket());
}

/// What the first https connection says of a bundle, before anything is sent.
fn refused(builder: SessionBuilder) -> String {
    let session = builder.build().expect("nothing is read yet");
    match session.default_bucket() {
        Err(Error::Config(error)) => format!("{error:#}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_that_cannot_be_used_is_refused_by_its_name() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let root = Authority::new().root();
    let not_der = "-----BEGIN CERTIFICATE-----\naHVzaA==\n-----END CERTIFICATE-----\n";
    let not_base64 = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\naHVzaA==\n";
    let pkcs7 = "-----BEGIN PKCS7-----\naHVzaA==\n-----END PKCS7-----\n";
    // One among others is named too: otherwise nobody would know why its servers are not trusted.
    let second = format!("{root}{not_der}{root}");
    let unended = format!("{cut}{root}");
    let cases = [
        ("", "has no certificate in it;"),
        ("some text", "has no certificate in it;"),
        (&key, "has no certificate in it;"),
        (not_der, "certificate 1 in it cannot be a root"),
        (not_base64, "certificate 1 in it is not base64"),
        (cut, "certificate 1 in it has no END line"),
        (&second, "certificate 2 in it cannot be a root"),
        (&unended, "certificate 1 in it has no END line"),
        (pkcs7, "openssl pkcs7 -print_certs"),
    ];
    for (pem, words) in cases {
        let named = [("AWS_CA_BUNDLE", "/ca.pem")];
        let shown = refused(builder(
            "https://x.invalid",
            sys(&named, [("/ca.pem", pem)]),
        ));
        assert!(shown.starts_with("AWS_CA_BUNDLE /ca.pem: "), "{shown}");
        assert!(shown.contains(words), "{shown}");
        let given = builder("https://x.invalid", sys(&[], [])).ca_bundle_pem(pem);
        assert!(refused(given).contains(words));
    }
}

#[test]
fn a_bundle_that_cannot_be_read_is_refused_by_its_name() {
    let config = ("/h/.aws/config", "[default]\nca_bundle = /gone.pem\n");
    let shown = refused(builder("https://x.invalid", sys(&[], [config])));
    assert!(
        shown.starts_with("ca_bundle of profile \"default\" /gone.pem: cannot be read"),
        "{shown}"
    );

    let files = Files::none().with_error("/ca.pem", ErrorKind::PermissionDenied);
    let denied = Sys::real()
        .with_environment(Environment::empty())
        .with_files(files);
    let shown = refused(builder("https://x.invalid", denied).ca_bundle("/ca.pem"));
    assert!(
        shown.starts_with("the CA bundle /ca.pem: cannot be read: "),
        "{shown}"
    );
}

/// Neither read nor parsed: over plain HTTP nothing has to be trusted.
#[test]
fn a_bundle_is_not_read_before_the_first_https_connection() {
    let plain = Raw::start(|mut stream| respond(&mut stream, &caller_identity().body).map(drop));
    let files = Files::none().with_error("/ca.pem", ErrorKind::PermissionDenied);
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([("AWS_CA_BUNDLE", "/ca.pem")]))
        .with_files(files);
    let session = builder(&plain.url(), sys).build().unwrap();
    session.default_bucket().unwrap();
}

/// All of it is what text editors, web forms, Windows and OpenSSL make of certificates.
#[test]
fn a_bundle_is_taken_as_people_make_it() {
    let (tls, other) = (Tls::start(), Tls::start());
    let root = tls.root.replace("\r\n", "\n");
    let body: String = root
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(&body).expect("base64");
    // The notes of OpenSSL that follow the certificate within the block.
    let trusted = [
        der.as_slice(),
        &[0x30, 0x0c, 0x30, 0x0a, 6, 8, 43, 6, 1, 5, 5, 7, 3, 1],
    ]
    .concat();
    let block = |label: &str, body: &str| {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let indented = format!("    {}", root.replace('\n', "  \n    "));
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(root.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let bundles: [Vec<u8>; 13] = [
        root.replace('\n', "\r\n").into(),
        root.replace('\n', "").into(),
        root.replace('\n', " ").into(),
        indented.into(),
        format!("\u{feff}{root}").into(),
        utf16,
        block("CERTIFICATE", &body).into(),
        block("X509 CERTIFICATE", &body).into(),
        block("TRUSTED CERTIFICATE", &STANDARD.encode(&trusted)).into(),
        format!("{}{root}", other.root.trim_end()).into(),
        format!("# Corp root\nIssuer: CN=x\n{root}\n# the end -----\n").into(),
        [b"caf\xe9 (Latin-1)\n", root.as_bytes()].concat(),
        der.clone(),
    ];
    for bundle in bundles {
        let shown = String::from_utf8_lossy(&bundle).into_owned();
        let session = builder(&tls.url(), sys(&[], [])).ca_bundle_pem(bundle);
        let outcome = session.build().unwrap().default_bucket();
        assert!(outcome.is_ok(), "{outcome:?} with {shown}");
    }
}

#[test]
fn the_home_directory_may_be_short_in_a_bundles_path() {
    let tls = Tls::start();
    let profile = ("/h/.aws/config", "[default]\nca_bundle = ~/.aws/corp.pem\n");
    let bundle = ("/h/.aws/corp.pem", &*tls.root);
    let variable = [("AWS_CA_BUNDLE", "~/.aws/corp.pem")];
    for sys in [sys(&[], [profile, bundle]), sys(&variable, [bundle])] {
        builder(&tls.url(), sys)
            .build()
            .unwrap()
            .default_bucket()
            .unwrap();
    }
}

/// Each with the advice that helps in its case, and without the other advice.
#[test]
fn advice_fits_what_the_handshake_stopped_at() {
    let advice = |server: &dyn Fn(&Authority) -> Arc<ServerConfig>, root: Option<String>| {
        let authority = Authority::new();
        let config = server(&authority);
        let server = Raw::start(move |stream| {
            let mut stream = accept(&config, stream)?;
            respond(&mut stream, &caller_identity().body)?;
            close(stream)
        });
        let url = server
            .url()
            .replace("http://127.0.0.1", "https://localhost");
        let root = root.unwrap_or_else(|| authority.root());
        let session = builder(&url, sys(&[], []))
            .ca_bundle_pem(root)
            .build()
            .unwrap();
        match session.default_bucket() {
            Err(Error::Transport(error)) => {
                assert_eq!(error.kind(), TransportErrorKind::Tls, "{error:?}");
                assert!(error.never_sent(), "{error:?}");
                format!("{error:#}")
            }
            other => panic!("{other:?}"),
        }
    };
    let elsewhere = Authority::new().root();
    let shown = advice(&|a| a.server(&["localhost"]), Some(elsewhere));
    assert!(
        shown.contains("signed by none of the trusted roots"),
        "{shown}"
    );
    assert!(shown.contains("AWS_CA_BUNDLE"), "{shown}");
    let feature = if cfg!(feature = "platform-verifier") {
        "install the root certificate"
    } else {
        "cargo feature platform-verifier"
    };
    assert!(shown.contains(feature), "{shown}");

    let shown = advice(&|a| a.server(&["elsewhere.example"]), None);
    assert!(shown.contains("is for another name"), "{shown}");

    // What `openssl req -x509` makes is a CA's; it is in the bundle already.
    let (own, config) = Authority::self_signed("localhost");
    let shown = advice(&|_| config.clone(), Some(own));
    assert!(shown.contains("CA:FALSE"), "{shown}");
    assert!(!shown.contains("signed by none"), "{shown}");
}

#[test]
fn what_does_not_speak_tls_is_said_not_to() {
    let plain = Raw::start(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
        stream.read(&mut [0]).map(drop)
    });
    let url = plain.url().replace("http://", "https://");
    let session = builder(&url, sys(&[], [])).build().unwrap();
    let shown = session.default_bucket().unwrap_err().to_string();
    assert!(shown.contains("does not speak TLS"), "{shown}");
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
