//! The locations of the config and credentials files.

use std::path::PathBuf;

use crate::sys::{Environment, Platform};

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    Credentials,
}

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Config, Self::Credentials];

    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::Config => "AWS_CONFIG_FILE",
            Self::Credentials => "AWS_SHARED_CREDENTIALS_FILE",
        }
    }

    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Credentials => "credentials",
        }
    }
}

/// A file's path, and whether the user named it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) path: PathBuf,
    pub(super) is_named: bool,
}

impl Location {
    /// The variable's path, with `~` at its head expanded, or the default one. `None` where the
    /// variable is not set and no home directory is known.
    pub(super) fn of(kind: Kind, environment: &Environment, platform: Platform) -> Option<Self> {
        let home = environment.home_directory_on(platform);
        let separator = platform.separator();
        match environment.get_non_blank(kind.variable()) {
            Some(named) => Some(Self {
                path: expand(named, home.as_deref(), platform).into(),
                is_named: true,
            }),
            None => Some(Self {
                path: under(&home?, &[".aws", kind.file_name()], separator).into(),
                is_named: false,
            }),
        }
    }
}

/// `~` alone is the home directory of this user; `~name` is not expanded. Without a known home the
/// path is unchanged.
pub(super) fn expand(path: String, home: Option<&str>, platform: Platform) -> String {
    let Some(rest) = path.strip_prefix('~') else {
        return path;
    };
    if !(rest.is_empty() || rest.starts_with(|c| platform.is_separator(c))) {
        return path;
    }
    let Some(home) = home else {
        return path;
    };
    let parts: Vec<&str> = rest
        .split(|c| platform.is_separator(c))
        .filter(|part| !part.is_empty())
        .collect();
    under(home, &parts, platform.separator())
}

fn under(home: &str, parts: &[&str], separator: char) -> String {
    let mut path = home.to_owned();
    for part in parts {
        if !path.ends_with(separator) {
            path.push(separator);
        }
        path.push_str(part);
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        #[serde(rename = "case")]
        about: String,
        windows: bool,
        set: BTreeMap<String, String>,
        config: Option<String>,
        credentials: Option<String>,
    }

    #[test]
    fn files_are_where_the_environment_says() {
        let text = include_str!("../../../tests/fixtures/profiles/locations.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 9);
        for case in cases {
            let environment = Environment::from_pairs(case.set);
            let platform = if case.windows {
                Platform::Windows
            } else {
                Platform::Unix
            };
            let place = |kind| {
                Location::of(kind, &environment, platform)
                    .map(|found| found.path.to_str().unwrap().to_owned())
            };
            assert_eq!(place(Kind::Config), case.config, "{}", case.about);
            assert_eq!(place(Kind::Credentials), case.credentials, "{}", case.about);
        }
    }
}
