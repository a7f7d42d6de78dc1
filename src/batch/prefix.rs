//! Prefixes with the objects of many handles, and the state of listing them.

use std::cmp::Ordering;
use std::time::Duration;

use crate::aws::s3::{self, ListObjects, Page, Start};
use crate::aws::{CallError, RequestPolicy};
use crate::session::Session;
use crate::waiter::state::is_passing;
use crate::{Error, S3Uri};

/// A LIST request costs as much as this many GETs ([prices](https://aws.amazon.com/s3/pricing/) of the standard
/// class: 0.005 and 0.0004 USD a thousand).
pub(super) const BREAK_EVEN: usize = 12;

/// A folder with too many other objects is not listed again for this time, then for twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// The failures of a folder's handles are listed at most once in this time. With a short delay most of these pages would
/// be empty, and a page costs as much as a GET.
const FAILURES_APART: Duration = Duration::from_millis(100);

/// Which object of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Which {
    Output,
    Failure,
}

/// Kind, session, bucket, folder.
pub(super) type Identity = (Which, usize, String, String);

/// The objects of handles in one folder.
pub(super) struct Prefix {
    pub(super) which: Which,
    session: Session,
    bucket: String,
    /// With the slash at its end; empty for the top of a bucket.
    folder: String,
    /// In order.
    entries: Vec<Entry>,
    /// Entries that were added since the last round began.
    added: Vec<Entry>,
    /// When its next handle is due; [`Duration::MAX`] if none is.
    pub(super) next: Duration,
    /// When it is listed once more before that.
    pub(super) extra: Duration,
    /// The earliest time of the next listing of its handles' failures.
    failures_from: Duration,
    /// Whether the caller may list here, once that is known.
    pub(super) may_list: Option<bool>,
    /// No LIST before this time, unless there are twice as many handles.
    not_before: Duration,
    pause: Duration,
    crowded_with: usize,
}

/// A handle's object.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The first bytes of its name: most names differ there, and are not read to be compared.
    head: u64,
    /// The rest of its key.
    name: Box<str>,
    pub(super) slot: u32,
}

impl Entry {
    fn new(name: &str, slot: u32) -> Self {
        Self {
            head: head(name),
            name: name.into(),
            slot,
        }
    }

    /// As the names compare. `head` is that of `name`.
    fn compare(&self, head: u64, name: &str) -> Ordering {
        self.head.cmp(&head).then_with(|| (*self.name).cmp(name))
    }
}

/// Eight bytes, in the order of names; a shorter name is filled up with zeros.
fn head(name: &str) -> u64 {
    let mut head = [0; 8];
    let length = name.len().min(head.len());
    head[..length].copy_from_slice(&name.as_bytes()[..length]);
    u64::from_be_bytes(head)
}

/// A listing in progress.
pub(super) struct Scan {
    pub(super) prefix: u32,
    /// The first entry that is not yet covered.
    pub(super) at: usize,
    token: Option<String>,
    /// Whether it is the additional page between two rounds, which counts as no handle's poll.
    pub(super) extra: bool,
    /// Whether failures are listed after the outputs.
    pub(super) failures: bool,
}

/// The request for one page of a listing, for any thread to send.
pub(super) struct PageRequest {
    session: Session,
    bucket: String,
    folder: String,
    from: From,
}

enum From {
    After(String),
    Token(String),
}

/// A page in S3's order: the names below the folder one after another, each with its end and its object's
/// size.
pub(super) struct Listed {
    names: String,
    objects: Vec<(usize, u64)>,
    page: Page,
}

impl PageRequest {
    pub(super) fn send(&self, policy: RequestPolicy<'_>) -> Result<Listed, CallError> {
        let objects = ListObjects {
            bucket: &self.bucket,
            prefix: &self.folder,
            flat: true,
            from: match &self.from {
                From::After(key) => Start::After(key),
                From::Token(token) => Start::Token(token),
            },
        };
        // Enough for most pages, so that they do not grow.
        let (mut names, mut found) = (String::with_capacity(16 << 10), Vec::with_capacity(256));
        let page = s3::list_objects(self.session.s3(), &objects, policy, |key, size| {
            if let Some(name) = key.strip_prefix(&*self.folder) {
                names.push_str(name);
                found.push((names.len(), size));
            }
        })?;
        Ok(Listed {
            names,
            objects: found,
            page,
        })
    }
}

