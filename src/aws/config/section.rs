//! Sections by name: which are used, merged, or ignored.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::location::Kind;
use super::names::{is_identifier, quoted, squeezed, unquoted};
use super::parser::{ParseError, ParsedFile, RawSection, sub_properties, without_comments_below};

/// The properties of a profile, `sso-session` or `services` section, merged from both files.
///
/// `Debug` shows names only.
#[derive(Clone, Default)]
pub(crate) struct Section {
    properties: BTreeMap<String, Zeroizing<String>>,
    /// Its first malformed line.
    pub(super) problem: Option<Problem>,
}

/// A malformed line and its file.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) error: ParseError,
}

impl Section {
    /// A property's value; lines of a longer one are joined with `\n`. `key` in lower case.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(|value| value.as_str())
    }

    /// As [`Self::get`], without indented comments below the value; a blank value counts as not set, as in AWS's
    /// tools.
    pub(crate) fn get_non_blank(&self, key: &str) -> Option<&str> {
        let value = without_comments_below(self.get(key)?).trim();
        (!value.is_empty()).then_some(value)
    }

    /// A property nested below another, as `endpoint_url` is below `s3 =` in a `services` section.
    pub(crate) fn sub_property(&self, key: &str, name: &str) -> Option<&str> {
        sub_properties(self.get(key)?)
            .rfind(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    #[cfg(test)]
    pub(super) fn properties(&self) -> &BTreeMap<String, Zeroizing<String>> {
        &self.properties
    }

    /// Merges; later values win.
    fn merge(
        &mut self,
        properties: BTreeMap<String, Zeroizing<String>>,
        problem: Option<ParseError>,
        path: &str,
    ) {
        let named = properties.into_iter().filter(|(key, _)| is_identifier(key));
        self.properties.extend(named);
        if self.problem.is_none() {
            self.problem = problem.map(|error| Problem {
                path: path.to_owned(),
                error,
            });
        }
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.properties.keys()).finish()
    }
}

/// The meaning of a section's header in its file.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// `[default]` in either file.
    BareDefault,
    /// `[profile default]`, which takes the place of `[default]` in its file.
    PrefixedDefault,
    Profile(String),
    SsoSession(String),
    Services(String),
    /// Not valid in this file, or of another tool: ignored, as by the SDKs.
    Ignored,
}

impl Header {
    fn of(header: &str, kind: Kind) -> Self {
        let header = header.trim();
        if header == DEFAULT {
            return Self::BareDefault;
        }
        let Some((prefix, name)) = split_prefix(header) else {
            return match (kind, unquoted(header)) {
                (Kind::Credentials, name) if !name.is_empty() => Self::Profile(name.into_owned()),
                _ => Self::Ignored,
            };
        };
        let name = unquoted(name).into_owned();
        match (prefix, &*name, kind) {
            (PROFILE, DEFAULT, _) => Self::PrefixedDefault,
            (_, "", _) | (_, _, Kind::Credentials) => Self::Ignored,
            (PROFILE, _, Kind::Config) => Self::Profile(name),
            (SSO_SESSION, _, Kind::Config) => Self::SsoSession(name),
            (_, _, Kind::Config) => Self::Services(name),
        }
    }
}

pub(super) const DEFAULT: &str = "default";
pub(super) const PROFILE: &str = "profile";
pub(super) const SSO_SESSION: &str = "sso-session";
pub(super) const SERVICES: &str = "services";

/// The prefix of a header, and the name, which begins after blanks or at a quote.
fn split_prefix(header: &str) -> Option<(&'static str, &str)> {
    [PROFILE, SSO_SESSION, SERVICES]
        .into_iter()
        .find_map(|prefix| {
            let rest = header.strip_prefix(prefix)?;
            let follows = rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'));
            follows.then(|| (prefix, rest.trim()))
        })
}

/// An ignored section and its place.
#[derive(Debug, Clone)]
struct PassedOver {
    header: String,
    path: String,
    line: usize,
    kind: Kind,
}

impl PassedOver {
    /// Whether it may be a misspelling of this prefix and name.
    fn may_mean(&self, prefix: &str, name: &str) -> bool {
        let (header, name, prefix) = (squeezed(&self.header), squeezed(name), squeezed(prefix));
        let Some(before) = header.strip_suffix(&name).filter(|_| !name.is_empty()) else {
            return false;
        };
        let is_typo = before.get(..3) == prefix.get(..3) && before.len().abs_diff(prefix.len()) < 3;
        before.is_empty() || is_typo || (prefix == "ssosession" && prefix.contains(before))
    }
}

