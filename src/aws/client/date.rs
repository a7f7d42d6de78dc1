//! The service's time in an error response, in whatever form it has.

use std::time::SystemTime;

use time::format_description::well_known::Rfc2822;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::timestamp;

/// A `Date` header in one of HTTP's three formats (RFC 9110, 5.6.7), with the zone as `GMT`, `UTC` or a
/// number; and, as some gateways write it, in ISO 8601.
///
/// - `Sun, 06 Nov 1994 08:49:37 GMT`
/// - `Sunday, 06-Nov-94 08:49:37 GMT`
/// - `Sun Nov  6 08:49:37 1994`
pub(super) fn in_header(date: &str) -> Option<SystemTime> {
    if let Ok(time) = OffsetDateTime::parse(date.trim(), &Rfc2822) {
        return Some(time.into());
    }
    timestamp::parse(date).or_else(|| in_words(date))
}

fn in_words(date: &str) -> Option<SystemTime> {
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    for word in date
        .split([' ', ',', '-', '\t'])
        .filter(|word| !word.is_empty())
    {
        if word.contains(':') {
            time = Some(time_of_day(word)?);
        } else if let Ok(number) = word.parse::<u16>() {
            match (day, number) {
                (None, 1..=31) if word.len() <= 2 => day = Some(number),
                // Two digits, as in RFC 850. They are years of this century.
                _ if word.len() == 2 => year = Some(2000 + number),
                _ => year = Some(number),
            }
        } else if month.is_none()
            && let Some(found) = month_of(word)
        {
            month = Some(found);
        } else if !matches!(word, "GMT" | "UTC" | "UT" | "Z") && !is_weekday(word) {
            return None;
        }
    }
    let day = u8::try_from(day?).ok()?;
    let date = Date::from_calendar_date(i32::from(year?), month?, day).ok()?;
    let moment = PrimitiveDateTime::new(date, time?).assume_utc();
    Some(moment.into())
}

fn time_of_day(word: &str) -> Option<Time> {
    let mut parts = word.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    // A leap second counts as the one before it.
    Time::from_hms(hour, minute, second.min(59)).ok()
}

fn month_of(word: &str) -> Option<Month> {
    const NAMES: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let word = word.to_ascii_lowercase();
    let index = NAMES.iter().position(|name| *name == word)?;
    Month::try_from(u8::try_from(index).ok()? + 1).ok()
}

fn is_weekday(word: &str) -> bool {
    let start = word.get(..3).map(str::to_ascii_lowercase);
    let start = start.as_deref().unwrap_or_default();
    word.ends_with("day") || matches!(start, "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")
}

/// The service's time in the message of a signature's refusal:
/// `Signature expired: 20261128T195435Z is now earlier than 20261128T201920Z (20261128T202420Z - 5 min.)`,
/// `Signature not yet current: 20261128T203435Z is still later than 20261128T202920Z (20261128T202420Z + 5 min.)`.
pub(super) fn in_message(message: &str) -> Option<SystemTime> {
    let (_, limit) = message
        .split_once("earlier than ")
        .or_else(|| message.split_once("later than "))?;
    let (_, now) = limit.split_once('(')?;
    timestamp::parse_any_form(now.split(' ').next()?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{in_header, in_message};

    #[test]
    fn every_form_of_a_date_is_read() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_667_724_577);
        for date in [
            "Sun, 06 Nov 2022 08:49:37 GMT",
            "Sun, 06 Nov 2022 08:49:37 UTC",
            "Sun, 6 Nov 2022 08:49:37 +0000",
            "Sun, 06 Nov 2022 10:49:37 +0200",
            "Sunday, 06-Nov-22 08:49:37 GMT",
            "Sunday, 06-Nov-2022 08:49:37 UTC",
            "Sun Nov  6 08:49:37 2022",
            "Sun Nov 06 08:49:37 2022",
            "Sun Nov  6 08:49:37 UTC 2022",
            "06 Nov 2022 08:49:37 GMT",
            "2022-11-06T08:49:37Z",
        ] {
            assert_eq!(in_header(date), Some(moment), "{date}");
        }
        for wrong in [
            "",
            "yesterday, about noon",
            "Sun, 31 Feb 2022 08:49:37 GMT",
            "Sun, 06 Nov 2022 25:49:37 GMT",
            "Sun, 06 Nov 2022 08:49:37 Mars",
            "99999999999",
            "äö",
        ] {
            assert_eq!(in_header(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn messages_of_refused_signatures_have_the_services_time() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_667_724_577);
        for message in [
            "Signature expired: 20221106T081000Z is now earlier than 20221106T084437Z (20221106T084937Z - 5 min.)",
            "Signature not yet current: 20221106T093000Z is still later than 20221106T085437Z (20221106T084937Z + 5 min.)",
        ] {
            assert_eq!(in_message(message), Some(moment), "{message}");
        }
        for message in [
            "",
            "Signature expired: 20221106T081000Z is now earlier than 20221106T084437Z",
            "is earlier than now (soon)",
            "is earlier than now (2022110\u{e4}T08493Z)",
        ] {
            assert_eq!(in_message(message), None, "{message}");
        }
    }
}