impl Listed {
    /// Names and sizes.
    fn objects(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut begin = 0;
        self.objects.iter().map(move |(end, size)| {
            let name = &self.names[begin..*end];
            begin = *end;
            (name, *size)
        })
    }
}

/// The outcome of one page of a listing.
#[derive(Default)]
pub(super) struct Covered {
    /// The entries that it covers.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Slots whose object exists, with its size.
    pub(super) found: Vec<(u32, u64)>,
    /// Whether there is more to list.
    pub(super) more: bool,
}

impl Scan {
    pub(super) fn of(prefix: u32) -> Self {
        Self {
            prefix,
            at: 0,
            token: None,
            extra: false,
            failures: false,
        }
    }

    pub(super) fn extra(prefix: u32) -> Self {
        Self {
            extra: true,
            ..Self::of(prefix)
        }
    }
}

impl Prefix {
    pub(super) fn new(which: Which, session: &Session, uri: &S3Uri) -> Self {
        Self {
            which,
            session: session.clone(),
            bucket: uri.bucket().to_owned(),
            folder: folder(uri).to_owned(),
            entries: Vec::new(),
            added: Vec::new(),
            next: Duration::MAX,
            extra: Duration::MAX,
            failures_from: Duration::ZERO,
            may_list: None,
            not_before: Duration::ZERO,
            pause: FIRST_PAUSE,
            crowded_with: usize::MAX,
        }
    }

    /// The identity of a prefix.
    pub(super) fn identity(which: Which, session: &Session, uri: &S3Uri) -> Identity {
        let folder = folder(uri).to_owned();
        (which, session.identity(), uri.bucket().to_owned(), folder)
    }

    pub(super) fn add(&mut self, uri: &S3Uri, slot: u32) {
        let name = uri.key().strip_prefix(&*self.folder).unwrap_or(uri.key());
        self.added.push(Entry::new(name, slot));
    }

