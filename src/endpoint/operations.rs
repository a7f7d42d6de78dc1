//! The single operations of `SageMaker`'s control plane.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::config::EndpointConfig;
use super::describe::{
    EndpointConfigDescription, EndpointDescription, EndpointSummary, ModelDescription,
};
use super::document::number;
use super::model::Model;
use super::requests::{CreateEndpoint, ListEndpoints, UpdateEndpoint};
use super::settle::{self, Creation};
use crate::InvalidInput;
use crate::aws::json_rpc::next_token;
use crate::aws::sagemaker;
use crate::error::{Resource, Result};
use crate::limits::check_name;
use crate::limits::facts::sagemaker::RESOURCE_ARN;
use crate::session::Session;

/// The single operations of `SageMaker`'s control plane, under the API's names. Each method blocks and sends one
/// request; a list sends one for each page.
///
/// [`Endpoint`](crate::endpoint::Endpoint) puts them together: deploy, update, remove.
///
/// # What a lost response means
///
/// The API has no idempotency tokens. Requests that read or set a state are retried as the session's
/// [`RetryConfig`](crate::session::RetryConfig) specifies. If the response to a create is lost, the resource is
/// described: one that exists as requested counts as created; if none exists, the request is sent again; if a
/// different one of that name exists, the error is returned. An update is checked in the same way. A delete that is
/// retried, or of which all responses are lost, counts as done when the resource does not exist any more.
///
/// # Errors
///
/// [`Error::InvalidInput`](crate::Error::InvalidInput) before anything is sent, with the value, the limit and the
/// remedy. [`Error::Service`](crate::Error::Service) with the service's code: `ResourceLimitExceeded` (a quota),
/// `ResourceInUse`, and `ValidationException` for most others: a name that is taken or does not exist, an endpoint
/// that is being changed, a role that cannot be assumed, an image or model data that cannot be read;
/// [`remedy`](crate::ServiceError::remedy) has advice. [`Error::Transport`](crate::Error::Transport),
/// [`Error::Credentials`](crate::Error::Credentials), [`Error::Config`](crate::Error::Config): there was no response,
/// there are no credentials, or the service has no address.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{ContainerDefinition, Model, SageMaker};
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?;
/// let sagemaker = SageMaker::new(&session);
/// let container = ContainerDefinition::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1");
/// let role = "arn:aws:iam::123456789012:role/my-role";
/// let arn = sagemaker.create_model(&Model::new("my-model", container).execution_role_arn(role))?;
/// assert!(arn.ends_with(":model/my-model"));
/// sagemaker.delete_model("my-model")?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SageMaker {
    session: Session,
}

