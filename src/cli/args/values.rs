//! Values of arguments.

use std::net::SocketAddr;
use std::time::Duration;

use sagemaker_async_inference::sys::Environment;

/// The variant's name where there is one, as in the SageMaker SDK.
pub(in crate::cli) const VARIANT: &str = "AllTraffic";

/// A duration: `90`, `90s`, `250ms`, `15m`, `6h`; seconds without a unit.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => {
            return Err(format!(
                "{unit:?} is not a unit; write 250ms, 90s, 15m, 6h or 1d"
            ));
        }
    };
    number
        .trim()
        .parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * seconds).ok())
        .ok_or_else(|| "write a number and a unit, as in 250ms, 90s, 15m or 6h".to_owned())
}

/// `NAME=VALUE`.
pub(in crate::cli) fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write NAME=VALUE".to_owned())
}

/// `NAME=VALUE`, or `NAME` for the value that it has in this process's environment.
pub(in crate::cli) fn variable(text: &str) -> Result<(String, String), String> {
    if text.contains('=') {
        return pair(text);
    }
    let value = Environment::process().get(text);
    value
        .map(|value| (text.to_owned(), value))
        .ok_or_else(|| format!("write NAME=VALUE; there is no variable {text} to pass on"))
}

/// An address and a port of this machine; `localhost` is 127.0.0.1.
pub(in crate::cli) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:");
    let local = local.map(|port| format!("127.0.0.1:{port}"));
    local.as_deref().unwrap_or(text).parse().map_err(|_| {
        "write an IP address of this machine and a port up to 65535, as in 127.0.0.1:4566 or [::1]:0".to_owned()
    })
}

/// A shard of several: `2/3`.
pub(in crate::cli) fn shard(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once('/').and_then(|(number, count)| {
        let (number, count) = (number.trim().parse().ok()?, count.trim().parse().ok()?);
        (1..=count).contains(&number).then_some((number, count))
    });
    parsed.ok_or_else(|| "write K/N with K from 1 to N, as in 2/3".to_owned())
}

/// A share: `0.25` or `25%`.
pub(in crate::cli) fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    number
        .trim()
        .parse::<f64>()
        .ok()
        .map(|number| number / whole)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share from 0 to 1, or a percentage as in 5%".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, pair, share};

    #[test]
    fn spans_of_time() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("6 h"), Ok(Duration::from_hours(6)));
        for wrong in ["", "h", "-1s", "1w", "nan", "1e300h", "inf"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pairs_and_shares() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("=b").is_err() && pair("a").is_err());
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.5"), Ok(0.5));
        assert!(share("2").is_err() && share("NaN").is_err() && share("101%").is_err());
    }
}
