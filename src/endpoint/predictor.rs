//! What the SDK's predictor does with its endpoint.

use super::Endpoint;
use super::data_capture::DataCaptureConfig;
use super::names::name_from_base;
use super::update::EndpointUpdate;
use crate::error::Result;
use crate::predictor::AsyncPredictor;

impl<S, D> AsyncPredictor<S, D> {
    /// The endpoint, to describe, scale or remove it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.endpoint_name(), self.session())
    }

    /// Starts to build an update of the endpoint, like the SDK's `update_endpoint`: a new configuration is
    /// created from the one in use and keeps what is not set.
    pub fn update_endpoint(&self) -> EndpointUpdate {
        self.endpoint().update()
    }

    /// Deletes the endpoint, and its configuration if `delete_config`, as the SDK's
    /// `delete_endpoint`.
    ///
    /// # Errors
    /// Those of [`Endpoint::delete`].
    pub fn delete_endpoint(&self, delete_config: bool) -> Result<()> {
        self.endpoint().delete(delete_config)
    }

    /// Deletes the endpoint's models, as the SDK's `delete_model`. Call it before the endpoint is deleted.
    ///
    /// # Errors
    /// Those of [`Endpoint::delete_models`].
    pub fn delete_model(&self) -> Result<()> {
        self.endpoint().delete_models()
    }

    /// Enables data capture with the SDK's defaults. Does not wait for the update; returns the new
    /// configuration's name.
    ///
    /// # Errors
    /// Those of [`update_data_capture_config`](Self::update_data_capture_config).
    pub fn enable_data_capture(&self) -> Result<String> {
        self.update_data_capture_config(DataCaptureConfig::enabled())
    }

    /// Disables data capture. Does not wait for the update; returns the new configuration's name.
    ///
    /// # Errors
    /// Those of [`update_data_capture_config`](Self::update_data_capture_config).
    pub fn disable_data_capture(&self) -> Result<String> {
        self.update_data_capture_config(DataCaptureConfig::disabled())
    }

    /// Replaces the settings of data capture, like the SDK's `update_data_capture_config`. Does not wait for the
    /// update; returns the new configuration's name, which is the endpoint's with the time.
    ///
    /// # Errors
    /// Those of [`EndpointUpdate::start`](crate::endpoint::EndpointUpdate::start).
    pub fn update_data_capture_config(&self, config: DataCaptureConfig) -> Result<String> {
        let now = self.session().sys().clock().now();
        self.update_endpoint()
            .endpoint_config_name(name_from_base(self.endpoint_name(), now))
            .data_capture_config(config)
            .start()
    }
}
