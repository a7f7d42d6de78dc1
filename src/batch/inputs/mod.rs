//! Inputs that are in S3 already, listed as they are needed: by prefix, or from an inventory.

#[cfg(feature = "inventory")]
mod inventory;
mod listing;
mod shard;

use std::fmt;

use listing::Listing;
use shard::Shard;

use crate::error::Result;
use crate::session::Session;
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

/// Lists the objects below a prefix, as inputs for [`submit_all`](crate::submit_all): [`Inputs`].
///
/// The prefix is text, not a folder: `s3://bucket/scans` includes `scans-old/1.tiff`, `s3://bucket/scans/`
/// does not. A URI without a key is the whole bucket. Sends no request until the first object is taken.
///
/// Outputs must not lie below the prefix, or else they are listed as inputs while the job runs.
///
/// Needs `s3:ListBucket` on the bucket.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::batch::inputs_under;
///
/// let session = Session::from_env()?;
/// for uri in inputs_under(&session, &"s3://my-bucket/scans/".parse()?).suffix(".tiff") {
///     println!("{}", uri?);
/// }
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
pub fn inputs_under(session: &Session, prefix: &S3Uri) -> Inputs {
    Inputs::new(Source::Listing(Listing::new(session, prefix)))
}

/// Reads the objects of an S3 Inventory, as inputs for [`submit_all`](crate::submit_all): [`Inputs`].
///
/// `manifest` is the inventory's `manifest.json`; its lists must be CSV, and ORC and Parquet are refused by name.
/// An inventory is published daily or weekly, so that objects may be newer, or gone. Delete markers and versions
/// that are not the latest are skipped, if the inventory has the columns for that.
///
/// Each list is fetched into a temporary file and checked against the length and the MD5 of the manifest before
/// its first object is yielded. One that does not match is an `Err` ([`TransferErrorKind::Corrupt`]) that names it,
/// and the next list follows. Sends no request until the first object is taken. Needs `s3:GetObject` on manifest
/// and lists.
///
/// [`TransferErrorKind::Corrupt`]: crate::error::TransferErrorKind::Corrupt
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::batch::inputs_of_inventory;
///
/// let session = Session::from_env()?;
/// let manifest = "s3://my-inventory/my-bucket/daily/2026-01-01T00-00Z/manifest.json".parse()?;
/// for uri in inputs_of_inventory(&session, &manifest).suffix(".tiff") {
///     println!("{}", uri?);
/// }
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[cfg(feature = "inventory")]
#[cfg_attr(docsrs, doc(cfg(feature = "inventory")))]
pub fn inputs_of_inventory(session: &Session, manifest: &S3Uri) -> Inputs {
    let inventory = inventory::Inventory::new(session, manifest);
    Inputs::new(Source::Inventory(Box::new(inventory)))
}

/// Objects in S3 as inputs, from [`inputs_under`] or `inputs_of_inventory` (feature `inventory`): an iterator of their URIs.
///
/// Millions of objects take no more memory than one page of a listing, 1,000 keys. Keys are exact, byte for byte.
/// Zero-byte objects whose key ends with `/` or `_$folder$` are markers that consoles and Hadoop write for folders;
/// they are [skipped](Self::on_skipped).
///
/// After the `Err` of a listing the iterator ends. After that of one list or one line of an inventory it continues.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::batch::inputs_under;
/// use sagemaker_async_inference::{AsyncPredictor, submit_all};
///
/// let endpoint = LocalEndpoint::builder().bucket("my-bucket").start()?;
/// let session = endpoint.session()?;
/// for key in ["in/a.json", "in/b c+d.json", "in/readme.txt"] { endpoint.put_object("my-bucket", key, "1"); }
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
///
/// let inputs = inputs_under(&session, &"s3://my-bucket/in/".parse()?).suffix(".json");
/// let uris = inputs.map_while(|input| input.inspect_err(|error| eprintln!("{error}")).ok());
/// let requests = uris.map(|uri| predictor.request_at(uri).content_type("application/json"));
/// let responses = submit_all(requests).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(responses.len(), 2);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an iterator lists nothing until its items are taken"]
pub struct Inputs {
    source: Source,
    suffix: Option<String>,
    shard: Option<Shard>,
    cancel: CancelToken,
    on_skipped: Option<OnSkipped>,
}

