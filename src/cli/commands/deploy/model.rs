//! The model of a deployment: a new or an existing one.

use clap::Args;
use sagemaker_async_inference::endpoint::{ContainerDefinition, Model, VpcConfig};

use crate::cli::args::values::variable;
use crate::cli::output::exit::{CommandError, Outcome};

#[derive(Debug, Args)]
#[command(next_help_heading = "The model")]
pub(super) struct ModelChoice {
    /// The container's image, for a new model
    #[arg(long, value_name = "URI", required_unless_present_any = ["model_package", "model_name"])]
    image: Option<String>,

    /// A model package, for a new model
    #[arg(long, value_name = "ARN", conflicts_with = "image")]
    model_package: Option<String>,

    /// An existing model; with --image or --model-package, the new model's name [default: the endpoint's name]
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,

    /// The model data in S3: a tar.gz, or a prefix of uncompressed files, ending in a slash
    #[arg(long, value_name = "S3_URI")]
    model_data: Option<String>,

    /// An environment variable of the container. NAME alone passes on this process's value, for secrets: other users
    /// can read arguments. Repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// The execution role that SageMaker assumes
    #[arg(long, value_name = "ARN")]
    role: Option<String>,

    /// A subnet of the containers. Repeatable
    #[arg(long, value_name = "ID", requires = "security_group")]
    subnet: Vec<String>,

    /// A security group of the containers. Repeatable
    #[arg(long, value_name = "ID", requires = "subnet")]
    security_group: Vec<String>,

    /// Isolate the containers from the network
    #[arg(long)]
    network_isolation: bool,
}

/// The model of a deployment.
pub(super) enum Chosen {
    New(Model),
    There(String),
}

impl Chosen {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::New(model) => model.name(),
            Self::There(name) => name,
        }
    }
}

impl ModelChoice {
    pub(super) fn choose(&self, endpoint: &str) -> Outcome<Chosen> {
        match (self.container(), &self.model_name) {
            (Some(container), name) => {
                let name = name.as_deref().unwrap_or(endpoint);
                Ok(Chosen::New(self.model(name, container)))
            }
            (None, Some(_)) if self.describes_a_new_one() => Err(CommandError::usage(
                "--model-data, --env, --role, --subnet, --security-group and --network-isolation \
                are for a new model; --model-name alone names an existing one",
            )),
            (None, Some(name)) => Ok(Chosen::There(name.clone())),
            (None, None) => Err(CommandError::usage("name an --image or a --model-name")),
        }
    }

    fn describes_a_new_one(&self) -> bool {
        self.model_data.is_some()
            || !self.env.is_empty()
            || self.role.is_some()
            || !self.subnet.is_empty()
            || self.network_isolation
    }

    fn model(&self, name: &str, container: ContainerDefinition) -> Model {
        let mut model = Model::new(name, container);
        if let Some(role) = &self.role {
            model = model.execution_role_arn(role);
        }
        if !self.subnet.is_empty() {
            let vpc = VpcConfig::new(self.security_group.clone(), self.subnet.clone());
            model = model.vpc_config(vpc);
        }
        if self.network_isolation {
            model = model.network_isolation(true);
        }
        model
    }

    fn container(&self) -> Option<ContainerDefinition> {
        let mut container = match (&self.image, &self.model_package) {
            (Some(image), _) => ContainerDefinition::new(image),
            (None, Some(package)) => ContainerDefinition::from_model_package(package),
            (None, None) => return None,
        };
        container = match &self.model_data {
            Some(folder) if folder.ends_with('/') => container.uncompressed_model_data(folder),
            Some(archive) => container.model_data_url(archive),
            None => container,
        };
        for (name, value) in &self.env {
            container = container.environment(name, value);
        }
        Some(container)
    }
}
