//! `local`: the local endpoint as a server for any language.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::NotificationConfig;
use sagemaker_async_inference::local::{
    DamagedObject, Fault, LocalEndpoint, LocalEndpointBuilder, LocalError, Operation,
    RecordedRequest,
};
use serde_json::{Map, Value, json};

use crate::cli::args::values::{duration, listen_address, share};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome};
use crate::cli::output::lines::print;
use crate::cli::output::progress::Show;
use crate::cli::output::words::printable;

/// Run an asynchronous endpoint on this machine, for any language's AWS client
///
/// Responds like S3, SageMaker (invocations and control plane), Application Auto Scaling, CloudWatch, SQS and STS.
/// When it is ready it prints one JSON line with its address, endpoint name, bucket and the environment variables with
/// which AWS clients find it; then it logs each request on standard error, until Ctrl-C or SIGTERM. Example:
///
///     sagemaker-async local --listen 127.0.0.1:4566 --model http://127.0.0.1:8080 --data ./objects
///     sagemaker-async local --command 'python3 predict.py' --concurrency 2
///     export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
///         AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE \
///         AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
///     aws s3 ls
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Local {
    /// The address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = listen_address)]
    listen: SocketAddr,

    /// The endpoint's name
    #[arg(long, value_name = "NAME", default_value = "local-endpoint")]
    endpoint: String,

    #[command(flatten)]
    model: ModelChoice,

    /// Delay added to every invocation
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,

    /// Maximum number of concurrent invocations
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    concurrency: usize,

    /// Keep the objects in this directory across restarts: a new or empty directory, or one of an earlier run;
    /// without it objects are removed at exit
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The bucket that exists from the start [default: sagemaker-REGION-ACCOUNT]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,

    /// The region that requests must be signed for
    #[arg(long, default_value = "us-east-1")]
    region: String,

    /// The AWS account id in ARNs and in the default bucket's name
    #[arg(long, value_name = "NUMBER", default_value = "123456789012")]
    account: String,

    /// The access key that requests must be signed with [default: the example key of AWS's documentation]
    #[arg(long, value_name = "KEY", requires = "secret_key")]
    access_key: Option<String>,

    /// Its secret key; prefer the environment variable, because other users can read arguments
    #[arg(
        long,
        value_name = "KEY",
        requires = "access_key",
        env = "SAGEMAKER_ASYNC_LOCAL_SECRET_KEY",
        hide_env_values = true
    )]
    secret_key: Option<String>,

    /// Accept unsigned requests and any signature
    #[arg(long)]
    no_verify: bool,

    /// Another host name by which clients reach the endpoint, such as a service name in Docker Compose;
    /// BUCKET.NAME is then a bucket's host. localhost and the listening address need not be given. Repeatable
    #[arg(long, value_name = "NAME")]
    host_name: Vec<String>,

    /// Listen beyond this machine although requests are not verified, or are verified only against the example
    /// keys of AWS's documentation
    #[arg(long)]
    allow_insecure: bool,

    /// Share of invocations that fail instead of reaching the model: 0.05 or 5%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    failure_rate: Option<f64>,

    /// Close connections that are idle for this long, and earlier while others wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    idle_timeout: Duration,

    /// Close connections that make no progress within a request or response for this long, or whose rate is below 1
    /// KiB/s after it
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    slow_timeout: Duration,

    /// Create this SQS queue and send it a notification of each finished inference, as through an SNS topic
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Create this SQS queue and send it S3's event of each object in the bucket
    #[arg(long, value_name = "NAME")]
    object_events_queue: Option<String>,

    /// Inject a fault: OPERATION:EFFECT[,..]. OPERATION is AWS's name or Any; EFFECT is status=CODE, throttle,
    /// deny, drop, lose-response, hang, truncate=BYTES or delay=TIME, with times=COUNT (default: always), skip=COUNT
    /// and key=PART. Repeatable
    #[arg(long, value_name = "FAULT", value_parser = fault)]
    fault: Vec<Fault>,
}

/// What handles invocations.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ModelChoice {
    /// Forward to a container (or any server) with GET /ping and POST /invocations
    #[arg(long, value_name = "URL")]
    model: Option<String>,

    /// Return the input as the result [default]
    #[arg(long)]
    echo: bool,

    /// Run a program for each invocation: input on standard input, result on standard output; an exit code other
    /// than 0 is a failure
    #[arg(long, value_name = "PROGRAM ARGS")]
    command: Option<String>,
}

