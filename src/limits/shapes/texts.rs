//! The texts of the models: how long they are, what they are made of, what to do about others.
//!
//! A text without a lower limit in the model has one here if its pattern wants a character.

use super::patterns::{
    is_accelerator_partition, is_anything, is_content_type, is_instance_type, is_kms_key,
    is_metrics_path, is_mime_type, is_ml_reservation, is_model_package, is_name, is_one_line,
    is_resource_arn, is_role, is_s3_or_https, is_tag, is_topic, is_variable, is_xml,
};
use super::shape::Text;

/// Names of models, configurations, endpoints, variants and containers.
pub(crate) static NAME: Text = Text::new(
    63,
    is_name,
    "letters, digits and inner hyphens",
    "shorten or rename it; give a name, not an ARN",
);
pub(crate) static IMAGE: Text = Text::new(
    255,
    |image| !image.contains(char::is_whitespace),
    "characters without white space",
    "give the image's URI in ECR, as in 123456789012.dkr.ecr.us-east-1.amazonaws.com/name:tag",
);
pub(crate) static URL: Text = Text::new(
    1024,
    is_s3_or_https,
    "characters that begin with s3://bucket or https://host",
    "write it as s3://bucket/key",
);
/// Where outputs, failures and captured data go.
pub(crate) static DESTINATION: Text = Text::new(
    512,
    is_s3_or_https,
    "characters that begin with s3://bucket or https://host, on one line",
    "write it as s3://bucket/prefix/",
);
pub(crate) static ROLE: Text = Text {
    min: 20,
    ..Text::new(
        2048,
        is_role,
        "characters of the form arn:aws:iam::ACCOUNT:role/NAME",
        "copy the role's ARN from IAM",
    )
};
pub(crate) static VARIABLE: Text = Text::new(
    1024,
    is_variable,
    "letters, digits and underscores, the first no digit",
    "rename the variable",
);
/// A container's variable may hold a secret.
pub(crate) static VARIABLE_VALUE: Text = Text {
    min: 0,
    secret: true,
    ..Text::new(1024, is_anything, "characters", "shorten it")
};
pub(crate) static TAG_KEY: Text = Text::new(
    128,
    is_tag,
    "letters, digits, spaces and _.:/=+-@",
    "shorten it and leave out the other characters",
);
pub(crate) static TAG_VALUE: Text = Text {
    min: 0,
    ..Text::new(
        256,
        is_tag,
        "letters, digits, spaces and _.:/=+-@",
        "shorten it and leave out the other characters",
    )
};
pub(crate) static VPC_ID: Text = Text::new(
    32,
    |id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
    "letters, digits and hyphens",
    "give an id such as sg-0123456789abcdef0 or subnet-0123456789abcdef0",
);
pub(crate) static INSTANCE_TYPE: Text = Text::new(
    63,
    is_instance_type,
    "characters of the form ml.FAMILY.SIZE",
    "write it as in ml.m5.xlarge",
);
pub(crate) static CONTENT_TYPE: Text = Text::new(
    256,
    is_content_type,
    "characters of the form type/subtype, of letters, digits, hyphens and dots",
    "leave out parameters such as charset",
);
pub(crate) static MODEL_PACKAGE: Text = Text::new(
    176,
    is_model_package,
    "characters: a model package's name or ARN, with or without its version",
    "copy the ARN from the model registry",
);
pub(crate) static ALARM_NAME: Text = Text::new(
    255,
    |name| is_one_line(name) && !name.trim().is_empty(),
    "characters of one line, not all of them blank",
    "give an alarm's name",
);
pub(crate) static POLICY_NAME: Text = Text::new(
    256,
    |name| name.bytes().all(|b| (b' '..=b'~').contains(&b)),
    "printable ASCII characters",
    "shorten it and leave out the other characters",
);
pub(crate) static RESOURCE_ARN: Text = Text::new(
    256,
    is_resource_arn,
    "characters of the form arn:aws:sagemaker:REGION:ACCOUNT:RESOURCE",
    "take the ARN that a create or describe gave",
);
pub(crate) static KMS_KEY: Text = Text {
    min: 0,
    ..Text::new(
        2048,
        is_kms_key,
        "of a-z A-Z 0-9 : / _ -",
        "give a key's id or ARN, or alias/name",
    )
};
pub(crate) static TOPIC: Text = Text::new(
    2048,
    is_topic,
    "characters of the form arn:aws:sns:REGION:ACCOUNT:NAME",
    "copy the ARN from the topic's page or from `aws sns list-topics`",
);
pub(crate) static NAME_PART: Text = Text::new(
    63,
    |part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
    "letters, digits and hyphens",
    "give a part of an endpoint's name",
);
pub(crate) static NEXT_TOKEN: Text = Text {
    min: 0,
    ..Text::new(
        8192,
        is_one_line,
        "characters of one line",
        "pass on the token that came with the page before",
    )
};
pub(crate) static CHANNEL: Text = Text::new(
    64,
    |name| {
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    },
    "letters, digits and ._-",
    "rename the channel",
);
pub(crate) static METRICS_PATH: Text = Text::new(
    256,
    is_metrics_path,
    "letters, digits and /_.- after a slash, without ..",
    "give a path of the container's, as in /metrics",
);
pub(crate) static REPOSITORY_CREDENTIALS: Text = Text::new(
    2048,
    is_one_line,
    "characters of one line",
    "give the ARN of the Lambda function that has the registry's credentials",
);
pub(crate) static HUB_CONTENT: Text = Text {
    min: 0,
    ..Text::new(
        255,
        is_one_line,
        "characters of one line",
        "give the ARN of the hub's content",
    )
};
pub(crate) static ML_RESERVATION: Text = Text {
    min: 20,
    ..Text::new(
        258,
        is_ml_reservation,
        "characters of the form arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME",
        "copy the reservation's ARN",
    )
};
pub(crate) static ACCELERATOR_PARTITION: Text = Text::new(
    32,
    is_accelerator_partition,
    "characters of the form mig-Ng.Ngb",
    "write it as in mig-1g.10gb",
);
pub(crate) static CLARIFY_LABEL: Text = Text::new(
    64,
    is_one_line,
    "characters of one line",
    "shorten it and leave out line ends",
);
pub(crate) static MIME_TYPE: Text = Text::new(
    255,
    is_mime_type,
    "characters of the form type/subtype, of letters, digits, hyphens, dots and plus signs",
    "leave out parameters such as charset",
);
/// Records of the model's input, which are the caller's data.
pub(crate) static SHAP_BASELINE: Text = Text {
    secret: true,
    ..Text::new(
        4096,
        is_anything,
        "characters",
        "put a longer baseline into S3 and give ShapBaselineUri",
    )
};

const XML: &str = "characters other than control characters";
const XML_REMEDY: &str = "shorten it and leave out control characters";

pub(crate) static METRIC_NAME: Text = Text::new(255, is_xml, XML, XML_REMEDY);
pub(crate) static METRIC_ID: Text = Text::new(255, is_xml, XML, XML_REMEDY);
pub(crate) static DIMENSION_VALUE: Text = Text::new(1024, is_xml, XML, XML_REMEDY);
pub(crate) static EXPRESSION: Text = Text::new(2048, is_xml, XML, XML_REMEDY);
pub(crate) static UNIT: Text = Text::new(1023, is_xml, XML, XML_REMEDY);
/// Without an upper limit in the model.
pub(crate) static XML_TEXT: Text = Text {
    min: 0,
    ..Text::new(usize::MAX, is_xml, XML, XML_REMEDY)
};
pub(crate) static RESOURCE_LABEL: Text = Text::new(1023, is_anything, "characters", "shorten it");
pub(crate) static PREDICTIVE_METRIC_TYPE: Text =
    Text::new(128, is_anything, "characters", "name a predefined metric");
