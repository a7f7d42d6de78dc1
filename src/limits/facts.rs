//! What the API's models say: for each text its fewest and most characters and its pattern, for each structure its members.
//!
//! Made by `tests/fixtures/limits/make.py` from botocore 1.44.8. Do not edit: change the script, or what it reads, and run it.

#![allow(clippy::wildcard_imports)] // of the few names that every fact is made of

use std::ops::RangeInclusive;

use super::check::Rule::{Flag, Integer, List, Map, Number, Structure, Text, Word};
use super::check::{MANY, MAY, MUST, Shape, TextRule, shape, text};

/// `sagemaker` 2017-07-24.
pub(crate) mod sagemaker {
    use super::*;

    pub(crate) static ACCELERATOR_PARTITION_TYPE: TextRule = text("AcceleratorPartitionType", 0, 32, r"mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*");
    pub(crate) static ADDITIONAL_MODEL_CHANNEL_NAME: TextRule = text("AdditionalModelChannelName", 1, 64, r"[A-Za-z0-9\.\-_]+");
    pub(crate) static ALARM_NAME: TextRule = text("AlarmName", 1, 255, r"(?!\s*$).+");
    pub(crate) static CLARIFY_CONTENT_TEMPLATE: TextRule = text("ClarifyContentTemplate", 1, 64, r".*");
    pub(crate) static CLARIFY_ENABLE_EXPLANATIONS: TextRule = text("ClarifyEnableExplanations", 1, 64, r".*");
    pub(crate) static CLARIFY_FEATURES_ATTRIBUTE: TextRule = text("ClarifyFeaturesAttribute", 1, 64, r".*");
    pub(crate) static CLARIFY_HEADER: TextRule = text("ClarifyHeader", 1, 64, r".*");
    pub(crate) static CLARIFY_LABEL_ATTRIBUTE: TextRule = text("ClarifyLabelAttribute", 1, 64, r".*");
    pub(crate) static CLARIFY_MIME_TYPE: TextRule = text("ClarifyMimeType", 0, 255, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*");
    pub(crate) static CLARIFY_PROBABILITY_ATTRIBUTE: TextRule = text("ClarifyProbabilityAttribute", 1, 64, r".*");
    pub(crate) static CLARIFY_SHAP_BASELINE: TextRule = text("ClarifyShapBaseline", 1, 4_096, r"[\s\S]+");
    pub(crate) static CONTAINER_HOSTNAME: TextRule = text("ContainerHostname", 0, 63, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    pub(crate) static CONTAINER_IMAGE: TextRule = text("ContainerImage", 0, 255, r"[\S]+");
    pub(crate) static CSV_CONTENT_TYPE: TextRule = text("CsvContentType", 1, 256, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*");
    pub(crate) static DESTINATION_S3_URI: TextRule = text("DestinationS3Uri", 0, 512, r"(https|s3)://([^/])/?(.*)");
    pub(crate) static ENDPOINT_CONFIG_NAME: TextRule = text("EndpointConfigName", 0, 63, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    pub(crate) static ENDPOINT_NAME: TextRule = text("EndpointName", 0, 63, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    pub(crate) static ENDPOINT_NAME_CONTAINS: TextRule = text("EndpointNameContains", 0, 63, r"[a-zA-Z0-9-]+");
    pub(crate) static ENVIRONMENT_KEY: TextRule = text("EnvironmentKey", 0, 1_024, r"[a-zA-Z_][a-zA-Z0-9_]*");
    pub(crate) static ENVIRONMENT_VALUE: TextRule = text("EnvironmentValue", 0, 1_024, r"[\S\s]*");
    pub(crate) static HUB_CONTENT_ARN: TextRule = text("HubContentArn", 0, 255, r".*");
    pub(crate) static INFERENCE_SPECIFICATION_NAME: TextRule = text("InferenceSpecificationName", 1, 63, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    pub(crate) static JSON_CONTENT_TYPE: TextRule = text("JsonContentType", 1, 256, r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*");
    pub(crate) static KMS_KEY_ID: TextRule = text("KmsKeyId", 0, 2_048, r"[a-zA-Z0-9:/_-]*");
    pub(crate) static METRICS_ENDPOINT_PATH: TextRule = text("MetricsEndpointPath", 0, 256, r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+");
    pub(crate) static ML_RESERVATION_ARN: TextRule = text("MlReservationArn", 20, 258, r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z0-9\-]{1,14}/.*");
    pub(crate) static MODEL_NAME: TextRule = text("ModelName", 0, 63, r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?");
    pub(crate) static NEXT_TOKEN: TextRule = text("NextToken", 0, 8_192, r".*");
    pub(crate) static PAGINATION_TOKEN: TextRule = text("PaginationToken", 0, 8_192, r".*");
    pub(crate) static PRODUCTION_VARIANT_INSTANCE_TYPE: TextRule = text("ProductionVariantInstanceType", 0, 63, r"ml\.[a-z0-9-]+\.[a-z0-9-]+");
    pub(crate) static REPOSITORY_CREDENTIALS_PROVIDER_ARN: TextRule = text("RepositoryCredentialsProviderArn", 1, 2_048, r".*");
    pub(crate) static RESOURCE_ARN: TextRule = text("ResourceArn", 0, 256, r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+");
    pub(crate) static ROLE_ARN: TextRule = text("RoleArn", 20, 2_048, r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+");
    pub(crate) static S3_MODEL_URI: TextRule = text("S3ModelUri", 0, 1_024, r"(https|s3)://([^/]+)/?(.*)");
    pub(crate) static SECURITY_GROUP_ID: TextRule = text("SecurityGroupId", 0, 32, r"[-0-9a-zA-Z]+");
    pub(crate) static SNS_TOPIC_ARN: TextRule = text("SnsTopicArn", 0, 2_048, r"arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+");
    pub(crate) static SUBNET_ID: TextRule = text("SubnetId", 0, 32, r"[-0-9a-zA-Z]+");
    pub(crate) static TAG_KEY: TextRule = text("TagKey", 1, 128, r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
    pub(crate) static TAG_VALUE: TextRule = text("TagValue", 0, 256, r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
    pub(crate) static URL: TextRule = text("Url", 0, 1_024, r"(https|s3)://([^/]+)/?(.*)");
    pub(crate) static VARIANT_NAME: TextRule = text("VariantName", 0, 63, r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
    pub(crate) static VERSIONED_ARN_OR_NAME: TextRule = text("VersionedArnOrName", 1, 176, r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?");
    pub(crate) static ACCELERATOR_PARTITION_LAYOUT: Shape = shape("AcceleratorPartitionLayout", &[
        ("AcceleratorPartitionTypes", MAY, List(0, 32, &Text(&ACCELERATOR_PARTITION_TYPE))),
    ]);
    pub(crate) static ADDITIONAL_MODEL_DATA_SOURCE: Shape = shape("AdditionalModelDataSource", &[
        ("ChannelName", MUST, Text(&ADDITIONAL_MODEL_CHANNEL_NAME)), ("S3DataSource", MUST, Structure(&S3_MODEL_DATA_SOURCE)),
    ]);
    pub(crate) static ALARM: Shape = shape("Alarm", &[("AlarmName", MAY, Text(&ALARM_NAME))]);
    pub(crate) static ASYNC_INFERENCE_CLIENT_CONFIG: Shape = shape("AsyncInferenceClientConfig", &[
        ("MaxConcurrentInvocationsPerInstance", MAY, Integer(1, 1_000)),
    ]);
    pub(crate) static ASYNC_INFERENCE_CONFIG: Shape = shape("AsyncInferenceConfig", &[
        ("ClientConfig", MAY, Structure(&ASYNC_INFERENCE_CLIENT_CONFIG)), ("OutputConfig", MUST, Structure(&ASYNC_INFERENCE_OUTPUT_CONFIG)),
    ]);
    pub(crate) static ASYNC_INFERENCE_NOTIFICATION_CONFIG: Shape = shape("AsyncInferenceNotificationConfig", &[
        ("SuccessTopic", MAY, Text(&SNS_TOPIC_ARN)), ("ErrorTopic", MAY, Text(&SNS_TOPIC_ARN)),
        ("IncludeInferenceResponseIn", MAY, List(0, 2, &Word)),
    ]);
    pub(crate) static ASYNC_INFERENCE_OUTPUT_CONFIG: Shape = shape("AsyncInferenceOutputConfig", &[
        ("KmsKeyId", MAY, Text(&KMS_KEY_ID)), ("S3OutputPath", MAY, Text(&DESTINATION_S3_URI)),
        ("NotificationConfig", MAY, Structure(&ASYNC_INFERENCE_NOTIFICATION_CONFIG)), ("S3FailurePath", MAY, Text(&DESTINATION_S3_URI)),
    ]);
    pub(crate) static AUTO_ROLLBACK_CONFIG: Shape = shape("AutoRollbackConfig", &[("Alarms", MAY, List(1, 10, &Structure(&ALARM)))]);
    pub(crate) static BLUE_GREEN_UPDATE_POLICY: Shape = shape("BlueGreenUpdatePolicy", &[
        ("TrafficRoutingConfiguration", MUST, Structure(&TRAFFIC_ROUTING_CONFIG)), ("TerminationWaitInSeconds", MAY, Integer(0, 3_600)),
        ("MaximumExecutionTimeoutInSeconds", MAY, Integer(600, 28_800)),
    ]);
    pub(crate) static CAPACITY_SIZE: Shape = shape("CapacitySize", &[("Type", MUST, Word), ("Value", MUST, Integer(1, i64::MAX))]);
    pub(crate) static CAPTURE_CONTENT_TYPE_HEADER: Shape = shape("CaptureContentTypeHeader", &[
        ("CsvContentTypes", MAY, List(1, 10, &Text(&CSV_CONTENT_TYPE))), ("JsonContentTypes", MAY, List(1, 10, &Text(&JSON_CONTENT_TYPE))),
    ]);
    pub(crate) static CAPTURE_OPTION: Shape = shape("CaptureOption", &[("CaptureMode", MUST, Word)]);
    pub(crate) static CLARIFY_EXPLAINER_CONFIG: Shape = shape("ClarifyExplainerConfig", &[
        ("EnableExplanations", MAY, Text(&CLARIFY_ENABLE_EXPLANATIONS)), ("InferenceConfig", MAY, Structure(&CLARIFY_INFERENCE_CONFIG)),
        ("ShapConfig", MUST, Structure(&CLARIFY_SHAP_CONFIG)),
    ]);
    pub(crate) static CLARIFY_INFERENCE_CONFIG: Shape = shape("ClarifyInferenceConfig", &[
        ("FeaturesAttribute", MAY, Text(&CLARIFY_FEATURES_ATTRIBUTE)), ("ContentTemplate", MAY, Text(&CLARIFY_CONTENT_TEMPLATE)),
        ("MaxRecordCount", MAY, Integer(1, i64::MAX)), ("MaxPayloadInMB", MAY, Integer(1, 25)), ("ProbabilityIndex", MAY, Integer(0, i64::MAX)),
        ("LabelIndex", MAY, Integer(0, i64::MAX)), ("ProbabilityAttribute", MAY, Text(&CLARIFY_PROBABILITY_ATTRIBUTE)),
        ("LabelAttribute", MAY, Text(&CLARIFY_LABEL_ATTRIBUTE)), ("LabelHeaders", MAY, List(1, 16, &Text(&CLARIFY_HEADER))),
        ("FeatureHeaders", MAY, List(1, 256, &Text(&CLARIFY_HEADER))), ("FeatureTypes", MAY, List(1, 256, &Word)),
    ]);
    pub(crate) static CLARIFY_SHAP_BASELINE_CONFIG: Shape = shape("ClarifyShapBaselineConfig", &[
        ("MimeType", MAY, Text(&CLARIFY_MIME_TYPE)), ("ShapBaseline", MAY, Text(&CLARIFY_SHAP_BASELINE)), ("ShapBaselineUri", MAY, Text(&URL)),
    ]);
    pub(crate) static CLARIFY_SHAP_CONFIG: Shape = shape("ClarifyShapConfig", &[
        ("ShapBaselineConfig", MUST, Structure(&CLARIFY_SHAP_BASELINE_CONFIG)), ("NumberOfSamples", MAY, Integer(1, i64::MAX)),
        ("UseLogit", MAY, Flag), ("Seed", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("TextConfig", MAY, Structure(&CLARIFY_TEXT_CONFIG)),
    ]);
    pub(crate) static CLARIFY_TEXT_CONFIG: Shape = shape("ClarifyTextConfig", &[("Language", MUST, Word), ("Granularity", MUST, Word)]);
    pub(crate) static CONTAINER_DEFINITION: Shape = shape("ContainerDefinition", &[
        ("ContainerHostname", MAY, Text(&CONTAINER_HOSTNAME)), ("Image", MAY, Text(&CONTAINER_IMAGE)),
        ("ImageConfig", MAY, Structure(&IMAGE_CONFIG)), ("Mode", MAY, Word), ("ModelDataUrl", MAY, Text(&URL)),
        ("ModelDataSource", MAY, Structure(&MODEL_DATA_SOURCE)),
        ("AdditionalModelDataSources", MAY, List(0, 5, &Structure(&ADDITIONAL_MODEL_DATA_SOURCE))),
        ("Environment", MAY, Map(100, &ENVIRONMENT_KEY, &Text(&ENVIRONMENT_VALUE))), ("ModelPackageName", MAY, Text(&VERSIONED_ARN_OR_NAME)),
        ("InferenceSpecificationName", MAY, Text(&INFERENCE_SPECIFICATION_NAME)), ("MultiModelConfig", MAY, Structure(&MULTI_MODEL_CONFIG)),
        ("ContainerMetricsConfig", MAY, Structure(&CONTAINER_METRICS_CONFIG)),
    ]);
    pub(crate) static CONTAINER_METRICS_CONFIG: Shape = shape("ContainerMetricsConfig", &[
        ("MetricsEndpoints", MAY, List(0, 1, &Structure(&METRICS_ENDPOINT))),
    ]);
    pub(crate) static CREATE_ENDPOINT_CONFIG_INPUT: Shape = shape("CreateEndpointConfigInput", &[
        ("EndpointConfigName", MUST, Text(&ENDPOINT_CONFIG_NAME)), ("ProductionVariants", MUST, List(1, 10, &Structure(&PRODUCTION_VARIANT))),
        ("DataCaptureConfig", MAY, Structure(&DATA_CAPTURE_CONFIG)), ("Tags", MAY, List(0, 50, &Structure(&TAG))),
        ("KmsKeyId", MAY, Text(&KMS_KEY_ID)), ("AsyncInferenceConfig", MAY, Structure(&ASYNC_INFERENCE_CONFIG)),
        ("ExplainerConfig", MAY, Structure(&EXPLAINER_CONFIG)), ("ShadowProductionVariants", MAY, List(1, 10, &Structure(&PRODUCTION_VARIANT))),
        ("ExecutionRoleArn", MAY, Text(&ROLE_ARN)), ("VpcConfig", MAY, Structure(&VPC_CONFIG)), ("EnableNetworkIsolation", MAY, Flag),
        ("MetricsConfig", MAY, Structure(&METRICS_CONFIG)), ("CrossRegionTrafficConfig", MAY, Structure(&CROSS_REGION_TRAFFIC_CONFIG)),
    ]);
    pub(crate) static CREATE_ENDPOINT_INPUT: Shape = shape("CreateEndpointInput", &[
        ("EndpointName", MUST, Text(&ENDPOINT_NAME)), ("EndpointConfigName", MUST, Text(&ENDPOINT_CONFIG_NAME)),
        ("DeploymentConfig", MAY, Structure(&DEPLOYMENT_CONFIG)), ("Tags", MAY, List(0, 50, &Structure(&TAG))),
    ]);
    pub(crate) static CREATE_MODEL_INPUT: Shape = shape("CreateModelInput", &[
        ("ModelName", MUST, Text(&MODEL_NAME)), ("PrimaryContainer", MAY, Structure(&CONTAINER_DEFINITION)),
        ("Containers", MAY, List(0, 15, &Structure(&CONTAINER_DEFINITION))),
        ("InferenceExecutionConfig", MAY, Structure(&INFERENCE_EXECUTION_CONFIG)), ("ExecutionRoleArn", MAY, Text(&ROLE_ARN)),
        ("Tags", MAY, List(0, 50, &Structure(&TAG))), ("VpcConfig", MAY, Structure(&VPC_CONFIG)), ("EnableNetworkIsolation", MAY, Flag),
    ]);
    pub(crate) static CROSS_REGION_TRAFFIC_CONFIG: Shape = shape("CrossRegionTrafficConfig", &[
        ("MaxInvocationsPerSecondPerInstance", MUST, Integer(1, 10_000)), ("MaxCrossRegionPercentPerEndpoint", MUST, Integer(1, 100)),
    ]);
    pub(crate) static DATA_CAPTURE_CONFIG: Shape = shape("DataCaptureConfig", &[
        ("EnableCapture", MAY, Flag), ("InitialSamplingPercentage", MUST, Integer(0, 100)), ("DestinationS3Uri", MUST, Text(&DESTINATION_S3_URI)),
        ("KmsKeyId", MAY, Text(&KMS_KEY_ID)), ("CaptureOptions", MUST, List(1, 32, &Structure(&CAPTURE_OPTION))),
        ("CaptureContentTypeHeader", MAY, Structure(&CAPTURE_CONTENT_TYPE_HEADER)),
    ]);
    pub(crate) static DELETE_ENDPOINT_CONFIG_INPUT: Shape = shape("DeleteEndpointConfigInput", &[
        ("EndpointConfigName", MUST, Text(&ENDPOINT_CONFIG_NAME)),
    ]);
    pub(crate) static DELETE_ENDPOINT_INPUT: Shape = shape("DeleteEndpointInput", &[("EndpointName", MUST, Text(&ENDPOINT_NAME))]);
    pub(crate) static DELETE_MODEL_INPUT: Shape = shape("DeleteModelInput", &[("ModelName", MUST, Text(&MODEL_NAME))]);
    pub(crate) static DEPLOYMENT_CONFIG: Shape = shape("DeploymentConfig", &[
        ("BlueGreenUpdatePolicy", MAY, Structure(&BLUE_GREEN_UPDATE_POLICY)), ("RollingUpdatePolicy", MAY, Structure(&ROLLING_UPDATE_POLICY)),
        ("AutoRollbackConfiguration", MAY, Structure(&AUTO_ROLLBACK_CONFIG)),
    ]);
    pub(crate) static DESCRIBE_ENDPOINT_CONFIG_INPUT: Shape = shape("DescribeEndpointConfigInput", &[
        ("EndpointConfigName", MUST, Text(&ENDPOINT_CONFIG_NAME)),
    ]);
    pub(crate) static DESCRIBE_ENDPOINT_INPUT: Shape = shape("DescribeEndpointInput", &[("EndpointName", MUST, Text(&ENDPOINT_NAME))]);
    pub(crate) static DESCRIBE_MODEL_INPUT: Shape = shape("DescribeModelInput", &[("ModelName", MUST, Text(&MODEL_NAME))]);
    pub(crate) static DESIRED_WEIGHT_AND_CAPACITY: Shape = shape("DesiredWeightAndCapacity", &[
        ("VariantName", MUST, Text(&VARIANT_NAME)), ("DesiredWeight", MAY, Number(0.0)), ("DesiredInstanceCount", MAY, Integer(0, i64::MAX)),
        ("ServerlessUpdateConfig", MAY, Structure(&PRODUCTION_VARIANT_SERVERLESS_UPDATE_CONFIG)),
    ]);
    pub(crate) static EXPLAINER_CONFIG: Shape = shape("ExplainerConfig", &[
        ("ClarifyExplainerConfig", MAY, Structure(&CLARIFY_EXPLAINER_CONFIG)),
    ]);
    pub(crate) static IMAGE_CONFIG: Shape = shape("ImageConfig", &[
        ("RepositoryAccessMode", MUST, Word), ("RepositoryAuthConfig", MAY, Structure(&REPOSITORY_AUTH_CONFIG)),
    ]);
    pub(crate) static INFERENCE_EXECUTION_CONFIG: Shape = shape("InferenceExecutionConfig", &[("Mode", MUST, Word)]);
    pub(crate) static INFERENCE_HUB_ACCESS_CONFIG: Shape = shape("InferenceHubAccessConfig", &[
        ("HubContentArn", MUST, Text(&HUB_CONTENT_ARN)),
    ]);
    pub(crate) static INSTANCE_POOL: Shape = shape("InstancePool", &[
        ("InstanceType", MUST, Text(&PRODUCTION_VARIANT_INSTANCE_TYPE)), ("ModelNameOverride", MAY, Text(&MODEL_NAME)),
        ("Priority", MUST, Integer(1, 5)),
    ]);
    pub(crate) static LIST_ENDPOINTS_INPUT: Shape = shape("ListEndpointsInput", &[
        ("SortBy", MAY, Word), ("SortOrder", MAY, Word), ("NextToken", MAY, Text(&PAGINATION_TOKEN)), ("MaxResults", MAY, Integer(1, 100)),
        ("NameContains", MAY, Text(&ENDPOINT_NAME_CONTAINS)), ("CreationTimeBefore", MAY, Number(f64::NEG_INFINITY)),
        ("CreationTimeAfter", MAY, Number(f64::NEG_INFINITY)), ("LastModifiedTimeBefore", MAY, Number(f64::NEG_INFINITY)),
        ("LastModifiedTimeAfter", MAY, Number(f64::NEG_INFINITY)), ("StatusEquals", MAY, Word),
    ]);
    pub(crate) static LIST_TAGS_INPUT: Shape = shape("ListTagsInput", &[
        ("ResourceArn", MUST, Text(&RESOURCE_ARN)), ("NextToken", MAY, Text(&NEXT_TOKEN)), ("MaxResults", MAY, Integer(50, i64::MAX)),
    ]);
    pub(crate) static METRICS_CONFIG: Shape = shape("MetricsConfig", &[
        ("EnableEnhancedMetrics", MAY, Flag), ("EnableDetailedObservability", MAY, Flag),
        ("MetricPublishFrequencyInSeconds", MAY, Integer(i32::MIN as i64, i32::MAX as i64)),
    ]);
    pub(crate) static METRICS_ENDPOINT: Shape = shape("MetricsEndpoint", &[
        ("MetricsEndpointPath", MUST, Text(&METRICS_ENDPOINT_PATH)),
        ("MetricPublishFrequencyInSeconds", MAY, Integer(i32::MIN as i64, i32::MAX as i64)),
    ]);
    pub(crate) static MODEL_ACCESS_CONFIG: Shape = shape("ModelAccessConfig", &[("AcceptEula", MUST, Flag)]);
    pub(crate) static MODEL_DATA_SOURCE: Shape = shape("ModelDataSource", &[("S3DataSource", MAY, Structure(&S3_MODEL_DATA_SOURCE))]);
    pub(crate) static MULTI_MODEL_CONFIG: Shape = shape("MultiModelConfig", &[("ModelCacheSetting", MAY, Word)]);
    pub(crate) static PREFIX_AWARE_ROUTING_CONFIG: Shape = shape("PrefixAwareRoutingConfig", &[
        ("PrefixLength", MAY, Integer(1_024, 65_536)), ("ConcurrencyThreshold", MAY, Integer(1, 1_024)),
    ]);
    pub(crate) static PRODUCTION_VARIANT: Shape = shape("ProductionVariant", &[
        ("VariantName", MUST, Text(&VARIANT_NAME)), ("ModelName", MAY, Text(&MODEL_NAME)), ("InitialInstanceCount", MAY, Integer(1, i64::MAX)),
        ("InstanceType", MAY, Text(&PRODUCTION_VARIANT_INSTANCE_TYPE)), ("InstancePools", MAY, List(1, 5, &Structure(&INSTANCE_POOL))),
        ("VariantInstanceProvisionTimeoutInSeconds", MAY, Integer(300, 3_600)), ("InitialVariantWeight", MAY, Number(0.0)),
        ("AcceleratorType", MAY, Word), ("CoreDumpConfig", MAY, Structure(&PRODUCTION_VARIANT_CORE_DUMP_CONFIG)),
        ("ServerlessConfig", MAY, Structure(&PRODUCTION_VARIANT_SERVERLESS_CONFIG)), ("VolumeSizeInGB", MAY, Integer(1, 512)),
        ("ModelDataDownloadTimeoutInSeconds", MAY, Integer(60, 3_600)), ("ContainerStartupHealthCheckTimeoutInSeconds", MAY, Integer(60, 3_600)),
        ("EnableSSMAccess", MAY, Flag), ("ManagedInstanceScaling", MAY, Structure(&PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING)),
        ("RoutingConfig", MAY, Structure(&PRODUCTION_VARIANT_ROUTING_CONFIG)), ("InferenceAmiVersion", MAY, Word),
        ("CapacityReservationConfig", MAY, Structure(&PRODUCTION_VARIANT_CAPACITY_RESERVATION_CONFIG)),
        ("AcceleratorPartitionLayouts", MAY, List(1, 32, &Structure(&ACCELERATOR_PARTITION_LAYOUT))),
    ]);
    pub(crate) static PRODUCTION_VARIANT_CAPACITY_RESERVATION_CONFIG: Shape = shape("ProductionVariantCapacityReservationConfig", &[
        ("CapacityReservationPreference", MAY, Word), ("MlReservationArn", MAY, Text(&ML_RESERVATION_ARN)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_CORE_DUMP_CONFIG: Shape = shape("ProductionVariantCoreDumpConfig", &[
        ("DestinationS3Uri", MUST, Text(&DESTINATION_S3_URI)), ("KmsKeyId", MAY, Text(&KMS_KEY_ID)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING: Shape = shape("ProductionVariantManagedInstanceScaling", &[
        ("Status", MAY, Word), ("MinInstanceCount", MAY, Integer(0, i64::MAX)), ("MaxInstanceCount", MAY, Integer(1, i64::MAX)),
        ("ScaleInPolicy", MAY, Structure(&PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING_SCALE_IN_POLICY)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING_SCALE_IN_POLICY: Shape = shape("ProductionVariantManagedInstanceScalingScaleInPolicy", &[
        ("Strategy", MUST, Word), ("MaximumStepSize", MAY, Integer(1, 100)), ("CooldownInMinutes", MAY, Integer(5, 1_440)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_ROUTING_CONFIG: Shape = shape("ProductionVariantRoutingConfig", &[
        ("RoutingStrategy", MUST, Word), ("PrefixAwareRoutingConfig", MAY, Structure(&PREFIX_AWARE_ROUTING_CONFIG)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_SERVERLESS_CONFIG: Shape = shape("ProductionVariantServerlessConfig", &[
        ("MemorySizeInMB", MUST, Integer(1_024, 6_144)), ("MaxConcurrency", MUST, Integer(1, 200)),
        ("ProvisionedConcurrency", MAY, Integer(1, 200)),
    ]);
    pub(crate) static PRODUCTION_VARIANT_SERVERLESS_UPDATE_CONFIG: Shape = shape("ProductionVariantServerlessUpdateConfig", &[
        ("MaxConcurrency", MAY, Integer(1, 200)), ("ProvisionedConcurrency", MAY, Integer(1, 200)),
    ]);
    pub(crate) static REPOSITORY_AUTH_CONFIG: Shape = shape("RepositoryAuthConfig", &[
        ("RepositoryCredentialsProviderArn", MUST, Text(&REPOSITORY_CREDENTIALS_PROVIDER_ARN)),
    ]);
    pub(crate) static ROLLING_UPDATE_POLICY: Shape = shape("RollingUpdatePolicy", &[
        ("MaximumBatchSize", MUST, Structure(&CAPACITY_SIZE)), ("WaitIntervalInSeconds", MUST, Integer(0, 3_600)),
        ("MaximumExecutionTimeoutInSeconds", MAY, Integer(600, 28_800)), ("RollbackMaximumBatchSize", MAY, Structure(&CAPACITY_SIZE)),
    ]);
    pub(crate) static S3_MODEL_DATA_SOURCE: Shape = shape("S3ModelDataSource", &[
        ("S3Uri", MUST, Text(&S3_MODEL_URI)), ("S3DataType", MUST, Word), ("CompressionType", MUST, Word),
        ("ModelAccessConfig", MAY, Structure(&MODEL_ACCESS_CONFIG)), ("HubAccessConfig", MAY, Structure(&INFERENCE_HUB_ACCESS_CONFIG)),
        ("ManifestS3Uri", MAY, Text(&S3_MODEL_URI)), ("ETag", MAY, Word), ("ManifestEtag", MAY, Word),
    ]);
    pub(crate) static TAG: Shape = shape("Tag", &[("Key", MUST, Text(&TAG_KEY)), ("Value", MUST, Text(&TAG_VALUE))]);
    pub(crate) static TRAFFIC_ROUTING_CONFIG: Shape = shape("TrafficRoutingConfig", &[
        ("Type", MUST, Word), ("WaitIntervalInSeconds", MUST, Integer(0, 3_600)), ("CanarySize", MAY, Structure(&CAPACITY_SIZE)),
        ("LinearStepSize", MAY, Structure(&CAPACITY_SIZE)),
    ]);
    pub(crate) static UPDATE_ENDPOINT_INPUT: Shape = shape("UpdateEndpointInput", &[
        ("EndpointName", MUST, Text(&ENDPOINT_NAME)), ("EndpointConfigName", MUST, Text(&ENDPOINT_CONFIG_NAME)),
        ("RetainAllVariantProperties", MAY, Flag), ("ExcludeRetainedVariantProperties", MAY, List(0, 3, &Structure(&VARIANT_PROPERTY))),
        ("DeploymentConfig", MAY, Structure(&DEPLOYMENT_CONFIG)), ("RetainDeploymentConfig", MAY, Flag),
    ]);
    pub(crate) static UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES_INPUT: Shape = shape("UpdateEndpointWeightsAndCapacitiesInput", &[
        ("EndpointName", MUST, Text(&ENDPOINT_NAME)),
        ("DesiredWeightsAndCapacities", MUST, List(1, MANY, &Structure(&DESIRED_WEIGHT_AND_CAPACITY))),
    ]);
    pub(crate) static VARIANT_PROPERTY: Shape = shape("VariantProperty", &[("VariantPropertyType", MUST, Word)]);
    pub(crate) static VPC_CONFIG: Shape = shape("VpcConfig", &[
        ("SecurityGroupIds", MUST, List(1, 5, &Text(&SECURITY_GROUP_ID))), ("Subnets", MUST, List(1, 16, &Text(&SUBNET_ID))),
    ]);
    pub(crate) static REQUESTS: &[(&str, &Shape)] = &[
        ("CreateModel", &CREATE_MODEL_INPUT), ("CreateEndpointConfig", &CREATE_ENDPOINT_CONFIG_INPUT), ("CreateEndpoint", &CREATE_ENDPOINT_INPUT),
        ("UpdateEndpoint", &UPDATE_ENDPOINT_INPUT), ("UpdateEndpointWeightsAndCapacities", &UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES_INPUT),
        ("DescribeModel", &DESCRIBE_MODEL_INPUT), ("DescribeEndpointConfig", &DESCRIBE_ENDPOINT_CONFIG_INPUT),
        ("DescribeEndpoint", &DESCRIBE_ENDPOINT_INPUT), ("DeleteModel", &DELETE_MODEL_INPUT),
        ("DeleteEndpointConfig", &DELETE_ENDPOINT_CONFIG_INPUT), ("DeleteEndpoint", &DELETE_ENDPOINT_INPUT),
        ("ListEndpoints", &LIST_ENDPOINTS_INPUT), ("ListTags", &LIST_TAGS_INPUT),
    ];
}

/// `application-autoscaling` 2016-02-06.
pub(crate) mod application_autoscaling {
    use super::*;

    pub(crate) static EXPRESSION: TextRule = text("Expression", 1, 2_048, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static ID: TextRule = text("Id", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static POLICY_NAME: TextRule = text("PolicyName", 1, 256, r"\p{Print}+");
    pub(crate) static PREDICTIVE_SCALING_METRIC_DIMENSION_NAME: TextRule = text("PredictiveScalingMetricDimensionName", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static PREDICTIVE_SCALING_METRIC_DIMENSION_VALUE: TextRule = text("PredictiveScalingMetricDimensionValue", 1, 1_024, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static PREDICTIVE_SCALING_METRIC_NAME: TextRule = text("PredictiveScalingMetricName", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static PREDICTIVE_SCALING_METRIC_NAMESPACE: TextRule = text("PredictiveScalingMetricNamespace", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static PREDICTIVE_SCALING_METRIC_TYPE: TextRule = text("PredictiveScalingMetricType", 1, 128, r"");
    pub(crate) static PREDICTIVE_SCALING_METRIC_UNIT: TextRule = text("PredictiveScalingMetricUnit", 1, 1_023, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static RESOURCE_ID_MAX_LEN1600: TextRule = text("ResourceIdMaxLen1600", 1, 1_600, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static RESOURCE_LABEL: TextRule = text("ResourceLabel", 1, 1_023, r"");
    pub(crate) static TAG_KEY: TextRule = text("TagKey", 1, 128, r"");
    pub(crate) static TAG_VALUE: TextRule = text("TagValue", 0, 256, r"");
    pub(crate) static TARGET_TRACKING_METRIC_DIMENSION_NAME: TextRule = text("TargetTrackingMetricDimensionName", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static TARGET_TRACKING_METRIC_DIMENSION_VALUE: TextRule = text("TargetTrackingMetricDimensionValue", 1, 1_024, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static TARGET_TRACKING_METRIC_NAME: TextRule = text("TargetTrackingMetricName", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static TARGET_TRACKING_METRIC_NAMESPACE: TextRule = text("TargetTrackingMetricNamespace", 1, 255, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static TARGET_TRACKING_METRIC_UNIT: TextRule = text("TargetTrackingMetricUnit", 1, 1_023, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static XML_STRING: TextRule = text("XmlString", 0, MANY, r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*");
    pub(crate) static CUSTOMIZED_METRIC_SPECIFICATION: Shape = shape("CustomizedMetricSpecification", &[
        ("MetricName", MAY, Word), ("Namespace", MAY, Word), ("Dimensions", MAY, List(0, MANY, &Structure(&METRIC_DIMENSION))),
        ("Statistic", MAY, Word), ("Unit", MAY, Word), ("Metrics", MAY, List(0, MANY, &Structure(&TARGET_TRACKING_METRIC_DATA_QUERY))),
    ]);
    pub(crate) static DELETE_SCALING_POLICY_REQUEST: Shape = shape("DeleteScalingPolicyRequest", &[
        ("PolicyName", MUST, Text(&RESOURCE_ID_MAX_LEN1600)), ("ServiceNamespace", MUST, Word),
        ("ResourceId", MUST, Text(&RESOURCE_ID_MAX_LEN1600)), ("ScalableDimension", MUST, Word),
    ]);
    pub(crate) static DEREGISTER_SCALABLE_TARGET_REQUEST: Shape = shape("DeregisterScalableTargetRequest", &[
        ("ServiceNamespace", MUST, Word), ("ResourceId", MUST, Text(&RESOURCE_ID_MAX_LEN1600)), ("ScalableDimension", MUST, Word),
    ]);
    pub(crate) static DESCRIBE_SCALABLE_TARGETS_REQUEST: Shape = shape("DescribeScalableTargetsRequest", &[
        ("ServiceNamespace", MUST, Word), ("ResourceIds", MAY, List(0, 50, &Text(&RESOURCE_ID_MAX_LEN1600))), ("ScalableDimension", MAY, Word),
        ("MaxResults", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("NextToken", MAY, Text(&XML_STRING)),
    ]);
    pub(crate) static DESCRIBE_SCALING_POLICIES_REQUEST: Shape = shape("DescribeScalingPoliciesRequest", &[
        ("PolicyNames", MAY, List(0, 50, &Text(&RESOURCE_ID_MAX_LEN1600))), ("ServiceNamespace", MUST, Word),
        ("ResourceId", MAY, Text(&RESOURCE_ID_MAX_LEN1600)), ("ScalableDimension", MAY, Word),
        ("MaxResults", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("NextToken", MAY, Text(&XML_STRING)),
    ]);
    pub(crate) static METRIC_DIMENSION: Shape = shape("MetricDimension", &[("Name", MUST, Word), ("Value", MUST, Word)]);
    pub(crate) static PREDEFINED_METRIC_SPECIFICATION: Shape = shape("PredefinedMetricSpecification", &[
        ("PredefinedMetricType", MUST, Word), ("ResourceLabel", MAY, Text(&RESOURCE_LABEL)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_CUSTOMIZED_METRIC_SPECIFICATION: Shape = shape("PredictiveScalingCustomizedMetricSpecification", &[
        ("MetricDataQueries", MUST, List(0, MANY, &Structure(&PREDICTIVE_SCALING_METRIC_DATA_QUERY))),
    ]);
    pub(crate) static PREDICTIVE_SCALING_METRIC: Shape = shape("PredictiveScalingMetric", &[
        ("Dimensions", MAY, List(0, MANY, &Structure(&PREDICTIVE_SCALING_METRIC_DIMENSION))),
        ("MetricName", MAY, Text(&PREDICTIVE_SCALING_METRIC_NAME)), ("Namespace", MAY, Text(&PREDICTIVE_SCALING_METRIC_NAMESPACE)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_METRIC_DATA_QUERY: Shape = shape("PredictiveScalingMetricDataQuery", &[
        ("Id", MUST, Text(&ID)), ("Expression", MAY, Text(&EXPRESSION)), ("MetricStat", MAY, Structure(&PREDICTIVE_SCALING_METRIC_STAT)),
        ("Label", MAY, Text(&XML_STRING)), ("ReturnData", MAY, Flag),
    ]);
    pub(crate) static PREDICTIVE_SCALING_METRIC_DIMENSION: Shape = shape("PredictiveScalingMetricDimension", &[
        ("Name", MUST, Text(&PREDICTIVE_SCALING_METRIC_DIMENSION_NAME)), ("Value", MUST, Text(&PREDICTIVE_SCALING_METRIC_DIMENSION_VALUE)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_METRIC_SPECIFICATION: Shape = shape("PredictiveScalingMetricSpecification", &[
        ("TargetValue", MUST, Number(f64::NEG_INFINITY)),
        ("PredefinedMetricPairSpecification", MAY, Structure(&PREDICTIVE_SCALING_PREDEFINED_METRIC_PAIR_SPECIFICATION)),
        ("PredefinedScalingMetricSpecification", MAY, Structure(&PREDICTIVE_SCALING_PREDEFINED_SCALING_METRIC_SPECIFICATION)),
        ("PredefinedLoadMetricSpecification", MAY, Structure(&PREDICTIVE_SCALING_PREDEFINED_LOAD_METRIC_SPECIFICATION)),
        ("CustomizedScalingMetricSpecification", MAY, Structure(&PREDICTIVE_SCALING_CUSTOMIZED_METRIC_SPECIFICATION)),
        ("CustomizedLoadMetricSpecification", MAY, Structure(&PREDICTIVE_SCALING_CUSTOMIZED_METRIC_SPECIFICATION)),
        ("CustomizedCapacityMetricSpecification", MAY, Structure(&PREDICTIVE_SCALING_CUSTOMIZED_METRIC_SPECIFICATION)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_METRIC_STAT: Shape = shape("PredictiveScalingMetricStat", &[
        ("Metric", MUST, Structure(&PREDICTIVE_SCALING_METRIC)), ("Stat", MUST, Text(&XML_STRING)),
        ("Unit", MAY, Text(&PREDICTIVE_SCALING_METRIC_UNIT)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_POLICY_CONFIGURATION: Shape = shape("PredictiveScalingPolicyConfiguration", &[
        ("MetricSpecifications", MUST, List(0, MANY, &Structure(&PREDICTIVE_SCALING_METRIC_SPECIFICATION))), ("Mode", MAY, Word),
        ("SchedulingBufferTime", MAY, Integer(0, 3_600)), ("MaxCapacityBreachBehavior", MAY, Word), ("MaxCapacityBuffer", MAY, Integer(0, 100)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_PREDEFINED_LOAD_METRIC_SPECIFICATION: Shape = shape("PredictiveScalingPredefinedLoadMetricSpecification", &[
        ("PredefinedMetricType", MUST, Text(&PREDICTIVE_SCALING_METRIC_TYPE)), ("ResourceLabel", MAY, Text(&RESOURCE_LABEL)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_PREDEFINED_METRIC_PAIR_SPECIFICATION: Shape = shape("PredictiveScalingPredefinedMetricPairSpecification", &[
        ("PredefinedMetricType", MUST, Text(&PREDICTIVE_SCALING_METRIC_TYPE)), ("ResourceLabel", MAY, Text(&RESOURCE_LABEL)),
    ]);
    pub(crate) static PREDICTIVE_SCALING_PREDEFINED_SCALING_METRIC_SPECIFICATION: Shape = shape("PredictiveScalingPredefinedScalingMetricSpecification", &[
        ("PredefinedMetricType", MUST, Text(&PREDICTIVE_SCALING_METRIC_TYPE)), ("ResourceLabel", MAY, Text(&RESOURCE_LABEL)),
    ]);
    pub(crate) static PUT_SCALING_POLICY_REQUEST: Shape = shape("PutScalingPolicyRequest", &[
        ("PolicyName", MUST, Text(&POLICY_NAME)), ("ServiceNamespace", MUST, Word), ("ResourceId", MUST, Text(&RESOURCE_ID_MAX_LEN1600)),
        ("ScalableDimension", MUST, Word), ("PolicyType", MAY, Word),
        ("StepScalingPolicyConfiguration", MAY, Structure(&STEP_SCALING_POLICY_CONFIGURATION)),
        ("TargetTrackingScalingPolicyConfiguration", MAY, Structure(&TARGET_TRACKING_SCALING_POLICY_CONFIGURATION)),
        ("PredictiveScalingPolicyConfiguration", MAY, Structure(&PREDICTIVE_SCALING_POLICY_CONFIGURATION)),
    ]);
    pub(crate) static REGISTER_SCALABLE_TARGET_REQUEST: Shape = shape("RegisterScalableTargetRequest", &[
        ("ServiceNamespace", MUST, Word), ("ResourceId", MUST, Text(&RESOURCE_ID_MAX_LEN1600)), ("ScalableDimension", MUST, Word),
        ("MinCapacity", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("MaxCapacity", MAY, Integer(i32::MIN as i64, i32::MAX as i64)),
        ("RoleARN", MAY, Text(&RESOURCE_ID_MAX_LEN1600)), ("SuspendedState", MAY, Structure(&SUSPENDED_STATE)),
        ("Tags", MAY, Map(MANY, &TAG_KEY, &Text(&TAG_VALUE))),
    ]);
    pub(crate) static SCALING_POLICY: Shape = shape("ScalingPolicy", &[
        ("PolicyName", MUST, Text(&POLICY_NAME)), ("PolicyType", MUST, Word),
        ("StepScalingPolicyConfiguration", MAY, Structure(&STEP_SCALING_POLICY_CONFIGURATION)),
        ("TargetTrackingScalingPolicyConfiguration", MAY, Structure(&TARGET_TRACKING_SCALING_POLICY_CONFIGURATION)),
        ("PredictiveScalingPolicyConfiguration", MAY, Structure(&PREDICTIVE_SCALING_POLICY_CONFIGURATION)),
    ]);
    pub(crate) static STEP_ADJUSTMENT: Shape = shape("StepAdjustment", &[
        ("MetricIntervalLowerBound", MAY, Number(f64::NEG_INFINITY)), ("MetricIntervalUpperBound", MAY, Number(f64::NEG_INFINITY)),
        ("ScalingAdjustment", MUST, Integer(i32::MIN as i64, i32::MAX as i64)),
    ]);
    pub(crate) static STEP_SCALING_POLICY_CONFIGURATION: Shape = shape("StepScalingPolicyConfiguration", &[
        ("AdjustmentType", MAY, Word), ("StepAdjustments", MAY, List(1, 20, &Structure(&STEP_ADJUSTMENT))),
        ("MinAdjustmentMagnitude", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("Cooldown", MAY, Integer(0, 2_147_483_647)),
        ("MetricAggregationType", MAY, Word),
    ]);
    pub(crate) static SUSPENDED_STATE: Shape = shape("SuspendedState", &[
        ("DynamicScalingInSuspended", MAY, Flag), ("DynamicScalingOutSuspended", MAY, Flag), ("ScheduledScalingSuspended", MAY, Flag),
    ]);
    pub(crate) static TARGET_TRACKING_METRIC: Shape = shape("TargetTrackingMetric", &[
        ("Dimensions", MAY, List(0, MANY, &Structure(&TARGET_TRACKING_METRIC_DIMENSION))), ("MetricName", MAY, Text(&TARGET_TRACKING_METRIC_NAME)),
        ("Namespace", MAY, Text(&TARGET_TRACKING_METRIC_NAMESPACE)),
    ]);
    pub(crate) static TARGET_TRACKING_METRIC_DATA_QUERY: Shape = shape("TargetTrackingMetricDataQuery", &[
        ("Expression", MAY, Text(&EXPRESSION)), ("Id", MUST, Text(&ID)), ("Label", MAY, Text(&XML_STRING)),
        ("MetricStat", MAY, Structure(&TARGET_TRACKING_METRIC_STAT)), ("ReturnData", MAY, Flag),
    ]);
    pub(crate) static TARGET_TRACKING_METRIC_DIMENSION: Shape = shape("TargetTrackingMetricDimension", &[
        ("Name", MUST, Text(&TARGET_TRACKING_METRIC_DIMENSION_NAME)), ("Value", MUST, Text(&TARGET_TRACKING_METRIC_DIMENSION_VALUE)),
    ]);
    pub(crate) static TARGET_TRACKING_METRIC_STAT: Shape = shape("TargetTrackingMetricStat", &[
        ("Metric", MUST, Structure(&TARGET_TRACKING_METRIC)), ("Stat", MUST, Text(&XML_STRING)), ("Unit", MAY, Text(&TARGET_TRACKING_METRIC_UNIT)),
    ]);
    pub(crate) static TARGET_TRACKING_SCALING_POLICY_CONFIGURATION: Shape = shape("TargetTrackingScalingPolicyConfiguration", &[
        ("TargetValue", MUST, Number(f64::NEG_INFINITY)), ("PredefinedMetricSpecification", MAY, Structure(&PREDEFINED_METRIC_SPECIFICATION)),
        ("CustomizedMetricSpecification", MAY, Structure(&CUSTOMIZED_METRIC_SPECIFICATION)), ("ScaleOutCooldown", MAY, Integer(0, 2_147_483_647)),
        ("ScaleInCooldown", MAY, Integer(0, 2_147_483_647)), ("DisableScaleIn", MAY, Flag),
    ]);
    pub(crate) static REQUESTS: &[(&str, &Shape)] = &[
        ("RegisterScalableTarget", &REGISTER_SCALABLE_TARGET_REQUEST), ("DescribeScalableTargets", &DESCRIBE_SCALABLE_TARGETS_REQUEST),
        ("DeregisterScalableTarget", &DEREGISTER_SCALABLE_TARGET_REQUEST), ("PutScalingPolicy", &PUT_SCALING_POLICY_REQUEST),
        ("DescribeScalingPolicies", &DESCRIBE_SCALING_POLICIES_REQUEST), ("DeleteScalingPolicy", &DELETE_SCALING_POLICY_REQUEST),
    ];
}

/// `cloudwatch` 2010-08-01.
pub(crate) mod cloudwatch {
    use super::*;

    pub(crate) static ACCOUNT_ID: TextRule = text("AccountId", 1, 255, r"");
    pub(crate) static ALARM_DESCRIPTION: TextRule = text("AlarmDescription", 0, 1_024, r"");
    pub(crate) static ALARM_NAME: TextRule = text("AlarmName", 1, 255, r"");
    pub(crate) static ALARM_TAGS_PROPAGATION_TAG_KEY: TextRule = text("AlarmTagsPropagationTagKey", 1, 128, r"");
    pub(crate) static DIMENSION_NAME: TextRule = text("DimensionName", 1, 255, r"");
    pub(crate) static DIMENSION_VALUE: TextRule = text("DimensionValue", 1, 1_024, r"");
    pub(crate) static EVALUATE_LOW_SAMPLE_COUNT_PERCENTILE: TextRule = text("EvaluateLowSampleCountPercentile", 1, 255, r"");
    pub(crate) static METRIC_EXPRESSION: TextRule = text("MetricExpression", 1, 2_048, r"");
    pub(crate) static METRIC_ID: TextRule = text("MetricId", 1, 255, r"");
    pub(crate) static METRIC_NAME: TextRule = text("MetricName", 1, 255, r"");
    pub(crate) static NAMESPACE: TextRule = text("Namespace", 1, 255, r"[^:].*");
    pub(crate) static QUERY: TextRule = text("Query", 1, 10_000, r"");
    pub(crate) static RESOURCE_NAME: TextRule = text("ResourceName", 1, 1_024, r"");
    pub(crate) static TAG_KEY: TextRule = text("TagKey", 1, 128, r"");
    pub(crate) static TAG_VALUE: TextRule = text("TagValue", 0, 256, r"");
    pub(crate) static TIMEZONE: TextRule = text("Timezone", 1, 50, r"");
    pub(crate) static TREAT_MISSING_DATA: TextRule = text("TreatMissingData", 1, 255, r"");
    pub(crate) static ACTION_CONFIGURATION: Shape = shape("ActionConfiguration", &[
        ("AlarmTagsPropagation", MAY, Structure(&ALARM_TAGS_PROPAGATION)),
    ]);
    pub(crate) static ALARM_PROM_QL_CRITERIA: Shape = shape("AlarmPromQLCriteria", &[
        ("Query", MUST, Text(&QUERY)), ("PendingPeriod", MAY, Integer(0, 86_400)), ("RecoveryPeriod", MAY, Integer(0, 86_400)),
    ]);
    pub(crate) static ALARM_TAGS_PROPAGATION: Shape = shape("AlarmTagsPropagation", &[
        ("Enabled", MUST, Flag), ("IncludedTagKeys", MAY, List(1, 50, &Text(&ALARM_TAGS_PROPAGATION_TAG_KEY))),
        ("ExcludedTagKeys", MAY, List(1, 50, &Text(&ALARM_TAGS_PROPAGATION_TAG_KEY))),
    ]);
    pub(crate) static DELETE_ALARMS_INPUT: Shape = shape("DeleteAlarmsInput", &[("AlarmNames", MUST, List(0, 100, &Text(&ALARM_NAME)))]);
    pub(crate) static DIMENSION: Shape = shape("Dimension", &[("Name", MUST, Text(&DIMENSION_NAME)), ("Value", MUST, Text(&DIMENSION_VALUE))]);
    pub(crate) static EVALUATION_CRITERIA: Shape = shape("EvaluationCriteria", &[("PromQLCriteria", MAY, Structure(&ALARM_PROM_QL_CRITERIA))]);
    pub(crate) static EVALUATION_WINDOW: Shape = shape("EvaluationWindow", &[
        ("WallClockWindow", MAY, Structure(&WALL_CLOCK_WINDOW)), ("SlidingWindow", MAY, Structure(&SLIDING_WINDOW)),
    ]);
    pub(crate) static GET_METRIC_DATA_INPUT: Shape = shape("GetMetricDataInput", &[
        ("MetricDataQueries", MUST, List(0, MANY, &Structure(&METRIC_DATA_QUERY))), ("StartTime", MUST, Number(f64::NEG_INFINITY)),
        ("EndTime", MUST, Number(f64::NEG_INFINITY)), ("NextToken", MAY, Word), ("ScanBy", MAY, Word),
        ("MaxDatapoints", MAY, Integer(i32::MIN as i64, i32::MAX as i64)), ("LabelOptions", MAY, Structure(&LABEL_OPTIONS)),
    ]);
    pub(crate) static LABEL_OPTIONS: Shape = shape("LabelOptions", &[("Timezone", MAY, Word)]);
    pub(crate) static METRIC: Shape = shape("Metric", &[
        ("Namespace", MAY, Text(&NAMESPACE)), ("MetricName", MAY, Text(&METRIC_NAME)), ("Dimensions", MAY, List(0, 30, &Structure(&DIMENSION))),
    ]);
    pub(crate) static METRIC_DATA_QUERY: Shape = shape("MetricDataQuery", &[
        ("Id", MUST, Text(&METRIC_ID)), ("MetricStat", MAY, Structure(&METRIC_STAT)), ("Expression", MAY, Text(&METRIC_EXPRESSION)),
        ("Label", MAY, Word), ("ReturnData", MAY, Flag), ("Period", MAY, Integer(1, i64::MAX)), ("AccountId", MAY, Text(&ACCOUNT_ID)),
    ]);
    pub(crate) static METRIC_STAT: Shape = shape("MetricStat", &[
        ("Metric", MUST, Structure(&METRIC)), ("Period", MUST, Integer(1, i64::MAX)), ("Stat", MUST, Word), ("Unit", MAY, Word),
    ]);
    pub(crate) static PUT_METRIC_ALARM_INPUT: Shape = shape("PutMetricAlarmInput", &[
        ("AlarmName", MUST, Text(&ALARM_NAME)), ("AlarmDescription", MAY, Text(&ALARM_DESCRIPTION)), ("ActionsEnabled", MAY, Flag),
        ("OKActions", MAY, List(0, 5, &Text(&RESOURCE_NAME))), ("AlarmActions", MAY, List(0, 5, &Text(&RESOURCE_NAME))),
        ("InsufficientDataActions", MAY, List(0, 5, &Text(&RESOURCE_NAME))), ("MetricName", MAY, Text(&METRIC_NAME)),
        ("Namespace", MAY, Text(&NAMESPACE)), ("Statistic", MAY, Word), ("ExtendedStatistic", MAY, Word),
        ("Dimensions", MAY, List(0, 30, &Structure(&DIMENSION))), ("Period", MAY, Integer(1, i64::MAX)), ("Unit", MAY, Word),
        ("EvaluationPeriods", MAY, Integer(1, i64::MAX)), ("DatapointsToAlarm", MAY, Integer(1, i64::MAX)),
        ("Threshold", MAY, Number(f64::NEG_INFINITY)), ("ComparisonOperator", MAY, Word), ("TreatMissingData", MAY, Text(&TREAT_MISSING_DATA)),
        ("EvaluateLowSampleCountPercentile", MAY, Text(&EVALUATE_LOW_SAMPLE_COUNT_PERCENTILE)),
        ("Metrics", MAY, List(0, MANY, &Structure(&METRIC_DATA_QUERY))), ("Tags", MAY, List(0, MANY, &Structure(&TAG))),
        ("ThresholdMetricId", MAY, Text(&METRIC_ID)), ("EvaluationWindow", MAY, Structure(&EVALUATION_WINDOW)),
        ("WarmUpConfiguration", MAY, Structure(&WARM_UP_CONFIGURATION)), ("EvaluationCriteria", MAY, Structure(&EVALUATION_CRITERIA)),
        ("EvaluationInterval", MAY, Integer(10, 3_600)), ("ActionConfiguration", MAY, Structure(&ACTION_CONFIGURATION)),
    ]);
    pub(crate) static SLIDING_WINDOW: Shape = shape("SlidingWindow", &[]);
    pub(crate) static TAG: Shape = shape("Tag", &[("Key", MUST, Text(&TAG_KEY)), ("Value", MUST, Text(&TAG_VALUE))]);
    pub(crate) static WALL_CLOCK_WINDOW: Shape = shape("WallClockWindow", &[("Timezone", MAY, Text(&TIMEZONE))]);
    pub(crate) static WARM_UP_CONFIGURATION: Shape = shape("WarmUpConfiguration", &[
        ("WarmUpPeriodDurationInMinutes", MUST, Integer(1, 2_880)), ("OnlyStartEvaluatingAfterWarmUpPeriodEnds", MAY, Flag),
    ]);
    pub(crate) static REQUESTS: &[(&str, &Shape)] = &[
        ("PutMetricAlarm", &PUT_METRIC_ALARM_INPUT), ("DeleteAlarms", &DELETE_ALARMS_INPUT), ("GetMetricData", &GET_METRIC_DATA_INPUT),
    ];
}

/// `sagemaker-runtime` 2017-05-13.
pub(crate) mod sagemaker_runtime {
    use super::*;

    pub(crate) static CUSTOM_ATTRIBUTES_HEADER: TextRule = text("CustomAttributesHeader", 0, 1_024, r"\p{ASCII}*");
    pub(crate) static ENDPOINT_NAME: TextRule = text("EndpointName", 0, 63, r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*");
    pub(crate) static FILENAME_HEADER: TextRule = text("FilenameHeader", 1, 32, r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$");
    pub(crate) static HEADER: TextRule = text("Header", 0, 1_024, r"\p{ASCII}*");
    pub(crate) static INFERENCE_ID: TextRule = text("InferenceId", 1, 64, r"\A\S[\p{Print}]*\z");
    pub(crate) static INPUT_LOCATION_HEADER: TextRule = text("InputLocationHeader", 1, 1_024, r"^(https|s3)://([^/]+)/?(.*)$");
    pub(crate) static S3_OUTPUT_PATH_EXTENSION_HEADER: TextRule = text("S3OutputPathExtensionHeader", 1, 512, r"^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$");
    pub(crate) const ASYNC_BODY_BLOB: usize = 128_000;
    pub(crate) const INVOCATION_TIMEOUT_SECONDS_HEADER: RangeInclusive<u64> = 1..=3_600;
    pub(crate) const REQUEST_TTL_SECONDS_HEADER: RangeInclusive<u64> = 60..=21_600;
}
