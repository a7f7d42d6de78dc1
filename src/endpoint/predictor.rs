//! What the SDK's predictor does with its endpoint.

use super::Endpoint;
use super::data_capture::DataCaptureConfig;
use super::names::name_from_base;
use super::update::EndpointUpdate;
use crate::error::Result;
use crate::predictor::AsyncPredictor;

impl<S, D> AsyncPredictor<S, D> {
    /// The endpoint, to look at it, scale it or remove it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.endpoint_name(), self.session())
    }

    /// Begins an update of the endpoint, as the SDK's `update_endpoint`: a new configuration is made
    /// from the one in use, and keeps what is not named.
    pub fn update_endpoint(&self) -> EndpointUpdate {
        self.endpoint().update()
    }

    /// Deletes the endpoint, and its configuration if `delete_config`, as the SDK's
    /// `delete_endpoint`. See [`Endpoint::delete`].
    pub fn delete_endpoint(&self, delete_config: bool) -> Result<()> {
        self.endpoint().delete(delete_config)
    }

    /// Deletes the endpoint's models, as the SDK's `delete_model`; before the endpoint is deleted. See
    /// [`Endpoint::delete_models`].
    pub fn delete_model(&self) -> Result<()> {
        self.endpoint().delete_models()
    }

    /// Keeps requests and answers for monitoring, with the SDK's defaults. Does not wait for the
    /// update; gives back the new configuration's name.
    pub fn enable_data_capture(&self) -> Result<String> {
        self.update_data_capture_config(DataCaptureConfig::enabled())
    }

    /// Keeps no requests and answers any more. Does not wait for the update; gives back the new
    /// configuration's name.
    pub fn disable_data_capture(&self) -> Result<String> {
        self.update_data_capture_config(DataCaptureConfig::disabled())
    }

    /// Keeps requests and answers in another way, as the SDK's `update_data_capture_config`. Does not
    /// wait for the update; gives back the new configuration's name, which is the endpoint's with the
    /// time.
    pub fn update_data_capture_config(&self, config: DataCaptureConfig) -> Result<String> {
        let now = self.session().sys().clock().now();
        self.update_endpoint()
            .endpoint_config_name(name_from_base(self.endpoint_name(), now))
            .data_capture_config(config)
            .start()
    }
}
