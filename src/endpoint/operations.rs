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
use crate::aws::{RequestPolicy, sagemaker};
use crate::error::{Resource, Result};
use crate::limits::check_name;
use crate::limits::facts::sagemaker::RESOURCE_ARN;
use crate::session::Session;

/// The single operations of `SageMaker`'s control plane, under the API's names. Each method blocks,
/// and is one request (of which the lists are several).
///
/// [`Endpoint`](crate::endpoint::Endpoint) puts them together: deploy, update, remove.
///
/// # What a lost answer means
///
/// The API has no idempotency tokens. Whatever asks or sets a state is repeated as the session's
/// [`RetryConfig`](crate::session::RetryConfig) says. A create whose answer is lost is followed by a look: what
/// is there and is as it was asked for counts as made; if nothing is there, the request is sent again;
/// if something else of that name is there, the error stands. An update is looked after in the same
/// way, and a delete that is repeated, or whose answers are all lost, counts as done when the thing is not
/// found any more.
///
/// # Errors
///
/// [`Error::InvalidInput`](crate::Error::InvalidInput) before anything is sent, with the value, the
/// limit and what to do. [`Error::Service`](crate::Error::Service) with the service's code:
/// `ResourceLimitExceeded` (a quota), `ResourceInUse`, and `ValidationException` for most else: a name
/// that is there already or is not there, an endpoint that is in progress, a role that cannot be
/// assumed, an image or model data that cannot be had; [`remedy`](crate::ServiceError::remedy) says
/// what to do.
///
/// ```
/// # #[cfg(feature = "local")] {
/// # use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{ContainerDefinition, Model, SageMaker};
///
/// # let local = LocalEndpoint::builder().start()?;
/// # let session = local.session()?;
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
pub struct SageMaker {
    session: Session,
}

impl SageMaker {
    /// In the session's region and account.
    pub fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
        }
    }

    /// `CreateModel`; gives back the ARN.
    pub fn create_model(&self, model: &Model) -> Result<String> {
        model.validate()?;
        self.create(Resource::Model(model.name().to_owned()), &model.to_json())
    }

    /// `CreateEndpointConfig`; gives back the ARN.
    pub fn create_endpoint_config(&self, config: &EndpointConfig) -> Result<String> {
        config.validate()?;
        let resource = Resource::EndpointConfig(config.name().to_owned());
        self.create(resource, &config.to_json())
    }

    /// `CreateEndpoint`; gives back the ARN. The endpoint is in service some minutes later, see
    /// [`Endpoint::wait_in_service`](crate::endpoint::Endpoint::wait_in_service).
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
        }
        .make(&self.session)?;
        Ok(arn)
    }

    /// `UpdateEndpoint`: the endpoint goes over to a configuration that is there.
    pub fn update_endpoint(&self, request: &UpdateEndpoint) -> Result<()> {
        request.validate()?;
        let (name, config) = (request.endpoint_name(), request.endpoint_config_name());
        settle::update(&self.session, name, config, &request.to_json())
    }

    /// `UpdateEndpointWeightsAndCapacities`: so many instances of a variant, at once and without a
    /// new configuration; 0 only where scaling allows it.
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

    /// `UpdateEndpointWeightsAndCapacities`: another share of the requests for a variant.
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
        sagemaker::update_endpoint_weights_and_capacities(
            self.session.caller(),
            endpoint_name,
            &input,
        )?;
        Ok(())
    }

    /// `DescribeModel`.
    pub fn describe_model(&self, name: &str) -> Result<ModelDescription> {
        check_name("model name", name)?;
        let answer = sagemaker::describe_model(self.session.caller(), name)?;
        Ok(ModelDescription::new(answer))
    }

    /// `DescribeEndpointConfig`.
    pub fn describe_endpoint_config(&self, name: &str) -> Result<EndpointConfigDescription> {
        check_name("endpoint configuration name", name)?;
        let answer = sagemaker::describe_endpoint_config(self.session.caller(), name)?;
        Ok(EndpointConfigDescription::new(answer))
    }

    /// `DescribeEndpoint`.
    pub fn describe_endpoint(&self, name: &str) -> Result<EndpointDescription> {
        check_name("endpoint name", name)?;
        let answer =
            sagemaker::describe_endpoint(self.session.caller(), name, RequestPolicy::default())?;
        Ok(EndpointDescription::new(answer))
    }

    /// `DeleteModel`. Endpoints that run it run on, but cannot be scaled or repaired any more: delete
    /// them first.
    pub fn delete_model(&self, name: &str) -> Result<()> {
        check_name("model name", name)?;
        settle::delete(&self.session, &Resource::Model(name.to_owned()))
    }

    /// `DeleteEndpointConfig`. Not for one that an endpoint still uses or goes over to.
    pub fn delete_endpoint_config(&self, name: &str) -> Result<()> {
        check_name("endpoint configuration name", name)?;
        settle::delete(&self.session, &Resource::EndpointConfig(name.to_owned()))
    }

    /// `DeleteEndpoint`. Not while it is being made or updated. It is gone some time later, see
    /// [`Endpoint::wait_deleted`](crate::endpoint::Endpoint::wait_deleted).
    pub fn delete_endpoint(&self, name: &str) -> Result<()> {
        check_name("endpoint name", name)?;
        settle::delete(&self.session, &Resource::Endpoint(name.to_owned()))
    }

    /// Deletes what a [`DeploymentError`](crate::error::DeploymentError) names: with `DeleteModel`,
    /// `DeleteEndpointConfig`, `DeleteEndpoint`, or as
    /// [`VariantScaling::remove`](crate::endpoint::VariantScaling::remove).
    pub fn delete(&self, resource: &Resource) -> Result<()> {
        match resource {
            Resource::Model(name) => self.delete_model(name),
            Resource::EndpointConfig(name) => self.delete_endpoint_config(name),
            Resource::Endpoint(name) => self.delete_endpoint(name),
            Resource::Scaling(_) => settle::delete(&self.session, resource),
        }
    }

    /// `ListEndpoints`: all of them, one after another; the pages are asked for as they are needed.
    pub fn list_endpoints(&self, request: &ListEndpoints) -> ListedEndpoints {
        ListedEndpoints {
            session: self.session.clone(),
            checked: request.validate().map_err(crate::Error::from).err(),
            next: Some(request.to_json()),
            page: VecDeque::new(),
        }
    }

    /// `ListTags`: the tags of a model, a configuration or an endpoint, by its ARN.
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

/// The endpoints of an account, as an iterator. After an error it ends.
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
        let mut answer = sagemaker::list_endpoints(self.session.caller(), &request)?;
        if let Some(Value::Array(found)) = answer.get_mut("Endpoints").map(Value::take) {
            self.page
                .extend(found.into_iter().map(EndpointSummary::new));
        }
        // A token that comes back as it was sent would lead round in circles.
        if let Some(token) = answer.get("NextToken").and_then(Value::as_str)
            && !token.is_empty()
            && request.get("NextToken").and_then(Value::as_str) != Some(token)
        {
            request["NextToken"] = token.into();
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
