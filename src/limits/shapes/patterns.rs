//! The patterns of the model's texts, as functions: `SageMaker` 2017-07-24, Application Auto Scaling
//! 2016-02-06, `CloudWatch` 2010-08-01.

/// `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, and for models `[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?`,
/// which is the same.
pub(super) fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// `arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
pub(super) fn is_role(arn: &str) -> bool {
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
pub(super) fn is_s3_or_https(url: &str) -> bool {
    let place = url
        .strip_prefix("s3://")
        .or_else(|| url.strip_prefix("https://"));
    place.is_some_and(|place| {
        !place.is_empty() && !place.starts_with('/') && !place.contains(['\n', '\r'])
    })
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub(super) fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`
pub(super) fn is_tag(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    })
}

/// The model lists instance types; new ones come every few months, all of this form.
pub(super) fn is_instance_type(text: &str) -> bool {
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
pub(super) fn is_content_type(text: &str) -> bool {
    is_type_and_subtype(text, b"-.")
}

/// The same, with a plus among the subtype's characters.
pub(super) fn is_mime_type(text: &str) -> bool {
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
pub(super) fn is_model_package(text: &str) -> bool {
    let kind = |b: u8| b.is_ascii_lowercase() || b == b'-';
    let package = |text: &str| {
        let (name, version) = text.split_once('/').unwrap_or((text, "1"));
        (1..=63).contains(&name.len())
            && is_name(name)
            && (1..=9).contains(&version.len())
            && version.bytes().all(|b| b.is_ascii_digit())
    };
    package(text)
        || is_arn(text, "sagemaker", |resource| {
            resource
                .split_once('/')
                .is_some_and(|(before, name)| before.bytes().all(kind) && package(name))
        })
}

/// `/(?!.*\.\.)[a-zA-Z0-9/_.\-]+`
pub(super) fn is_metrics_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains("..")
            && rest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
    })
}

/// `mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*`
pub(super) fn is_accelerator_partition(text: &str) -> bool {
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
pub(super) fn is_ml_reservation(arn: &str) -> bool {
    is_arn(arn, "sagemaker", |resource| {
        resource.split_once('/').is_some_and(|(kind, name)| {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=14).contains(&kind.len()) && kind.bytes().all(legal) && is_one_line(name)
        })
    })
}

/// `arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+`
pub(super) fn is_topic(arn: &str) -> bool {
    is_arn(arn, "sns", |name| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        !name.is_empty() && name.bytes().all(legal)
    })
}

/// `arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+`
pub(super) fn is_resource_arn(arn: &str) -> bool {
    is_arn(arn, "sagemaker", |resource| {
        !resource.is_empty() && is_one_line(resource)
    })
}

/// `arn:aws[a-z\-]*:SERVICE:[a-z0-9\-]*:[0-9]{12}:` before a resource.
fn is_arn(arn: &str, service: &str, is_resource: impl FnOnce(&str) -> bool) -> bool {
    match *arn.splitn(6, ':').collect::<Vec<_>>() {
        ["arn", partition, of, region, account, resource] => {
            let lowercase = |b: u8| b.is_ascii_lowercase() || b == b'-';
            of == service
                && partition
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
pub(super) fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// `[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`: what XML can hold.
pub(super) fn is_xml(text: &str) -> bool {
    text.chars()
        .all(|c| c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || "\r\n\t".contains(c))
}

pub(super) fn is_anything(_: &str) -> bool {
    true
}

/// `[a-zA-Z0-9:/_-]*`
pub(super) fn is_kms_key(id: &str) -> bool {
    id.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b))
}
