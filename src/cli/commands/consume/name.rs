//! Names of files for what `consume` stores.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a file's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A file's name from an inference id, or from the last name of the output's key. Other characters than letters,
/// digits, hyphens, dots and underscores are percent-encoded, so that two ids have two names.
pub(super) fn name_of(id: Option<&str>, output: Option<&str>) -> String {
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        return format!("{}.out", visible(id));
    }
    let last = output.and_then(|output| output.rsplit('/').next());
    visible(last.filter(|name| !name.is_empty()).unwrap_or("result"))
}

/// Not hidden, neither the directory nor its parent, and none of the names that files have before they are complete.
fn visible(name: &str) -> String {
    let encoded = utf8_percent_encode(name, PLAIN).to_string();
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => encoded,
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn names_are_of_the_inference_and_stay_in_the_directory() {
        for (id, name) in [
            ("job-7", "job-7.out"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.out"),
            (".hidden", "%2Ehidden.out"),
            ("a b/c", "a%20b%2Fc.out"),
        ] {
            assert_eq!(name_of(Some(id), Some("s3://b/out/x.out")), name);
        }
        assert_eq!(name_of(None, Some("s3://b/out/x.out")), "x.out");
        assert_eq!(name_of(None, Some("s3://b/..")), "%2E.");
        assert_eq!(
            name_of(None, Some("s3://b/.result.1.tmp")),
            "%2Eresult.1.tmp"
        );
        assert_eq!(name_of(Some(""), None), "result");
    }
}