impl SageMaker {
    /// Creates a client for the session's region and account. Sends no request.
    pub fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
        }
    }

    /// Creates a model (`CreateModel`) and returns its ARN.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ResourceLimitExceeded` for a quota, and
    /// `ValidationException` for a name that is taken, a role that cannot be assumed, an image or model data
    /// that cannot be read.
    pub fn create_model(&self, model: &Model) -> Result<String> {
        model.validate()?;
        self.create(Resource::Model(model.name().to_owned()), &model.to_json())
    }

    /// Creates an endpoint configuration (`CreateEndpointConfig`) and returns its ARN.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` for a name that is taken or a model
    /// that does not exist.
    pub fn create_endpoint_config(&self, config: &EndpointConfig) -> Result<String> {
        config.validate()?;
        let resource = Resource::EndpointConfig(config.name().to_owned());
        self.create(resource, &config.to_json())
    }

    /// Creates an endpoint (`CreateEndpoint`) and returns its ARN. The endpoint is in service some minutes later:
    /// see [`Endpoint::wait_in_service`](crate::endpoint::Endpoint::wait_in_service).
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ResourceLimitExceeded` for a quota of instances, and
    /// `ValidationException` for a name that is taken or a configuration that does not exist.
    pub fn create_endpoint(&self, request: &CreateEndpoint) -> Result<String> {
        request.validate()?;
        let resource = Resource::Endpoint(request.endpoint_name().to_owned());
        self.create(resource, &request.to_json())
    }

    fn create(&self, resource: Resource, input: &Value) -> Result<String> {
        let (arn, _) = Creation {
            resource,
            input,
            taken_up: None,
            follows: false,
        }
        .make(&self.session)
        .map_err(|failed| failed.error)?;
        Ok(arn)
    }

    /// Switches an endpoint to an existing configuration (`UpdateEndpoint`). Does not wait.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` while the endpoint is being changed.
    pub fn update_endpoint(&self, request: &UpdateEndpoint) -> Result<()> {
        request.validate()?;
        let (name, config) = (request.endpoint_name(), request.endpoint_config_name());
        settle::update(&self.session, name, config, &request.to_json(), false)
    }

    /// Sets the number of instances of a variant (`UpdateEndpointWeightsAndCapacities`), without a new
    /// configuration. 0 is accepted only where scaling allows it.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` while the endpoint is being changed,
    /// and for 0 where it is not allowed.
    pub fn update_instance_count(
        &self,
        endpoint_name: &str,
        variant_name: &str,
        count: u32,
    ) -> Result<()> {
        self.update_variant(
            endpoint_name,
            variant_name,
            "DesiredInstanceCount",
            count.into(),
        )
    }

    /// Sets the weight of a variant, its share of the requests (`UpdateEndpointWeightsAndCapacities`).
    ///
    /// # Errors
    /// [Those of the type](Self#errors); [`Error::InvalidInput`](crate::Error::InvalidInput) also if the weight
    /// is negative or not finite.
    pub fn update_weight(
        &self,
        endpoint_name: &str,
        variant_name: &str,
        weight: f64,
    ) -> Result<()> {
        if !weight.is_finite() || weight < 0.0 {
            return Err(crate::InvalidInput::new(
                "weight",
                weight.to_string(),
                "a number, 0 or more",
                "choose a value in this range",
            )
            .into());
        }
        self.update_variant(endpoint_name, variant_name, "DesiredWeight", number(weight))
    }

    fn update_variant(
        &self,
        endpoint_name: &str,
        variant_name: &str,
        member: &str,
        value: Value,
    ) -> Result<()> {
        check_name("endpoint name", endpoint_name)?;
        check_name("variant name", variant_name)?;
        let variant = Map::from_iter([
            ("VariantName".to_owned(), variant_name.into()),
            (member.to_owned(), value),
        ]);
        let input = json!({
            "EndpointName": endpoint_name,
            "DesiredWeightsAndCapacities": [variant],
        });
        let operation = sagemaker::UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES;
        operation.send(self.session.caller(), endpoint_name, &input)?;
        Ok(())
    }

    /// Describes a model (`DescribeModel`): images, role, creation time.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` if there is none of this name.
    pub fn describe_model(&self, name: &str) -> Result<ModelDescription> {
        check_name("model name", name)?;
        let found = settle::describe(&self.session, &Resource::Model(name.to_owned()))?;
        Ok(ModelDescription::new(found))
    }

    /// Describes an endpoint configuration (`DescribeEndpointConfig`): variants, output location.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` if there is none of this name.
    pub fn describe_endpoint_config(&self, name: &str) -> Result<EndpointConfigDescription> {
        check_name("endpoint configuration name", name)?;
        let found = settle::describe(&self.session, &Resource::EndpointConfig(name.to_owned()))?;
        Ok(EndpointConfigDescription::new(found))
    }

    /// Describes an endpoint (`DescribeEndpoint`): state, instances, configuration in use.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` if there is none of this name.
    pub fn describe_endpoint(&self, name: &str) -> Result<EndpointDescription> {
        check_name("endpoint name", name)?;
        let found = settle::describe(&self.session, &Resource::Endpoint(name.to_owned()))?;
        Ok(EndpointDescription::new(found))
    }

    /// `DeleteModel`. Endpoints that use it keep running, but can no longer be scaled or repaired: delete them
    /// first.
    ///
    /// # Errors
    /// [Those of the type](Self#errors); the code is `ValidationException` if there is none of this name, unless an
    /// earlier attempt of this call deleted it.
    pub fn delete_model(&self, name: &str) -> Result<()> {
        check_name("model name", name)?;
        settle::delete(&self.session, &Resource::Model(name.to_owned()))
    }

    /// `DeleteEndpointConfig`. Do not delete one that an endpoint uses or is switching to.
    ///
    /// # Errors
    /// Those of [`delete_model`](Self::delete_model).
    pub fn delete_endpoint_config(&self, name: &str) -> Result<()> {
        check_name("endpoint configuration name", name)?;
        settle::delete(&self.session, &Resource::EndpointConfig(name.to_owned()))
    }

    /// `DeleteEndpoint`. The service refuses it while the endpoint is being created or updated. The deletion takes
    /// some time: see [`Endpoint::wait_deleted`](crate::endpoint::Endpoint::wait_deleted).
    ///
    /// # Errors
    /// Those of [`delete_model`](Self::delete_model), and `ValidationException` while it is being created or
    /// updated.
    pub fn delete_endpoint(&self, name: &str) -> Result<()> {
        check_name("endpoint name", name)?;
        settle::delete(&self.session, &Resource::Endpoint(name.to_owned()))
    }

    /// Deletes what a [`DeploymentError`](crate::error::DeploymentError) names: with `DeleteModel`,
    /// `DeleteEndpointConfig`, `DeleteEndpoint`, or as
    /// [`VariantScaling::remove`](crate::endpoint::VariantScaling::remove).
    ///
    /// # Errors
    /// Those of the method that deletes it. [`Error::InvalidInput`](crate::Error::InvalidInput) also for a
    /// [`Resource::Scaling`] whose id has another form than the error's.
    pub fn delete(&self, resource: &Resource) -> Result<()> {
        match resource {
            Resource::Model(name) => self.delete_model(name),
            Resource::EndpointConfig(name) => self.delete_endpoint_config(name),
            Resource::Endpoint(name) => self.delete_endpoint(name),
            Resource::Scaling(_) => settle::delete(&self.session, resource),
        }
    }

    /// Lists endpoints (`ListEndpoints`). Pages are requested as the iterator needs them.
    pub fn list_endpoints(&self, request: &ListEndpoints) -> ListedEndpoints {
        ListedEndpoints {
            session: self.session.clone(),
            checked: request.validate().map_err(crate::Error::from).err(),
            next: Some(request.to_json()),
            page: VecDeque::new(),
        }
    }

    /// Returns the tags of a model, a configuration or an endpoint, by its ARN (`ListTags`).
    ///
    /// # Errors
    /// [Those of the type](Self#errors); [`Error::InvalidInput`](crate::Error::InvalidInput) if it is not an
    /// ARN.
    pub fn list_tags(&self, resource_arn: &str) -> Result<Vec<(String, String)>> {
        RESOURCE_ARN
            .check("resource ARN", resource_arn)
            .map_err(InvalidInput::from)?;
        let tags = sagemaker::list_tags(self.session.caller(), resource_arn)?;
        Ok(tags.iter().filter_map(read_tag).collect())
    }
}

