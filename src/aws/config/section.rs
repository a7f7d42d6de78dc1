//! Sections by name: which count, which are merged, which are passed over.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::location::Kind;
use super::parser::{RawSection, sub_properties, trim};

/// The properties of a profile, an `sso-session` or a `services` section, merged from everywhere.
///
/// Its `Debug` shows names and no values.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Section {
    properties: BTreeMap<String, Zeroizing<String>>,
}

impl Section {
    /// A property's value; lines of a longer one are joined with `\n`. `key` in lower case.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(|value| value.as_str())
    }

    /// As [`Self::get`], with a blank value for none: AWS tools treat blank as not set.
    pub(crate) fn get_non_blank(&self, key: &str) -> Option<&str> {
        self.get(key).map(str::trim).filter(|v| !v.is_empty())
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

    /// What comes later goes before what came earlier.
    fn merge(&mut self, properties: BTreeMap<String, Zeroizing<String>>) {
        let named = properties.into_iter().filter(|(key, _)| is_identifier(key));
        self.properties.extend(named);
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.properties.keys()).finish()
    }
}

/// What a section's header means in the file that it stands in.
#[derive(Debug, PartialEq, Eq)]
enum Header<'a> {
    /// `[default]` in either file.
    BareDefault,
    /// `[profile default]`, which takes the place of `[default]` in its file.
    PrefixedDefault,
    Profile(&'a str),
    SsoSession(&'a str),
    Services(&'a str),
    /// Not valid here, or a section of somebody else's: passed over, as the SDKs do.
    Ignored,
}

impl<'a> Header<'a> {
    fn of(header: &'a str, kind: Kind) -> Self {
        let header = trim(header);
        if header == DEFAULT {
            return Self::BareDefault;
        }
        let Some((prefix, name)) = header.split_once([' ', '\t']) else {
            return match kind {
                Kind::Credentials if is_identifier(header) => Self::Profile(header),
                _ => Self::Ignored,
            };
        };
        match (prefix, name.trim(), kind) {
            ("profile", DEFAULT, _) => Self::PrefixedDefault,
            ("profile", name, Kind::Config) if is_identifier(name) => Self::Profile(name),
            ("sso-session", name, Kind::Config) => Self::SsoSession(name),
            ("services", name, Kind::Config) => Self::Services(name),
            _ => Self::Ignored,
        }
    }
}

pub(super) const DEFAULT: &str = "default";

/// Letters, digits and `_-/.%@:+` of ASCII.
fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b))
}

/// All sections of both files.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    pub(super) profiles: BTreeMap<String, Section>,
    pub(super) sso_sessions: BTreeMap<String, Section>,
    pub(super) services: BTreeMap<String, Section>,
}

impl Sections {
    /// Merges a file in, over what earlier files said.
    pub(super) fn merge(&mut self, file: Vec<RawSection<'_>>, kind: Kind) {
        let named: Vec<_> = file
            .into_iter()
            .map(|section| (Header::of(section.header, kind), section.properties))
            .collect();
        let prefixed_default = named
            .iter()
            .any(|(header, _)| *header == Header::PrefixedDefault);
        for (header, properties) in named {
            let (sections, name) = match header {
                Header::Ignored => continue,
                Header::BareDefault if prefixed_default => continue,
                Header::BareDefault | Header::PrefixedDefault => (&mut self.profiles, DEFAULT),
                Header::Profile(name) => (&mut self.profiles, name),
                Header::SsoSession(name) => (&mut self.sso_sessions, name),
                Header::Services(name) => (&mut self.services, name),
            };
            sections
                .entry(name.to_owned())
                .or_default()
                .merge(properties);
        }
    }
}
