//! Finds out the outcome of a request whose response was lost.
//!
//! The control plane has no idempotency tokens, but names: whether a change was carried out can be looked up. If
//! the response to a create is lost, the resource is described. One that exists as requested counts as created,
//! though it cannot be known by whom; if none exists, the request is retried as often as the session allows; if a
//! different one exists, the error stands. A delete of which all responses are lost counts as done if the
//! resource is gone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::json_rpc::{Operation, text};
use crate::aws::{CallError, sagemaker};
use crate::error::{Error, Resource, Result, ServiceError, TransportErrorKind, is_ambiguous};
use crate::session::Session;

use super::EndpointStatus;
use super::describe::EndpointDescription;
use super::scaling::VariantScaling;

/// How certain it is that this call created a resource, and not somebody else before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// The service confirmed it.
    Surely,
    /// The response was lost, and the resource exists as requested.
    Presumably,
    /// It existed before as requested, and is taken up.
    Before,
}

/// Why a resource was not created, as far as is known.
pub(crate) struct NotMade {
    pub(crate) error: Error,
    /// Whether it may exist: the response was lost, and the resource could not be described.
    pub(crate) perhaps: bool,
}

impl From<Error> for NotMade {
    fn from(error: Error) -> Self {
        Self {
            error,
            perhaps: false,
        }
    }
}

/// A model, a configuration or an endpoint to create: its name and the request document.
pub(crate) struct Creation<'a> {
    pub(crate) resource: Resource,
    pub(crate) input: &'a Value,
    /// If an existing resource counts as created when it is as requested: the members that may differ.
    pub(crate) taken_up: Option<&'a [&'static str]>,
    /// Whether what it names was created a moment ago, so that the service may not find it yet.
    pub(crate) follows: bool,
}

impl Creation<'_> {
    fn send(&self, session: &Session) -> Result<Value, CallError> {
        let operation = match self.resource {
            Resource::Model(_) => sagemaker::CREATE_MODEL,
            Resource::EndpointConfig(_) => sagemaker::CREATE_ENDPOINT_CONFIG,
            _ => sagemaker::CREATE_ENDPOINT,
        };
        operation.send(session.caller(), self.resource.name(), self.input)
    }

    /// Whether the existing resource has every requested member, and stays. Descriptions do not contain tags and
    /// deployment settings.
    fn is_as_requested(&self, found: &Value) -> bool {
        if says_deleting(found) {
            return false;
        }
        let mut ignored = vec!["Tags", "DeploymentConfig"];
        ignored.extend(self.taken_up.unwrap_or_default());
        is_as_requested(self.input, found, &ignored)
    }

    /// Creates it and returns its ARN.
    pub(crate) fn make(&self, session: &Session) -> Result<(String, Made), NotMade> {
        let arn = |response: &Value| {
            let arn = response.get(self.resource.arn_member());
            arn.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (mut lost, mut attempt) = (None, 0);
        loop {
            attempt += 1;
            let error = match self.send(session) {
                Ok(response) => return Ok((arn(&response), Made::Surely)),
                Err(failed) => Error::from(failed),
            };
            if self.follows && is_still_missing(session, attempt, &error) {
                continue;
            }
            if self.taken_up.is_some() && lost.is_none() && is_already_there(&error) {
                return match describe(session, &self.resource) {
                    Ok(found) if self.is_as_requested(&found) => Ok((arn(&found), Made::Before)),
                    Ok(_) => Err(error.into()),
                    Err(failed) => Err(Error::from(failed).into()),
                };
            }
            // The description was requested before the resource was visible, and so was the second request.
            let came_late = lost.is_some() && is_already_there(&error);
            if !is_ambiguous(&error) && !came_late {
                return Err(error.into());
            }
            match describe(session, &self.resource) {
                Ok(found) if self.is_as_requested(&found) => {
                    return Ok((arn(&found), Made::Presumably));
                }
                Err(CallError::Response(response)) if is_not_found(&response.error) => {}
                // One that differs is somebody else's.
                found => {
                    return Err(NotMade {
                        perhaps: found.is_err(),
                        error: lost.unwrap_or(error),
                    });
                }
            }
            if !pause(session, attempt) {
                return Err(error.into());
            }
            lost = Some(error);
        }
    }
}

/// Sends `UpdateEndpoint`; if the response is lost, checks whether the endpoint is being updated. `follows`: the
/// configuration was created a moment ago.
pub(crate) fn update(
    session: &Session,
    name: &str,
    config: &str,
    input: &Value,
    follows: bool,
) -> Result<()> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let error = match sagemaker::UPDATE_ENDPOINT.send(session.caller(), name, input) {
            Ok(_) => return Ok(()),
            Err(failed) => Error::from(failed),
        };
        if follows && is_still_missing(session, attempt, &error) {
            continue;
        }
        if !is_ambiguous(&error) {
            return Err(error);
        }
        let Ok(found) = describe(session, &Resource::Endpoint(name.to_owned())) else {
            return Err(error);
        };
        let found = EndpointDescription::new(found);
        let names = [
            found.endpoint_config_name(),
            found.pending_endpoint_config_name(),
        ];
        if names.contains(&Some(config)) {
            return Ok(());
        }
        if found.status() != EndpointStatus::InService || !pause(session, attempt) {
            return Err(error);
        }
    }
}

