//! The limits of texts in words: what is allowed, and the remedy.

use super::check::{MANY, TextRule};
use super::patterns;

pub(super) struct Words {
    /// What is allowed.
    form: &'static str,
    pub(super) remedy: &'static str,
    /// Never shown in an error.
    pub(super) secret: bool,
}

/// What is allowed, with the length.
pub(super) fn limit(rule: &TextRule) -> String {
    let form = of(rule).form;
    // A pattern that requires a character also requires a length of 1, whatever the model's minimum is.
    let wants_one = rule.fits.is_some_and(|fits| !fits(""));
    match (rule.min.max(usize::from(wants_one)), rule.max) {
        (0, MANY) => form.to_owned(),
        (0, max) => format!("at most {max} {form}"),
        (min, MANY) => format!("{min} or more {form}"),
        (min, max) => format!("{min} to {max} {form}"),
    }
}

/// By the model's name of the text, or else by its pattern.
pub(super) fn of(rule: &TextRule) -> Words {
    let named = |(names, ..): &&(&str, _, _)| names.split(' ').any(|name| name == rule.name);
    let (form, remedy) = match (WORDS.iter().find(named), rule.pattern) {
        (Some((_, form, remedy)), _) => (*form, *remedy),
        (None, patterns::ONE_LINE) => (
            "characters of one line",
            "shorten it and leave out line ends",
        ),
        (None, patterns::XML) => (
            "characters other than control characters",
            "shorten it and leave out control characters",
        ),
        (None, _) => ("characters", "shorten it"),
    };
    Words {
        form,
        remedy,
        secret: SECRET.contains(&rule.name),
    }
}

/// A container's variable may hold a secret; records of the model's input and the attributes of a request are
/// the caller's data.
const SECRET: [&str; 3] = [
    "EnvironmentValue",
    "ClarifyShapBaseline",
    "CustomAttributesHeader",
];

/// The model's names of texts, what is allowed, and the remedy.
#[rustfmt::skip]
const WORDS: &[(&str, &str, &str)] = &[
    ("ModelName EndpointName EndpointConfigName VariantName ContainerHostname InferenceSpecificationName",
        "letters, digits and inner hyphens", "shorten or rename it; give a name, not an ARN"),
    ("ContainerImage",
        "characters without white space", "give the image's URI in ECR, as in 123456789012.dkr.ecr.us-east-1.amazonaws.com/name:tag"),
    ("Url S3ModelUri", "characters that begin with s3://bucket or https://host", "write it as s3://bucket/key"),
    ("DestinationS3Uri", "characters that begin with s3://bucket or https://host, on one line", "write it as s3://bucket/prefix/"),
    ("RoleArn", "characters of the form arn:aws:iam::ACCOUNT:role/NAME", "copy the role's ARN from IAM"),
    ("EnvironmentKey", "letters, digits and underscores, the first not a digit", "rename the \
    variable"),
    ("TagKey TagValue", "letters, digits, spaces and _.:/=+-@", "shorten it and leave out the other characters"),
    ("SecurityGroupId SubnetId", "letters, digits and hyphens", "give an id such as sg-0123456789abcdef0 or subnet-0123456789abcdef0"),
    ("ProductionVariantInstanceType", "characters of the form ml.FAMILY.SIZE", "write it as in ml.m5.xlarge"),
    ("CsvContentType JsonContentType",
        "characters of the form type/subtype, of letters, digits, hyphens and dots", "leave out parameters such as charset"),
    ("ClarifyMimeType",
        "characters of the form type/subtype, of letters, digits, hyphens, dots and plus signs", "leave out parameters such as charset"),
    ("VersionedArnOrName",
        "characters: a model package's name or ARN, with or without its version", "copy the ARN from the model registry"),
    ("AlarmName", "characters of one line, not all of them blank", "give an alarm's name"),
    ("PolicyName", "printable ASCII characters", "shorten it and leave out the other characters"),
    ("ResourceArn", "characters of the form arn:aws:sagemaker:REGION:ACCOUNT:RESOURCE", "use the \
    ARN that a create or describe returned"),
    ("KmsKeyId", "of a-z A-Z 0-9 : / _ -", "give a key's id or ARN, or alias/name"),
    ("SnsTopicArn",
        "characters of the form arn:aws:sns:REGION:ACCOUNT:NAME", "copy the ARN from the topic's page or from `aws sns list-topics`"),
    ("EndpointNameContains", "letters, digits and hyphens", "give a part of an endpoint's name"),
    ("PaginationToken NextToken", "characters of one line", "pass the token of the previous page"),
    ("AdditionalModelChannelName", "letters, digits and ._-", "rename the channel"),
    ("MetricsEndpointPath", "letters, digits and /_.- after a slash, without ..", "give a path of the container's, as in /metrics"),
    ("RepositoryCredentialsProviderArn",
        "characters of one line", "give the ARN of the Lambda function that has the registry's credentials"),
    ("HubContentArn", "characters of one line", "give the ARN of the hub's content"),
    ("MlReservationArn", "characters of the form arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME", "copy the reservation's ARN"),
    ("AcceleratorPartitionType", "characters of the form mig-Ng.Ngb", "write it as in mig-1g.10gb"),
    ("ClarifyShapBaseline", "characters", "put a longer baseline into S3 and give ShapBaselineUri"),
    ("InferenceId", "printable ASCII characters, the first and the last not blank", "shorten it, or leave it out for a random one"),
    ("CustomAttributesHeader", "visible ASCII characters, and no blank at an end, which HTTP \
    removes", "shorten, trim or encode them"),
    ("Header", "visible ASCII characters, at least one, and no blank at an end, which HTTP \
    removes", "write it as in application/json"),
    ("FilenameHeader", "letters, digits, '-', '_' and at most one '.', the first a letter or digit", "shorten or rename it"),
    ("S3OutputPathExtensionHeader", "letters, digits and !_.*'()/-", "give a path below the endpoint's output path, not a URI"),
];
