use std::cell::OnceCell;
use std::time::Duration;

use super::{Choice, ProfileFiles, Section};
use crate::error::ConfigError;
use crate::sys::Sys;

/// Settings of the chosen profile, for the session builder. The files are read once, on first use.
pub(crate) struct Settings<'a> {
    sys: &'a Sys,
    choice: Choice,
    files: OnceCell<ProfileFiles>,
}

/// A setting's value, and its name as the user gave it, for errors.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Found {
    /// The error of a value.
    pub(crate) fn problem(
        &self,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ConfigError {
        ConfigError::new(self.name.clone(), problem, remedy)
    }
}

impl<'a> Settings<'a> {
    pub(crate) fn new(sys: &'a Sys, given_profile: Option<&str>) -> Self {
        Self {
            sys,
            choice: Choice::of(given_profile, sys),
            files: OnceCell::new(),
        }
    }

    /// A setting's value, if it is set and not blank. Fails if the files cannot be read or the chosen profile does
    /// not exist.
    pub(crate) fn get(&self, key: &str) -> Result<Option<&str>, ConfigError> {
        match self
            .profile()?
            .and_then(|profile| profile.get_non_blank(key))
        {
            Some(value) => self.one_line(key, value).map(Some),
            None => Ok(None),
        }
    }

    /// A setting of the environment, by `variable`, or else of the profile, by `key`.
    pub(crate) fn find(&self, variable: &str, key: &str) -> Result<Option<Found>, ConfigError> {
        if let Some(value) = self.sys.environment().get_non_blank(variable) {
            let name = variable.to_owned();
            return Ok(Some(Found { name, value }));
        }
        Ok(self.get(key)?.map(|value| Found {
            name: self.describe(key),
            value: value.to_owned(),
        }))
    }

    /// As [`find`](Self::find), for a boolean, in upper or lower case.
    pub(crate) fn find_bool(&self, variable: &str, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(found) = self.find(variable, key)? else {
            return Ok(None);
        };
        match found.value.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(ConfigError::new(
                found.name,
                "is not true or false",
                "set it to one of them, or remove it",
            )),
        }
    }

    /// As [`find`](Self::find), for a number of attempts. A number outside 1 to `most` is clamped, because a tuning
    /// value must not stop work.
    pub(crate) fn find_count(
        &self,
        variable: &str,
        key: &str,
        most: u32,
    ) -> Result<Option<u32>, ConfigError> {
        let Some(found) = self.find(variable, key)? else {
            return Ok(None);
        };
        let (is_negative, digits) = match found.value.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, found.value.trim_start_matches('+')),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(found.problem(
                format!("{:?} is not a whole number from 1 to {most}", found.value),
                "correct it, or remove it",
            ));
        }
        // Parsing can only fail for a number that is too large.
        let number = digits.parse().unwrap_or(u32::MAX);
        Ok(Some(if is_negative {
            1
        } else {
            number.clamp(1, most)
        }))
    }

    /// As [`find_count`](Self::find_count), for a time in seconds, which may have a fraction: from 100 ms
    /// to `most`.
    pub(crate) fn find_seconds(
        &self,
        variable: &str,
        key: &str,
        most: Duration,
    ) -> Result<Option<Duration>, ConfigError> {
        const LEAST: Duration = Duration::from_millis(100);
        let Some(found) = self.find(variable, key)? else {
            return Ok(None);
        };
        match found.value.parse::<f64>() {
            Ok(seconds) if !seconds.is_nan() => {
                let seconds = seconds.clamp(0.0, most.as_secs_f64());
                Ok(Some(Duration::from_secs_f64(seconds).max(LEAST)))
            }
            _ => Err(found.problem(
                format!("{:?} is not a number of seconds", found.value),
                "correct it, or remove it",
            )),
        }
    }

    pub(crate) fn sys(&self) -> &Sys {
        self.sys
    }

    /// Fails if the chosen profile does not exist.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.profile().map(drop)
    }

    /// Why a setting that `default` should have may not have been found.
    pub(crate) fn lost_default(&self) -> Option<ConfigError> {
        let is_default = self.choice.name() == super::section::DEFAULT;
        is_default.then(|| self.files().ok()?.lost_default())?
    }

    /// The name of a setting in errors.
    pub(crate) fn describe(&self, key: &str) -> String {
        format!("{key} of {}", self.choice)
    }

    /// A service's setting in the `services` section that the profile names. Fails if there is no such section, like
    /// the Python SDK.
    pub(crate) fn of_service(&self, service: &str, key: &str) -> Result<Option<&str>, ConfigError> {
        let Some(name) = self.get("services")? else {
            return Ok(None);
        };
        let files = self.files()?;
        let section = files.services(name)?.ok_or_else(|| {
            ConfigError::new(
                self.describe("services"),
                format!("there is no section [services {name}]"),
                format!(
                    "{}, or remove the setting",
                    files.how_to_write_services(name)
                ),
            )
        })?;
        Ok(section
            .sub_property(service, key)
            .filter(|value| !value.is_empty()))
    }

    /// A setting nested below another one of the profile, with its name in errors.
    pub(crate) fn nested(&self, key: &str, name: &str) -> Result<Option<Found>, ConfigError> {
        let value = self
            .profile()?
            .and_then(|profile| profile.sub_property(key, name))
            .filter(|value| !value.is_empty());
        Ok(value.map(|value| Found {
            name: self.describe(&format!("{key}.{name}")),
            value: value.to_owned(),
        }))
    }

    fn profile(&self) -> Result<Option<&Section>, ConfigError> {
        self.files()?.chosen(&self.choice)
    }

    fn files(&self) -> Result<&ProfileFiles, ConfigError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let files = ProfileFiles::load(self.sys)?;
        Ok(self.files.get_or_init(|| files))
    }

    /// A value of several lines is a mistake in indentation. Its later lines may hold a secret, which errors must not
    /// show.
    fn one_line<'v>(&self, key: &str, value: &'v str) -> Result<&'v str, ConfigError> {
        if value.contains('\n') {
            return Err(ConfigError::new(
                self.describe(key),
                "spans more than one line",
                "write the lines below it without a space before them",
            ));
        }
        Ok(value)
    }
}