type OnSkipped = Box<dyn FnMut(&S3Uri, Skipped) + Send>;

enum Source {
    Listing(Listing),
    #[cfg(feature = "inventory")]
    Inventory(Box<inventory::Inventory>),
}

/// An object of a list.
struct Found {
    uri: S3Uri,
    /// `None` if the list does not have it.
    size: Option<u64>,
    /// Why it is no input, according to the list.
    skipped: Option<Skipped>,
}

/// Why an object is no input.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::batch::{Skipped, inputs_under};
///
/// let session = Session::from_env()?;
/// let inputs = inputs_under(&session, &"s3://my-bucket/in/".parse()?).on_skipped(|uri, why| {
///     if why != Skipped::FolderMarker {
///         eprintln!("{uri}: {why}");
///     }
/// });
/// println!("{} inputs", inputs.count());
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// A zero-byte object that represents a folder.
    FolderMarker,
    /// The latest version marks the object as deleted.
    DeleteMarker,
    /// A version that is not the latest one.
    OldVersion,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FolderMarker => "a folder marker without content",
            Self::DeleteMarker => "a delete marker",
            Self::OldVersion => "not the latest version",
        })
    }
}

impl Inputs {
    fn new(source: Source) -> Self {
        Self {
            source,
            suffix: None,
            shard: None,
            cancel: CancelToken::new(),
            on_skipped: None,
        }
    }

    /// Yields only objects whose key ends with this text. Default: all.
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = Some(suffix.into());
        self
    }

    /// Yields only the objects of one shard, `number` from 1 to `count`, so that `count` machines with the same
    /// prefix share it without communication: each object belongs to exactly one shard. Default: all.
    ///
    /// The shard is a function of bucket and key alone and stays the same in every version of this crate: the first
    /// eight bytes of the SHA-256 of `bucket/key` in UTF-8, as a big-endian number, modulo `count`, plus 1.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): `count` is not 1 to 10,000, or `number` not 1 to `count`.
    pub fn shard(mut self, number: u32, count: u32) -> Result<Self> {
        self.shard = Some(Shard::new(number, count)?);
        Ok(self)
    }

    /// Ends when the token is cancelled, also in the middle of a request. Default: never.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Sets a callback for each object that is left out although it has the suffix and belongs to the shard, with the
    /// reason. Default: none.
    pub fn on_skipped(mut self, callback: impl FnMut(&S3Uri, Skipped) + Send + 'static) -> Self {
        self.on_skipped = Some(Box::new(callback));
        self
    }

    fn found(&mut self) -> Option<Result<Found>> {
        match &mut self.source {
            Source::Listing(listing) => listing.next(&self.cancel),
            #[cfg(feature = "inventory")]
            Source::Inventory(inventory) => inventory.next(&self.cancel),
        }
    }

    fn is_chosen(&self, uri: &S3Uri) -> bool {
        let suffix = self.suffix.as_deref();
        suffix.is_none_or(|suffix| uri.key().ends_with(suffix))
            && self.shard.is_none_or(|shard| shard.has(uri))
    }
}

impl Iterator for Inputs {
    type Item = Result<S3Uri>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.cancel.is_cancelled() {
                return None;
            }
            let found = match self.found()? {
                Ok(found) => found,
                // The request that a cancel ended.
                Err(_) if self.cancel.is_cancelled() => return None,
                Err(error) => return Some(Err(error)),
            };
            if !self.is_chosen(&found.uri) {
                continue;
            }
            match found.skipped.or_else(|| folder_marker(&found)) {
                None => return Some(Ok(found.uri)),
                Some(why) => {
                    if let Some(callback) = &mut self.on_skipped {
                        callback(&found.uri, why);
                    }
                }
            }
        }
    }
}

fn folder_marker(found: &Found) -> Option<Skipped> {
    let key = found.uri.key();
    let named = key.ends_with('/') || key.ends_with("_$folder$");
    // An inventory may lack the size; inputs do not have such names.
    (named && found.size.is_none_or(|size| size == 0)).then_some(Skipped::FolderMarker)
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("suffix", &self.suffix)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
