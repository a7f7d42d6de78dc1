//! What makes an endpoint asynchronous: `AsyncInferenceConfig` of `CreateEndpointConfig`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::InvalidInput;
use crate::limits::facts::sagemaker::{
    ASYNC_INFERENCE_CONFIG, ASYNC_INFERENCE_NOTIFICATION_CONFIG,
};
use crate::limits::members;

/// The settings of asynchronous inference: where results are stored, under which key, and which topics are
/// notified.
///
/// The default is an empty configuration: SageMaker needs an output path, which a deployment fills in (as the
/// Python SDK does, with the default bucket).
///
/// Limits, from the API's model (shape `AsyncInferenceConfig`), checked by the builder:
///
/// - `output_path`, `failure_path`: at most 512 characters, `s3://..` or `https://..`
/// - `kms_key_id`: at most 2048 of `a-z A-Z 0-9 : / _ -`
/// - `max_concurrent_invocations_per_instance`: 1 to 1000; if it is left out, SageMaker chooses
///
/// Without a failure path a failed request leaves no object, so a waiting client cannot see the failure and waits
/// until its own deadline. Set one.
///
/// Written with serde this is the API's JSON, with absent options left out and `OutputConfig` always there. The
/// API's JSON is read leniently: absent and null are the same, unknown members are ignored, and limits are not
/// enforced; [`validate`](Self::validate) does that.
///
/// ```
/// use sagemaker_async_inference::{AsyncInferenceConfig, NotificationConfig};
/// use serde_json::json;
///
/// let config = AsyncInferenceConfig::builder()
///     .output_path("s3://my-bucket/results/")
///     .failure_path("s3://my-bucket/failures/")
///     .max_concurrent_invocations_per_instance(4)
///     .build()?;
/// assert_eq!(
///     serde_json::to_value(&config)?,
///     json!({
///         "OutputConfig": {
///             "S3OutputPath": "s3://my-bucket/results/",
///             "S3FailurePath": "s3://my-bucket/failures/",
///         },
///         "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
///     })
/// );
///
/// let read: AsyncInferenceConfig = serde_json::from_str(r#"{"OutputConfig": {}}"#)?;
/// assert_eq!(read, AsyncInferenceConfig::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct AsyncInferenceConfig {
    output: OutputConfig,
    client: ClientConfig,
}

/// The Amazon SNS topics that the service notifies of finished inferences.
///
/// Limits, from the API's model (shape `AsyncInferenceNotificationConfig`), checked by the builder: topics are
/// ARNs of SNS topics, at most 2048 characters; at most two kinds of topic include the response. By default no
/// topic is notified.
///
/// ```
/// use sagemaker_async_inference::NotificationConfig;
/// use sagemaker_async_inference::endpoint::NotificationTopic;
///
/// let notification = NotificationConfig::builder()
///     .success_topic("arn:aws:sns:us-east-1:123456789012:done")
///     .error_topic("arn:aws:sns:us-east-1:123456789012:failed")
///     .include_inference_response_in([NotificationTopic::Success])
///     .build()?;
/// assert_eq!(notification.success_topic(), Some("arn:aws:sns:us-east-1:123456789012:done"));
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[must_use]
pub struct NotificationConfig {
    success_topic: Option<String>,
    error_topic: Option<String>,
    include_inference_response_in: Option<Vec<NotificationTopic>>,
}

/// A kind of topic whose messages include the inference response, if that is at most 128 KB.
///
/// The API's `AsyncNotificationTopicTypes`; in JSON the API's names.
///
/// ```
/// use sagemaker_async_inference::endpoint::NotificationTopic;
///
/// assert_eq!(NotificationTopic::Error.as_str(), "ERROR_NOTIFICATION_TOPIC");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotificationTopic {
    /// `SUCCESS_NOTIFICATION_TOPIC`
    Success,
    /// `ERROR_NOTIFICATION_TOPIC`
    Error,
    /// A kind that this version does not know; passed on as it is.
    Other(String),
}

