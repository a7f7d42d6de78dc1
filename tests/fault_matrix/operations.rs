//! The operations that faults are tried on: how a request of each is known, what answers it, and what a
//! program does to have it sent.

use std::error::Error as StdError;
use std::time::Duration;

use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use sagemaker_async_inference::{
    AccessDenied, CleanUp, Error, ListEndpoints, RetryConfig, SageMaker, Session, Timeouts,
    WaiterConfig,
};

use crate::faults::{Answer, refusal};
use crate::server::Server;
use crate::support::client::{builder, keys, predictor, uri};
use crate::support::{ACCESS_KEY, SECRET_KEY};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Submit,
    Duplicates,
    S3,
    Identity,
    /// SageMaker's, and only what it is asked: what changes something is settled above, by looks.
    Control,
    Wait,
}

impl Column {
    pub const ALL: [Self; 6] = [
        Self::Submit,
        Self::Duplicates,
        Self::S3,
        Self::Identity,
        Self::Control,
        Self::Wait,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Duplicates => "submit, `allow_duplicates`",
            Self::S3 => "S3",
            Self::Identity => "STS and SSO",
            Self::Control => "control plane, reading",
            Self::Wait => "a wait of 3 polls",
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

#[derive(Clone, Copy)]
pub struct Operation {
    pub name: &'static str,
    pub column: Column,
    dialect: Dialect,
    /// Whether a request with this head (its first line, and headers in lower case) is one.
    pub is: fn(&str) -> bool,
    /// How many requests come before the first one.
    pub preliminaries: usize,
    healthy: fn() -> Answer,
    /// What answers requests of others.
    pub others: fn(&str) -> Answer,
    run: fn(&Setup) -> Result<&'static str, Error>,
}

pub const OPERATIONS: &[Operation] = &[
    submit("InvokeEndpointAsync", Column::Submit, |setup| {
        predictor(&setup.session).predict_async("x").map(|_| RESULT)
    }),
    submit("InvokeEndpointAsync", Column::Duplicates, |setup| {
        let predictor = predictor(&setup.session);
        predictor
            .request("x")
            .allow_duplicates()
            .submit()
            .map(|_| RESULT)
    }),
    s3(
        "GetObject",
        is_get,
        || Answer::new(200, "result"),
        |setup| {
            let response = predictor(&setup.session).response(uri(OUTPUT), None);
            match response.try_get_result::<Vec<u8>>()? {
                Some(_) => Ok(RESULT),
                None => Ok("not there yet"),
            }
        },
    ),
    s3(
        "PutObject",
        is_put,
        || Answer::new(200, ""),
        |setup| {
            let predictor = predictor(&setup.session);
            let request = predictor.request("x").upload_to(uri("s3://my-bucket/in"));
            request.submit().map(|_| RESULT)
        },
    ),
    s3(
        "DeleteObject",
        |head| head.starts_with("DELETE "),
        || Answer::new(204, ""),
        |setup| {
            let response = predictor(&setup.session).response(uri(OUTPUT), None);
            response.try_get_result::<Vec<u8>>()?;
            let report = response.clean_up(&CleanUp::nothing().output())?;
            assert_eq!(report.removed().len() + report.failures().len(), 1);
            report
                .into_failures()
                .pop()
                .map_or(Ok(RESULT), |failure| Err(failure.into_error()))
        },
    )
    .after(1),
    s3(
        "ListObjectsV2",
        |head| head.contains("list-type=2"),
        || Answer::new(200, "<ListBucketResult/>"),
        |setup| {
            let response = predictor(&setup.session).response(uri(OUTPUT), None);
            match response.try_get_result::<Vec<u8>>() {
                // Who may list is denied for good.
                Err(Error::Service(fault)) if fault.operation() == "GetObject" => Ok(RESULT),
                Err(error) => Err(error),
                Ok(_) => Ok("may not list"),
            }
        },
    )
    .after(1)
    .while_others(|_| refusal(Dialect::S3, 403, Some("AccessDenied"))),
    s3(
        "CreateBucket",
        |head| head.starts_with("PUT /sagemaker-us-east-1-123456789012/ "),
        || Answer::new(200, ""),
        |setup| {
            let predictor = predictor(&setup.without_bucket());
            match predictor.request("x").via_s3().submit() {
                // The upload after the creation: the server still knows no bucket.
                Err(Error::Service(fault)) if fault.operation() == "PutObject" => Ok(RESULT),
                outcome => outcome.map(|_| RESULT),
            }
        },
    )
    .after(2)
    .while_others(no_such_bucket),
    sts("GetCallerIdentity", caller_identity, |setup| {
        setup.without_bucket().default_bucket().map(|_| RESULT)
    }),
    sts(
        "AssumeRole",
        || role_answer("AssumeRole"),
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
        || role_answer("AssumeRoleWithWebIdentity"),
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
        role_credentials,
        |setup| setup.with_sso("2999-01-01T00:00:00Z"),
    ),
    sso(
        "CreateToken",
        |head| head.starts_with("POST /token "),
        new_token,
        // The cached token is past its time, and is renewed first.
        |setup| setup.with_sso("2020-01-01T00:00:00Z"),
    ),
    control(
        "DescribeModel",
        |head| head.contains("x-amz-target: SageMaker.DescribeModel"),
        || Answer::new(200, r#"{"ModelName": "m"}"#),
        |setup| {
            SageMaker::new(&setup.session)
                .describe_model("m")
                .map(|_| RESULT)
        },
    ),
    control(
        "DescribeEndpointConfig",
        |head| head.contains("x-amz-target: SageMaker.DescribeEndpointConfig"),
        || Answer::new(200, r#"{"EndpointConfigName": "c"}"#),
        |setup| {
            SageMaker::new(&setup.session)
                .describe_endpoint_config("c")
                .map(|_| RESULT)
        },
    ),
    control(
        "DescribeEndpoint",
        |head| head.contains("x-amz-target: SageMaker.DescribeEndpoint"),
        || Answer::new(200, r#"{"EndpointName": "e"}"#),
        |setup| {
            SageMaker::new(&setup.session)
                .describe_endpoint("e")
                .map(|_| RESULT)
        },
    ),
    control(
        "ListEndpoints",
        |head| head.contains("x-amz-target: SageMaker.ListEndpoints"),
        || Answer::new(200, r#"{"Endpoints": []}"#),
        |setup| {
            let request = ListEndpoints::new();
            let found: Result<Vec<_>, _> = SageMaker::new(&setup.session)
                .list_endpoints(&request)
                .collect();
            found.map(|_| RESULT)
        },
    ),
    Operation {
        column: Column::Wait,
        ..s3(
            "GetObject",
            is_get,
            || Answer::new(200, "result"),
            |setup| {
                let waiter = WaiterConfig::builder()
                    .max_attempts(3)
                    .delay(Duration::from_secs(15))
                    .access_denied(AccessDenied::Pending)
                    .retry(RetryConfig::off())
                    .build()?;
                let response = predictor(&setup.session).response(uri(OUTPUT), None);
                response.get_result::<Vec<u8>>(&waiter).map(|_| RESULT)
            },
        )
    },
];

/// What an operation says when all is well.
const RESULT: &str = "result";
const OUTPUT: &str = "s3://my-bucket/out";
const ROLE: &str = "arn:aws:iam::123456789012:role/invoker";

type Run = fn(&Setup) -> Result<&'static str, Error>;
type IsOne = fn(&str) -> bool;

const fn submit(name: &'static str, column: Column, run: Run) -> Operation {
    Operation {
        name,
        column,
        dialect: Dialect::Json,
        is: is_submit,
        preliminaries: 0,
        healthy: accepted,
        others: usual,
        run,
    }
}

const fn s3(name: &'static str, is: IsOne, healthy: fn() -> Answer, run: Run) -> Operation {
    Operation {
        name,
        column: Column::S3,
        dialect: Dialect::S3,
        is,
        preliminaries: 0,
        healthy,
        others: usual,
        run,
    }
}

const fn sts(name: &'static str, healthy: fn() -> Answer, run: Run) -> Operation {
    Operation {
        column: Column::Identity,
        dialect: Dialect::Query,
        ..s3(name, |head| head.starts_with("POST / "), healthy, run)
    }
}

const fn control(name: &'static str, is: IsOne, healthy: fn() -> Answer, run: Run) -> Operation {
    Operation {
        column: Column::Control,
        dialect: Dialect::Json,
        ..s3(name, is, healthy, run)
    }
}

const fn sso(name: &'static str, is: IsOne, healthy: fn() -> Answer, run: Run) -> Operation {
    Operation {
        column: Column::Identity,
        dialect: Dialect::Json,
        ..s3(name, is, healthy, run)
    }
}

impl Operation {
    const fn after(mut self, requests: usize) -> Self {
        self.preliminaries = requests;
        self
    }

    const fn while_others(mut self, others: fn(&str) -> Answer) -> Self {
        self.others = others;
        self
    }

    pub fn begins_jobs(&self) -> bool {
        matches!(self.column, Column::Submit | Column::Duplicates)
    }

    pub fn healthy(&self) -> Answer {
        (self.healthy)()
    }

    pub fn refusal(&self, status: u16, code: Option<&str>) -> Answer {
        refusal(self.dialect, status, code)
    }

    /// Has it sent to the server, by a session in virtual time.
    pub fn run(&self, server: &Server, hasty: bool) -> Result<&'static str, Error> {
        (self.run)(&Setup::at(server, hasty))
    }
}

/// What a program has at hand.
pub struct Setup {
    url: String,
    root: Option<String>,
    timeouts: Timeouts,
    clock: ManualClock,
    session: Session,
}

impl Setup {
    fn at(server: &Server, hasty: bool) -> Self {
        let clock = ManualClock::new();
        let mut timeouts = Timeouts::default();
        if hasty {
            timeouts = timeouts.with_read(Duration::from_millis(1500));
        }
        let sys = Sys::real()
            .with_clock(clock.clone())
            .with_environment(Environment::empty());
        let mut builder = builder()
            .endpoint_url(server.url())
            .timeouts(timeouts)
            .sys(sys);
        if let Some(root) = server.root() {
            builder = builder.ca_bundle_pem(root);
        }
        Self {
            url: server.url().to_owned(),
            root: server.root(),
            timeouts,
            clock,
            session: builder.build().expect("a session"),
        }
    }

    /// One whose default bucket has to be derived.
    fn without_bucket(&self) -> Session {
        self.other(&[], Vec::new(), true)
    }

    /// One whose credentials come from the default chain; sends a request that needs them.
    fn with_chain(
        &self,
        variables: &[(&str, &str)],
        files: Vec<(&str, String)>,
    ) -> Result<&'static str, Error> {
        let session = self.other(variables, files, false);
        let response = predictor(&session).response(uri(OUTPUT), None);
        response.try_get_result::<Vec<u8>>().map(|_| RESULT)
    }

    fn with_sso(&self, expires: &str) -> Result<&'static str, Error> {
        let config = "[default]\nsso_session = dev\nsso_account_id = 123456789012\n\
                      sso_role_name = Invoker\n[sso-session dev]\nsso_region = us-east-1\n\
                      sso_start_url = https://example.awsapps.com/start\n";
        let token = serde_json::json!({
            "accessToken": "hush-access", "expiresAt": expires, "refreshToken": "hush-refresh",
            "clientId": "client", "clientSecret": "hush-client", "region": "us-east-1",
            "registrationExpiresAt": "2999-01-01T00:00:00Z",
            "startUrl": "https://example.awsapps.com/start",
        });
        let files = vec![
            ("/h/.aws/config", config.to_owned()),
            (SSO_CACHE, token.to_string()),
        ];
        self.with_chain(&[], files)
    }

    fn other(
        &self,
        variables: &[(&str, &str)],
        files: Vec<(&str, String)>,
        own_keys: bool,
    ) -> Session {
        let always = [("HOME", "/h"), ("AWS_EC2_METADATA_DISABLED", "true")];
        let sys = Sys::real()
            .with_clock(self.clock.clone())
            .with_environment(Environment::from_pairs(
                always.into_iter().chain(variables.iter().copied()),
            ))
            .with_files(Files::from_pairs(files));
        let mut builder = Session::builder()
            .region("us-east-1")
            .endpoint_url(&self.url)
            .timeouts(self.timeouts)
            .sys(sys);
        if own_keys {
            builder = builder.credentials(keys(ACCESS_KEY, SECRET_KEY, None));
        }
        if let Some(root) = &self.root {
            builder = builder.ca_bundle_pem(root.as_str());
        }
        builder.build().expect("a session")
    }
}

/// Of the session named "dev", as the AWS CLI names it.
const SSO_CACHE: &str = "/h/.aws/sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json";

fn is_submit(head: &str) -> bool {
    head.contains("/async-invocations ")
}

fn is_get(head: &str) -> bool {
    head.starts_with("GET /my-bucket/out ")
}

fn is_put(head: &str) -> bool {
    head.starts_with("PUT /my-bucket/in ")
}

fn accepted() -> Answer {
    Answer::new(202, r#"{"InferenceId": "from-the-service"}"#)
        .header("X-Amzn-SageMaker-OutputLocation", OUTPUT)
}

/// What every service says when nothing is wrong.
fn usual(head: &str) -> Answer {
    if is_submit(head) {
        accepted()
    } else if head.starts_with("POST / ") {
        caller_identity()
    } else if head.starts_with("GET /federation/") {
        role_credentials()
    } else {
        Answer::new(200, "result")
    }
}

fn no_such_bucket(head: &str) -> Answer {
    if head.starts_with("PUT /sagemaker-") {
        refusal(Dialect::S3, 404, Some("NoSuchBucket"))
    } else {
        usual(head)
    }
}

fn caller_identity() -> Answer {
    Answer::new(200, crate::support::client::caller_identity().body)
}

fn role_answer(action: &str) -> Answer {
    Answer::new(
        200,
        format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
             <SecretAccessKey>hush-secret</SecretAccessKey><SessionToken>hush-token</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></{action}Result>\
             </{action}Response>"
        ),
    )
}

fn role_credentials() -> Answer {
    Answer::new(
        200,
        r#"{"roleCredentials": {"accessKeyId": "ASIA1", "secretAccessKey": "hush-secret",
            "sessionToken": "hush-token", "expiration": 32472144000000}}"#,
    )
}

fn new_token() -> Answer {
    Answer::new(
        200,
        r#"{"accessToken": "hush-access-1", "expiresIn": 3600, "tokenType": "Bearer"}"#,
    )
}

/// The crate's own error, which may lie under one of credentials.
pub fn innermost(error: &Error) -> &Error {
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
