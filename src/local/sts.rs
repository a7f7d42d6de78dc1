//! STS: `GetCallerIdentity`, from which clients learn the account for their default bucket.

use super::auth::Auth;
use super::http::response::{Refusal, Response};
use super::operation::decoded_query;
use super::server::Request;
use super::xml::Xml;

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn response(auth: &Auth, request: &Request) -> Result<Response, Refusal> {
    let form = decoded_query(&String::from_utf8_lossy(&request.body));
    let action = form
        .iter()
        .find(|(name, _)| name == "Action")
        .map_or("", |(_, action)| action);
    if action != "GetCallerIdentity" {
        return Err(Refusal::new(
            400,
            "InvalidAction",
            format!("Could not find operation {action} for version 2011-06-15"),
        ));
    }
    let account = &auth.common.account;
    let mut xml = Xml::bare();
    xml.element("GetCallerIdentityResponse", Some(NAMESPACE), |xml| {
        xml.element("GetCallerIdentityResult", None, |xml| {
            xml.text("Arn", &format!("arn:aws:iam::{account}:user/local"))
                .text("UserId", &auth.keys.access_key)
                .text("Account", account);
        });
        xml.element("ResponseMetadata", None, |xml| {
            xml.text("RequestId", &request.id);
        });
    });
    Ok(Response::new(200, xml.into_bytes()).header("content-type", "text/xml"))
}
