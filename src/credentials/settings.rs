//! What a session, or a source of credentials without one, takes from environment and profile where code says
//! nothing.

use http::HeaderValue;

use super::imds;
use crate::aws::config::Settings;
use crate::aws::endpoints::check_region;
use crate::error::{ConfigError, Result};
use crate::invalid_input::InvalidInput;

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

pub(crate) fn user_agent(app_name: Option<&str>) -> Result<HeaderValue> {
    let mut text = concat!(
        "sagemaker-async-inference/",
        env!("CARGO_PKG_VERSION"),
        " ua/2.1 lang/rust"
    )
    .to_owned();
    if let Some(name) = app_name {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!$%&*+-.^_|~".contains(&b);
        if !(1..=50).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(InvalidInput::new(
                "app name",
                name,
                "1 to 50 letters, digits and !$%&*+-.^_|~",
                "shorten it and leave out spaces",
            )
            .into());
        }
        text.push_str(" app/");
        text.push_str(name);
    }
    Ok(crate::limits::header_value("user agent", &text)?)
}