/// Deletes a resource. One that a repeated request does not find was deleted by the one before, and so was one
/// that is gone after requests whose responses were lost.
pub(crate) fn delete(session: &Session, resource: &Resource) -> Result<()> {
    let operation = match resource {
        Resource::Model(_) => sagemaker::DELETE_MODEL,
        Resource::EndpointConfig(_) => sagemaker::DELETE_ENDPOINT_CONFIG,
        Resource::Endpoint(_) => sagemaker::DELETE_ENDPOINT,
        Resource::Scaling(id) => return VariantScaling::at(session, id)?.remove(),
    };
    match send_name(session, operation, resource) {
        Ok(_) => Ok(()),
        Err(failed) => {
            let error = Error::from(failed);
            let gone = || is_ambiguous(&error) && is_gone(session, resource);
            // An endpoint that an earlier run began to delete refuses a second deletion.
            let deleting = || {
                let is_endpoint = matches!(resource, Resource::Endpoint(_));
                is_endpoint && was_refused(&error) && is_deleting(session, resource)
            };
            if was_deleted_before(&error) || gone() || deleting() {
                return Ok(());
            }
            Err(error)
        }
    }
}

/// Whether a repeated request found nothing because an earlier one, whose response was lost, deleted the resource. An
/// earlier request that was refused deleted nothing.
pub(crate) fn was_deleted_before(error: &Error) -> bool {
    matches!(error, Error::Service(fault) if fault.perhaps_done && is_not_found(fault))
}

/// Whether a request was cancelled before its response came, so that its outcome is unknown.
pub(crate) fn was_cancelled(error: &Error) -> bool {
    let cancelled = matches!(error, Error::Transport(transport)
        if transport.kind() == TransportErrorKind::Cancelled);
    cancelled && is_ambiguous(error)
}

/// Describes a resource by its name.
pub(crate) fn describe(session: &Session, resource: &Resource) -> Result<Value, CallError> {
    let operation = match resource {
        Resource::Model(_) => sagemaker::DESCRIBE_MODEL,
        Resource::EndpointConfig(_) => sagemaker::DESCRIBE_ENDPOINT_CONFIG,
        _ => sagemaker::DESCRIBE_ENDPOINT,
    };
    send_name(session, operation, resource)
}

/// Sends a request that has the resource's name and nothing else.
fn send_name(
    session: &Session,
    operation: Operation,
    resource: &Resource,
) -> Result<Value, CallError> {
    let member = match resource {
        Resource::Model(_) => "ModelName",
        Resource::EndpointConfig(_) => "EndpointConfigName",
        _ => "EndpointName",
    };
    let input = json!({ member: resource.name() });
    operation.send(session.caller(), resource.name(), &input)
}

/// Checks whether it is gone. An endpoint that is being deleted refuses a second deletion.
fn is_gone(session: &Session, resource: &Resource) -> bool {
    match (describe(session, resource), resource) {
        (Ok(found), Resource::Endpoint(_)) => says_deleting(&found),
        (Err(CallError::Response(response)), _) => is_not_found(&response.error),
        _ => false,
    }
}

fn is_deleting(session: &Session, endpoint: &Resource) -> bool {
    describe(session, endpoint).is_ok_and(|found| says_deleting(&found))
}

fn says_deleting(found: &Value) -> bool {
    text(found, "EndpointStatus") == Some("Deleting")
}

/// Whether the service refused the request because of the state of the resource, which exists.
fn was_refused(error: &Error) -> bool {
    matches!(error, Error::Service(fault)
        if fault.code() == Some("ValidationException") && !is_not_found(fault))
}

/// Pauses before the next attempt; false if there is none.
fn pause(session: &Session, attempt: u32) -> bool {
    let retry = session.client().retry;
    if attempt >= retry.max_attempts() {
        return false;
    }
    let sys = session.sys();
    let pause = retry.backoff(attempt, None, sys.random());
    sys.clock().sleep(pause);
    true
}

/// Whether the service does not find what was created a moment ago. Pauses then: 1 s, 2 s and 4 s.
pub(super) fn is_still_missing(session: &Session, attempt: u32, error: &Error) -> bool {
    const MOST_PAUSES: u32 = 3;
    let is_missing = matches!(error, Error::Service(fault) if is_not_found(fault));
    if !is_missing || attempt > MOST_PAUSES {
        return false;
    }
    let pause = Duration::from_secs(1 << (attempt - 1));
    session.sys().clock().sleep(pause);
    true
}

/// Whether the service reports that the resource does not exist.
pub(crate) fn is_not_found(fault: &ServiceError) -> bool {
    match fault.code() {
        Some("ValidationException") => fault
            .message()
            .is_some_and(|message| message.starts_with("Could not find")),
        Some(code) => matches!(
            code,
            "ObjectNotFoundException" | "ResourceNotFound" | "ResourceNotFoundException"
        ),
        None => false,
    }
}

fn is_already_there(error: &Error) -> bool {
    matches!(error, Error::Service(fault)
        if fault.message().is_some_and(|message| message.contains("already existing")))
}

fn is_as_requested(requested: &Value, found: &Value, ignored: &[&str]) -> bool {
    match (requested, found) {
        (Value::Object(requested), Value::Object(found)) => requested
            .iter()
            .filter(|(member, _)| !ignored.contains(&member.as_str()))
            .all(|(member, value)| {
                let found = found.get(member);
                found.is_some_and(|found| is_as_requested(value, found, ignored))
            }),
        (Value::Array(requested), Value::Array(found))
            if requested.iter().all(Value::is_string) =>
        {
            // Sets, such as subnets and security groups, which the service may describe in another order.
            let [mut requested, mut found] =
                [requested, found].map(|texts| texts.iter().map(Value::as_str).collect::<Vec<_>>());
            requested.sort_unstable();
            found.sort_unstable();
            requested == found
        }
        (Value::Array(requested), Value::Array(found)) => {
            let mut both = requested.iter().zip(found);
            requested.len() == found.len() && both.all(|(a, f)| is_as_requested(a, f, ignored))
        }
        (Value::Number(requested), Value::Number(found)) => requested.as_f64() == found.as_f64(),
        (requested, found) => requested == found,
    }
}
