//! The patterns of the model's texts, as functions: `SageMaker` 2017-07-24, Application Auto Scaling
//! 2016-02-06, `CloudWatch` 2010-08-01.

use super::shape::Text;

/// `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, and for models `[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?`,
/// which is the same.
fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// `arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
fn is_role(arn: &str) -> bool {
    let Some((partition, rest)) = arn
        .strip_prefix("arn:aws")
        .and_then(|rest| rest.split_once(":iam::"))
    else {
        return false;
    };
    let Some((account, role)) = rest.split_once(":role") else {
        return false;
    };
    partition
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b == b'-')
        && is_account(account)
        && !matches!(role, "" | "/")
        && role
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b))
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
}

/// `(https|s3)://([^/]+)/?(.*)`
fn is_s3_or_https(url: &str) -> bool {
    let place = url
        .strip_prefix("s3://")
        .or_else(|| url.strip_prefix("https://"));
    place.is_some_and(|place| {
        !place.is_empty() && !place.starts_with('/') && !place.contains(['\n', '\r'])
    })
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`
fn is_tag(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    })
}

/// The model lists instance types; new ones come every few months, all of this form.
fn is_instance_type(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match *text.split('.').collect::<Vec<_>>() {
        ["ml", family, size] => part(family) && part(size),
        _ => false,
    }
}

/// `[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*`
fn is_content_type(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, subtype)| {
        let subtype_fits = subtype
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        !kind.is_empty()
            && is_name(kind)
            && subtype_fits
            && subtype.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !subtype.ends_with('-')
    })
}

/// `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?` before a name, and maybe a
/// version of 1 to 9 digits after it.
fn is_model_package(text: &str) -> bool {
    let name = match text.strip_prefix("arn:aws") {
        None => text,
        Some(rest) => match *rest.splitn(5, ':').collect::<Vec<_>>() {
            [partition, "sagemaker", region, account, resource] => {
                let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                match resource.split_once('/') {
                    Some((_, name))
                        if partition.bytes().all(legal)
                            && region.bytes().all(legal)
                            && is_account(account) =>
                    {
                        name
                    }
                    _ => return false,
                }
            }
            _ => return false,
        },
    };
    let (name, version) = name.split_once('/').unwrap_or((name, "1"));
    (1..=63).contains(&name.len())
        && is_name(name)
        && (1..=9).contains(&version.len())
        && version.bytes().all(|b| b.is_ascii_digit())
}

fn is_anything(_: &str) -> bool {
    true
}

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
    |name| !name.trim().is_empty(),
    "characters, not all of them blank",
    "give an alarm's name",
);
pub(crate) static POLICY_NAME: Text = Text::new(
    256,
    |name| !name.contains(char::is_control),
    "printable characters",
    "shorten it",
);
pub(crate) static RESOURCE_ARN: Text = Text::new(
    256,
    |arn| match *arn.splitn(6, ':').collect::<Vec<_>>() {
        ["arn", partition, "sagemaker", region, account, resource] => {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            partition.starts_with("aws")
                && partition.bytes().chain(region.bytes()).all(legal)
                && is_account(account)
                && !resource.is_empty()
        }
        _ => false,
    },
    "characters of the form arn:aws:sagemaker:REGION:ACCOUNT:RESOURCE",
    "take the ARN that a create or describe gave",
);
pub(crate) static NAME_PART: Text = Text::new(
    63,
    |part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
    "letters, digits and hyphens",
    "give a part of an endpoint's name",
);
