//! Secrets that the crate has read are wiped: once credentials are dropped, none of this process's memory has
//! them any more. Linux alone shows a process its own memory as a file.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sagemaker_async_inference::credentials::{
    DefaultChain, ProcessProvider, ProfileProvider, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Environment, Sys};

/// The two halves of the secret are never beside each other in the test's own memory.
const HALVES: [&str; 2] = ["hush-the-first-half-of-it", "and-this-is-the-second-one"];

/// How often the secret is in this process's memory.
fn copies() -> usize {
    let mut maps = String::new();
    let mut file = File::open("/proc/self/maps").expect("the memory's map");
    file.read_to_string(&mut maps).expect("the memory's map");
    let mut memory = File::open("/proc/self/mem").expect("the memory");
    // One buffer for all, so that what is found is not left lying about.
    let mut buffer = vec![0; 1 << 20];
    let mut found = 0;
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (start, end) = range(line);
        let mut at = start;
        while at < end {
            let most = usize::try_from(end - at).map_or(buffer.len(), |n| n.min(buffer.len()));
            memory.seek(SeekFrom::Start(at)).expect("a place");
            // Of a stack's guard and of what was unmapped meanwhile nothing can be read.
            let Ok(read) = memory.read(&mut buffer[..most]) else {
                break;
            };
            if read == 0 {
                break;
            }
            found += occurrences(&buffer[..read], at, &own);
            at += read as u64;
        }
    }
    buffer.fill(0);
    found
}

fn range(line: &str) -> (u64, u64) {
    let (start, rest) = line.split_once('-').expect("a range");
    let end = rest.split(' ').next().expect("an end");
    let number = |text| u64::from_str_radix(text, 16).expect("an address");
    (number(start), number(end))
}

/// Matches in the buffer itself are copies of others.
fn occurrences(bytes: &[u8], at: u64, own: &std::ops::Range<u64>) -> usize {
    let [first, second] = HALVES.map(str::as_bytes);
    let starts = bytes.windows(first.len()).enumerate();
    starts
        .filter(|(index, window)| {
            *window == first
                && bytes[index + first.len()..].starts_with(second)
                && !own.contains(&(at + *index as u64))
        })
        .count()
}

fn assert_wiped(read: impl FnOnce() -> Box<dyn ProvideCredentials>) {
    assert_eq!(copies(), 0, "before");
    let provider = read();
    let credentials = provider.provide_credentials().expect("credentials");
    let secret = credentials.secret_access_key();
    assert!(secret.starts_with(HALVES[0]) && secret.ends_with(HALVES[1]));
    assert!(copies() >= 1, "the search of the memory finds nothing");
    drop((credentials, provider));
    assert_eq!(copies(), 0, "after");
}

/// One test, because all read the same memory.
#[test]
fn secrets_are_wiped_once_they_are_dropped() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, lines: &str| shell(directory.path(), name, lines);
    let [first, second] = HALVES;
    write(
        "document",
        &format!(
            r#"printf '{{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"{first}%s"}}' {second}"#
        ),
    );
    write(
        "credentials",
        &format!(
            "printf '[default]\\naws_access_key_id=AKID\\naws_secret_access_key={first}%s\\n' {second}"
        ),
    );
    let command = format!("cat {}", directory.path().join("document").display());
    assert_wiped(|| Box::new(ProcessProvider::new(&Sys::real(), command)));

    let file = directory.path().join("credentials").display().to_string();
    let environment = Environment::from_pairs([
        ("AWS_SHARED_CREDENTIALS_FILE", file.as_str()),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    let sys = Sys::real().with_environment(environment);
    assert_wiped(|| Box::new(ProfileProvider::new(&sys)));
    assert_wiped(|| Box::new(DefaultChain::new(&sys)));
}

/// Has a shell write a file, so that its content never is in this process.
fn shell(directory: &Path, name: &str, lines: &str) {
    let to = directory.join(name);
    let command = format!("{lines} > {}", to.display());
    #[allow(clippy::disallowed_methods)] // the test's own
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg(command)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "a file");
}