/// The header to write for a section.
pub(super) fn correct_header(prefix: &str, name: &str, kind: Kind) -> String {
    match (prefix, kind) {
        (PROFILE, _) if name == DEFAULT => format!("[{DEFAULT}]"),
        (PROFILE, Kind::Credentials) if !name.contains([']', '\'', '"']) => format!("[{name}]"),
        (PROFILE, Kind::Credentials) => format!("[{}]", quoted(name)),
        _ => format!("[{prefix} {}]", quoted(name)),
    }
}

/// All sections of both files.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    pub(super) profiles: BTreeMap<String, Section>,
    pub(super) sso_sessions: BTreeMap<String, Section>,
    pub(super) services: BTreeMap<String, Section>,
    passed_over: Vec<PassedOver>,
    /// The first line above all sections of a file that is no comment.
    pub(super) stray: Option<Problem>,
}

impl Sections {
    /// Merges a file, over earlier files.
    pub(super) fn merge(&mut self, file: ParsedFile<'_>, kind: Kind, path: &str) {
        let ParsedFile {
            sections,
            stray,
            indented_headers,
        } = file;
        if let (None, Some(error)) = (&self.stray, stray) {
            let path = path.to_owned();
            self.stray = Some(Problem { path, error });
        }
        let pass_over = |header: &str, line| PassedOver {
            header: header.trim().to_owned(),
            path: path.to_owned(),
            line,
            kind,
        };
        let indented = indented_headers.into_iter();
        self.passed_over
            .extend(indented.map(|(line, header)| pass_over(header, line)));
        let named: Vec<_> = sections
            .into_iter()
            .map(|section| (Header::of(section.header, kind), section))
            .collect();
        let prefixed_default = named
            .iter()
            .any(|(header, _)| *header == Header::PrefixedDefault);
        for (header, section) in named {
            let RawSection {
                header: text,
                line,
                properties,
                problem,
            } = section;
            let (sections, name) = match header {
                Header::Ignored => {
                    self.passed_over.push(pass_over(text, line));
                    continue;
                }
                Header::BareDefault if prefixed_default => continue,
                Header::BareDefault | Header::PrefixedDefault => {
                    (&mut self.profiles, DEFAULT.to_owned())
                }
                Header::Profile(name) => (&mut self.profiles, name),
                Header::SsoSession(name) => (&mut self.sso_sessions, name),
                Header::Services(name) => (&mut self.services, name),
            };
            let section = sections.entry(name).or_default();
            section.merge(properties, problem, path);
        }
    }

    /// A profile whose name differs only in case.
    pub(super) fn near_profile(&self, name: &str) -> Option<&str> {
        let mut names = self.profiles.keys().map(String::as_str);
        names.find(|near| near.to_lowercase() == name.to_lowercase())
    }

    /// How to write an ignored section that may be the missing one.
    pub(super) fn respelling(&self, prefix: &str, name: &str) -> Option<String> {
        let found = self.passed_over.iter();
        let found = found
            .filter(|section| section.may_mean(prefix, name))
            .min_by_key(|section| section.kind != Kind::Config);
        found.map(|PassedOver { header, path, line, kind }| {
            let kind = match prefix {
                PROFILE => *kind,
                _ if *kind == Kind::Credentials => {
                    let correct = correct_header(prefix, name, Kind::Config);
                    return format!(
                        "[{header}] in {path}, line {line}, is not read there: move it to the config \
                         file, as {correct}"
                    );
                }
                _ => Kind::Config,
            };
            let correct = correct_header(prefix, name, kind);
            format!("write [{header}] in {path}, line {line}, as {correct} at the left edge of its line")
        })
    }
}

/// A section by its name, or by its name without quotes.
pub(super) fn find<'a>(
    sections: &'a BTreeMap<String, Section>,
    name: &str,
) -> Option<(&'a str, &'a Section)> {
    let found = sections.get_key_value(name);
    let found = found.or_else(|| sections.get_key_value(&*unquoted(name)));
    found.map(|(name, section)| (name.as_str(), section))
}
