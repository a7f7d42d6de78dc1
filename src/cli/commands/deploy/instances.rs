//! The instances of a deployment.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::endpoint::ProductionVariant;

use crate::cli::args::values::{VARIANT, duration};

#[derive(Debug, Args)]
#[command(next_help_heading = "Instances")]
pub(super) struct Instances {
    /// The instance type
    #[arg(long, value_name = "TYPE")]
    instance_type: String,

    /// Initial number of instances
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    instance_count: u32,

    /// Size of each instance's volume in GB, 1 to 512 [default: by the instance type]
    #[arg(long, value_name = "GB")]
    volume_size: Option<u32>,

    /// The KMS key to encrypt volumes with
    #[arg(long, value_name = "ID")]
    pub(super) kms_key: Option<String>,

    /// Time limit for the container to respond to /ping, 1m to 1h [default: the service's]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    startup_timeout: Option<Duration>,

    /// Time limit for the download of the model data, 1m to 1h [default: the service's]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    download_timeout: Option<Duration>,
}

impl Instances {
    pub(super) fn variant(&self, model_name: &str) -> ProductionVariant {
        let (kind, count) = (&self.instance_type, self.instance_count);
        let mut variant = ProductionVariant::new(VARIANT, model_name, kind, count);
        if let Some(size) = self.volume_size {
            variant = variant.volume_size_in_gb(size);
        }
        if let Some(timeout) = self.startup_timeout {
            variant = variant.container_startup_health_check_timeout(timeout);
        }
        if let Some(timeout) = self.download_timeout {
            variant = variant.model_data_download_timeout(timeout);
        }
        variant
    }
}
