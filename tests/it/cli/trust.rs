//! Which certificates the command trusts: those of a bundle, and with the feature `platform-verifier` those of the
//! machine's store, which `SSL_CERT_FILE` names on Linux.

use crate::cli::bench::{Ran, bare};
use crate::support::raw::{Raw, respond};
use crate::support::tls::{Authority, accept, close};

#[test]
fn the_roots_of_the_machine_or_of_a_bundle_are_trusted_and_others_named() {
    let (authority, other) = (Authority::new(), Authority::new());
    let names = authority.server(&["127.0.0.1"]);
    let server = Raw::start(move |stream| {
        let mut stream = accept(&names, stream)?;
        respond(&mut stream, b"result")?;
        close(stream)
    });
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str, pem: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, pem).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let root = path("root.pem", authority.root());
    let wrong = path("other.pem", other.root());
    let handle = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/out"}"#;
    let run = |environment: &[(&str, &str)]| {
        let mut command = bare(&["wait", handle, "--max-attempts", "1", "--delay", "1ms"]);
        command
            .env(
                "AWS_ENDPOINT_URL",
                server.url().replace("http://", "https://"),
            )
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .envs(environment.iter().copied());
        Ran::of(command.output().expect("it runs"))
    };
    run(&[("AWS_CA_BUNDLE", &root)])
        .ends_with(0)
        .printed("result");
    // A bundle goes before the store of the machine.
    run(&[("AWS_CA_BUNDLE", &root), ("SSL_CERT_FILE", &wrong)]).ends_with(0);
    let both = [("AWS_CA_BUNDLE", wrong.as_str()), ("SSL_CERT_FILE", &root)];
    run(&both).ends_with(1);

    let unknown = run(&[("SSL_CERT_FILE", &wrong)]);
    unknown
        .ends_with(1)
        .says("signed by none of the trusted roots")
        .says("AWS_CA_BUNDLE");
    let of_the_machine = run(&[("SSL_CERT_FILE", &root)]);
    if cfg!(feature = "platform-verifier") {
        unknown.says("install the root certificate that it was signed with on this machine");
        of_the_machine.ends_with(0).printed("result");
    } else {
        unknown.says("platform-verifier");
        of_the_machine.ends_with(1);
    }
}
