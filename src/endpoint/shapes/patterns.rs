//! The patterns of the model's texts, as functions: `SageMaker` 2017-07-24, Application Auto Scaling
//! 2016-02-06, `CloudWatch` 2010-08-01.
//!
//! A text without a lower limit in the model has one here if its pattern wants a character.

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
    is_type_and_subtype(text, b"-.")
}

/// The same, with a plus among the subtype's characters.
fn is_mime_type(text: &str) -> bool {
    is_type_and_subtype(text, b"-.+")
}

fn is_type_and_subtype(text: &str, more: &[u8]) -> bool {
    text.split_once('/').is_some_and(|(kind, subtype)| {
        let subtype_fits = subtype
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
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
    let kind = |b: u8| b.is_ascii_lowercase() || b == b'-';
    let package = |text: &str| {
        let (name, version) = text.split_once('/').unwrap_or((text, "1"));
        (1..=63).contains(&name.len())
            && is_name(name)
            && (1..=9).contains(&version.len())
            && version.bytes().all(|b| b.is_ascii_digit())
    };
    package(text)
        || is_sagemaker_arn(text, |resource| {
            resource
                .split_once('/')
                .is_some_and(|(before, name)| before.bytes().all(kind) && package(name))
        })
}

/// `/(?!.*\.\.)[a-zA-Z0-9/_.\-]+`
fn is_metrics_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains("..")
            && rest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
    })
}

/// `mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*`
fn is_accelerator_partition(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some((slices, rest)) = text
        .strip_prefix("mig-")
        .and_then(|rest| rest.split_once("g."))
    else {
        return false;
    };
    let mut parts = rest.split(['+', '-']);
    let memory = parts.next().and_then(|memory| memory.strip_suffix("gb"));
    digits(slices)
        && memory.is_some_and(digits)
        && parts.all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.')
        })
}

/// `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z0-9\-]{1,14}/.*`
fn is_ml_reservation(arn: &str) -> bool {
    is_sagemaker_arn(arn, |resource| {
        resource.split_once('/').is_some_and(|(kind, name)| {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=14).contains(&kind.len()) && kind.bytes().all(legal) && is_one_line(name)
        })
    })
}

/// `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:` before a resource.
fn is_sagemaker_arn(arn: &str, is_resource: impl FnOnce(&str) -> bool) -> bool {
    match *arn.splitn(6, ':').collect::<Vec<_>>() {
        ["arn", partition, "sagemaker", region, account, resource] => {
            let lowercase = |b: u8| b.is_ascii_lowercase() || b == b'-';
            partition
                .strip_prefix("aws")
                .is_some_and(|rest| rest.bytes().all(lowercase))
                && region.bytes().all(|b| lowercase(b) || b.is_ascii_digit())
                && is_account(account)
                && is_resource(resource)
        }
        _ => false,
    }
}

/// `.*`
fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// `[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`: what XML can hold.
fn is_xml(text: &str) -> bool {
    text.chars()
        .all(|c| c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || "\r\n\t".contains(c))
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
    |arn| {
        is_sagemaker_arn(arn, |resource| {
            !resource.is_empty() && is_one_line(resource)
        })
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
