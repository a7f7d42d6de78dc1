//! The objects of an S3 Inventory: a manifest, and lists in gzip's CSV.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};
use percent_encoding::percent_decode;
use serde::Deserialize;

use super::{Found, Skipped};
use crate::aws::RequestPolicy;
use crate::aws::s3;
use crate::aws::s3::objects::{Piece, open_object};
use crate::codec::CodecError;
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::invalid_input::InvalidInput;
use crate::session::Session;
use crate::transfer::stream::ObjectStream;
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

/// The largest manifest, which has one list for some million objects.
const MAX_MANIFEST: u64 = 64 << 20;
const CHUNK: usize = 128 << 10;
/// How gzip files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(super) struct Inventory {
    session: Session,
    manifest: S3Uri,
    /// From the first object on.
    lists: Option<Lists>,
    open: Option<OpenList>,
}

/// The remaining lists of the manifest.
struct Lists {
    bucket: String,
    columns: Columns,
    files: VecDeque<ListedFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    source_bucket: String,
    destination_bucket: String,
    file_format: String,
    #[serde(default)]
    file_schema: String,
    files: Vec<ListedFile>,
}

#[derive(Deserialize)]
struct ListedFile {
    key: String,
    size: Option<u64>,
    #[serde(rename = "MD5checksum")]
    md5: String,
}

/// The positions of the columns in a line.
#[derive(Clone)]
struct Columns {
    source_bucket: String,
    bucket: Option<usize>,
    key: usize,
    size: Option<usize>,
    is_latest: Option<usize>,
    is_delete_marker: Option<usize>,
}

struct OpenList {
    uri: S3Uri,
    columns: Columns,
    lines: csv::Reader<Box<dyn Read + Send>>,
    line: ByteRecord,
    number: u64,
    /// It cannot be read further.
    is_broken: bool,
}

impl Inventory {
    pub(super) fn new(session: &Session, manifest: &S3Uri) -> Self {
        Self {
            session: session.clone(),
            manifest: manifest.clone(),
            lists: None,
            open: None,
        }
    }

