//! STS and SSO.

use crate::fault_matrix::operation::{Column, Dialect, IsOne, Operation, Outcome, RESULT};
use crate::fault_matrix::response::Response;
use crate::fault_matrix::responses::{caller_identity, new_token, role_credentials, role_response};
use crate::fault_matrix::setup::{ROLE, Setup};
use crate::support::{ACCESS_KEY, SECRET_KEY};

pub fn operations() -> Vec<Operation> {
    vec![
        sts(
            "GetCallerIdentity",
            |_| caller_identity(),
            |setup| {
                setup.without_bucket().default_bucket()?;
                Ok(RESULT)
            },
        ),
        sts(
            "AssumeRole",
            |_| role_response("AssumeRole"),
            |setup| {
                let config = format!(
                    "[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n\
                     aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
                );
                setup.with_chain(&[], vec![("/h/.aws/config", config)])
            },
        ),
        sts(
            "AssumeRoleWithWebIdentity",
            |_| role_response("AssumeRoleWithWebIdentity"),
            |setup| {
                let variables = [
                    ("AWS_ROLE_ARN", ROLE),
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
                ];
                setup.with_chain(&variables, vec![("/token", "hush-token".to_owned())])
            },
        ),
        sso(
            "GetRoleCredentials",
            |head| head.starts_with("GET /federation/"),
            |_| role_credentials(),
            |setup| setup.with_sso("2999-01-01T00:00:00Z"),
        ),
        sso(
            "CreateToken",
            |head| head.starts_with("POST /token "),
            |_| new_token(),
            // The cached token is past its time, and is renewed first.
            |setup| setup.with_sso("2020-01-01T00:00:00Z"),
        ),
    ]
}

fn sts(
    name: &'static str,
    healthy: fn(usize) -> Response,
    run: fn(&Setup) -> Outcome,
) -> Operation {
    let is: IsOne = |head| head.starts_with("POST / ");
    Operation::new(name, Column::Identity, is, healthy, run).speaking(Dialect::Query)
}

fn sso(
    name: &'static str,
    is: IsOne,
    healthy: fn(usize) -> Response,
    run: fn(&Setup) -> Outcome,
) -> Operation {
    Operation::new(name, Column::Identity, is, healthy, run)
}
