//! An S3 server: `s3s` checks signatures and speaks the protocol, `s3s-fs` keeps objects in a directory.
//!
//! A directory cannot hold every key: with `s3s-fs`, `a//b` and `a/../b` are `a/b`, and keys that begin or
//! end with `/` fail; check those with the `verifier`.

use std::{io, net::TcpListener, path::Path, thread::JoinHandle};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Serves path-style requests on a loopback port until dropped; the objects go with it.
pub struct S3Server {
    url: String,
    dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl S3Server {
    /// Serves the one key pair; every other is refused.
    pub fn start(access_key: &str, secret_key: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let files = FileSystem::new(dir.path()).expect("an S3 directory");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = builder.build();

        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener
            .set_nonblocking(true)
            .expect("a nonblocking listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time() // s3s keeps a slow answer alive
                .build()?;
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::spawn(async move {
                    while let Ok((socket, _)) = listener.accept().await {
                        let connection = Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(socket), service.clone())
                            .into_owned();
                        tokio::spawn(connection);
                    }
                });
                // An error means that the server was dropped without a word: stop as well.
                let _ = stopped.await;
                Ok(())
            })
        });
        Self {
            url,
            dir,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The directory with one directory a bucket in it, and the objects therein.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Makes an empty bucket.
    pub fn create_bucket(&self, name: &str) {
        std::fs::create_dir(self.dir().join(name)).expect("a new bucket");
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let outcome = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(
                matches!(outcome, Some(Ok(Ok(())))),
                "the S3 server failed: {outcome:?}"
            );
        }
    }
}