    /// The entries in order, without those whose handles are finished.
    pub(super) fn tidy(&mut self, is_pending: impl Fn(u32) -> bool) -> &[Entry] {
        self.entries.retain(|entry| is_pending(entry.slot));
        if !self.added.is_empty() {
            self.entries.append(&mut self.added);
            self.added = Vec::new();
            // The sorted part is one run, so that this is a merge.
            self.entries.sort();
        }
        &self.entries
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether a LIST may be sent.
    pub(super) fn is_listable(&self, now: Duration) -> bool {
        now >= self.not_before
            || (self.not_before != Duration::MAX && self.entries.len() / 2 >= self.crowded_with)
    }

    /// Whether the failures of its handles are listed in a round at this time.
    pub(super) fn lists_failures(&mut self, round: Duration) -> bool {
        let due = round >= self.failures_from;
        if due {
            self.failures_from = round + FAILURES_APART;
        }
        due
    }

    /// The request for the scan's next page; `None` if there is nothing left to find.
    pub(super) fn page_request(&self, scan: &Scan) -> Option<PageRequest> {
        let first = self.entries.get(scan.at)?;
        Some(PageRequest {
            session: self.session.clone(),
            bucket: self.bucket.clone(),
            folder: self.folder.clone(),
            from: match &scan.token {
                Some(token) => From::Token(token.clone()),
                None => From::After(format!("{}{}", self.folder, just_before(&first.name))),
            },
        })
    }

    /// Applies a page to the entries. An error means that this folder is not listed for now.
    pub(super) fn cover(
        &mut self,
        scan: &mut Scan,
        listed: Result<Listed, CallError>,
        now: Duration,
    ) -> Result<Covered, Error> {
        let listed = listed.map_err(|failed| self.not_listed(failed, now))?;
        self.may_list = Some(true);
        let entries = self.entries.get(scan.at..).unwrap_or_default();
        let mut found = Vec::new();
        // The page is in the order of the entries, so that each search begins where the last one ended.
        let mut rest = entries;
        for (name, size) in listed.objects() {
            let head = head(name);
            rest = from_name(rest, entries, head, name);
            let same = rest
                .iter()
                .take_while(|entry| entry.compare(head, name).is_eq());
            found.extend(same.map(|entry| (entry.slot, size)));
        }
        let page = listed.page;
        let covered = if page.truncated {
            let last = page.last.strip_prefix(&*self.folder).unwrap_or_default();
            entries.partition_point(|entry| &*entry.name <= last)
        } else {
            entries.len()
        };
        let from = scan.at;
        scan.at += covered;
        scan.token = page.next;
        Ok(Covered {
            from,
            to: scan.at,
            found,
            more: page.truncated && scan.at < self.entries.len(),
        })
    }

    /// After a page with too few of the batch's handles, because other objects are in between.
    pub(super) fn is_crowded(&mut self, now: Duration) {
        self.crowded_with = self.entries.len();
        self.rest(now);
    }

    pub(super) fn paid(&mut self) {
        self.pause = FIRST_PAUSE;
        self.crowded_with = usize::MAX;
    }

    fn rest(&mut self, now: Duration) {
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn not_listed(&mut self, failed: CallError, now: Duration) -> Error {
        let denied =
            matches!(&failed, CallError::Response(response) if response.error.status() == 403);
        let error = Error::from(failed);
        if denied {
            self.may_list = Some(false);
        }
        let refused = matches!(error, Error::Service(_)) && !is_passing(&error);
        if refused {
            self.not_before = Duration::MAX;
        } else {
            self.crowded_with = usize::MAX;
            self.rest(now);
        }
        error
    }
}

/// The entries from this name on: usually a few steps further in `rest`, otherwise anywhere in `all`.
fn from_name<'e>(rest: &'e [Entry], all: &'e [Entry], head: u64, name: &str) -> &'e [Entry] {
    const STEPS: usize = 8;
    let is_before = |entry: &Entry| entry.compare(head, name).is_lt();
    let passed = &all[..all.len() - rest.len()];
    let goes_back = passed.last().is_some_and(|last| !is_before(last));
    let steps = rest.iter().take(STEPS);
    let steps = steps.take_while(|entry| is_before(entry)).count();
    if goes_back || steps == STEPS {
        &all[all.partition_point(is_before)..]
    } else {
        &rest[steps..]
    }
}

/// The part of a key up to and including its last slash.
fn folder(uri: &S3Uri) -> &str {
    let key = uri.key();
    key.rfind('/').map_or("", |slash| &key[..=slash])
}

/// A name that comes before this one and, almost always, after all others that do.
fn just_before(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next_back() {
        Some(last @ '!'..='~') => {
            let before = char::from_u32(last as u32 - 1).unwrap_or(' ');
            format!("{}{before}~", characters.as_str())
        }
        // Others are rare, and a shorter name comes before a longer one.
        _ => characters.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, folder, from_name, head, just_before};

    #[test]
    fn a_listing_begins_just_before_its_first_name() {
        assert_eq!(just_before("abc"), "abb~");
        assert_eq!(just_before("a!"), "a ~");
        assert_eq!(just_before("ü"), "");
        assert_eq!(just_before(""), "");
        for name in ["a", "0.out", "~", "z-9", "é", "ab ü"] {
            assert!(*just_before(name) < *name, "{name}");
        }
    }

    #[test]
    fn names_are_found_wherever_the_last_one_was() {
        for common in ["", "1234567", "longer-than-the-head-"] {
            let name = |number: u32| format!("{common}{number:02}");
            let entries: Vec<Entry> = (0..100)
                .map(|number| Entry::new(&name(number / 2 * 2), number))
                .collect();
            for _ in 0..10_000 {
                let name = name(fastrand::u32(..100));
                let rest = &entries[fastrand::usize(..=entries.len())..];
                let found = from_name(rest, &entries, head(&name), &name).first();
                let expected = entries.iter().find(|entry| *entry.name >= *name);
                assert_eq!(found.map(|e| e.slot), expected.map(|e| e.slot), "{name}");
            }
        }
    }

    #[test]
    fn entries_are_in_the_order_of_their_names() {
        let names = [
            "",
            "\0",
            "a",
            "a\0",
            "a\0b",
            "ab",
            "abcdefgh",
            "abcdefgh\0",
            "abcdefghi",
            "b",
            "é",
        ];
        for (at, name) in names.iter().enumerate() {
            for (other_at, other) in names.iter().enumerate() {
                let order = Entry::new(name, 0).compare(head(other), other);
                assert_eq!(order, at.cmp(&other_at), "{name:?} {other:?}");
                assert_eq!(Entry::new(name, 0).cmp(&Entry::new(other, 0)), order);
            }
        }
    }

    #[test]
    fn folders_end_with_their_slash() -> Result<(), crate::InvalidInput> {
        assert_eq!(folder(&"s3://bucket/a/b/c".parse()?), "a/b/");
        assert_eq!(folder(&"s3://bucket/c".parse()?), "");
        Ok(())
    }
}
