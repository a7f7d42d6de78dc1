//! What an operation is: how a request of it is known, what responds to it, and what a program does to have it
//! sent.

use std::error::Error as StdError;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::EndpointOverview;

use crate::fault_matrix::response::{Response, refusal};
use crate::fault_matrix::server::Server;
use crate::fault_matrix::setup::Setup;

/// A column of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Submit,
    Duplicates,
    S3,
    Multipart,
    Wait,
    Identity,
    Metadata,
    /// Operations of the control plane that only read.
    Read,
    /// Operations that set a state, so that a repetition has no effect.
    Set,
    /// Operations that a name protects from being carried out twice.
    Create,
    Delete,
}

impl Column {
    pub fn title(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Duplicates => "submit, `allow_duplicates`",
            Self::S3 => "S3",
            Self::Multipart => "S3, in parts",
            Self::Wait => "a wait of 3 polls",
            Self::Identity => "STS and SSO",
            Self::Metadata => "container and instance metadata",
            Self::Read => "reading",
            Self::Set => "setting",
            Self::Create => "creating and updating",
            Self::Delete => "deleting",
        }
    }
}

/// How the service writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    S3,
    /// XML of the query protocol.
    Query,
    Json,
}

/// What is counted of requests that were carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// Each one begins something, which the word describes.
    Each(&'static str),
    /// The first one does it, and the others find it done.
    Once,
}

/// The crate's own error, or a reference to one.
#[derive(Debug)]
pub enum Failure {
    Own(Error),
    Overview(Box<EndpointOverview>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Failure {
    pub fn error(&self) -> &Error {
        match self {
            Self::Own(error) => error,
            Self::Overview(overview) => overview.backlog().expect_err("a failure to look"),
        }
    }
}

pub type Outcome = Result<&'static str, Failure>;

/// The response of an operation without a fault.
pub const RESULT: &str = "result";

/// Whether a request with this head (its first line, and headers in lower case) is one.
pub type IsOne = fn(&str) -> bool;

#[derive(Clone, Copy)]
pub struct Operation {
    pub name: &'static str,
    pub column: Column,
    dialect: Dialect,
    pub effect: Effect,
    pub is: IsOne,
    /// Whether it looks up the outcome after a lost response.
    pub is_lookup: IsOne,
    /// How many requests come before the first one.
    pub preliminaries: usize,
    /// The maximum number of requests.
    pub most_requests: usize,
    /// The response to it after this many were carried out.
    healthy: fn(usize) -> Response,
    /// The response to other requests, after this many were carried out.
    pub others: fn(&str, usize) -> Response,
    run: fn(&Setup) -> Outcome,
}

impl Operation {
    pub fn new(
        name: &'static str,
        column: Column,
        is: IsOne,
        healthy: fn(usize) -> Response,
        run: fn(&Setup) -> Outcome,
    ) -> Self {
        let dialect = match column {
            Column::S3 | Column::Multipart | Column::Wait => Dialect::S3,
            _ => Dialect::Json,
        };
        Self {
            name,
            column,
            dialect,
            effect: Effect::Nothing,
            is,
            is_lookup: |_| false,
            preliminaries: 0,
            // Three attempts, and one more each for credentials, clock and region.
            most_requests: 6,
            healthy,
            others: crate::fault_matrix::responses::usual,
            run,
        }
    }

    pub fn speaking(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub fn looked_up_by(mut self, is_lookup: IsOne) -> Self {
        self.is_lookup = is_lookup;
        self
    }

    pub fn after(mut self, requests: usize) -> Self {
        self.preliminaries = requests;
        self
    }

    pub fn with_at_most(mut self, requests: usize) -> Self {
        self.most_requests = requests;
        self
    }

    pub fn while_others(mut self, others: fn(&str, usize) -> Response) -> Self {
        self.others = others;
        self
    }

    pub fn healthy(&self, carried_out: usize) -> Response {
        (self.healthy)(carried_out)
    }

    pub fn refusal(&self, status: u16, code: Option<&str>) -> Response {
        refusal(self.dialect, status, code)
    }

    /// Has it sent to the server, by a session in virtual time.
    pub fn run(&self, server: &Server, hasty: bool) -> Outcome {
        let setup = Setup::at(server, hasty);
        if server.ends_kept_connections() {
            setup.warm_up(server);
        }
        (self.run)(&setup)
    }
}

/// The crate's own error, which may lie under one of credentials.
pub fn innermost(error: &Error) -> &Error {
    if matches!(error, Error::MaybeSubmitted(_)) {
        return error;
    }
    let mut found = error;
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            found = own;
        }
        next = error.source();
    }
    found
}