impl Local {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let interrupted = Interrupt::channel()?;
        allow_more_files();
        let endpoint = self
            .builder(show)?
            .start()
            .map_err(|error| not_started(&error))?;
        if !self.listen.ip().to_canonical().is_loopback() {
            let who = if self.no_verify || self.access_key.is_none() {
                "everyone who can reach this port"
            } else {
                "everyone who can reach this port and has the keys"
            };
            drop(writeln!(
                io::stderr(),
                "sagemaker-async: listening beyond this machine: {who} can read and write its \
                objects and run its model"
            ));
        }
        for fault in self.fault {
            endpoint.fault(fault);
        }
        let queues = [
            ("queue_url", self.queue.as_deref()),
            (
                "object_events_queue_url",
                self.object_events_queue.as_deref(),
            ),
        ];
        let mut urls = Vec::new();
        for (member, name) in queues {
            if let Some(name) = name {
                let created = create_queue(&endpoint, member, name);
                urls.push((member, created.map_err(|error| not_started(&error))?));
            }
        }
        report_damaged(endpoint.damaged_objects());
        let sdk_config = endpoint
            .sagemaker_sdk_config()
            .map_err(|error| not_started(&error))?;
        let mut line = ready(&endpoint, self.listen.ip(), &sdk_config);
        for (member, url) in urls {
            line[member] = url.into();
        }
        print(&line.to_string())?;
        // The sender of the channel lives as long as the process.
        let _ = interrupted.recv();
        drop(endpoint);
        if show == Show::Auto {
            drop(writeln!(io::stderr(), "stopped"));
        }
        Ok(())
    }

    fn builder(&self, show: Show) -> Outcome<LocalEndpointBuilder> {
        let mut builder = LocalEndpoint::builder()
            .listen(self.listen)
            .endpoint_name(&self.endpoint)
            .region(&self.region)
            .account_id(&self.account)
            .max_concurrent_invocations_per_instance(self.concurrency)
            .verify_signatures(!self.no_verify)
            .allow_insecure(self.allow_insecure)
            .failure_rate(self.failure_rate.unwrap_or(0.0))
            .model_delay(self.delay.unwrap_or_default())
            .idle_timeout(self.idle_timeout)
            .slow_timeout(self.slow_timeout)
            .on_server_error(server_error)
            .kept_requests(0);
        builder = match &self.data {
            Some(directory) => builder.data_directory(directory),
            None => builder.objects_on_disk(),
        };
        if self.queue.is_some() {
            let topic = topic(&self.region, &self.account);
            let topics = NotificationConfig::builder()
                .success_topic(topic.as_str())
                .error_topic(topic);
            builder = builder.notification_config(topics.build()?);
        }
        for name in &self.host_name {
            builder = builder.host_name(name);
        }
        if let Some(bucket) = &self.bucket {
            builder = builder.bucket(bucket);
        }
        if let (Some(access_key), Some(secret_key)) = (&self.access_key, &self.secret_key) {
            builder = builder.credentials(access_key, secret_key);
        }
        if let Some(url) = &self.model.model {
            builder = builder.container(url);
        }
        if let Some(command) = &self.model.command {
            let words = shlex::split(command).filter(|words| !words.is_empty());
            let Some((program, arguments)) = words.as_deref().and_then(<[_]>::split_first) else {
                let message = format!(
                    "--command {command:?} names no program, or has an \
                unclosed quote"
                );
                return Err(CommandError::usage(message));
            };
            builder = builder.command(program, arguments);
        }
        if show != Show::None {
            builder = builder.on_request(move |request| log(request, show));
        }
        Ok(builder)
    }
}

/// The topic of the endpoint's notifications.
fn topic(region: &str, account: &str) -> String {
    format!("arn:aws:sns:{region}:{account}:local-endpoint-results")
}

/// Creates a queue for notifications or for events of objects; its URL.
fn create_queue(endpoint: &LocalEndpoint, member: &str, name: &str) -> Result<String, LocalError> {
    let url = endpoint.create_queue(name, &[])?;
    if member == "queue_url" {
        let topic = topic(endpoint.region(), endpoint.account_id());
        endpoint.subscribe_queue(topic, &url, false)?;
    } else {
        endpoint.send_object_events(endpoint.bucket(), "", &url)?;
    }
    Ok(url)
}

/// Enough for the maximum number of connections, each with an object open.
#[cfg(unix)]
const FILES: u64 = 8192;

/// Raises this process's limit of open files, which is 1,024 by default, as far as the system lets it.
fn allow_more_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.map_or(FILES, |maximum| maximum.min(FILES));
        if limit.current.is_some_and(|current| current < wanted) {
            limit.current = Some(wanted);
            // Where that is refused the server does with what it has.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
}

/// The variable that names a user's configuration file to the SageMaker Python SDK ("Configuring and using
/// defaults with the SageMaker Python SDK" in its guide).
const SDK_CONFIG: &str = "SAGEMAKER_USER_CONFIG_OVERRIDE";

/// How many damaged objects are reported by name.
const DAMAGED_SHOWN: usize = 20;

