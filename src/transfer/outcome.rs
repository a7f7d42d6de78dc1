//! How an inference ended.

use crate::aws::s3::Object;
use crate::error::ModelFailure;

/// How it ended, in memory; cached, so that a second call sends no request.
pub(crate) enum Outcome {
    Output(Object),
    Failure(ModelFailure),
}

impl Outcome {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Output(object) => &object.body,
            Self::Failure(failure) => failure.bytes(),
        }
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        match self {
            Self::Output(object) => object.content_type.as_deref(),
            Self::Failure(failure) => failure.content_type(),
        }
    }
}
