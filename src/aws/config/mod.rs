//! AWS's shared config and credentials files, which the AWS CLI and all SDKs read.
//!
//! Precedence:
//! - `~/.aws/config`, or the file that `AWS_CONFIG_FILE` names; then `~/.aws/credentials`, or what
//!   `AWS_SHARED_CREDENTIALS_FILE` names. Of a property in both, the credentials file's counts. `~`
//!   is as [`Environment::home_directory`](crate::sys::Environment::home_directory) says.
//! - In the config file a profile is `[profile name]`; `[default]` needs no prefix and is ignored if there is a
//!   `[profile default]` in the same file. In the credentials file it is `[name]`. Sections
//!   `[sso-session name]` and `[services name]` are the config file's only. Names may stand in single
//!   or double quotes, which the AWS CLI writes around names with blanks. All other sections are ignored;
//!   if one of them may be a missing section, the error explains how to write it.
//! - Sections of one name are merged; of properties of one name the last counts. Names of
//!   properties are taken in lower case.
//! - The profile: the one given in code, `AWS_PROFILE`, `AWS_DEFAULT_PROFILE` (which the Python SDK
//!   and the CLI know; a program that ignored it would run under another identity), `default`. One that
//!   was named and does not exist is an error; `default` need not exist.
//! - A file that does not exist counts as empty. So does one at its default place that this process
//!   may not read, as in a container that runs under another user than `HOME` belongs to. Any
//!   other file that cannot be read is an error at the first access.
//! - A line that violates the grammar or is not UTF-8 is an error when its section is used, and affects no
//!   other one. A line above all sections counts for `[default]`. (The SDKs differ: the Python SDK fails on any
//!   malformed file, and the Rust SDK treats it as empty and continues under whatever identity comes next.)
//!
//! The files resemble INI, but nested properties, comments that need a space before them,
//! prefixes of sections and the merging are AWS's own: no INI library reads them correctly, so the
//! parser is this crate's. It follows the published test cases of the SDKs. Beyond them, it ignores
//! a byte order mark at the beginning and indented comments among sub-properties, where the Rust SDK
//! fails, and indented comments below the value of a setting; any Unicode blank separates.
//!
//! Errors name file and line and show no part of the line, because it may be a secret.

mod location;
mod names;
mod parser;
mod section;
mod settings;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

pub(crate) use section::Section;
pub(crate) use settings::{Found, Settings};

use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::sys::{Environment, Platform, Sys};
use location::{Kind, Location};
use section::{PROFILE, Problem, SERVICES, SSO_SESSION, Sections, correct_header};

/// A leading `~` of a path is the home directory, as in the names of the files themselves.
pub(crate) fn expand_home(path: String, environment: &Environment) -> String {
    let home = environment.home_directory_on(Platform::HERE);
    location::expand(path, home.as_deref(), Platform::HERE)
}

/// Both files, parsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileFiles {
    sections: Sections,
    /// Files that were read, with the result, for errors about missing sections.
    searched: Vec<String>,
}

impl ProfileFiles {
    pub(crate) fn load(sys: &Sys) -> Result<Self, ConfigError> {
        let mut files = Self::default();
        for kind in Kind::BOTH {
            match Location::of(kind, sys.environment(), Platform::HERE) {
                Some(location) => files.add(sys, kind, &location)?,
                None => files.searched.push(format!(
                    "~/.aws/{} (no home directory known)",
                    kind.file_name()
                )),
            }
        }
        files.searched.dedup();
        if let Some(stray) = &files.sections.stray
            && let Some(default) = files.sections.profiles.get_mut(section::DEFAULT)
        {
            default.problem.get_or_insert_with(|| stray.clone());
        }
        Ok(files)
    }

