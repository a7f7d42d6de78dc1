//! Credentials that a command writes: how it is written in a profile, and what is read of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::attributes::AccountId;
use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{
    Credentials, ProcessProvider, ProfileProvider, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Environment, Files, ProcessOutput, Processes, Sys};

const KEYS: &str = r#"{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "hush"}"#;

/// The command that is run for a line of the profile.
fn run_for(line: &str) -> String {
    let ran = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&ran);
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([("HOME", "/h")]))
        .with_files(Files::from_pairs([(
            "/h/.aws/config",
            format!("[default]\n{line}\nregion = x\n"),
        )]))
        .with_processes(Processes::from_fn(move |command| {
            command.clone_into(&mut seen.lock().unwrap());
            Ok(ProcessOutput {
                exit_code: Some(0),
                stdout: KEYS.into(),
            })
        }));
    ProfileProvider::new(&sys).provide_credentials().unwrap();
    let ran = ran.lock().unwrap();
    ran.clone()
}

#[test]
fn a_sign_in_quotes_begins_no_comment() {
    for (value, run) in [
        ("/opt/helper --json", "/opt/helper --json"),
        ("/opt/helper --json # ours", "/opt/helper --json"),
        ("/opt/helper ; ours", "/opt/helper"),
        ("/opt/helper a#b;c", "/opt/helper a#b;c"),
        (
            "\"/opt/my helper\" \"team #1\" # ours",
            "\"/opt/my helper\" \"team #1\"",
        ),
        ("helper 'a ; b' x", "helper 'a ; b' x"),
        ("helper \"it's #1\" # ours", "helper \"it's #1\""),
        ("helper o'neil # ours", "helper o'neil"),
    ] {
        for line in [
            format!("credential_process = {value}"),
            format!("Credential_Process={value}"),
        ] {
            assert_eq!(run_for(&line), run, "{line}");
        }
    }
}

fn ask(
    command: &str,
    exit_code: Option<i32>,
    stdout: &str,
) -> Result<Credentials, CredentialsError> {
    let stdout = stdout.as_bytes().to_vec();
    let sys = Sys::real().with_processes(Processes::from_fn(move |_| {
        let stdout = stdout.clone();
        Ok(ProcessOutput { exit_code, stdout })
    }));
    ProcessProvider::new(&sys, command).provide_credentials()
}

#[test]
fn an_error_shows_what_was_run_and_no_secret() {
    let command = "\"/opt/my helper\" --user hush --password=hush -t hush \"hush # hush\"";
    for (exit_code, stdout, words) in [
        (Some(3), "hush", "ended with exit code 3; run it manually"),
        (
            Some(127),
            "",
            "was not found (exit code 127); check its path; one with spaces must be in double quotes",
        ),
        (Some(126), "", "is not executable (exit code 126)"),
        (None, "", "was ended by a signal"),
        (Some(0), "hush", "is not a JSON object"),
        (
            Some(0),
            r#"{"AccessKeyId": "hush"}"#,
            "has no Version; it must be 1",
        ),
        (Some(0), r#"{"Version": 2}"#, "has a Version other than 1"),
        (
            Some(0),
            r#"{"Version": 1, "AccessKeyId": "hush"}"#,
            "has no SecretAccessKey",
        ),
    ] {
        let error = ask(command, exit_code, stdout).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(words), "{text}");
        assert!(
            error
                .to_string()
                .contains("\"/opt/my helper --user ... --password -t ...\""),
            "{error}"
        );
        assert!(!text.contains("hush"), "{text}");
    }
}

/// It has the command's standard output, as an agent that the command starts.
#[cfg(unix)]
#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let json = r#"{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "hush"}"#;
    let command = format!("sleep 20 & echo '{json}'");
    let provider = ProcessProvider::new(&Sys::real(), command);
    let provider = provider.with_timeout(Duration::from_secs(10));
    let credentials = provider.provide_credentials().expect("credentials");
    assert_eq!(credentials.access_key_id(), "AKID");

    // Whoever has the output may write it later.
    let command = format!("(sleep 1; echo '{json}') &");
    let provider = ProcessProvider::new(&Sys::real(), command);
    assert!(provider.provide_credentials().is_ok());
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let credentials = ask("x", Some(0), &format!("\u{feff}{KEYS}\r\n")).unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDPROCESS");
}

#[test]
fn an_account_may_be_a_number() {
    for (account, read) in [
        ("\"123456789012\"", "123456789012"),
        ("123456789012", "123456789012"),
        ("1234567890", "001234567890"),
    ] {
        let text = KEYS.replace('}', &format!(", \"AccountId\": {account}}}"));
        let credentials = ask("x", Some(0), &text).unwrap();
        assert_eq!(credentials.account_id().map(AccountId::as_str), Some(read));
    }
}

#[test]
fn an_expiration_is_read_in_every_form_that_tools_write() {
    let moment = UNIX_EPOCH + Duration::from_secs(1_893_553_445);
    for written in [
        "\"2030-01-02T03:04:05Z\"",
        "\"2030-01-02T03:04:05+00:00\"",
        "\"2030-01-02T03:04:05+0000\"",
        "\"2030-01-02T03:04:05UTC\"",
        "\"2030-01-02T04:04:05+01:00\"",
        "\"2030-01-02T03:04:05\"",
        "\"2030-01-02 03:04:05+00:00\"",
        "\"20300102T030405Z\"",
        "\"Wed, 02 Jan 2030 03:04:05 GMT\"",
        "\"1893553445\"",
        "1893553445",
        "1893553445000",
    ] {
        let text = KEYS.replace('}', &format!(", \"Expiration\": {written}}}"));
        let credentials = ask("x", Some(0), &text).unwrap();
        assert_eq!(credentials.expiry(), Some(moment), "{written}");
    }
    let text = KEYS.replace('}', ", \"Expiration\": \"next week\"}");
    let error = ask("x", Some(0), &text).unwrap_err().to_string();
    assert!(error.contains("Expiration"), "{error}");
}

/// With the machine's own shell.
#[cfg(unix)]
#[test]
fn a_path_with_spaces_is_run_in_double_quotes() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my helper");
    std::fs::write(
        &path,
        format!("#!/bin/sh\n[ \"$1\" = 'team #1' ] && echo '{KEYS}'\n"),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask = |value: String| {
        let config = format!("[default]\ncredential_process = {value}\n");
        let sys = Sys::real()
            .with_environment(Environment::from_pairs([("HOME", "/h")]))
            .with_files(Files::from_pairs([("/h/.aws/config", config)]));
        ProfileProvider::new(&sys).provide_credentials()
    };
    let path = path.display();
    let found = ask(format!("\"{path}\" \"team #1\" # ours"));
    assert_eq!(found.unwrap().access_key_id(), "AKIDPROCESS");
    let error = ask(format!("{path} x")).unwrap_err().to_string();
    assert!(error.contains("was not found (exit code 127)"), "{error}");
}
