//! The date formats of these services.

use std::time::SystemTime;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const HTTP: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const RFC_850: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:long], [day]-[month repr:short]-[year] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
const AMZ: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z");

const ISO_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

fn format(time: SystemTime, format: &[BorrowedFormatItem<'_>]) -> String {
    // Every part of these formats exists in a date.
    OffsetDateTime::from(time)
        .format(format)
        .unwrap_or_default()
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`
pub(super) fn http_date(time: SystemTime) -> String {
    format(time, HTTP)
}

/// `20151021T072800Z`
pub(super) fn amz(time: SystemTime) -> String {
    format(time, AMZ)
}

/// `2015-10-21T07:28:00.000Z`
pub(super) fn iso(time: SystemTime) -> String {
    format(time, ISO)
}

/// `2015-10-21T07:28:00.123Z`
pub(super) fn iso_millis(time: SystemTime) -> String {
    format(time, ISO_MILLIS)
}

/// Dates in the format of [`iso`]; the last one is cached, since many are of the same second.
#[derive(Debug, Default)]
pub(super) struct Dates {
    second: u64,
    written: String,
}

impl Dates {
    pub(super) fn iso(&mut self, time: SystemTime) -> &str {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let second = since.map_or(0, |since| since.as_secs());
        if second != self.second || self.written.is_empty() {
            self.second = second;
            self.written = iso(time);
        }
        &self.written
    }
}

/// Reads the three formats of HTTP: `Wed, 21 Oct 2015 07:28:00 GMT`, and those of old clients,
/// `Wednesday, 21-Oct-15 07:28:00 GMT` and `Wed Oct 21 07:28:00 2015`.
pub(super) fn parse_http(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let time = PrimitiveDateTime::parse(text, HTTP)
        .or_else(|_| PrimitiveDateTime::parse(text, ASCTIME))
        .ok()
        .or_else(|| PrimitiveDateTime::parse(&with_whole_year(text)?, RFC_850).ok())?;
    Some(time.assume_utc().into())
}

/// A date whose year has two digits. Last modifications are never before 1970.
fn with_whole_year(text: &str) -> Option<String> {
    let (day, rest) = text.split_at_checked(text.rfind('-')? + 1)?;
    let (year, time) = rest.split_once(' ')?;
    let whole = match year.parse().ok().filter(|_| year.len() == 2)? {
        year @ 0..70 => 2000 + year,
        year => 1900 + year,
    };
    Some(format!("{day}{whole} {time}"))
}

/// Reads the format of HTTP or, as botocore writes it, of mail: `Wed, 21 Oct 2015 07:28:00 -0000`.
pub(super) fn parse_mail(text: &str) -> Option<SystemTime> {
    parse_http(&text.replace("-0000", "GMT").replace("+0000", "GMT"))
}

/// Reads `20151021T072800Z`.
pub(super) fn parse_amz(text: &str) -> Option<SystemTime> {
    let time = PrimitiveDateTime::parse(text, AMZ).ok()?;
    Some(time.assume_utc().into())
}