    pub(super) fn next(&mut self, cancel: &CancelToken) -> Option<Result<Found>> {
        loop {
            if let Some(list) = &mut self.open {
                match list.next() {
                    None => self.open = None,
                    found => return found,
                }
            }
            if self.lists.is_none() {
                match self.read_manifest(cancel) {
                    Ok(lists) => self.lists = Some(lists),
                    Err(error) => {
                        self.lists = Some(Lists::none());
                        return Some(Err(error));
                    }
                }
            }
            let lists = self.lists.as_mut()?;
            let file = lists.files.pop_front()?;
            let (bucket, columns) = (lists.bucket.clone(), lists.columns.clone());
            match self.fetch(bucket, &file, columns, cancel) {
                Ok(open) => self.open = Some(open),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn read_manifest(&self, cancel: &CancelToken) -> Result<Lists> {
        let policy = RequestPolicy {
            cancel: Some(cancel.flag()),
            ..RequestPolicy::default()
        };
        let object = s3::get_object(self.session.s3(), &self.manifest, policy, MAX_MANIFEST);
        let object = object.map_err(Error::from)?;
        let manifest: Manifest = serde_json::from_slice(&object.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let problem = format!(
                "{} is not the manifest.json of an inventory, at line {line}, column {column}",
                self.manifest
            );
            Error::from(CodecError::deserialize("inventory", problem))
        })?;
        if !manifest.file_format.eq_ignore_ascii_case("CSV") {
            let remedy = "configure the inventory for CSV, or list the prefix instead";
            return Err(
                InvalidInput::new("inventory format", manifest.file_format, "CSV", remedy).into(),
            );
        }
        // arn:aws:s3:::bucket
        let bucket = manifest.destination_bucket.rsplit(':').next();
        Ok(Lists {
            bucket: bucket.unwrap_or_default().to_owned(),
            columns: Columns::of(&manifest)?,
            files: manifest.files.into(),
        })
    }

    /// Fetches a whole list and verifies it, before any of it is used.
    fn fetch(
        &self,
        bucket: String,
        listed: &ListedFile,
        columns: Columns,
        cancel: &CancelToken,
    ) -> Result<OpenList> {
        let uri = S3Uri::new(bucket, listed.key.as_str())?;
        let unwritten = |error: io::Error| {
            TransferError::new(TransferErrorKind::Write, "a temporary file").with_source(error)
        };
        let mut file = tempfile::tempfile().map_err(unwritten)?;
        let policy = RequestPolicy {
            cancel: Some(cancel.flag()),
            ..RequestPolicy::default()
        };
        let object = open_object(self.session.s3(), &uri, Piece::WHOLE, policy);
        let object = object.map_err(Error::from)?;
        let mut stream = ObjectStream::new(&self.session, &uri, object);
        let mut md5 = Md5::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = stream.read(&mut buffer, Some(cancel.flag()))?;
            if read == 0 {
                break;
            }
            md5.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(unwritten)?;
        }
        let differs = |what: &str| {
            let problem = format!("its {what} differs from the one in {}", self.manifest);
            TransferError::new(TransferErrorKind::Corrupt, &uri).with_source(problem)
        };
        if listed.size.is_some_and(|size| size != stream.position()) {
            return Err(differs("length").into());
        }
        if !hex::encode(md5.finalize()).eq_ignore_ascii_case(&listed.md5) {
            return Err(differs("MD5").into());
        }
        OpenList::new(uri.clone(), columns, file).map_err(|error| unreadable(&uri, error).into())
    }
}

impl Lists {
    fn none() -> Self {
        Self {
            bucket: String::new(),
            columns: Columns {
                source_bucket: String::new(),
                bucket: None,
                key: 0,
                size: None,
                is_latest: None,
                is_delete_marker: None,
            },
            files: VecDeque::new(),
        }
    }
}

impl Columns {
    fn of(manifest: &Manifest) -> Result<Self> {
        let names: Vec<_> = manifest.file_schema.split(',').map(str::trim).collect();
        let column = |wanted: &str| {
            let mut names = names.iter();
            names.position(|name| name.eq_ignore_ascii_case(wanted))
        };
        let key = column("Key").ok_or_else(|| {
            let limit = "a list of columns with Key";
            InvalidInput::new("inventory fileSchema", &manifest.file_schema, limit, "")
        })?;
        Ok(Self {
            source_bucket: manifest.source_bucket.clone(),
            bucket: column("Bucket"),
            key,
            size: column("Size"),
            is_latest: column("IsLatest"),
            is_delete_marker: column("IsDeleteMarker"),
        })
    }
}

impl OpenList {
    fn new(uri: S3Uri, columns: Columns, mut file: File) -> io::Result<Self> {
        file.rewind()?;
        let mut begin = Vec::new();
        (&mut file).take(2).read_to_end(&mut begin)?;
        file.rewind()?;
        let file = BufReader::with_capacity(CHUNK, file);
        let content: Box<dyn Read + Send> = if begin == GZIP {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut reader = csv::ReaderBuilder::new();
        Ok(Self {
            uri,
            columns,
            lines: reader
                .has_headers(false)
                .flexible(true)
                .from_reader(content),
            line: ByteRecord::new(),
            number: 0,
            is_broken: false,
        })
    }

    /// The next object, or the problem of its line. A list that cannot be read further ends with its error.
    fn next(&mut self) -> Option<Result<Found>> {
        if self.is_broken {
            return None;
        }
        match self.lines.read_byte_record(&mut self.line) {
            Ok(false) => None,
            Ok(true) => {
                self.number += 1;
                Some(self.found())
            }
            Err(error) => {
                self.is_broken = true;
                Some(Err(unreadable(&self.uri, error).into()))
            }
        }
    }

    fn found(&self) -> Result<Found> {
        let field = |column: Option<usize>| column.and_then(|column| self.line.get(column));
        let is = |column, word: &str| {
            field(column).is_some_and(|value| value.eq_ignore_ascii_case(word.as_bytes()))
        };
        let key = field(Some(self.columns.key)).and_then(decoded);
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            let problem = format!("line {} has no readable key", self.number);
            unreadable(&self.uri, problem)
        })?;
        let text = |value| std::str::from_utf8(value).ok();
        let bucket = field(self.columns.bucket).and_then(text);
        let bucket = bucket.filter(|bucket| !bucket.is_empty());
        let skipped = if is(self.columns.is_latest, "false") {
            Some(Skipped::OldVersion)
        } else {
            is(self.columns.is_delete_marker, "true").then_some(Skipped::DeleteMarker)
        };
        Ok(Found {
            uri: S3Uri::new(bucket.unwrap_or(&self.columns.source_bucket), key)?,
            size: field(self.columns.size)
                .and_then(text)
                .and_then(|size| size.parse().ok()),
            skipped,
        })
    }
}

/// Keys are encoded as in a form: a space is a plus, and a plus is `%2B`.
fn decoded(key: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = key
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let key = percent_decode(&spaced).decode_utf8().ok()?;
    Some(key.into_owned())
}

fn unreadable(
    uri: &S3Uri,
    problem: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TransferError {
    TransferError::new(TransferErrorKind::Corrupt, uri).with_source(problem)
}
