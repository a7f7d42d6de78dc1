//! No public type shows in its `Debug` a secret, a token, a password or a payload that it holds: those that
//! `privacy.rs` does not come by.

use crate::support;

use std::fmt::Debug;
use std::time::Duration;

use sagemaker_async_inference::credentials::{
    AssumeRoleProvider, CachedCredentials, ContainerProvider, DefaultChain,
    InstanceMetadataProvider, ProcessProvider, ProfileProvider, ProvideCredentials, ProviderConfig,
    SsoProvider, WebIdentityProvider,
};
use sagemaker_async_inference::endpoint::{ContainerDefinition, Endpoint, Model, SageMaker};
use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::queue::Notification;
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Environment, Files, ProcessOutput, Processes, Sys};
use sagemaker_async_inference::{
    AsyncPredictor, Bytes, Error, Json, Session, WaiterConfig, as_completed,
};
use support::{SECRET_KEY, client};

const HUSH: &str = "for-nobodys-eyes";

#[track_caller]
fn assert_silent(value: &dyn Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in [HUSH, SECRET_KEY] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn secretive() -> Sys {
    let config = format!(
        "[default]\nregion = us-east-1\naws_access_key_id = AKID\naws_secret_access_key = {HUSH}\n\
         aws_session_token = {HUSH}\n[profile p]\ncredential_process = keys --password {HUSH}\n"
    );
    Sys::real()
        .with_environment(Environment::from_pairs([
            ("HOME", "/h"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", HUSH),
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://127.0.0.1:9/?token=for-nobodys-eyes",
            ),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]))
        .with_files(Files::from_pairs([
            ("/h/.aws/config", config.as_str()),
            ("/token", HUSH),
        ]))
        .with_processes(Processes::from_fn(|_| {
            Ok(ProcessOutput {
                exit_code: Some(0),
                stdout: format!("no document: {HUSH}").into_bytes(),
            })
        }))
}

#[test]
fn sources_of_credentials_and_what_they_are_made_of_show_no_secret() {
    let sys = secretive();
    let config = ProviderConfig::new(&sys).with_mfa(|_| Ok(HUSH.to_owned()));
    let role = AssumeRoleProvider::new(
        config.clone(),
        "arn:aws:iam::123456789012:role/r",
        client::keys("AKID", HUSH, Some(HUSH.to_owned())),
    );
    let start = "https://example.awsapps.com/start";
    let sso =
        SsoProvider::for_session(config.clone(), "s", "us-east-1", start, "123456789012", "r");
    let cached = CachedCredentials::new(client::keys("AKID", HUSH, None)).with_sys(&sys);
    cached.provide_credentials().expect("credentials");
    let process = ProcessProvider::new(&sys, format!("keys --password {HUSH}"));
    let profile = ProfileProvider::new(config.clone());
    profile.provide_credentials().expect("credentials");
    let container = ContainerProvider::new(&sys);
    let parts: [&dyn Debug; 12] = [
        &sys,
        sys.files(),
        &config,
        &role,
        &sso,
        &cached,
        &process,
        &profile,
        &container,
        &WebIdentityProvider::new(config.clone()),
        &InstanceMetadataProvider::new(config.clone()),
        &DefaultChain::new(config.clone()),
    ];
    for part in parts {
        assert_silent(part);
    }
    for error in [
        process.provide_credentials().expect_err("no document"),
        container.provide_credentials().expect_err("nobody there"),
    ] {
        let error = Error::from(error);
        assert_silent(&error);
        assert!(!error.to_string().contains(HUSH), "{error}");
    }
    let output = ProcessOutput {
        exit_code: Some(0),
        stdout: HUSH.into(),
    };
    assert_silent(&output);
}

#[test]
fn what_is_deployed_shows_no_variable() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let session = endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    let container = ContainerDefinition::new("image:1").environment("TOKEN", HUSH);
    let model =
        Model::new("m", container.clone()).execution_role_arn("arn:aws:iam::123456789012:role/r");
    sagemaker.create_model(&model).expect("a model");
    let described = sagemaker.describe_model("m").expect("a model");
    assert!(described.raw().to_string().contains(HUSH));
    let deployment = Endpoint::deploy("e", &session).model(model.clone());
    let parts: [&dyn Debug; 5] = [&container, &model, &described, &deployment, &sagemaker];
    for part in parts {
        assert_silent(part);
    }
}

#[test]
fn payloads_on_their_way_are_not_shown() {
    let endpoint = LocalEndpoint::builder()
        .model(|_| ModelResponse::ok(format!("\"{HUSH}\"")))
        .start()
        .expect("an endpoint");
    assert_silent(&endpoint);
    let session = endpoint.session().expect("a session");
    let predictor: AsyncPredictor<Bytes, Json> =
        AsyncPredictor::new(endpoint.name(), &session).with_serializer(Bytes::new());
    let waiter = WaiterConfig::new(2000, Duration::from_millis(5)).expect("a wait");

    let mut batch = predictor.submit_all([HUSH.to_owned()]);
    assert_silent(&batch);
    let response = batch.next().expect("an outcome").expect("a submit");
    assert_silent(&batch);
    let handle = response.handle();
    let _: String = response.get_result(&waiter).expect("a result");
    let reader = response.read_result(&waiter).expect("a result");
    let completed = as_completed([response], &waiter);
    let from_file = predictor.request_reader(HUSH.as_bytes());
    let parts: [&dyn Debug; 4] = [&handle, &reader, &completed, &from_file];
    for part in parts {
        assert_silent(part);
    }
    for request in endpoint.requests() {
        assert_silent(&request);
    }
    for job in endpoint.jobs() {
        assert_silent(&job);
    }
    for key in endpoint.objects(endpoint.bucket()) {
        assert_silent(&endpoint.get_object(endpoint.bucket(), &key));
    }
}

#[test]
fn notifications_and_places_show_nothing_of_what_they_carry() {
    let message = serde_json::json!({
        "invocationStatus": "Completed", "inferenceId": "i",
        "responseParameters": {"outputLocation": "s3://my-bucket/out"},
        "responseBody": {"content": HUSH, "encoding": "TEXT"},
    });
    let notification = Notification::parse(message.to_string().as_bytes()).expect("a message");
    assert_silent(&notification);
    let builder = Session::builder()
        .ca_bundle_pem(HUSH)
        .endpoint_url_for(Service::S3, format!("http://user:{HUSH}@127.0.0.1"));
    assert_silent(&builder);
}
