//! The objects below a prefix, a page at a time.

use std::vec;

use super::Found;
use crate::aws::RequestPolicy;
use crate::aws::s3::{self, ListObjects, Page, Start};
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::session::Session;
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

pub(super) struct Listing {
    session: Session,
    prefix: S3Uri,
    objects: vec::IntoIter<(String, u64)>,
    next: Next,
}

/// Where the listing continues.
enum Next {
    Begin,
    Token(String),
    /// A store that returns no token.
    After(String),
    Ended,
}

impl Listing {
    pub(super) fn new(session: &Session, prefix: &S3Uri) -> Self {
        Self {
            session: session.clone(),
            prefix: prefix.clone(),
            objects: Vec::new().into_iter(),
            next: Next::Begin,
        }
    }

    pub(super) fn next(&mut self, cancel: &CancelToken) -> Option<Result<Found>> {
        loop {
            if let Some((key, size)) = self.objects.next() {
                return Some(self.found(key, size));
            }
            if matches!(self.next, Next::Ended) || cancel.is_cancelled() {
                return None;
            }
            if let Err(error) = self.fetch(cancel) {
                self.next = Next::Ended;
                return Some(Err(error));
            }
        }
    }

    fn found(&self, key: String, size: u64) -> Result<Found> {
        Ok(Found {
            uri: S3Uri::new(self.prefix.bucket(), key)?,
            size: Some(size),
            skipped: None,
        })
    }

    fn fetch(&mut self, cancel: &CancelToken) -> Result<()> {
        let from = match &self.next {
            Next::Begin | Next::Ended => Start::After(""),
            Next::Token(token) => Start::Token(token),
            Next::After(key) => Start::After(key),
        };
        let listed = ListObjects {
            bucket: self.prefix.bucket(),
            prefix: self.prefix.key(),
            flat: false,
            from,
        };
        let policy = RequestPolicy {
            cancel: Some(cancel.flag()),
            ..RequestPolicy::default()
        };
        let mut objects = Vec::new();
        let page = s3::list_objects(self.session.s3(), &listed, policy, |key, size| {
            objects.push((key.to_owned(), size));
        });
        self.next = self.after(page.map_err(Error::from)?)?;
        self.objects = objects.into_iter();
        Ok(())
    }

    /// Where it continues after a page. A store that leads back to the same page would never end.
    fn after(&self, page: Page) -> Result<Next> {
        let next = match (page.truncated, page.next) {
            (false, _) => return Ok(Next::Ended),
            (true, Some(token)) => Next::Token(token),
            (true, None) => Next::After(page.last),
        };
        let goes_on = match (&self.next, &next) {
            (Next::Token(before), Next::Token(token)) => before != token,
            (Next::After(before), Next::After(key)) => key > before,
            (_, Next::After(key)) => !key.is_empty(),
            _ => true,
        };
        if goes_on {
            return Ok(next);
        }
        let stuck = TransferError::new(TransferErrorKind::Corrupt, &self.prefix)
            .with_source("its listing reports further pages, but leads to none");
        Err(stuck.into())
    }
}
