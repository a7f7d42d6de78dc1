//! Times in documents of the services.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as in `2026-01-02T03:04:05Z`. `None` where it is not one, and where this machine cannot count
/// that far.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
    let seconds = time.unix_timestamp();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let moment = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    moment?.checked_add(Duration::from_nanos(time.nanosecond().into()))
}

/// The time in that form, in whole seconds.
pub(crate) fn format(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?)
        .ok()?
        .format(&Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{format, parse};

    #[test]
    fn times_are_read_and_written() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_651_516_561);
        assert_eq!(parse("2022-05-02T18:36:01Z"), Some(moment));
        assert_eq!(parse("2022-05-02T20:36:01+02:00"), Some(moment));
        assert_eq!(
            parse("1969-12-31T23:59:59.25Z"),
            Some(UNIX_EPOCH - Duration::from_millis(750))
        );
        assert_eq!(format(moment).as_deref(), Some("2022-05-02T18:36:01Z"));
        for wrong in ["", "soon", "2022-05-02", "2022-13-02T18:36:00Z"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
