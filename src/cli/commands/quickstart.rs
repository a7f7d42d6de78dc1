//! `quickstart`: three inferences against a local endpoint, and an endpoint deployed, scaled and
//! removed there, each step shown.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    ContainerDefinition, Endpoint, EndpointWaiter, Model, ScaleToZero,
};
use sagemaker_async_inference::local::{LocalEndpoint, ModelRequest, ModelResponse};
use sagemaker_async_inference::queue::{QueueEvent, ResultQueue};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Error, Json, NotificationConfig, WaiterConfig,
};
use serde::Deserialize;
use serde_json::json;

/// A line on standard output. Unlike `println!` it returns an error when it cannot be written.
macro_rules! say {
    ($($text:tt)*) => { writeln!(io::stdout(), $($text)*) };
}

type Outcome<T> = Result<T, Box<dyn StdError>>;

/// How long the model takes, so that there are polls to show.
const THINKING: Duration = Duration::from_millis(250);

/// Where the endpoint publishes what is finished.
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:quickstart";
const VISIBILITY: Duration = Duration::from_mins(2);

#[derive(Debug, Deserialize)]
struct Statistics {
    count: usize,
    mean: f64,
}

pub(in crate::cli) fn run() -> Outcome<()> {
    let endpoint = start_endpoint()?;
    say!("An asynchronous endpoint now runs on this machine. No AWS account is involved.")?;
    say!("  endpoint {}  at {}", endpoint.name(), endpoint.url())?;
    say!("  bucket   s3://{}", endpoint.bucket())?;
    say!("  model    the mean of a list of numbers, after {THINKING:?} of thought")?;

    let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
    small_inline(&endpoint, &predictor)?;
    large_through_s3(&endpoint, &predictor)?;
    rejected(&endpoint, &predictor)?;
    deployed(&endpoint)?;
    from_queues(&endpoint, &predictor)?;

    say!("")?;
    say!("That is all there is to it. On AWS the same program differs in one line:")?;
    say!("  let session = Session::from_env()?;   // AWS_REGION, AWS_ACCESS_KEY_ID, ..")?;
    Ok(())
}

fn start_endpoint() -> Outcome<LocalEndpoint> {
    let topics = NotificationConfig::builder()
        .success_topic(TOPIC)
        .error_topic(TOPIC)
        .build()?;
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("quickstart")
        .notification_config(topics)
        .model(mean)
        .start()?;
    Ok(endpoint)
}

fn mean(request: &ModelRequest) -> ModelResponse {
    SystemClock.sleep(THINKING);
    match serde_json::from_slice::<Vec<f64>>(&request.body) {
        Ok(numbers) if !numbers.is_empty() => {
            #[allow(clippy::cast_precision_loss)] // a list in memory is far shorter than 2^52
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            let result = json!({"count": numbers.len(), "mean": mean});
            ModelResponse::ok(result.to_string()).with_content_type("application/json")
        }
        _ => ModelResponse::failure(400, "ValueError: the input is not a list of numbers"),
    }
}

fn small_inline(endpoint: &LocalEndpoint, predictor: &AsyncPredictor) -> Outcome<()> {
    heading(1, "A small input travels in the request itself")?;
    let response = predictor.predict_async(&[1.0, 2.0, 6.0])?;
    submitted(endpoint, &response)?;
    let statistics: Statistics = wait(endpoint, &response)?;
    show_result(&statistics, 3)
}

fn large_through_s3(endpoint: &LocalEndpoint, predictor: &AsyncPredictor) -> Outcome<()> {
    heading(2, "An input over 128,000 bytes is uploaded to S3 first")?;
    let numbers: Vec<f64> = (0..40_000).map(|n| f64::from(n) / 4.0).collect();
    let response = predictor.predict_async(&numbers)?;
    submitted(endpoint, &response)?;
    let statistics: Statistics = wait(endpoint, &response)?;
    show_result(&statistics, numbers.len())
}

fn rejected(endpoint: &LocalEndpoint, predictor: &AsyncPredictor) -> Outcome<()> {
    heading(3, "An input that the model rejects")?;
    let response = predictor.predict_async(&json!({"numbers": "none"}))?;
    submitted(endpoint, &response)?;
    match wait::<Statistics>(endpoint, &response) {
        Err(error) => match error.downcast_ref::<Error>() {
            Some(Error::Model(failure)) => {
                say!("  Err(Error::Model(failure)): the failure object says")?;
                say!("    {}", failure.text())?;
                Ok(())
            }
            _ => Err(error),
        },
        Ok(statistics) => {
            Err(format!("the model accepted what it should not: {statistics:?}").into())
        }
    }
}

