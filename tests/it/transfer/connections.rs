//! How many connections a download uses.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::transfer::TransferConfigBuilder;
use sagemaker_async_inference::{AsyncInferenceResponse, TransferConfig};

use super::shared::{MIB, bytes, once};
use super::support::client::{predictor, session_at, uri};
use super::support::raw::{Raw, read_head};

/// The time until a connection sends the first byte of a response, and between two pieces of 64 KiB.
const FIRST: Duration = Duration::from_millis(60);
const PIECE: Duration = Duration::from_millis(8);

/// Responses that are being sent, and the most of them at a time.
#[derive(Default)]
struct Busy {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Sends the object, or a range of it, as over a link with latency: each connection has a rate of its own.
fn serve(mut stream: TcpStream, object: &[u8], busy: &Busy) -> io::Result<()> {
    loop {
        let head = read_head(&stream)?.to_lowercase();
        if head.is_empty() {
            return Ok(());
        }
        let range = head.split("\r\nrange: bytes=").nth(1).and_then(|range| {
            let (start, end) = range.lines().next()?.split_once('-')?;
            Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()? + 1))
        });
        let total = object.len();
        let (start, end) = range.unwrap_or((0, total));
        let status = if range.is_some() {
            assert!(head.contains("\r\nif-match: \"v1\"\r\n"), "{head}");
            format!(
                "206 Partial Content\r\ncontent-range: bytes {start}-{}/{total}",
                end - 1
            )
        } else {
            "200 OK".to_owned()
        };
        let now = busy.now.fetch_add(1, Ordering::SeqCst) + 1;
        busy.most.fetch_max(now, Ordering::SeqCst);
        SystemClock.sleep(FIRST);
        let length = end - start;
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\netag: \"v1\"\r\n\r\n");
        let sent = stream.write_all(head.as_bytes()).and_then(|()| {
            object[start..end].chunks(64 << 10).try_for_each(|piece| {
                SystemClock.sleep(PIECE);
                stream.write_all(piece)
            })
        });
        busy.now.fetch_sub(1, Ordering::SeqCst);
        sent?;
    }
}

/// The most responses at a time.
fn most(change: impl FnOnce(TransferConfigBuilder) -> TransferConfigBuilder) -> usize {
    let object: Arc<[u8]> = bytes(35 * MIB).into();
    let busy = Arc::new(Busy::default());
    let (content, counted) = (object.clone(), busy.clone());
    let server = Raw::start(move |stream| serve(stream, &content, &counted));
    let session = session_at(&server.url());
    let transfer = TransferConfig::builder()
        .part_size(5 << 20)
        .multipart_threshold(5 << 20);
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations")
            .with_transfer(change(transfer).build().expect("a way of transfer"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("result");
    response.download(&path, &once()).expect("a result");
    assert!(std::fs::read(&path).expect("a file") == *object);
    busy.most.load(Ordering::SeqCst)
}

#[test]
fn connections_are_added_where_each_makes_a_download_faster() {
    // Four on an idle machine; a busy one may hide what the fourth gains.
    let most = most(|transfer| transfer);
    assert!((3..=4).contains(&most), "{most}");
}

#[test]
fn a_number_of_the_callers_is_neither_exceeded_nor_waited_for() {
    assert_eq!(most(|transfer| transfer.parallelism(2)), 2);
    assert_eq!(most(|transfer| transfer.parallelism(6)), 6);
}
