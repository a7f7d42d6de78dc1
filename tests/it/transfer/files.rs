//! The file of a result: complete or absent.

use std::io::{self, Write};

use sagemaker_async_inference::Error;
use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::local::{Fault, Operation};

use super::shared::{Place, bytes, failed, once, transfer};

#[test]
fn a_file_that_is_there_is_replaced_and_keeps_its_permissions() {
    let place = Place::new();
    let response = place.output(b"new");
    let path = place.path("result");
    std::fs::write(&path, "old and longer").expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("mine");
    }
    response.download(&path, &once()).expect("a result");
    assert_eq!(std::fs::read(&path).expect("a file"), b"new");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(place.names(), ["result"]);
}

/// As with other tools: a user who wants a private result sets the umask, or creates the file before.
#[cfg(unix)]
#[test]
fn a_file_is_never_more_readable_while_it_is_written() {
    use std::ops::ControlFlow;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Arc, Mutex};

    let place = Place::new();
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("a file");
        metadata.permissions().mode() & 0o777
    };
    std::fs::write(place.path("usual"), "").expect("a file");
    let usual = mode(&place.path("usual"));
    for replaced in [None, Some(0o600)] {
        let path = place.path("result");
        if let Some(mode) = replaced {
            std::fs::write(&path, "old").expect("a file");
            let private = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, private).expect("mine");
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (directory, modes) = (place.path(""), Arc::clone(&seen));
        let watching = transfer(|builder| {
            builder.progress(move |_| {
                for entry in std::fs::read_dir(&directory).expect("a directory") {
                    let path = entry.expect("an entry").path();
                    if path.extension().is_some_and(|end| end == "part") {
                        modes.lock().expect("modes").push(mode(&path));
                    }
                }
                ControlFlow::Continue(())
            })
        });
        let response = place.output(b"new").with_transfer(watching);
        response.download(&path, &once()).expect("a result");
        let wanted = replaced.unwrap_or(usual);
        assert_eq!(*seen.lock().expect("modes"), [wanted]);
        assert_eq!(mode(&path), wanted);
        std::fs::remove_file(&path).expect("removed");
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one() {
    let place = Place::new();
    let response = place.output(b"new");
    let (target, link) = (place.path("target"), place.path("link"));
    std::fs::write(&target, "old").expect("a file");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    response.download(&link, &once()).expect("a result");
    assert!(
        std::fs::symlink_metadata(&link)
            .expect("a link")
            .is_symlink()
    );
    assert_eq!(std::fs::read(&target).expect("a file"), b"new");
}

#[test]
fn what_was_there_stays_if_the_transfer_fails() {
    let place = Place::new();
    let response = place.output(&bytes(100_000));
    let path = place.path("result");
    std::fs::write(&path, "old").expect("a file");
    let cut = Fault::on(Operation::GetObject).always().truncate_body(0);
    place.endpoint.fault(cut);
    let outcome = response.download(&path, &once());
    assert!(matches!(outcome, Err(Error::Transport(_))), "{outcome:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), b"old");
    assert_eq!(place.names(), ["result"]);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_before_the_wait() {
    let place = Place::new();
    let response = place.output(b"new");
    let nowhere = place.path("no such directory").join("result");
    for path in [nowhere, place.dir().to_owned(), "/".into(), "..".into()] {
        let error = failed(response.download(&path, &once()), TransferErrorKind::Write);
        assert_eq!(error.resource(), path.display().to_string());
    }
    assert!(place.endpoint.requests().is_empty());
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_long_name_and_one_without_a_directory_will_do() {
    let place = Place::new();
    let response = place.output(b"new");
    let path = place.path(&"ü".repeat(120));
    response.download(&path, &once()).expect("a result");
    assert_eq!(std::fs::read(&path).expect("a file"), b"new");
}

#[test]
fn a_writer_that_fails_is_an_error_with_its_cause() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let place = Place::new();
    let response = place.output(b"new");
    let error = failed(
        response.write_result(&mut Full, &once()),
        TransferErrorKind::Write,
    );
    assert_eq!(error.resource(), "the writer");
    assert!(std::error::Error::source(&error).is_some());
}