/// Lost data is reported whatever the verbosity.
fn report_damaged(damaged: &[DamagedObject]) {
    for object in damaged.iter().take(DAMAGED_SHOWN) {
        let DamagedObject {
            bucket, document, ..
        } = object;
        let key = object.key.as_deref().unwrap_or("(unknown key)");
        let (key, reason) = (printable(key), printable(&object.reason));
        drop(writeln!(
            io::stderr(),
            "sagemaker-async: object s3://{bucket}/{key} is damaged and left out: {reason}; its files stay \
             until the key is written or deleted ({})",
            document.display()
        ));
    }
    if damaged.len() > DAMAGED_SHOWN {
        let more = damaged.len() - DAMAGED_SHOWN;
        drop(writeln!(
            io::stderr(),
            "sagemaker-async: {more} more objects are damaged and left out"
        ));
    }
}

/// Problems of the server that no response reports.
fn server_error(error: &io::Error) {
    drop(writeln!(
        io::stderr(),
        "sagemaker-async: connections cannot be accepted now: {error}; raise the limit of open \
        files (ulimit -n) or of threads (ulimit -u)"
    ));
}

fn not_started(error: &LocalError) -> CommandError {
    let code = match error {
        LocalError::Setting(_) => Code::Usage,
        _ => Code::Other,
    };
    CommandError::new(code, crate::cli::output::exit::with_sources(error))
}

/// The line that says that the server is ready.
fn ready(endpoint: &LocalEndpoint, listens: IpAddr, sdk_config: &Path) -> Value {
    let sdk_config = sdk_config.to_string_lossy().into_owned();
    let environment = endpoint.environment().into_iter();
    let environment = environment.chain([(SDK_CONFIG.to_owned(), sdk_config)]);
    let environment: Map<String, Value> = environment
        .map(|(name, value)| (name, value.into()))
        .collect();
    json!({
        "url": endpoint.url(),
        "listen": listens.to_string(),
        "endpoint_name": endpoint.name(),
        "bucket": endpoint.bucket(),
        "region": endpoint.region(),
        "account_id": endpoint.account_id(),
        "environment": environment,
    })
}

/// A line for each request, without its query, which may hold a signature.
fn log(request: &RecordedRequest, show: Show) {
    let operation = format!("{:?}", request.operation);
    let line = if show == Show::Json {
        json!({
            "event": "request",
            "operation": operation,
            "method": request.method,
            "path": request.path,
            "bytes": request.body_length,
            "status": request.status,
        })
        .to_string()
    } else {
        let status = request
            .status
            .map_or_else(|| "no response".to_owned(), |status| status.to_string());
        let bytes = request.body_length.unwrap_or(0);
        let path = printable(&request.path);
        format!(
            "{status} {} {path} {operation} {bytes} bytes",
            request.method
        )
    };
    // A log that nobody reads must not stop the server.
    drop(writeln!(io::stderr(), "{line}"));
}

/// `GetObject:status=500,times=3`.
fn fault(text: &str) -> Result<Fault, String> {
    let (operation, settings) = text
        .split_once(':')
        .ok_or("write OPERATION:EFFECT, as in GetObject:status=500,times=3")?;
    let mut fault = Fault::on(operation_named(operation)?).always();
    for setting in settings.split(',') {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let number = || {
            let parsed = value.parse::<u32>();
            parsed.map_err(|_| format!("{name} takes a number, not {value:?}"))
        };
        fault = match name {
            "status" => {
                let status = value.parse::<u16>().ok();
                let status = status.filter(|status| (200..600).contains(status));
                fault.status(status.ok_or("status takes an HTTP status, 200 to 599")?)
            }
            "throttle" => fault.throttle(),
            "deny" => fault.access_denied(),
            "drop" => fault.drop_connection(),
            "lose-response" => fault.drop_after_handling(),
            "hang" => fault.hang(),
            "truncate" => fault.truncate_body(number()? as usize),
            "delay" => fault.delay(duration(value)?),
            "times" => fault.times(number()?),
            "skip" => fault.skip(number()?),
            "key" => fault.key_contains(value),
            _ => return Err(format!("{name:?} is not an effect")),
        };
    }
    Ok(fault)
}

fn operation_named(name: &str) -> Result<Operation, String> {
    Operation::ALL
        .into_iter()
        .find(|operation| format!("{operation:?}").eq_ignore_ascii_case(name))
        .ok_or_else(|| format!("{name:?} is not an operation; write AWS's name, or Any"))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn faults_are_read() {
        for right in [
            "GetObject:status=500,times=3",
            "Any:delay=250ms",
            "invokeendpointasync:throttle,skip=2,times=1",
            "PutObject:key=scans/,drop",
            "GetObject:truncate=10",
        ] {
            assert!(fault(right).is_ok(), "{right}");
        }
        for wrong in [
            "GetObject",
            "Nonsense:drop",
            "GetObject:status=9",
            "GetObject:status",
            "GetObject:times=-1",
            "GetObject:what",
            "GetObject:delay=1w",
        ] {
            assert!(fault(wrong).is_err(), "{wrong}");
        }
    }
}
