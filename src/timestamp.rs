//! Timestamps in documents of the services.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

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

/// A time in any form that tools around AWS write into their caches and outputs: as [`parse`], also with
/// a space for the `T`, `UTC` for the `Z`, an offset without a colon, or no zone, which is UTC; the basic
/// form of ISO 8601 (`20260102T030405Z`); a date of HTTP or mail; seconds or milliseconds since 1970.
pub(crate) fn parse_any_form(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    parse(text)
        .or_else(|| text.parse::<f64>().ok().and_then(from_epoch))
        .or_else(|| parse(&as_rfc3339(text)?))
        .or_else(|| parse_mail_date(text))
}

/// Seconds since 1970, or milliseconds where as seconds it would be after the year 5138.
pub(crate) fn from_epoch(number: f64) -> Option<SystemTime> {
    const LARGEST_SECONDS: f64 = 1e11;
    let seconds = if number < LARGEST_SECONDS {
        number
    } else {
        number / 1e3
    };
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// A variant of ISO 8601 in the form of RFC 3339.
fn as_rfc3339(text: &str) -> Option<String> {
    let at = text.find(['T', 't', ' '])?;
    let (date, time) = (&text[..at], text[at + 1..].trim_start());
    let zone_at = time.find(|c: char| !matches!(c, '0'..='9' | ':' | '.' | ','));
    let (time, zone) = time.split_at(zone_at.unwrap_or(time.len()));
    let date = match date.as_bytes() {
        [_, _, _, _, _, _, _, _] if date.is_ascii() => {
            format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..])
        }
        _ => date.to_owned(),
    };
    let (clock, fraction) = match time.find(['.', ',']) {
        Some(dot) => (&time[..dot], format!(".{}", &time[dot + 1..])),
        None => (time, String::new()),
    };
    let clock = match (clock.len(), clock.contains(':')) {
        (6, false) => format!("{}:{}:{}", &clock[..2], &clock[2..4], &clock[4..]),
        (5, true) => format!("{clock}:00"),
        _ => clock.to_owned(),
    };
    let zone = match zone.trim() {
        "" | "Z" | "z" | "UTC" | "GMT" => "Z".to_owned(),
        zone if zone.len() == 5 && zone.is_ascii() => format!("{}:{}", &zone[..3], &zone[3..]),
        zone if zone.len() == 3 && zone.is_ascii() => format!("{zone}:00"),
        zone => zone.to_owned(),
    };
    Some(format!("{date}T{clock}{fraction}{zone}"))
}

/// As in `Fri, 02 Jan 2026 03:04:05 GMT`.
fn parse_mail_date(text: &str) -> Option<SystemTime> {
    let text = text.replace("GMT", "+0000").replace("UTC", "+0000");
    let time = OffsetDateTime::parse(&text, &Rfc2822).ok()?;
    Some(SystemTime::from(time))
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

    use super::{format, parse, parse_any_form};

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

    #[test]
    fn every_form_that_tools_write_is_read() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_651_516_561);
        for text in [
            "2022-05-02T18:36:01Z",
            "2022-05-02t18:36:01z",
            "2022-05-02T18:36:01UTC",
            "2022-05-02T18:36:01 UTC",
            "2022-05-02T18:36:01+00:00",
            "2022-05-02T18:36:01+0000",
            "2022-05-02T20:36:01+02",
            "2022-05-02T16:36:01-0200",
            "2022-05-02T18:36:01",
            "2022-05-02 18:36:01+00:00",
            "2022-05-02 18:36:01",
            "20220502T183601Z",
            "1651516561",
            " 1651516561000 ",
            "Mon, 02 May 2022 18:36:01 GMT",
        ] {
            assert_eq!(parse_any_form(text), Some(moment), "{text}");
        }
        let half = Some(moment + Duration::from_millis(500));
        for text in [
            "2022-05-02T18:36:01.5Z",
            "2022-05-02T18:36:01.500000",
            "2022-05-02 18:36:01,5+0000",
            "1651516561.5",
        ] {
            assert_eq!(parse_any_form(text), half, "{text}");
        }
        let minute = Some(moment - Duration::from_secs(1));
        assert_eq!(parse_any_form("2022-05-02T18:36Z"), minute);
        for wrong in [
            "",
            "soon",
            "2022-05-02",
            "NaN",
            "-1",
            "inf",
            "1e400",
            "2022-05-02T",
            "T",
            "é T é",
            "2022-05-02T18:36:01+é",
            "20220502T1836é",
            "2022-13-02T18:36:00",
        ] {
            assert_eq!(parse_any_form(wrong), None, "{wrong}");
        }
    }
}