pub(crate) fn read_tag(tag: &Value) -> Option<(String, String)> {
    let text = |member| Some(tag.get(member)?.as_str()?.to_owned());
    Some((text("Key")?, text("Value")?))
}

/// Iterates over the endpoints of an account. Ends after an error.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::{ListEndpoints, SageMaker};
///
/// let session = Session::from_env()?;
/// let mut endpoints = SageMaker::new(&session).list_endpoints(&ListEndpoints::new());
/// let newest = endpoints.next().transpose()?;
/// # let _ = newest;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "an iterator lists nothing until its items are taken"]
pub struct ListedEndpoints {
    session: Session,
    /// What is wrong with the request.
    checked: Option<crate::Error>,
    /// The request for the next page.
    next: Option<Value>,
    page: VecDeque<EndpointSummary>,
}

impl ListedEndpoints {
    fn fetch(&mut self, mut request: Value) -> Result<()> {
        let mut listed =
            sagemaker::LIST_ENDPOINTS.send(self.session.caller(), "endpoints", &request)?;
        if let Some(Value::Array(found)) = listed.get_mut("Endpoints").map(Value::take) {
            self.page
                .extend(found.into_iter().map(EndpointSummary::new));
        }
        if let Some(token) = next_token(&listed, request.get("NextToken")) {
            request["NextToken"] = token;
            self.next = Some(request);
        }
        Ok(())
    }
}

impl Iterator for ListedEndpoints {
    type Item = Result<EndpointSummary>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.checked.take() {
            self.next = None;
            return Some(Err(error));
        }
        loop {
            if let Some(endpoint) = self.page.pop_front() {
                return Some(Ok(endpoint));
            }
            let request = self.next.take()?;
            if let Err(error) = self.fetch(request) {
                return Some(Err(error));
            }
        }
    }
}
