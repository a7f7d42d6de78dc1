//! How a profile gets its credentials: from which source, and through which roles.

use super::super::environment::{IN_QUOTES, is_in_quotes};
use super::super::login::LoginSession;
use super::super::role::Role;
use super::super::sso::{Login, SsoRole};
use super::super::web_identity::WebIdentity;
use super::super::{Credentials, CredentialsError};
use super::{NAME, broken};
use crate::aws::config::{ProfileFiles, Section};

/// The steps, in this order.
pub(super) struct Plan {
    pub(super) base: Base,
    pub(super) roles: Vec<Role>,
}

/// Where the first credentials come from. It has no `Debug`, for some are in it.
pub(super) enum Base {
    Keys(Credentials),
    Source(NamedSource),
    WebIdentity(WebIdentity),
    Sso(Login, SsoRole),
    Login(LoginSession),
    Process {
        command: String,
        account: Option<String>,
    },
}

/// `credential_source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedSource {
    Environment,
    Ec2InstanceMetadata,
    EcsContainer,
}

const ROLE_ARN: &str = "role_arn";
const SOURCE_PROFILE: &str = "source_profile";
const CREDENTIAL_SOURCE: &str = "credential_source";
const TOKEN_FILE: &str = "web_identity_token_file";
const SESSION_NAME: &str = "role_session_name";

impl Plan {
    /// Follows `source_profile` from profile to profile. A profile after the first that has keys provides
    /// these, whatever else it has.
    pub(super) fn of(
        name: &str,
        first: &Section,
        files: &ProfileFiles,
    ) -> Result<Self, CredentialsError> {
        let mut roles = Vec::new();
        let mut visited = vec![name];
        let (mut name, mut profile) = (name, first);
        let base = loop {
            if visited.len() > 1 && has_keys(profile) {
                break keys(name, profile)?;
            }
            let Some(role) = role(name, profile)? else {
                break base(name, profile, files).map_err(|error| {
                    if visited.len() > 1 && error.is_not_configured() {
                        broken(format!(
                            "profile {name:?}, the source_profile of {:?}, has no credentials; add \
                             some to it, or name another",
                            visited[visited.len() - 2]
                        ))
                    } else {
                        error
                    }
                })?;
            };
            roles.push(role);
            match next(name, profile)? {
                Next::Itself => break base(name, profile, files)?,
                Next::Profile(source) => {
                    if visited.contains(&source) {
                        return Err(loops(&visited, source));
                    }
                    let found = files.profile(source);
                    let found = found.map_err(|error| broken(error.to_string()))?;
                    profile = found.ok_or_else(|| {
                        broken(format!(
                            "profile {source:?}, the source_profile of {name:?}, is not in the \
                             files {}; {}, or name another",
                            files.searched(),
                            files.how_to_write_profile(source)
                        ))
                    })?;
                    visited.push(source);
                    name = source;
                }
            }
        };
        roles.reverse();
        Ok(Self { base, roles })
    }
}

/// The source of the credentials that assume a profile's role.
enum Next<'a> {
    Itself,
    Profile(&'a str),
}

fn next<'a>(name: &str, profile: &'a Section) -> Result<Next<'a>, CredentialsError> {
    let source_profile = value(name, profile, SOURCE_PROFILE)?;
    let credential_source = value(name, profile, CREDENTIAL_SOURCE)?;
    match (source_profile, credential_source) {
        (Some(source), None) if source == name => Ok(Next::Itself),
        (Some(source), None) => Ok(Next::Profile(source)),
        (None, Some(_)) => Ok(Next::Itself),
        (Some(_), Some(_)) => Err(broken(format!(
            "profile {name:?} has both {SOURCE_PROFILE} and {CREDENTIAL_SOURCE}; remove one of them"
        ))),
        (None, None) => Err(broken(format!(
            "profile {name:?} has {ROLE_ARN}, and neither {SOURCE_PROFILE} nor {CREDENTIAL_SOURCE} \
             nor {TOKEN_FILE}; add the one that says whose credentials assume the role"
        ))),
    }
}

fn loops(visited: &[&str], again: &str) -> CredentialsError {
    let mut names = visited.to_vec();
    names.push(again);
    broken(format!(
        "the profiles form a loop by their {SOURCE_PROFILE}: {}; end it in one with keys or another \
         source",
        names.join(" -> ")
    ))
}

/// A role that other credentials assume. A web identity assumes its own.
fn role(name: &str, profile: &Section) -> Result<Option<Role>, CredentialsError> {
    let get = |key| value(name, profile, key);
    if get(TOKEN_FILE)?.is_some() {
        return Ok(None);
    }
    let Some(arn) = get(ROLE_ARN)? else {
        return Ok(None);
    };
    let duration_seconds = get("duration_seconds")?
        .map(|text| {
            text.parse().map_err(|_| {
                broken(format!(
                    "duration_seconds of profile {name:?} is not a whole number; set it to 900 to \
                     43200, or remove it"
                ))
            })
        })
        .transpose()?;
    Ok(Some(Role {
        arn: arn.to_owned(),
        session_name: get(SESSION_NAME)?.map(str::to_owned),
        external_id: get("external_id")?.map(str::to_owned),
        duration_seconds,
        mfa_serial: get("mfa_serial")?.map(str::to_owned),
    }))
}