crate::words::open_words!(NotificationTopic, {
    Success => "SUCCESS_NOTIFICATION_TOPIC",
    Error => "ERROR_NOTIFICATION_TOPIC",
});

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct OutputConfig {
    #[serde(rename = "S3OutputPath")]
    output_path: Option<String>,
    #[serde(rename = "S3FailurePath")]
    failure_path: Option<String>,
    #[serde(rename = "KmsKeyId")]
    kms_key_id: Option<String>,
    #[serde(rename = "NotificationConfig")]
    notification: Option<NotificationConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct ClientConfig {
    #[serde(rename = "MaxConcurrentInvocationsPerInstance")]
    max_concurrent_invocations_per_instance: Option<u32>,
}

impl AsyncInferenceConfig {
    /// Returns a builder in which nothing is set.
    pub fn builder() -> AsyncInferenceConfigBuilder {
        Self::default().to_builder()
    }

    /// Returns a builder with the settings of this configuration.
    pub fn to_builder(&self) -> AsyncInferenceConfigBuilder {
        AsyncInferenceConfigBuilder {
            config: self.clone(),
        }
    }

    /// Where results are stored (`S3OutputPath`).
    pub fn output_path(&self) -> Option<&str> {
        self.output.output_path.as_deref()
    }

    /// Where failures are stored (`S3FailurePath`).
    pub fn failure_path(&self) -> Option<&str> {
        self.output.failure_path.as_deref()
    }

    /// The key that encrypts the results (`KmsKeyId`): an id, an ARN or an alias.
    pub fn kms_key_id(&self) -> Option<&str> {
        self.output.kms_key_id.as_deref()
    }

    /// The topics that are notified (`NotificationConfig`).
    pub fn notification_config(&self) -> Option<&NotificationConfig> {
        self.output.notification.as_ref()
    }

    /// Maximum number of requests that SageMaker sends to an instance at a time; if absent, SageMaker chooses.
    pub fn max_concurrent_invocations_per_instance(&self) -> Option<u32> {
        self.client.max_concurrent_invocations_per_instance
    }

    /// Checks every limit of the API's model, as the builder does: for a configuration that was read.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first member that violates a limit, its value and the limit.
    pub fn validate(&self) -> Result<(), InvalidInput> {
        Ok(ASYNC_INFERENCE_CONFIG.check("AsyncInferenceConfig", &members(self.to_json()))?)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut output = Map::new();
        put(&mut output, "S3OutputPath", self.output_path());
        put(&mut output, "S3FailurePath", self.failure_path());
        put(&mut output, "KmsKeyId", self.kms_key_id());
        let notification = self.notification_config().map(NotificationConfig::to_json);
        put(&mut output, "NotificationConfig", notification);
        let mut config = Map::new();
        put(&mut config, "OutputConfig", Some(output));
        if let Some(count) = self.max_concurrent_invocations_per_instance() {
            let mut client = Map::new();
            put(
                &mut client,
                "MaxConcurrentInvocationsPerInstance",
                Some(count),
            );
            put(&mut config, "ClientConfig", Some(client));
        }
        Value::Object(config)
    }
}

impl NotificationConfig {
    /// Returns a builder in which nothing is set.
    pub fn builder() -> NotificationConfigBuilder {
        NotificationConfigBuilder::default()
    }

    /// The ARN of the topic that is notified of results.
    pub fn success_topic(&self) -> Option<&str> {
        self.success_topic.as_deref()
    }

    /// The ARN of the topic that is notified of failures.
    pub fn error_topic(&self) -> Option<&str> {
        self.error_topic.as_deref()
    }

    /// Which topics' messages include the inference response; if absent, none.
    pub fn include_inference_response_in(&self) -> Option<&[NotificationTopic]> {
        self.include_inference_response_in.as_deref()
    }

    /// Checks every limit of the API's model, as the builder does: for a configuration that was read.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first member that violates a limit, its value and the limit.
    pub fn validate(&self) -> Result<(), InvalidInput> {
        let shape = &ASYNC_INFERENCE_NOTIFICATION_CONFIG;
        Ok(shape.check("NotificationConfig", &members(self.to_json()))?)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut config = Map::new();
        put(&mut config, "SuccessTopic", self.success_topic());
        put(&mut config, "ErrorTopic", self.error_topic());
        let topics = self.include_inference_response_in().map(|topics| {
            topics
                .iter()
                .map(NotificationTopic::as_str)
                .collect::<Value>()
        });
        put(&mut config, "IncludeInferenceResponseIn", topics);
        Value::Object(config)
    }
}

impl Serialize for AsyncInferenceConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AsyncInferenceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "AsyncInferenceConfig", rename_all = "PascalCase")]
        struct Wire {
            output_config: Option<OutputConfig>,
            client_config: Option<ClientConfig>,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
            output: wire.output_config.unwrap_or_default(),
            client: wire.client_config.unwrap_or_default(),
        })
    }
}

