//! What `sagemaker-async local` stores on disk, and loads after it was killed.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cli::bench::bare;
use crate::cli::server::Server;

/// One request over a connection of its own; the body of a response of 200.
fn exchange(server: &Server, method: &str, target: &str, body: &[u8]) -> Option<Vec<u8>> {
    let address = server.address();
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    let end = response.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    response
        .starts_with(b"HTTP/1.1 200 ")
        .then(|| response[end..].to_vec())
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Bytes that differ from object to object.
fn content(number: usize) -> Vec<u8> {
    let length = [1, 1000, 70_000, 300_000][number % 4];
    format!("{number:08}").into_bytes().repeat(length / 8 + 1)
}

/// In each round clients write until the server is killed in the middle; each write that was confirmed with
/// 200 must be there in the next round, and every object must be one of those that were sent.
#[test]
fn confirmed_writes_survive_sigkill() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let arguments = [
        "--data",
        data.to_str().expect("UTF-8"),
        "--no-verify",
        "--quiet",
        "--bucket",
        "bucket",
    ];
    let mut sums: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..4 {
        let server = Server::start(&arguments);
        for (key, sum_of) in &sums {
            let found = exchange(&server, "GET", &format!("/bucket/{key}"), b"");
            assert_eq!(
                found.map(|found| sum(&found)).as_ref(),
                Some(sum_of),
                "{key}"
            );
        }
        let (server_, started) = (&server, std::sync::Barrier::new(4));
        let started = &started;
        let confirmed: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut confirmed = Vec::new();
                        for number in 0..200 {
                            if number == 12 {
                                started.wait();
                            }
                            let key = format!("r{round}/w{writer}/{number}");
                            let body = content(round * 1000 + writer * 300 + number);
                            if exchange(server_, "PUT", &format!("/bucket/{key}"), &body).is_none()
                            {
                                break;
                            }
                            confirmed.push((key, sum(&body)));
                        }
                        confirmed
                    })
                })
                .collect();
            started.wait();
            server_.kill();
            writers
                .into_iter()
                .flat_map(|writer| writer.join().expect("no panic"))
                .collect()
        });
        assert!(confirmed.len() >= 36, "{}", confirmed.len());
        sums.extend(confirmed);
    }
    let server = Server::start(&arguments);
    for (key, sum_of) in &sums {
        let found = exchange(&server, "GET", &format!("/bucket/{key}"), b"");
        assert_eq!(
            found.map(|found| sum(&found)).as_ref(),
            Some(sum_of),
            "{key}"
        );
    }
    assert_eq!(
        server.stop("TERM").ends_with(0).stderr,
        "",
        "nothing is damaged"
    );
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn scratch_is_private_and_a_killed_servers_is_removed_by_the_next() {
    let temporary = tempfile::tempdir().expect("a directory");
    let start = || {
        let mut command = bare(&["local", "--no-verify", "--quiet", "--bucket", "bucket"]);
        Server::of(command.env("TMPDIR", temporary.path()))
    };
    let other = temporary.path().join("sagemaker-async-local-others");
    fs::create_dir(&other).expect("a directory");
    fs::write(other.join("theirs"), "x").expect("write");

    let killed = start();
    exchange(&killed, "PUT", "/bucket/secret", &vec![b's'; 100_000]).expect("200");
    let scratch = entries(temporary.path());
    let scratch: Vec<_> = scratch.into_iter().filter(|path| *path != other).collect();
    let [scratch] = &scratch[..] else {
        panic!("{scratch:?}")
    };
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(scratch), 0o700);
    let files = entries(scratch);
    assert!(files.iter().any(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    }));
    assert!(
        files
            .iter()
            .any(|file| fs::metadata(file).is_ok_and(|metadata| metadata.len() == 100_000))
    );
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    killed.kill();
    assert!(scratch.exists());

    let next = start();
    assert!(!scratch.exists(), "removed at the next start");
    let third = start();
    exchange(&next, "PUT", "/bucket/k", b"x").expect("the third does not remove what is in use");
    drop((next.stop("TERM"), third.stop("TERM")));
    assert_eq!(entries(temporary.path()), [other], "and at the end");
}

#[test]
fn damage_is_reported_on_start_also_with_quiet() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let arguments = [
        "--data",
        data.to_str().expect("UTF-8"),
        "--no-verify",
        "--quiet",
        "--bucket",
        "bucket",
    ];
    let server = Server::start(&arguments);
    exchange(&server, "PUT", "/bucket/lost", b"content").expect("200");
    server.stop("TERM").ends_with(0);
    for blob in entries(&data.join("blobs")) {
        fs::remove_file(blob).expect("removed");
    }
    let server = Server::start(&arguments);
    exchange(&server, "PUT", "/bucket/new", b"content").expect("200");
    let ran = server.stop("TERM");
    ran.ends_with(0).says("s3://bucket/lost").says("missing");
}

#[test]
fn a_directory_of_something_else_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("blobs")).expect("a directory");
    let weights = directory.path().join("blobs/sha256-aaaa");
    fs::write(&weights, "weights").expect("write");
    let data = directory.path().to_str().expect("UTF-8");
    let ran = bare(&["local", "--data", data]).output().expect("it runs");
    let ran = crate::cli::bench::Ran::of(ran);
    ran.ends_with(1)
        .says("blobs/sha256-aaaa")
        .says("empty directory");
    assert!(weights.is_file());
}
