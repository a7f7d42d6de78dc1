//! A removal that continues after a failure.

use super::{settle, wait};
use crate::error::{DeploymentError, Error, Resource, Result};
use crate::session::Session;
use crate::waiter::CancelToken;

/// A removal in progress, in which one failure does not keep the rest from being tried.
#[derive(Default)]
pub(super) struct Removal {
    pub(super) name: String,
    pub(super) cancel: Option<CancelToken>,
    pub(super) left: Vec<Resource>,
    pub(super) unsure: Vec<Resource>,
    pub(super) removed: Vec<Resource>,
    pub(super) first: Option<Error>,
}

impl Removal {
    pub(super) fn delete_all(&mut self, session: &Session, resources: Vec<Resource>) {
        for resource in resources {
            if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
                let cancelled = wait::cancelled(&self.name, "deleted");
                self.note(resource, cancelled);
                continue;
            }
            if let Err(error) = self.delete(session, resource.clone()) {
                self.note(resource, error);
            }
        }
    }

    /// A resource that does not exist is skipped.
    pub(super) fn delete(&mut self, session: &Session, resource: Resource) -> Result<()> {
        match settle::delete(session, &resource) {
            Ok(()) => self.removed.push(resource),
            Err(Error::Service(fault)) if settle::is_not_found(&fault) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Records what is left, and why; the first reason is reported.
    pub(super) fn note(&mut self, left: Resource, error: Error) {
        self.removed.retain(|removed| *removed != left);
        let is_unsure = match &error {
            Error::Deployment(stopped) => stopped.left.is_empty(),
            error => settle::was_cancelled(error),
        };
        if is_unsure {
            self.unsure.push(left);
        } else {
            self.left.push(left);
        }
        self.first.get_or_insert(match error {
            // What is left of scaling is named as a whole.
            Error::Deployment(stopped) => stopped.cause,
            error => error,
        });
    }

    pub(super) fn end(self) -> Result<()> {
        let Some(cause) = self.first else {
            return Ok(());
        };
        Err(DeploymentError {
            endpoint_name: self.name,
            doing: "removing",
            left: self.left,
            unsure: self.unsure,
            found: Vec::new(),
            removed: self.removed,
            cause,
        }
        .into())
    }
}
