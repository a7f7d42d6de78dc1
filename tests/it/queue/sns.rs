//! Signatures of SNS: AWS's own samples, and manipulations of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use sagemaker_async_inference::Session;
use sagemaker_async_inference::queue::{
    QueueEvent, SnsMessage, SnsMessageKind, SnsRejected, SnsVerifier,
};
use sagemaker_async_inference::sys::ManualClock;
use serde_json::{Value, json};

use crate::support::anywhere;
use crate::support::client::{builder, sys};
use crate::support::verifier::{Reply, Rules, Verifier};

const TOPIC: &str = "arn:aws:sns:us-west-2:131990247566:dongie-standard-topic";
const URL: &str = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem";
/// 2026-03-06T20:05:00Z, a little after the samples.
const THEN: u64 = 1_772_827_500;

fn samples() -> Value {
    serde_json::from_str(include_str!("../../fixtures/sns/samples.json")).expect("JSON")
}

fn sample(name: &str) -> Value {
    samples()["messages"][name].clone()
}

fn pem() -> Vec<u8> {
    samples()["certificate"].as_str().expect("PEM").into()
}

fn at(seconds: u64) -> ManualClock {
    ManualClock::starting_at(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn session_at(seconds: u64) -> Session {
    let sys = sys().with_clock(at(seconds));
    builder().sys(sys).build().expect("a session")
}

fn verifier() -> SnsVerifier {
    SnsVerifier::for_topics([TOPIC])
        .with_session(&session_at(THEN))
        .with_fetch(|_| Ok(pem()))
}

fn verify(message: &Value) -> Result<SnsMessage, SnsRejected> {
    verifier().allow_version_1().verify(message.to_string())
}

const V2: &str = "notification_version_2";

#[test]
fn the_samples_that_aws_published_are_right() {
    let message = verifier().verify(sample(V2).to_string()).unwrap();
    assert_eq!(message.kind(), SnsMessageKind::Notification);
    assert_eq!(message.message(), "This message uses signature version 2.");
    assert_eq!(message.topic_arn(), TOPIC);
    assert_eq!(message.message_id(), "9d2c5580-b61d-550c-8583-37a582870907");
    assert_eq!((message.subject(), message.token()), (None, None));
    assert!(matches!(message.event(), QueueEvent::Unknown(_)));

    let message = verify(&sample("notification_version_1_with_subject")).unwrap();
    assert_eq!(message.subject(), Some("My message subject"));

    for (name, kind) in [
        (
            "subscription_confirmation_version_1",
            SnsMessageKind::SubscriptionConfirmation,
        ),
        (
            "unsubscribe_confirmation_version_2",
            SnsMessageKind::UnsubscribeConfirmation,
        ),
    ] {
        let message = verify(&sample(name)).unwrap();
        assert_eq!(message.kind(), kind);
        assert!(
            message
                .token()
                .is_some_and(|token| token.starts_with("2336412f"))
        );
        assert!(message.notification().is_err());
        assert!(!format!("{message:?}").contains("2336412f"));
    }
}

#[test]
fn no_signed_member_can_be_changed() {
    let samples = samples();
    for (name, sample) in samples["messages"].as_object().unwrap() {
        for member in [
            "Message",
            "MessageId",
            "Subject",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
            "Signature",
            "SignatureVersion",
        ] {
            let Some(old) = sample.get(member).and_then(Value::as_str) else {
                continue;
            };
            let changed = match member {
                "Type" => "UnsubscribeConfirmation".to_owned(),
                "SignatureVersion" => if old == "1" { "2" } else { "1" }.to_owned(),
                "Timestamp" => old
                    .replace("2026-03-06T1", "2026-03-06T0")
                    .replace("T20:0", "T20:1"),
                _ => {
                    let last = if old.contains("==") {
                        old.find("==").unwrap() - 2
                    } else {
                        old.len() - 1
                    };
                    let other = if old[last..].starts_with('1') {
                        "2"
                    } else {
                        "1"
                    };
                    format!("{}{other}{}", &old[..last], &old[last + 1..])
                }
            };
            if changed == old {
                continue;
            }
            let mut message = sample.clone();
            message[member] = changed.into();
            assert!(verify(&message).is_err(), "{name}: {member}");
            // And none can be left out.
            message.as_object_mut().unwrap().remove(member);
            assert!(verify(&message).is_err(), "{name} without {member}");
        }
    }
}

#[test]
fn members_cannot_be_moved_into_each_other() {
    // The text that is signed is the same: only the formats differ.
    let mut moved = sample("notification_version_1_with_subject");
    let id = moved["MessageId"].as_str().unwrap().to_owned();
    moved["MessageId"] = format!("{id}\nSubject\nMy message subject").into();
    moved.as_object_mut().unwrap().remove("Subject");
    assert!(matches!(verify(&moved), Err(SnsRejected::Malformed(_))));

    let mut moved = sample(V2);
    let (message, id) = (moved["Message"].clone(), moved["MessageId"].clone());
    moved["Message"] = format!(
        "{}\nMessageId\n{}",
        message.as_str().unwrap(),
        id.as_str().unwrap()
    )
    .into();
    moved["MessageId"] = "".into();
    assert!(matches!(verify(&moved), Err(SnsRejected::Malformed(_))));
}

#[test]
fn a_subject_of_null_is_none_and_an_added_one_is_noticed() {
    let mut message = sample(V2);
    message["Subject"] = Value::Null;
    assert!(verify(&message).is_ok());
    message["Subject"] = "added".into();
    assert!(matches!(verify(&message), Err(SnsRejected::Signature)));
}

#[test]
fn lambdas_spelling_of_the_certificates_url_is_known() {
    let mut message = sample(V2);
    let url = message
        .as_object_mut()
        .unwrap()
        .remove("SigningCertURL")
        .unwrap();
    message["SigningCertUrl"] = url;
    assert!(verify(&message).is_ok());
}

#[test]
fn version_1_has_to_be_allowed() {
    let message = sample("notification_version_1_with_subject").to_string();
    match verifier().verify(&message) {
        Err(SnsRejected::Version(text)) => {
            assert!(text.contains("SignatureVersion to 2"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(verifier().allow_version_1().verify(&message).is_ok());
}

#[test]
fn messages_of_topics_that_are_not_in_the_list_are_refused() {
    for topics in [
        vec![],
        vec!["arn:aws:sns:us-west-2:131990247566:other"],
        vec!["arn:aws:sns:us-west-2:131990247566:*"],
    ] {
        let verifier = SnsVerifier::for_topics(topics)
            .with_session(&session_at(THEN))
            .with_fetch(|_| panic!("nothing is fetched"));
        let rejected = verifier.verify(sample(V2).to_string()).unwrap_err();
        assert!(matches!(rejected, SnsRejected::Topic(_)), "{rejected}");
    }
}

#[test]
fn old_messages_and_those_of_the_future_are_refused() {
    let verify_at = |seconds, age: Option<u64>| {
        let verifier = SnsVerifier::for_topics([TOPIC])
            .with_session(&session_at(seconds))
            .with_fetch(|_| Ok(pem()));
        let verifier = match age {
            Some(age) => verifier.with_max_age(Duration::from_secs(age)),
            None => verifier,
        };
        verifier.verify(sample(V2).to_string())
    };
    assert!(verify_at(THEN + 3600, None).is_ok());
    assert!(matches!(
        verify_at(THEN + 3700, None),
        Err(SnsRejected::Age(_))
    ));
    assert!(verify_at(THEN + 3700, Some(7200)).is_ok());
    assert!(verify_at(THEN - 500, None).is_ok());
    assert!(matches!(
        verify_at(THEN - 700, None),
        Err(SnsRejected::Age(_))
    ));
}

#[test]
fn the_certificate_comes_from_the_host_of_the_topics_region_and_from_nowhere_else() {
    let file = "/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem";
    for url in [
        format!("http://sns.us-west-2.amazonaws.com{file}"),
        format!("https://sns.us-east-1.amazonaws.com{file}"),
        format!("https://sns.us-west-2.amazonaws.com.evil.example{file}"),
        format!("https://evil.example/sns.us-west-2.amazonaws.com{file}"),
        format!("https://sns.us-west-2.amazonaws.com@evil.example{file}"),
        format!("https://sns.us-west-2.amazonaws.com:8443{file}"),
        format!("https://sns.us-west-2.amazonaws.com:443{file}"),
        format!("https://sns.s3-us-west-2.amazonaws.com{file}"),
        format!("https://s3.amazonaws.com/sns.us-west-2.amazonaws.com{file}"),
        format!("https://sns.us-west-2.amazonaws.com/bucket{file}"),
        format!("https://sns.us-west-2.amazonaws.com{file}?x=1"),
        format!("https://sns.us-west-2.amazonaws.com{file}#x"),
        format!("HTTPS://SNS.us-west-2.amazonaws.com{file}"),
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-.pem".to_owned(),
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-../x.pem".to_owned(),
        String::new(),
    ] {
        let mut message = sample(V2);
        message["SigningCertURL"] = url.clone().into();
        let verifier = SnsVerifier::for_topics([TOPIC])
            .with_session(&session_at(THEN))
            .with_fetch(|_| panic!("nothing is fetched"));
        let rejected = verifier.verify(message.to_string()).unwrap_err();
        assert!(
            matches!(rejected, SnsRejected::CertificateUrl { .. }),
            "{url}: {rejected}"
        );
    }
}

#[test]
fn a_topic_whose_region_and_partition_do_not_belong_together_has_no_host() {
    let topic = TOPIC.replace("arn:aws:", "arn:aws-cn:");
    let mut message = sample(V2);
    message["TopicArn"] = topic.as_str().into();
    let verifier = SnsVerifier::for_topics([topic])
        .with_session(&session_at(THEN))
        .with_fetch(|_| panic!("nothing is fetched"));
    let rejected = verifier.verify(message.to_string()).unwrap_err();
    assert!(
        matches!(rejected, SnsRejected::CertificateUrl { .. }),
        "{rejected}"
    );
}

#[test]
fn other_certificates_are_refused() {
    let made = |name: &str, until: i32| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem().into_bytes()
    };
    let twice = [pem(), pem()].concat();
    for (what, pem) in [
        ("another name", made("sns.example.com", 2040)),
        ("expired", made("sns.amazonaws.com", 2020)),
        ("two", twice),
        ("no PEM", b"<html/>".to_vec()),
        ("nothing", Vec::new()),
    ] {
        let verifier = SnsVerifier::for_topics([TOPIC])
            .with_session(&session_at(THEN))
            .with_fetch(move |_| Ok(pem.clone()));
        let rejected = verifier.verify(sample(V2).to_string()).unwrap_err();
        assert!(
            matches!(rejected, SnsRejected::Certificate(_)),
            "{what}: {rejected}"
        );
    }
    // Of the right name and valid, but of another key.
    let other = made("sns.amazonaws.com", 2040);
    let verifier = SnsVerifier::for_topics([TOPIC])
        .with_session(&session_at(THEN))
        .with_fetch(move |_| Ok(other.clone()));
    assert!(verifier.verify(sample(V2).to_string()).is_err());

    // The right one, after its time: 2026-10-15.
    let after = 1_792_022_500;
    let verifier = SnsVerifier::for_topics([TOPIC])
        .with_max_age(Duration::from_secs(1 << 30))
        .with_session(&session_at(after))
        .with_fetch(|_| Ok(pem()));
    let rejected = verifier.verify(sample(V2).to_string()).unwrap_err();
    assert!(
        rejected.to_string().contains("not valid at this time"),
        "{rejected}"
    );
}

#[test]
fn the_certificate_is_fetched_once_and_a_failure_is_not_remembered() {
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetched);
    let verifier = SnsVerifier::for_topics([TOPIC])
        .with_session(&session_at(THEN))
        .with_fetch(move |url| {
            assert_eq!(url, URL);
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => Err(std::io::Error::other("no route")),
                _ => Ok(pem()),
            }
        });
    let body = sample(V2).to_string();
    assert!(matches!(verifier.verify(&body), Err(SnsRejected::Fetch(_))));
    for _ in 0..3 {
        assert!(verifier.verify(&body).is_ok());
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

#[test]
fn a_fetch_follows_no_redirect_and_reads_no_endless_response() {
    let replies = [
        Reply::new(302, "").header("location", "https://evil.example/x.pem"),
        Reply::new(404, "no"),
        Reply::new(200, vec![b'a'; 100_000]),
        Reply::new(200, pem()),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let session = builder()
        .agent(anywhere::agent(&server.url()))
        .sys(sys().with_clock(at(THEN)));
    let session = session.build().unwrap();
    let verifier = SnsVerifier::for_topics([TOPIC]).with_session(&session);
    let body = sample(V2).to_string();
    for _ in 0..3 {
        let rejected = verifier.verify(&body).unwrap_err();
        assert!(matches!(rejected, SnsRejected::Fetch(_)), "{rejected}");
    }
    assert!(verifier.verify(&body).is_ok());
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for seen in &seen {
        assert_eq!(
            seen.path,
            "/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
        );
        assert_eq!(seen.header("host"), Some("sns.us-west-2.amazonaws.com"));
        assert_eq!(seen.header("authorization"), None);
    }
}

#[test]
fn what_is_not_of_sns_is_refused_without_showing_it() {
    let raw = super::notification("job-7");
    for body in [
        "",
        "secret",
        "[]",
        "{\"Type\": \"secret\"}",
        &raw,
        &json!({ "Type": "Notification", "Message": "secret" }).to_string(),
    ] {
        let rejected = verifier().verify(body).unwrap_err();
        assert!(!rejected.to_string().contains("secret"), "{rejected}");
        assert!(matches!(rejected, SnsRejected::Malformed(_)), "{rejected}");
    }
}
