//! Messages that Amazon SNS pushes over HTTP, and their signatures.

mod certificate;
mod form;
mod host;

use std::fmt;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use certificate::Certificates;
pub use form::SnsMessageKind;
use form::{Signed, Version};

use super::event::QueueEvent;
use super::notification::Notification;
use crate::codec::CodecError;
use crate::session::Session;
use crate::sys::{Sys, lock};

/// Why a pushed message failed verification.
///
/// `Display` shows no part of the message but the names of its members and its topic.
///
/// ```
/// use sagemaker_async_inference::queue::{SnsRejected, SnsVerifier};
///
/// let verifier = SnsVerifier::for_topics(["arn:aws:sns:eu-west-1:123456789012:done"]);
/// let rejected = verifier.verify(b"{}").unwrap_err();
/// assert!(matches!(rejected, SnsRejected::Malformed(_)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnsRejected {
    /// It does not have the format of SNS's messages. This includes raw deliveries (`x-amz-sns-rawdelivery: true`), which
    /// have no signature: turn them off for HTTP subscriptions.
    #[error("it is not a signed message of SNS: {0}")]
    Malformed(String),
    /// Its topic is not in the verifier's list.
    #[error("its topic {0} is not in the verifier's list")]
    Topic(String),
    /// Its signature has a version that is not allowed.
    #[error("{0}")]
    Version(String),
    /// It is older than the verifier allows, or from the future.
    #[error("its timestamp {0}")]
    Age(String),
    /// `SigningCertURL` is not one of SNS in the topic's region.
    #[error(
        "its SigningCertURL is not https://{expected}/SimpleNotificationService-..pem, the URL \
        of the topic's region"
    )]
    CertificateUrl {
        /// The host of the region.
        expected: String,
    },
    /// The certificate could not be fetched, so the message is neither verified nor refuted. Respond with status 500, so
    /// that SNS sends it again.
    #[error("its certificate could not be fetched: {0}")]
    Fetch(String),
    /// The certificate is not one of SNS, or not valid now.
    #[error("its certificate is not usable: {0}")]
    Certificate(String),
    /// The signature does not match the message.
    #[error("its signature does not match")]
    Signature,
}

/// Verifies messages that Amazon SNS pushes to an HTTP endpoint, to which anyone can post.
///
/// A message is accepted if all of this holds:
/// - every signed member has its format: the text that SNS signs does not delimit its parts, so a replay could
///   otherwise move text from one member to another;
/// - its topic is in the list: SNS signs the messages of everyone's topics;
/// - it is at most an hour old ([`with_max_age`](Self::with_max_age)) and at most 5 minutes from the future;
/// - its signature is of version 2 (RSA with SHA-256), or of version 1 (SHA-1) if
///   [`allow_version_1`](Self::allow_version_1) was called. Topics sign with version 1 by default: set their attribute
///   `SignatureVersion` to 2;
/// - its certificate is at an `https://` URL of exactly the host of SNS in the topic's region and partition, is a
///   server's, has the name that SNS has there, and is valid now;
/// - the signature matches.
///
/// The certificate is trusted because it came over TLS from that host, as in the AWS SDKs' own validators: SNS
/// publishes it without the chain that would lead to a root. It is fetched without redirects, 64 KiB at
/// most, within 10 s, and cached: 16 certificates, a day each.
///
/// No URL in a message is requested. To confirm a subscription that you expect, call SNS's `ConfirmSubscription` with
/// the verified [`topic_arn`](SnsMessage::topic_arn) and [`token`](SnsMessage::token). Do not request the
/// `SubscribeURL`, least of all that of an `UnsubscribeConfirmation`, which subscribes again.
///
/// SNS delivers at least once, with the same [`message_id`](SnsMessage::message_id) each time: remember the handled
/// ids for as long as the verifier accepts messages.
///
/// ```no_run
/// use sagemaker_async_inference::queue::{SnsMessageKind, SnsVerifier};
///
/// fn handle(body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
///     let verifier = SnsVerifier::for_topics(["arn:aws:sns:eu-west-1:123456789012:done"]);
///     let message = verifier.verify(body)?; // the body of the POST
///     if message.kind() == SnsMessageKind::Notification {
///         let notification = message.notification()?;
///         println!("{:?} is done", notification.inference_id());
///     }
///     Ok(())
/// }
/// ```
#[must_use]
pub struct SnsVerifier {
    topics: Vec<String>,
    version_1: bool,
    max_age: Duration,
    session: Option<Session>,
    sys: OnceLock<Sys>,
    certificates: Mutex<Certificates>,
    fetch: Option<Box<Fetch>>,
}

/// Fetches a URL.
type Fetch = dyn Fn(&str) -> std::io::Result<Vec<u8>> + Send + Sync;

/// SNS ends its retries within an hour.
const MAX_AGE: Duration = Duration::from_hours(1);
/// Clocks differ.
const SKEW: Duration = Duration::from_mins(5);

impl SnsVerifier {
    /// Creates a verifier that accepts only messages of these topics, named by their ARNs.
    pub fn for_topics<T: Into<String>>(topics: impl IntoIterator<Item = T>) -> Self {
        Self {
            topics: topics.into_iter().map(Into::into).collect(),
            version_1: false,
            max_age: MAX_AGE,
            session: None,
            sys: OnceLock::new(),
            certificates: Mutex::default(),
            fetch: None,
        }
    }

    /// Also allows signatures of version 1, which use SHA-1. Default: only version 2.
    pub fn allow_version_1(mut self) -> Self {
        self.version_1 = true;
        self
    }