impl Serialize for NotificationConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// Builds an [`AsyncInferenceConfig`]. Every setting is optional; the last call of a method counts.
///
/// ```
/// use sagemaker_async_inference::AsyncInferenceConfig;
///
/// let refused = AsyncInferenceConfig::builder().output_path("my-bucket/results").build();
/// assert!(refused.unwrap_err().to_string().contains("s3://"));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AsyncInferenceConfigBuilder {
    config: AsyncInferenceConfig,
}

impl AsyncInferenceConfigBuilder {
    /// Sets where results are stored: `s3://..`, at most 512 characters.
    pub fn output_path(mut self, path: impl Into<String>) -> Self {
        self.config.output.output_path = Some(path.into());
        self
    }

    /// Sets where failures are stored: `s3://..`, at most 512 characters. Default: none; failures leave no object.
    pub fn failure_path(mut self, path: impl Into<String>) -> Self {
        self.config.output.failure_path = Some(path.into());
        self
    }

    /// Sets the key that encrypts the results: an id, an ARN or an alias, at most 2048 characters.
    pub fn kms_key_id(mut self, id: impl Into<String>) -> Self {
        self.config.output.kms_key_id = Some(id.into());
        self
    }

    /// Sets the maximum number of requests that SageMaker sends to an instance at a time: 1 to 1000. Default:
    /// SageMaker chooses.
    pub fn max_concurrent_invocations_per_instance(mut self, count: u32) -> Self {
        self.config.client.max_concurrent_invocations_per_instance = Some(count);
        self
    }

    /// Sets the topics that are notified. Default: none.
    pub fn notification_config(mut self, notification: NotificationConfig) -> Self {
        self.config.output.notification = Some(notification);
        self
    }

    /// Checks every limit and returns the configuration.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first member that violates a limit, its value and the limit.
    pub fn build(self) -> Result<AsyncInferenceConfig, InvalidInput> {
        self.config.validate()?;
        Ok(self.config)
    }
}

/// Builds a [`NotificationConfig`]. Every setting is optional; the last call of a method counts.
///
/// ```
/// use sagemaker_async_inference::NotificationConfig;
///
/// let refused = NotificationConfig::builder().error_topic("failed").build();
/// assert!(refused.unwrap_err().to_string().contains("arn:aws:sns:"));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct NotificationConfigBuilder {
    config: NotificationConfig,
}

impl NotificationConfigBuilder {
    /// Sets the ARN of the topic that is notified of results. Default: none.
    pub fn success_topic(mut self, arn: impl Into<String>) -> Self {
        self.config.success_topic = Some(arn.into());
        self
    }

    /// Sets the ARN of the topic that is notified of failures. Default: none.
    pub fn error_topic(mut self, arn: impl Into<String>) -> Self {
        self.config.error_topic = Some(arn.into());
        self
    }

    /// Sets which topics' messages include the inference response, if that is at most 128 KB. A kind that is named
    /// twice counts once. Default: none.
    pub fn include_inference_response_in(
        mut self,
        topics: impl IntoIterator<Item = NotificationTopic>,
    ) -> Self {
        let mut kinds = Vec::new();
        for topic in topics {
            if !kinds.contains(&topic) {
                kinds.push(topic);
            }
        }
        self.config.include_inference_response_in = Some(kinds);
        self
    }

    /// Checks every limit and returns the configuration.
    ///
    /// # Errors
    /// [`InvalidInput`] names the first member that violates a limit, its value and the limit.
    pub fn build(self) -> Result<NotificationConfig, InvalidInput> {
        self.config.validate()?;
        Ok(self.config)
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}
