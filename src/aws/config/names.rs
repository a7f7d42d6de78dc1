//! Names of sections and settings, and the likely meaning of misspelt ones.

use std::borrow::Cow;

/// The settings that this crate reads from profiles and other sections.
const SETTINGS: [&str; 44] = [
    "addressing_style",
    "aws_access_key_id",
    "aws_account_id",
    "aws_secret_access_key",
    "aws_security_token",
    "aws_session_token",
    "ca_bundle",
    "credential_process",
    "credential_source",
    "duration_seconds",
    "ec2_instance_profile_name",
    "ec2_metadata_service_endpoint",
    "ec2_metadata_service_endpoint_mode",
    "ec2_metadata_v1_disabled",
    "endpoint_url",
    "external_id",
    "ignore_configured_endpoint_urls",
    "login_session",
    "max_attempts",
    "metadata_service_num_attempts",
    "metadata_service_timeout",
    "mfa_serial",
    "region",
    "retry_mode",
    "role_arn",
    "role_session_name",
    "s3",
    "sagemaker",
    "sagemaker_runtime",
    "sdk_ua_app_id",
    "services",
    "signin",
    "source_profile",
    "sso",
    "sso_account_id",
    "sso_oidc",
    "sso_region",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "sts",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
    "web_identity_token_file",
];

/// ASCII letters, digits and `_-/.%@:+`: what the SDKs accept as a name without quotes.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b))
}

/// The setting that a name in lower case is meant for, if other characters than those of a name stand
/// in it (blanks, invisible ones, quotes) and it is that setting without them.
pub(super) fn misspelt_setting(name: &str) -> Option<&'static str> {
    if is_identifier(name) {
        return None;
    }
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_meant = |known: &&&str| known.bytes().filter(|b| *b != b'_').eq(bare.bytes());
    SETTINGS.iter().find(is_meant).copied()
}

/// A name without the quotes of a shell word, as the AWS CLI writes and reads names of sections:
/// nothing is special in single quotes; `\` before `"` or `\` is dropped in double ones. A name whose
/// quotes do not match stays as it is, and so do backslashes outside quotes.
pub(super) fn unquoted(name: &str) -> Cow<'_, str> {
    if !name.contains(['\'', '"']) {
        return name.into();
    }
    let mut bare = String::new();
    let mut quote = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') if chars.peek().is_some_and(|c| matches!(c, '"' | '\\')) => {
                bare.extend(chars.next());
            }
            _ => bare.push(c),
        }
    }
    if quote.is_some() {
        name.into()
    } else {
        bare.into()
    }
}

/// A name as it must be written after a section's prefix, for this crate and the AWS CLI.
pub(super) fn quoted(name: &str) -> Cow<'_, str> {
    if is_identifier(name) {
        name.into()
    } else if !name.contains('\'') {
        format!("'{name}'").into()
    } else if !name.contains(['"', '\\']) {
        format!("\"{name}\"").into()
    } else {
        format!("'{}'", name.replace('\'', "'\"'\"'")).into()
    }
}

/// Letters and digits in lower case, to compare spellings.
pub(super) fn squeezed(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_no_part_of_a_name() {
        for (written, name) in [
            ("plain", "plain"),
            ("'my dev'", "my dev"),
            ("\"my dev\"", "my dev"),
            ("my' 'dev", "my dev"),
            ("'a]b'", "a]b"),
            ("\"a\\\"b\\\\c\"", "a\"b\\c"),
            ("'a\\b'", "a\\b"),
            ("o'neil", "o'neil"),
            ("'o'\"'\"'neil'", "o'neil"),
            ("CORP\\me", "CORP\\me"),
            ("''", ""),
        ] {
            assert_eq!(unquoted(written), name, "{written}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for name in ["a", "my dev", "o'neil", "it's \"x\"", "it's \\x", "\"", "é"] {
            assert_eq!(unquoted(&quoted(name)), name);
        }
    }

    #[test]
    fn settings_are_recognised_through_characters_that_do_not_belong_there() {
        for (name, meant) in [
            ("\u{200b}region", Some("region")),
            ("aws access key id", Some("aws_access_key_id")),
            ("\"region\"", Some("region")),
            ("sso\u{2011}region", Some("sso_region")),
            ("region", None),
            ("si$ze", None),
            ("light colour", None),
        ] {
            assert_eq!(misspelt_setting(name), meant, "{name}");
        }
    }
}