    /// Sets the maximum age of a message. Default: 1 h, within which SNS ends its retries. With less, late retries are
    /// refused; with more, ids have to be remembered for longer.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Uses the session's connections, proxies, roots and clock. Default: connections as
    /// [`Session::from_env`] makes them.
    pub fn with_session(mut self, session: &Session) -> Self {
        self.session = Some(session.clone());
        self
    }

    /// Fetches certificates with this function, whose result for a URL is trusted: for programs without
    /// access to the network. It is called only with checked URLs.
    pub fn with_fetch(
        mut self,
        fetch: impl Fn(&str) -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.fetch = Some(Box::new(fetch));
        self
    }

    /// Verifies the body of a request. The only request that this sends is one for a certificate.
    ///
    /// # Errors
    /// [`SnsRejected`] names the failed check. After [`SnsRejected::Fetch`] let SNS send the message again.
    pub fn verify(&self, body: impl AsRef<[u8]>) -> Result<SnsMessage, SnsRejected> {
        let signed = form::read(body.as_ref())?;
        if !self.topics.contains(&signed.topic.arn) {
            return Err(SnsRejected::Topic(signed.topic.arn));
        }
        if signed.version == Version::One && !self.version_1 {
            let text = "its signature has version 1, which uses SHA-1: set the topic's SignatureVersion \
                        to 2, or allow version 1";
            return Err(SnsRejected::Version(text.to_owned()));
        }
        let now = self.sys().clock().now();
        self.check_age(&signed, now)?;
        let names = host::of(&signed.topic);
        if !form::is_certificate_url(&signed.certificate_url, &names.url_host) {
            return Err(SnsRejected::CertificateUrl {
                expected: names.url_host,
            });
        }
        let certificate = self.certificate(&signed.certificate_url, now)?;
        certificate::check(&certificate, &names.subject, now)?;
        certificate::verify(&certificate, &signed)?;
        Ok(SnsMessage { signed })
    }

    fn sys(&self) -> &Sys {
        match &self.session {
            Some(session) => session.sys(),
            None => self.sys.get_or_init(Sys::real),
        }
    }

    fn check_age(&self, signed: &Signed, now: SystemTime) -> Result<(), SnsRejected> {
        let text = &signed.timestamp;
        match now.duration_since(signed.time) {
            Ok(age) if age > self.max_age.saturating_add(SKEW) => {
                let limit = self.max_age.as_secs();
                Err(SnsRejected::Age(format!(
                    "{text} is more than {limit} s ago"
                )))
            }
            Err(ahead) if ahead.duration() > SKEW => {
                Err(SnsRejected::Age(format!("{text} is in the future")))
            }
            _ => Ok(()),
        }
    }

    /// Returns the certificate, from the cache if possible.
    fn certificate(&self, url: &str, now: SystemTime) -> Result<Vec<u8>, SnsRejected> {
        let cache = || lock(&self.certificates);
        if let Some(known) = cache().get(url, now) {
            return Ok(known);
        }
        let pem = match &self.fetch {
            Some(fetch) => fetch(url).map_err(|error| SnsRejected::Fetch(error.to_string()))?,
            None => certificate::fetch(url, self.session.as_ref(), self.sys())?,
        };
        let der = certificate::only_one(&pem)?;
        cache().put(url, now, &der);
        Ok(der)
    }
}

impl fmt::Debug for SnsVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsVerifier")
            .field("topics", &self.topics)
            .field("version_1", &self.version_1)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// A message whose signature was verified.
///
/// `Debug` shows neither the message nor a token.
///
/// ```
/// use sagemaker_async_inference::queue::{SnsMessage, SnsRejected, SnsVerifier};
///
/// fn accept(verifier: &SnsVerifier, body: &[u8]) -> Result<SnsMessage, SnsRejected> {
///     let message = verifier.verify(body)?;
///     println!("{} from {}", message.message_id(), message.topic_arn());
///     Ok(message)
/// }
/// ```
#[must_use]
pub struct SnsMessage {
    signed: Signed,
}

impl SnsMessage {
    /// The kind of the message.
    pub fn kind(&self) -> SnsMessageKind {
        self.signed.kind
    }

    /// Its id, the same in all retries.
    pub fn message_id(&self) -> &str {
        &self.signed.id
    }

    /// Its topic, one of the verifier's list.
    pub fn topic_arn(&self) -> &str {
        &self.signed.topic.arn
    }

    /// When it was published.
    pub fn published(&self) -> SystemTime {
        self.signed.time
    }

    /// The subject, if it has one.
    pub fn subject(&self) -> Option<&str> {
        self.signed.subject.as_deref()
    }

    /// The text that was published; for a confirmation, SNS's explanation.
    pub fn message(&self) -> &str {
        &self.signed.message
    }

    /// The token that confirms the subscription, for SNS's `ConfirmSubscription`; `None` for a notification.
    pub fn token(&self) -> Option<&str> {
        self.signed.token.as_deref()
    }

    /// The notification of an inference that it carries.
    ///
    /// # Errors
    /// [`CodecError`]: it is a confirmation, or another message.
    pub fn notification(&self) -> Result<Notification, CodecError> {
        match self.kind() {
            SnsMessageKind::Notification => Notification::parse(self.message()),
            _ => Err(CodecError::deserialize(
                "notification",
                "it confirms a subscription and is not a notification".to_owned(),
            )),
        }
    }

    /// Its content: a notification, an event of S3, a test. A confirmation is unknown.
    pub fn event(&self) -> QueueEvent {
        match self.kind() {
            SnsMessageKind::Notification => QueueEvent::parse(self.message()),
            _ => QueueEvent::Unknown("it confirms a subscription".to_owned()),
        }
    }
}

impl fmt::Debug for SnsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsMessage")
            .field("kind", &self.kind())
            .field("message_id", &self.message_id())
            .field("topic_arn", &self.topic_arn())
            .finish_non_exhaustive()
    }
}