fn deployed(local: &LocalEndpoint) -> Outcome<()> {
    heading(
        4,
        "From a model to an endpoint that scales to zero, and back to nothing",
    )?;
    let session = local.session()?;
    let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-image:1";
    let model = Model::new("my-model", ContainerDefinition::new(image))
        .execution_role_arn("arn:aws:iam::123456789012:role/my-role");
    let waiter = EndpointWaiter::in_service()
        .every(Duration::from_millis(50), 200)?
        .progress(|wait| {
            let status = wait.description().status();
            match say!("    {} after {:.1?}", status.as_str(), wait.elapsed()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });

    say!("  let endpoint = Endpoint::deploy(\"deployed\", &session).model(model)")?;
    say!("      .instances(\"ml.m5.xlarge\", 1).start_and_wait(&waiter)?;")?;
    let endpoint = Endpoint::deploy("deployed", &session)
        .model(model)
        .instances("ml.m5.xlarge", 1)
        .start_and_wait(&waiter)?;
    show_operations(local)?;

    say!("  endpoint.scaling().scale_to_zero(&ScaleToZero::new().max_capacity(4))?;")?;
    let settings = ScaleToZero::new().max_capacity(4);
    endpoint.scaling().scale_to_zero(&settings)?;
    show_operations(local)?;

    let response = endpoint.predictor().predict_async(&[1.0, 2.0, 6.0])?;
    say!("  println!(\"{{}}\", endpoint.describe()?);")?;
    say!("    {}", endpoint.describe()?)?;
    local.clear_requests();
    let statistics: Statistics = wait(local, &response)?;
    show_result(&statistics, 3)?;

    say!("  endpoint.remove(&waiter)?;   // scaling, endpoint, configuration, model")?;
    endpoint.remove(&EndpointWaiter::deleted().every(Duration::from_millis(50), 200)?)?;
    show_operations(local)
}

fn from_queues(local: &LocalEndpoint, predictor: &AsyncPredictor) -> Outcome<()> {
    heading(
        5,
        "Results that a queue announces, for any number of consumers",
    )?;
    let session = local.session()?;
    let done = local.create_queue("done", &[])?;
    local.subscribe_queue(TOPIC, &done, false)?;
    let objects = local.create_queue("objects", &[])?;
    local.send_object_events(local.bucket(), "async-output/", &objects)?;
    say!("  notifications: endpoint -> SNS topic -> SQS queue {done}")?;
    say!(
        "  S3's events:   s3://{}/async-output/ -> SQS queue {objects}",
        local.bucket()
    )?;
    for (id, input) in [("good", json!([1.0, 2.0, 6.0])), ("bad", json!("none"))] {
        let _ = predictor.request(&input).inference_id(id).submit()?;
    }

    say!("  for delivery in queue.deliveries().max_messages(2) {{ .. delivery.delete()?; }}")?;
    let queue = ResultQueue::new(&done, &session)?.with_visibility(VISIBILITY);
    for delivery in queue.deliveries().max_messages(2) {
        let delivery = delivery?;
        if let QueueEvent::Inference(notification) = delivery.event() {
            let id = notification.inference_id().unwrap_or_default();
            let waiter = WaiterConfig::default();
            match predictor
                .response_from(notification)?
                .get_result::<Statistics>(&waiter)
            {
                Ok(statistics) => say!("    {id}: Ok({statistics:?})")?,
                Err(Error::Model(failure)) => say!("    {id}: failed, {}", failure.text())?,
                Err(error) => return Err(error.into()),
            }
        }
        delivery.delete()?;
    }
    // S3 sends a test event first.
    let queue = ResultQueue::new(&objects, &session)?.with_visibility(VISIBILITY);
    for delivery in queue.deliveries().max_messages(2) {
        let delivery = delivery?;
        if let QueueEvent::Object(events) = delivery.event() {
            for event in events {
                let size = event.size().unwrap_or_default();
                say!(
                    "    {}: s3://{}/{}, {size} bytes",
                    event.name(),
                    event.bucket(),
                    event.key()
                )?;
            }
        }
        delivery.delete()?;
    }
    Ok(())
}

/// The control plane's operations since the last call that change something.
fn show_operations(local: &LocalEndpoint) -> Outcome<()> {
    let requests = local.requests();
    let operations = requests
        .iter()
        .map(|request| format!("{:?}", request.operation));
    let changes: Vec<String> = operations
        .filter(|operation| !operation.starts_with("Describe"))
        .collect();
    say!("    {}", changes.join(", "))?;
    local.clear_requests();
    Ok(())
}

fn heading(number: u32, text: &str) -> Outcome<()> {
    say!("\n{number}. {text}")?;
    Ok(())
}

fn submitted(endpoint: &LocalEndpoint, response: &AsyncInferenceResponse<Json>) -> Outcome<()> {
    say!("  let response = predictor.predict_async(&input)?;")?;
    show_requests(endpoint)?;
    if let Some(input) = response.input_location() {
        say!("    input    {input}")?;
    }
    say!(
        "    output   {}  (does not exist yet)",
        response.output_path()
    )?;
    Ok(())
}

fn wait<T: serde::de::DeserializeOwned>(
    endpoint: &LocalEndpoint,
    response: &AsyncInferenceResponse<Json>,
) -> Outcome<T> {
    say!("  let result: Statistics = response.get_result(&waiter)?;   // blocks")?;
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(100))
        .max_attempts(100)
        .progress(|wait| {
            let line = say!(
                "    poll {}: nothing after {:.1?}",
                wait.attempts(),
                wait.elapsed()
            );
            match line {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })
        .build()?;
    let result = response.get_result(&waiter);
    say!("    {} requests to S3 in all", endpoint.requests().len())?;
    endpoint.clear_requests();
    Ok(result?)
}

/// The requests since the last call, as they went over the wire.
fn show_requests(endpoint: &LocalEndpoint) -> Outcome<()> {
    for request in endpoint.requests() {
        let bytes = request.body_length.unwrap_or(0);
        let status = request.status.unwrap_or(0);
        say!(
            "    {} {}  {bytes} bytes -> {status}",
            request.method,
            request.path
        )?;
    }
    endpoint.clear_requests();
    Ok(())
}

fn show_result(statistics: &Statistics, expected: usize) -> Outcome<()> {
    if statistics.count != expected {
        return Err(format!(
            "the model saw {} numbers and not {expected}",
            statistics.count
        )
        .into());
    }
    let Statistics { count, mean } = statistics;
    say!("  Ok(Statistics {{ count: {count}, mean: {mean} }})")?;
    Ok(())
}
