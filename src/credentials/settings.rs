//! The settings that a session, or a source of credentials without one, reads from environment and profile if
//! code does not set them.

use http::HeaderValue;

use super::imds;
use crate::aws::config::Settings;
use crate::aws::endpoints::check_region;
use crate::error::{ConfigError, Result};

pub(crate) fn region(given: Option<String>, settings: &Settings<'_>) -> Result<String> {
    let environment = settings.sys().environment();
    let region = match given.or_else(|| environment.get_non_blank("AWS_REGION")) {
        Some(region) => Some(region),
        None => match settings.find("AWS_DEFAULT_REGION", "region")? {
            Some(found) => Some(found.value),
            None => imds::region(settings)?,
        },
    };
    let region = region.ok_or_else(|| {
        settings.lost_default().unwrap_or_else(|| {
            ConfigError::new(
                "region",
                "is not set",
                "set AWS_REGION, region in the profile, or Session::builder().region(..)",
            )
        })
    })?;
    check_region(&region)?;
    Ok(region)
}

pub(crate) fn app_name(
    given: Option<String>,
    settings: &Settings<'_>,
) -> Result<Option<String>, ConfigError> {
    if given.is_some() {
        return Ok(given);
    }
    let found = settings.find("AWS_SDK_UA_APP_ID", "sdk_ua_app_id")?;
    Ok(found.map(|found| found.value))
}

/// The longest app name, as the AWS SDKs and Tools Reference Guide limits it ("Application ID").
const MAX_APP_NAME: usize = 50;

/// An app name is only a label for logs: an invalid character becomes a hyphen, and a long name is cut.
pub(crate) fn user_agent(app_name: Option<&str>) -> Result<HeaderValue> {
    let mut text = concat!(
        "sagemaker-async-inference/",
        env!("CARGO_PKG_VERSION"),
        " ua/2.1 lang/rust"
    )
    .to_owned();
    if let Some(name) = app_name.map(str::trim).filter(|name| !name.is_empty()) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let fitting = name.chars().map(|c| if fits(c) { c } else { '-' });
        text.push_str(" app/");
        text.extend(fitting.take(MAX_APP_NAME));
    }
    Ok(crate::limits::header_value("user agent", &text)?)
}