    fn add(&mut self, sys: &Sys, kind: Kind, location: &Location) -> Result<(), ConfigError> {
        let path = &location.path;
        let state = match sys.files().read(path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
                    return Err(is_utf16(path));
                }
                let file = parser::parse(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
                let state = file.first_problem().map_or_else(String::new, |error| {
                    format!(" (malformed at line {}: {})", error.line, error.problem)
                });
                self.sections.merge(file, kind, &path.display().to_string());
                state
            }
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => " (not found)".to_owned(),
                ErrorKind::PermissionDenied if !location.is_named => {
                    " (not readable by this user)".to_owned()
                }
                _ => return Err(unreadable(path, kind, location.is_named, &error)),
            },
        };
        self.searched.push(format!("{}{state}", path.display()));
        Ok(())
    }

    /// The profile of this name, which may be quoted. A malformed one is an error.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<&Section>, ConfigError> {
        Ok(found(&self.sections.profiles, name)?.map(|(_, section)| section))
    }

    /// As [`profile`](Self::profile), with the session's name without quotes.
    pub(crate) fn sso_session(&self, name: &str) -> Result<Option<(&str, &Section)>, ConfigError> {
        found(&self.sections.sso_sessions, name)
    }

    /// As [`profile`](Self::profile).
    pub(crate) fn services(&self, name: &str) -> Result<Option<&Section>, ConfigError> {
        Ok(found(&self.sections.services, name)?.map(|(_, section)| section))
    }

    /// How to write the missing `services` section.
    pub(crate) fn how_to_write_services(&self, name: &str) -> String {
        self.how_to_write(SERVICES, name)
    }

    /// How to write the missing `sso-session` section.
    pub(crate) fn how_to_write_sso_session(&self, name: &str) -> String {
        self.how_to_write(SSO_SESSION, name)
    }

    /// How to write the missing profile.
    pub(crate) fn how_to_write_profile(&self, name: &str) -> String {
        self.how_to_write(PROFILE, name)
    }

    fn how_to_write(&self, prefix: &str, name: &str) -> String {
        self.sections.respelling(prefix, name).unwrap_or_else(|| {
            let header = correct_header(prefix, name, Kind::Config);
            format!("add {header} to the config file")
        })
    }

    /// Why `default` may lack what its user wrote: lines above all sections, or a misspelt section.
    pub(crate) fn lost_default(&self) -> Option<ConfigError> {
        if let Some(stray) = &self.sections.stray {
            return Some(malformed(stray));
        }
        if self.sections.profiles.contains_key(section::DEFAULT) {
            return None;
        }
        let near = self.sections.near_profile(section::DEFAULT);
        let near = near.map(|name| format!("write [{name}] as [{}]", section::DEFAULT));
        let respelling = self.sections.respelling(PROFILE, section::DEFAULT);
        let respelling = respelling.or(near)?;
        Some(ConfigError::new(
            "profile \"default\"",
            format!("is not in the files {}", self.searched()),
            respelling,
        ))
    }

    /// The files that were read, for errors.
    pub(crate) fn searched(&self) -> String {
        self.searched.join(", ")
    }

    /// The chosen profile. `None` if none was chosen by name and `default` does not exist.
    pub(crate) fn chosen(&self, choice: &Choice) -> Result<Option<&Section>, ConfigError> {
        match self.profile(choice.name())? {
            None if choice.is_explicit() => match self.lost_default() {
                Some(lost) if choice.name() == section::DEFAULT => Err(lost),
                None if choice.name() == section::DEFAULT => Ok(None),
                _ => Err(self.no_such_profile(choice)),
            },
            found => Ok(found),
        }
    }

    fn no_such_profile(&self, choice: &Choice) -> ConfigError {
        const SHOWN: usize = 20;
        let names = &self.sections.profiles;
        let mut known = names.keys().take(SHOWN).cloned().collect::<Vec<_>>();
        if names.len() > SHOWN {
            known.push(format!("and {} more", names.len() - SHOWN));
        }
        let known = if known.is_empty() {
            "there are no profiles".to_owned()
        } else {
            format!("the profiles are: {}", known.join(", "))
        };
        let how = match self.sections.near_profile(choice.name()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => self.how_to_write_profile(choice.name()),
        };
        ConfigError::new(
            choice.to_string(),
            format!("is not in the files {}", self.searched()),
            format!("{how}, or choose another; {known}"),
        )
    }
}

/// A section by its name, with the name without quotes.
fn found<'a>(
    sections: &'a BTreeMap<String, Section>,
    name: &str,
) -> Result<Option<(&'a str, &'a Section)>, ConfigError> {
    let found = section::find(sections, name);
    match found.and_then(|(_, section)| section.problem.as_ref()) {
        Some(problem) => Err(malformed(problem)),
        None => Ok(found),
    }
}

/// The chosen profile, and what chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Given(String),
    Variable(&'static str, String),
    Default,
}

impl Choice {
    pub(crate) fn of(given: Option<&str>, sys: &Sys) -> Self {
        if let Some(name) = given {
            return Self::Given(name.to_owned());
        }
        ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
            .into_iter()
            .find_map(|variable| {
                let name = sys.environment().get_non_blank(variable)?;
                Some(Self::Variable(variable, name))
            })
            .unwrap_or(Self::Default)
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Given(name) | Self::Variable(_, name) => name,
            Self::Default => section::DEFAULT,
        }
    }

    fn is_explicit(&self) -> bool {
        *self != Self::Default
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "profile {:?}", self.name())?;
        match self {
            Self::Variable(variable, _) => write!(f, " (from {variable})"),
            Self::Given(_) | Self::Default => Ok(()),
        }
    }
}

fn malformed(Problem { path, error }: &Problem) -> ConfigError {
    ConfigError::new(
        format!("{path}, line {}", error.line),
        error.problem,
        error.remedy.clone(),
    )
}

fn is_utf16(path: &Path) -> ConfigError {
    ConfigError::new(
        path.display().to_string(),
        "is UTF-16 text",
        "save it as UTF-8 (PowerShell: Set-Content -Encoding utf8)",
    )
}

fn unreadable(path: &Path, kind: Kind, is_named: bool, error: &std::io::Error) -> ConfigError {
    let remedy = if is_named {
        format!("correct {}, or unset it", kind.variable())
    } else {
        format!(
            "make it a readable file, or name another with {}",
            kind.variable()
        )
    };
    ConfigError::new(
        path.display().to_string(),
        format!("cannot be read: {error}"),
        remedy,
    )
}

#[cfg(test)]
mod tests;
