//! AWS's errors for requests with missing or wrong signatures.
//!
//! Wording and codes differ by the service's protocol. Sources: the error tables in the S3 API
//! reference, "Common errors" of the SageMaker runtime and STS references, and responses of the services.

use std::time::{Duration, SystemTime};

use crate::local::dates::{amz, iso};
use crate::local::http::response::Refusal;
use crate::local::operation::Service;

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/// The refusals of one service.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Refused {
    pub(in crate::local) service: Service,
}

impl Refused {
    /// S3 lets clocks differ by 15 minutes, the others by 5.
    pub(in crate::local) fn allowed_skew(self) -> Duration {
        let minutes = if self.service == Service::S3 { 15 } else { 5 };
        Duration::from_secs(minutes * 60)
    }

    /// The code for a wrong signature.
    fn invalid_signature(self, message: impl Into<String>) -> Refusal {
        let code = match self.service {
            Service::S3 | Service::Sts => "SignatureDoesNotMatch",
            Service::SageMaker | Service::Control(_) => "InvalidSignatureException",
        };
        Refusal::new(403, code, message)
    }

    pub(in crate::local) fn not_signed(self) -> Refusal {
        match self.service {
            Service::S3 => Refusal::access_denied(),
            Service::SageMaker | Service::Control(_) => Refusal::new(
                403,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Service::Sts => Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ),
        }
    }

    pub(in crate::local) fn malformed_authorization(self) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                "The authorization header that you provided is not valid.",
            ),
            Service::SageMaker | Service::Control(_) | Service::Sts => Refusal::new(
                403,
                self.incomplete(),
                "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
            ),
        }
    }

    fn incomplete(self) -> &'static str {
        match self.service {
            Service::Sts => "IncompleteSignature",
            Service::S3 | Service::SageMaker | Service::Control(_) => {
                "IncompleteSignatureException"
            }
        }
    }

    pub(in crate::local) fn no_date(self) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                403,
                "AccessDenied",
                "AWS authentication requires a valid Date or x-amz-date header",
            ),
            Service::SageMaker | Service::Control(_) | Service::Sts => Refusal::new(
                403,
                self.incomplete(),
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
        }
    }

    pub(in crate::local) fn unknown_key(self, key: &str) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .detail("AWSAccessKeyId", key),
            Service::SageMaker | Service::Control(_) | Service::Sts => {
                self.invalid_token_of_client()
            }
        }
    }

    fn invalid_token_of_client(self) -> Refusal {
        let code = match self.service {
            Service::Sts => "InvalidClientTokenId",
            Service::S3 | Service::SageMaker | Service::Control(_) => "UnrecognizedClientException",
        };
        Refusal::new(
            403,
            code,
            "The security token included in the request is invalid.",
        )
    }

    pub(in crate::local) fn wrong_token(self) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
            Service::SageMaker | Service::Control(_) | Service::Sts => {
                self.invalid_token_of_client()
            }
        }
    }

    pub(in crate::local) fn wrong_service(self, sent: &str, wanted: &str) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!(
                    "The authorization header is malformed; incorrect service \"{sent}\". This endpoint belongs to \"{wanted}\"."
                ),
            ),
            Service::SageMaker | Service::Control(_) | Service::Sts => self.invalid_signature(
                format!("Credential should be scoped to correct service: '{wanted}'."),
            ),
        }
    }

    pub(in crate::local) fn wrong_region(self, sent: &str, wanted: &str) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!(
                    "The authorization header is malformed; the region '{sent}' is wrong; expecting '{wanted}'"
                ),
            )
            .detail("Region", wanted)
            .header("x-amz-bucket-region", wanted),
            Service::SageMaker | Service::Control(_) | Service::Sts => self.invalid_signature(
                "Credential should be scoped to a valid region.",
            ),
        }
    }

    pub(in crate::local) fn wrong_scope_date(self, scope: &str, date: &str) -> Refusal {
        match self.service {
            Service::S3 => Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; Invalid credential date \"{scope}\". This date is not the same as X-Amz-Date: \"{date}\"."),
            ),
            Service::SageMaker | Service::Control(_) | Service::Sts => self.invalid_signature(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{date}'."
            )),
        }
    }

    pub(in crate::local) fn skewed(self, sent: &str, time: SystemTime, now: SystemTime) -> Refusal {
        let allowed = self.allowed_skew();
        if self.service == Service::S3 {
            return Refusal::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
            .detail("RequestTime", sent)
            .detail("ServerTime", iso(now))
            .detail(
                "MaxAllowedSkewMilliseconds",
                allowed.as_millis().to_string(),
            );
        }
        let (server, minutes) = (amz(now), allowed.as_secs() / 60);
        self.invalid_signature(if time < now {
            let bound = amz(now - allowed);
            format!("Signature expired: {sent} is now earlier than {bound} ({server} - {minutes} min.)")
        } else {
            let bound = amz(now + allowed);
            format!("Signature not yet current: {sent} is still later than {bound} ({server} + {minutes} min.)")
        })
    }

    pub(in crate::local) fn headers_not_signed(self, names: &[&str]) -> Refusal {
        if self.service == Service::S3 {
            return Refusal::new(
                403,
                "AccessDenied",
                "There were headers present in the request which were not signed",
            )
            .detail("HeadersNotSigned", names.join(", "));
        }
        self.invalid_signature(format!(
            "'Host' and 'X-Amz-*' must be 'SignedHeaders' in the AWS Authorization; not signed: {}.",
            names.join(", ")
        ))
    }

    /// The response has the canonical request, so that the caller can compare it.
    pub(in crate::local) fn wrong_signature(self, canonical: &[u8]) -> Refusal {
        let canonical = String::from_utf8_lossy(canonical);
        match self.service {
            Service::S3 => self
                .invalid_signature(
                    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
                )
                .detail("CanonicalRequest", canonical),
            Service::SageMaker | Service::Control(_) => self.invalid_signature(format!(
                "{WRONG_SIGNATURE}\n\nThe Canonical String for this request should have been\n'{canonical}'\n"
            )),
            Service::Sts => self.invalid_signature(WRONG_SIGNATURE),
        }
    }
}

/// An `Authorization` header of another scheme, sent to S3.
pub(in crate::local) fn unsupported_authorization() -> Refusal {
    // The value is not repeated: another scheme's may be a password.
    Refusal::new(400, "InvalidArgument", "Unsupported Authorization Type")
        .detail("ArgumentName", "Authorization")
}

/// Only S3's clients send the payload's hash.
pub(in crate::local) fn wrong_payload(announced: &str, actual: &str) -> Refusal {
    Refusal::new(
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
    .detail("ClientComputedContentSHA256", announced)
    .detail("S3ComputedContentSHA256", actual)
}
