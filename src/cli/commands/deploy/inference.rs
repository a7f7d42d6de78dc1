//! The asynchronous inference configuration and data capture.

use clap::Args;
use sagemaker_async_inference::endpoint::DataCaptureConfig;
use sagemaker_async_inference::{AsyncInferenceConfig, NotificationConfig};

use crate::cli::output::exit::Outcome;

#[derive(Debug, Args)]
#[command(next_help_heading = "Asynchronous inference")]
pub(super) struct Inference {
    /// S3 prefix for outputs [default: async-endpoint-outputs/ in the default bucket]
    #[arg(long, value_name = "S3_URI")]
    output_path: Option<String>,

    /// S3 prefix for failures [default: async-endpoint-failures/ in the default bucket]
    #[arg(long, value_name = "S3_URI")]
    failure_path: Option<String>,

    /// Maximum number of concurrent invocations per instance, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    max_concurrent: Option<u32>,

    /// The KMS key to encrypt outputs with
    #[arg(long, value_name = "ID")]
    output_kms_key: Option<String>,

    /// The SNS topic to notify of results
    #[arg(long, value_name = "ARN")]
    success_topic: Option<String>,

    /// The SNS topic to notify of failures
    #[arg(long, value_name = "ARN")]
    error_topic: Option<String>,

    /// S3 prefix for captured requests and responses (data capture)
    #[arg(long, value_name = "S3_URI")]
    capture_to: Option<String>,

    /// Percentage of requests to capture [default: 20]
    #[arg(long, value_name = "PERCENT", requires = "capture_to")]
    capture_percentage: Option<u32>,
}

impl Inference {
    pub(super) fn config(&self) -> Outcome<AsyncInferenceConfig> {
        let mut config = AsyncInferenceConfig::builder();
        if let Some(path) = &self.output_path {
            config = config.output_path(path);
        }
        if let Some(path) = &self.failure_path {
            config = config.failure_path(path);
        }
        if let Some(count) = self.max_concurrent {
            config = config.max_concurrent_invocations_per_instance(count);
        }
        if let Some(id) = &self.output_kms_key {
            config = config.kms_key_id(id);
        }
        if self.success_topic.is_some() || self.error_topic.is_some() {
            let mut notification = NotificationConfig::builder();
            if let Some(arn) = &self.success_topic {
                notification = notification.success_topic(arn);
            }
            if let Some(arn) = &self.error_topic {
                notification = notification.error_topic(arn);
            }
            config = config.notification_config(notification.build()?);
        }
        Ok(config.build()?)
    }

    pub(super) fn capture(&self) -> Option<DataCaptureConfig> {
        let place = self.capture_to.as_ref()?;
        let capture = DataCaptureConfig::enabled().destination(place);
        Some(match self.capture_percentage {
            Some(percentage) => capture.sampling_percentage(percentage),
            None => capture,
        })
    }
}