/// The credentials that a profile has by itself. In this order: `credential_source`, a web identity, SSO, a process,
/// keys, a login.
fn base(name: &str, profile: &Section, files: &ProfileFiles) -> Result<Base, CredentialsError> {
    let get = |key| value(name, profile, key);
    if let Some(source) = get(CREDENTIAL_SOURCE)? {
        return named_source(name, source).map(Base::Source);
    }
    if let Some(token_file) = get(TOKEN_FILE)? {
        let role_arn = get(ROLE_ARN)?.ok_or_else(|| {
            broken(format!(
                "profile {name:?} has {TOKEN_FILE} and no {ROLE_ARN}; set both"
            ))
        })?;
        return Ok(Base::WebIdentity(WebIdentity {
            token_file: token_file.to_owned(),
            role_arn: role_arn.to_owned(),
            session_name: get(SESSION_NAME)?.map(str::to_owned),
        }));
    }
    if let Some((login, role)) = super::sso_settings::of(name, profile, files)? {
        return Ok(Base::Sso(login, role));
    }
    if let Some(command) = get("credential_process")? {
        return Ok(Base::Process {
            command: command.to_owned(),
            account: get(ACCOUNT)?.map(str::to_owned),
        });
    }
    if !has_keys(profile)
        && let Some(session) = get("login_session")?
    {
        return Ok(Base::Login(LoginSession {
            profile: name.to_owned(),
            session: session.to_owned(),
        }));
    }
    keys(name, profile)
}

fn named_source(name: &str, source: &str) -> Result<NamedSource, CredentialsError> {
    let known = [
        ("Environment", NamedSource::Environment),
        ("Ec2InstanceMetadata", NamedSource::Ec2InstanceMetadata),
        ("EcsContainer", NamedSource::EcsContainer),
    ];
    let found = known
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(source));
    found.map(|(_, source)| *source).ok_or_else(|| {
        broken(format!(
            "{CREDENTIAL_SOURCE} of profile {name:?} is {source:?}, and not one of {}",
            known.map(|(known, _)| known).join(", ")
        ))
    })
}

const ACCESS_KEY: &str = "aws_access_key_id";
const SECRET_KEY: &str = "aws_secret_access_key";
const SESSION_TOKEN: &str = "aws_session_token";
/// Its older name, which the Python SDK still reads and some tools still write.
const SECURITY_TOKEN: &str = "aws_security_token";
const ACCOUNT: &str = "aws_account_id";

fn has_keys(profile: &Section) -> bool {
    [ACCESS_KEY, SECRET_KEY]
        .iter()
        .all(|key| profile.get_non_blank(key).is_some())
}

fn keys(name: &str, profile: &Section) -> Result<Base, CredentialsError> {
    let get = |key| match value(name, profile, key)? {
        Some(value) if is_in_quotes(value) => {
            Err(broken(format!("{key} of profile {name:?} {IN_QUOTES}")))
        }
        value => Ok(value),
    };
    let missing = |key, other| {
        broken(format!(
            "profile {name:?} has {other} and no {key}; set both"
        ))
    };
    let session_token = match get(SESSION_TOKEN)? {
        Some(token) => Some(token),
        None => get(SECURITY_TOKEN)?,
    };
    let (access_key, secret_key) = match (get(ACCESS_KEY)?, get(SECRET_KEY)?) {
        (Some(access_key), Some(secret_key)) => (access_key, secret_key),
        (Some(_), None) => return Err(missing(SECRET_KEY, ACCESS_KEY)),
        (None, Some(_)) => return Err(missing(ACCESS_KEY, SECRET_KEY)),
        (None, None) if session_token.is_some() => return Err(missing(ACCESS_KEY, SESSION_TOKEN)),
        (None, None) => {
            return Err(CredentialsError::not_configured(
                NAME,
                format!(
                    "profile {name:?} has no {ACCESS_KEY} and no other credentials; set it together \
                     with {SECRET_KEY}"
                ),
            ));
        }
    };
    let mut builder = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .provider_name("ProfileFile");
    builder.set_session_token(session_token.map(str::to_owned));
    builder.set_account_id(get(ACCOUNT)?.map(Into::into));
    Ok(Base::Keys(builder.build()))
}

/// A property that is not blank. A value of several lines is an error: wrong indentation made other properties part
/// of it.
pub(super) fn value<'a>(
    name: &str,
    profile: &'a Section,
    key: &str,
) -> Result<Option<&'a str>, CredentialsError> {
    match profile.get_non_blank(key) {
        Some(value) if value.contains('\n') => Err(broken(format!(
            "{key} of profile {name:?} spans more than one line; write the lines below it without \
            a space before them"
        ))),
        value => Ok(value),
    }
}
