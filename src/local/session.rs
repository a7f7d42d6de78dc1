//! Sessions that speak to the endpoint.

use super::LocalEndpoint;
use crate::credentials::Credentials;
use crate::sys::{Environment, Sys};
use crate::{Result, Session, SessionBuilder};

impl LocalEndpoint {
    /// Creates a session for this endpoint: its region, credentials, bucket and URL.
    ///
    /// # Errors
    /// Those of [`SessionBuilder::build`](crate::SessionBuilder::build), for the endpoint's region and bucket.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?)
    ///     .with_waiter_config(WaiterConfig::new(600, Duration::from_millis(50))?);
    /// let response: String = predictor.predict("hello")?;
    /// assert_eq!(response, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> Result<Session> {
        self.session_builder().build()
    }

    /// Returns the builder of such a session, to change more settings. It reads nothing from the process's
    /// environment, and has the endpoint's clock.
    pub fn session_builder(&self) -> SessionBuilder {
        let credentials = Credentials::new(
            self.access_key(),
            self.secret_key(),
            self.session_token().map(str::to_owned),
            None,
            "LocalEndpoint",
        );
        let clock = self.shared.services.common.clock.clone();
        let sys = Sys::real()
            .with_environment(Environment::empty())
            .with_clock(clock);
        Session::builder()
            .sys(sys)
            .region(self.region())
            .credentials(credentials)
            .endpoint_url(self.url())
            .default_bucket(self.bucket())
    }
}
