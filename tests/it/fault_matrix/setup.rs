//! What a program has at hand when it has an operation sent.

use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::Session;
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys, SystemClock};

use crate::fault_matrix::operation::{Outcome, RESULT};
use crate::fault_matrix::server::Server;
use crate::support::client::{builder, keys, predictor, uri};
use crate::support::{ACCESS_KEY, SECRET_KEY};

/// An object of a bucket of its own, which no operation knows.
pub const WARM_UP: &str = "s3://warm-up/nothing";
pub const OUTPUT: &str = "s3://my-bucket/out";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/invoker";

/// What a program has at hand.
pub struct Setup {
    url: String,
    root: Option<String>,
    timeouts: Timeouts,
    hasty: bool,
    clock: ManualClock,
    pub session: Session,
}

impl Setup {
    pub fn at(server: &Server, hasty: bool) -> Self {
        let clock = ManualClock::new();
        let mut timeouts = Timeouts::default();
        if hasty {
            timeouts = timeouts.with_read(Duration::from_secs(2));
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
            hasty,
            clock,
            session: builder.build().expect("a session"),
        }
    }

    /// Leaves a pooled connection, to which the server then applies the fault.
    pub fn warm_up(&self, server: &Server) {
        let response = AsyncInferenceResponse::new(&predictor(&self.session), uri(WARM_UP), None)
            .expect("valid locations");
        let nothing = response.try_get_result::<Vec<u8>>();
        assert!(matches!(nothing, Ok(None)), "{nothing:?}");
        server.end_kept_connection();
        // The end arrives when the system has time for it.
        SystemClock.sleep(Duration::from_millis(20));
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// One whose default bucket has to be derived.
    pub fn without_bucket(&self) -> Session {
        self.other(&[], Vec::new(), true)
    }

    /// One whose credentials come from the default chain; sends a request that needs them.
    pub fn with_chain(&self, variables: &[(&str, &str)], files: Vec<(&str, String)>) -> Outcome {
        let session = self.other(variables, files, false);
        let response = AsyncInferenceResponse::new(&predictor(&session), uri(OUTPUT), None)
            .expect("valid locations");
        response.try_get_result::<Vec<u8>>()?;
        Ok(RESULT)
    }

    /// On a machine with a metadata service, which has time for each response, or 3 s.
    pub fn with_instance(&self) -> Outcome {
        let seconds = if self.hasty { "3" } else { "30" };
        let variables = [
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*self.url),
            ("AWS_METADATA_SERVICE_TIMEOUT", seconds),
        ];
        self.with_chain(&variables, Vec::new())
    }

    pub fn with_sso(&self, expires: &str) -> Outcome {
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
