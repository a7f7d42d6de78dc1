//! Text for standard error: bounded in length, without secrets, without terminal control sequences.

/// Longer texts are cut; a model's own words are whole in its failure object.
const MAX_BYTES: usize = 8 << 10;

const HIDDEN: &str = "***";

/// What has a secret behind it in a URL: users paste presigned URLs where an object's location should be.
const IN_URLS: [&str; 5] = [
    "x-amz-signature=",
    "x-amz-credential=",
    "x-amz-security-token=",
    "awsaccesskeyid=",
    "signature=",
];

/// What has a secret behind it in files and JSON documents.
const IN_FILES: [&str; 5] = [
    "aws_secret_access_key",
    "aws_session_token",
    "secretaccesskey",
    "sessiontoken",
    "accesstoken",
];

/// A text for standard error.
pub(in crate::cli) fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    bounded(&without_secrets(text)).replace(steers, "\u{fffd}")
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    let mut end = MAX_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (shown, all) = (&text[..end], text.len());
    format!("{shown} .. (cut: {all} bytes in all)")
}

/// Hides the values of signatures, keys and tokens.
pub(in crate::cli) fn without_secrets(text: &str) -> String {
    // Lengths stay: only ASCII changes.
    let lower = text.to_ascii_lowercase();
    let mut hidden = Vec::new();
    for name in IN_URLS {
        for (at, _) in lower.match_indices(name) {
            hidden.push(at + name.len());
        }
    }
    for name in IN_FILES {
        for (at, _) in lower.match_indices(name) {
            let after = at + name.len();
            let rest = lower[after..].trim_start_matches(['"', '\'', ' ', '\\']);
            if let Some(value) = rest.strip_prefix(['=', ':']) {
                let value = value.trim_start_matches(['"', '\'', ' ', '\\']);
                hidden.push(lower.len() - value.len());
            }
        }
    }
    hidden.sort_unstable();
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for start in hidden {
        if start < from {
            continue;
        }
        let value = &text[start..];
        let length = value.find(|c: char| c.is_whitespace() || "&\"'`\\,;<>()[]{}".contains(c));
        shown.push_str(&text[from..start]);
        shown.push_str(HIDDEN);
        from = start + length.unwrap_or(value.len());
    }
    shown.push_str(&text[from..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, printable};

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert_eq!(
            printable("a\x1b[31mb\r\n\tc"),
            "a\u{fffd}[31mb\u{fffd}\n\tc"
        );
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        for (text, expected) in [
            (
                "https://b/k?X-Amz-Signature=abc&X-Amz-Expires=60",
                "https://b/k?X-Amz-Signature=***&X-Amz-Expires=60",
            ),
            (
                r#"{"SessionToken": "hush", "Version": 1}"#,
                r#"{"SessionToken": "***", "Version": 1}"#,
            ),
            (
                "aws_secret_access_key = hush\nx",
                "aws_secret_access_key = ***\nx",
            ),
            (
                "the signature does not match",
                "the signature does not match",
            ),
            ("\u{e4}?Signature=\u{e4}", "\u{e4}?Signature=***"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let text = printable(&"\u{e4}".repeat(MAX_BYTES));
        assert!(text.len() < MAX_BYTES + 100);
        assert!(text.ends_with("bytes in all)"), "{text}");
    }
}
