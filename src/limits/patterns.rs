//! The patterns of the models' texts, as functions.

/// `.*`
pub(super) const ONE_LINE: &str = ".*";
/// Characters that XML can hold.
pub(super) const XML: &str = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";

/// Whether a text matches a pattern.
pub(super) type Function = fn(&str) -> bool;

/// The function of a pattern, if there is one; found by the compiler.
pub(super) const fn function(pattern: &str) -> Option<Function> {
    let mut known = 0;
    while known < PATTERNS.len() {
        let (patterns, function) = PATTERNS[known];
        let mut at = 0;
        while at < patterns.len() {
            if are_equal(patterns[at].as_bytes(), pattern.as_bytes()) {
                return Some(function);
            }
            at += 1;
        }
        known += 1;
    }
    None
}

const fn are_equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// Patterns that mean the same, and their function.
type Known = (&'static [&'static str], Function);

#[rustfmt::skip]
const PATTERNS: &[Known] = &[
    (&["", r"[\S\s]*"], |_| true),
    (&[r"[\s\S]+"], |text| !text.is_empty()),
    (&[ONE_LINE], is_one_line),
    (&[XML], is_xml),
    (&["[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"], is_name),
    (&["[a-zA-Z0-9-]+", "[-0-9a-zA-Z]+"], |text| is_some_of(text, b"-")),
    (&[r"[A-Za-z0-9\.\-_]+"], |text| is_some_of(text, b"._-")),
    (&["[a-zA-Z0-9:/_-]*"], |text| text.is_empty() || is_some_of(text, b":/_-")),
    (&["[a-zA-Z_][a-zA-Z0-9_]*"], |text| is_some_of(text, b"_") && !text.starts_with(|c: char| c.is_ascii_digit())),
    (&[r"[\S]+"], |text| !text.is_empty() && !text.contains(char::is_whitespace)),
    (&[r"\p{Print}+"], |text| !text.is_empty() && is_printable(text)),
    (&[r"\p{ASCII}*"], str::is_ascii),
    (&[r"(?!\s*$).+"], |text| is_one_line(text) && !text.trim().is_empty()),
    (&["[^:].*"], |text| !text.is_empty() && !text.starts_with(':') && is_one_line(text)),
    (&[r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"], is_tag),
    (&["(https|s3)://([^/]+)/?(.*)", "(https|s3)://([^/])/?(.*)", "^(https|s3)://([^/]+)/?(.*)$"], is_s3_or_https),
    (&[r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"], is_role),
    (&[r"arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+"], |arn| is_arn(arn, "sns", |name| is_some_of(name, b"_.-"))),
    (&["arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+"], |arn| is_arn(arn, "sagemaker", |name| !name.is_empty() && is_one_line(name))),
    (&[r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z0-9\-]{1,14}/.*"], is_ml_reservation),
    (&[r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?"], is_model_package),
    (&[r"ml\.[a-z0-9-]+\.[a-z0-9-]+"], is_instance_type),
    (&[r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*"], |text| is_type_and_subtype(text, b"-.")),
    (&[r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*"], |text| is_type_and_subtype(text, b"-.+")),
    (&[r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+"], is_metrics_path),
    (&[r"mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*"], is_accelerator_partition),
    (&[r"\A\S[\p{Print}]*\z"], is_inference_id),
    (&[r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$"], is_filename),
    // Excluding the colon excludes "s3:" and "https:".
    (&["^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$"], |text| is_some_of(text, b"!_.*'()/-")),
];

/// One letter, digit or other of these, or more.
fn is_some_of(text: &str, others: &[u8]) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn is_name(name: &str) -> bool {
    is_some_of(name, b"-") && !name.starts_with('-') && !name.ends_with('-')
}

fn is_inference_id(id: &str) -> bool {
    let mut chars = id.chars();
    chars
        .next()
        .is_some_and(|first| !first.is_ascii_whitespace() && first != '\u{b}')
        && is_printable(chars.as_str())
}

fn is_filename(name: &str) -> bool {
    is_some_of(name, b"-_.")
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.matches('.').count() <= 1
}

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

fn is_s3_or_https(url: &str) -> bool {
    let place = url
        .strip_prefix("s3://")
        .or_else(|| url.strip_prefix("https://"));
    place.is_some_and(|place| {
        !place.is_empty() && !place.starts_with('/') && !place.contains(['\n', '\r'])
    })
}

fn is_tag(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    })
}

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
        || is_arn(text, "sagemaker", |resource| {
            resource
                .split_once('/')
                .is_some_and(|(before, name)| before.bytes().all(kind) && package(name))
        })
}

fn is_metrics_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains("..")
            && rest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
    })
}

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

fn is_ml_reservation(arn: &str) -> bool {
    is_arn(arn, "sagemaker", |resource| {
        resource.split_once('/').is_some_and(|(kind, name)| {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=14).contains(&kind.len()) && kind.bytes().all(legal) && is_one_line(name)
        })
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

fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

fn is_xml(text: &str) -> bool {
    text.chars()
        .all(|c| c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || "\r\n\t".contains(c))
}
