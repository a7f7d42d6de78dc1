//! The `sso_` settings of a profile and of the `sso-session` section that it names.

use super::super::CredentialsError;
use super::super::sso::{Login, SsoRole};
use super::broken;
use super::plan::value;
use crate::aws::config::{ProfileFiles, Section};

const SESSION: &str = "sso_session";
const REGION: &str = "sso_region";
const START_URL: &str = "sso_start_url";
const ACCOUNT: &str = "sso_account_id";
const ROLE: &str = "sso_role_name";

/// `None` where the profile has none of them.
pub(super) fn of(
    name: &str,
    profile: &Section,
    files: &ProfileFiles,
) -> Result<Option<(Login, SsoRole)>, CredentialsError> {
    let get = |key| value(name, profile, key);
    let session = get(SESSION)?;
    let (account, role) = (get(ACCOUNT)?, get(ROLE)?);
    let (region, start_url) = (get(REGION)?, get(START_URL)?);
    if [session, account, role, region, start_url]
        .iter()
        .all(Option::is_none)
    {
        return Ok(None);
    }
    let login = match session {
        Some(session) => of_session(name, session, region, start_url, files)?,
        None => Login {
            profile: Some(name.to_owned()),
            session: None,
            region: needed(&of_profile(name), REGION, region)?,
            start_url: needed(&of_profile(name), START_URL, start_url)?,
        },
    };
    match (account, role) {
        (Some(account), Some(name)) => {
            let role = SsoRole {
                account: account.to_owned(),
                name: name.to_owned(),
            };
            Ok(Some((login, role)))
        }
        (None, None) => Err(broken(format!(
            "profile {name:?} has neither {ACCOUNT} nor {ROLE}, so it is for a token and not for \
             credentials; set both"
        ))),
        (Some(_), None) => Err(only_one(name, ACCOUNT, ROLE)),
        (None, Some(_)) => Err(only_one(name, ROLE, ACCOUNT)),
    }
}

/// Region and start URL are in the session's section; the profile may repeat them, but not change them.
fn of_session(
    name: &str,
    session: &str,
    region: Option<&str>,
    start_url: Option<&str>,
    files: &ProfileFiles,
) -> Result<Login, CredentialsError> {
    let found = files.sso_session(session);
    let found = found.map_err(|error| broken(error.to_string()))?;
    let (session, section) = found.ok_or_else(|| {
        let how = files.how_to_write_sso_session(session);
        broken(format!(
            "{SESSION} of profile {name:?} names a section [sso-session {session}] that is not there; \
             {how}, or name another"
        ))
    })?;
    let place = format!("[sso-session {session}]");
    let get = |key| needed(&place, key, value(session, section, key)?);
    let login = Login {
        profile: Some(name.to_owned()),
        session: Some(session.to_owned()),
        region: get(REGION)?,
        start_url: get(START_URL)?,
    };
    let repeated = [
        (REGION, region, &login.region),
        (START_URL, start_url, &login.start_url),
    ];
    for (key, given, sessions) in repeated {
        if given.is_some_and(|given| given != sessions) {
            return Err(broken(format!(
                "{key} of profile {name:?} differs from that of {place}; remove it from the \
                 profile"
            )));
        }
    }
    Ok(login)
}

fn of_profile(name: &str) -> String {
    format!("profile {name:?}")
}

fn needed(place: &str, key: &str, value: Option<&str>) -> Result<String, CredentialsError> {
    value
        .map(str::to_owned)
        .ok_or_else(|| broken(format!("{place} has no {key}, which SSO needs; add it")))
}

fn only_one(name: &str, there: &str, missing: &str) -> CredentialsError {
    broken(format!(
        "profile {name:?} has {there} and no {missing}; set both"
    ))
}
