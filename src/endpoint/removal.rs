//! A removal that continues after a failure.

use super::describe::EndpointDescription;
use super::{Endpoint, settle, wait};
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

impl Endpoint {
    /// The parts; if they cannot be read, the configuration alone.
    pub(super) fn parts_or_config(
        &self,
        described: &EndpointDescription,
        removal: &mut Removal,
    ) -> Vec<Resource> {
        self.parts(described).unwrap_or_else(|error| {
            removal.first.get_or_insert(error);
            let config = described.endpoint_config_name();
            let config = config.map(|name| Resource::EndpointConfig(name.to_owned()));
            config.into_iter().collect()
        })
    }

    /// Removes what a deployment left that ended before it created the endpoint: the configuration and the model of the
    /// endpoint's name, which is their default, and the models that the configuration names. Fails with `missing`
    /// if nothing is there.
    pub(super) fn remove_parts(&self, missing: Error) -> Result<()> {
        let config = Resource::EndpointConfig(self.name.clone());
        let model = Resource::Model(self.name.clone());
        let mut parts = vec![config];
        match self.models_of(&self.name) {
            Ok(models) => parts.extend(models),
            Err(Error::Service(fault)) if settle::is_not_found(&fault) => {}
            Err(error) => return Err(error),
        }
        if !parts.contains(&model) {
            parts.push(model);
        }
        let mut removal = self.removal();
        removal.delete_all(&self.acting(), parts);
        if removal.removed.is_empty() && removal.first.is_none() {
            return Err(missing);
        }
        removal.end()
    }

    /// Its configuration and its models, as far as they are there.
    pub(super) fn parts(&self, described: &EndpointDescription) -> Result<Vec<Resource>> {
        let Some(config) = described.endpoint_config_name() else {
            return Ok(Vec::new());
        };
        let mut parts = vec![Resource::EndpointConfig(config.to_owned())];
        match self.models_of(config) {
            Ok(models) => parts.extend(models),
            // Its models are unknown; that of a deployment has the endpoint's name.
            Err(Error::Service(fault)) if settle::is_not_found(&fault) => {
                parts.push(Resource::Model(self.name.clone()));
            }
            Err(error) => return Err(error),
        }
        Ok(parts)
    }

    pub(super) fn models_of(&self, config_name: &str) -> Result<Vec<Resource>> {
        let config = self.sagemaker().describe_endpoint_config(config_name)?;
        let names = config.model_names().into_iter();
        Ok(names.map(|name| Resource::Model(name.to_owned())).collect())
    }
}
