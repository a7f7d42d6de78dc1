//! Names with the time in them, as the `SageMaker` Python SDK makes them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]-[hour]-[minute]-[second]-[subsecond digits:3]");

/// The longest name.
const LONGEST: usize = 63;

/// `{base}-2026-11-23-06-37-35-438`, the base cut so that the name has at most 63 characters, without characters
/// that a name cannot have (`name_from_base` of the SDK, which leaves that to the service).
pub(crate) fn name_from_base(base: &str, now: SystemTime) -> String {
    // A date of this clock has every part that the format asks for.
    let stamp = OffsetDateTime::from(now).format(STAMP).unwrap_or_default();
    let base: String = base
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LONGEST - stamp.len() - 1)
        .collect();
    match base.trim_matches('-') {
        "" => format!("a-{stamp}"),
        base => format!("{base}-{stamp}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::name_from_base;

    #[test]
    fn names_are_the_sdks() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_415_855_438);
        assert_eq!(
            name_from_base("async-ep", now),
            "async-ep-2026-11-23-06-37-35-438"
        );
        let long = name_from_base(&"x".repeat(63), now);
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("x-2026-11-23-06-37-35-438"));
        assert_eq!(
            name_from_base("-a_b.c-", now),
            "a-b-c-2026-11-23-06-37-35-438"
        );
        assert_eq!(name_from_base("", now), "a-2026-11-23-06-37-35-438");
    }
}
