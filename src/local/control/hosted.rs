//! The states of one endpoint.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Now, timestamp};
use crate::endpoint::EndpointStatus;
use crate::local::runtime::location::Location;
use crate::local::runtime::queue::Backlog;
use crate::{AsyncInferenceConfig, NotificationConfig};

/// The output paths and topics of an endpoint.
#[derive(Debug)]
pub(in crate::local) struct Serving {
    pub(in crate::local) endpoint: String,
    pub(in crate::local) output: Location,
    pub(in crate::local) failure: Option<Location>,
    pub(in crate::local) notification: Option<NotificationConfig>,
    pub(in crate::local) max_concurrent: usize,
}

/// What the service chooses where `MaxConcurrentInvocationsPerInstance` is left out; here 4.
const MAX_CONCURRENT: u32 = 4;

impl Serving {
    /// From a configuration; `None` if it is not of an asynchronous endpoint.
    pub(super) fn of(endpoint: &str, config: &Map<String, Value>) -> Option<Arc<Self>> {
        let config = AsyncInferenceConfig::deserialize(config.get("AsyncInferenceConfig")?).ok()?;
        let max = config.max_concurrent_invocations_per_instance();
        Some(Arc::new(Self {
            endpoint: endpoint.to_owned(),
            output: Location::parse(config.output_path()?)?,
            failure: config.failure_path().and_then(Location::parse),
            notification: config.notification_config().cloned(),
            max_concurrent: usize::try_from(max.unwrap_or(MAX_CONCURRENT)).unwrap_or(1),
        }))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) current: u64,
    pub(super) desired: u64,
    pub(super) weight: f64,
}

impl Variant {
    pub(super) fn of(config: &Map<String, Value>) -> Vec<Self> {
        let variants = config.get("ProductionVariants").and_then(Value::as_array);
        let variants = variants.map_or(&[][..], Vec::as_slice);
        variants
            .iter()
            .map(|variant| Self {
                name: variant["VariantName"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                current: 0,
                desired: variant["InitialInstanceCount"].as_u64().unwrap_or(1),
                weight: variant["InitialVariantWeight"].as_f64().unwrap_or(1.0),
            })
            .collect()
    }
}

/// The next state of an endpoint.
#[derive(Debug)]
pub(super) enum Next {
    InService,
    /// With another configuration.
    Updated {
        config: String,
        variants: Vec<Variant>,
        serving: Option<Arc<Serving>>,
    },
    Failed(String),
    /// In service with the old configuration, after some more time.
    RolledBack {
        reason: String,
        takes: Duration,
    },
    Gone,
}

#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) config: String,
    pub(super) status: EndpointStatus,
    pub(super) failure_reason: Option<String>,
    pub(super) created: SystemTime,
    pub(super) modified: SystemTime,
    pub(super) variants: Vec<Variant>,
    pub(super) tags: Vec<Value>,
    /// The configuration that an update switches to.
    pub(super) pending: Option<String>,
    pub(super) work: Option<(Duration, Next)>,
    pub(super) serving: Option<Arc<Serving>>,
    pub(super) backlog: Backlog,
    /// Since when, on the monotonic clock, jobs have waited without instances.
    pub(super) starved_since: Option<Duration>,
    /// Since when nothing has waited.
    pub(super) idle_since: Option<Duration>,
    pub(super) scaled_out: Option<Duration>,
    pub(super) scaled_in: Option<Duration>,
}

impl Hosted {
    /// Applies changes that are due; true if the endpoint is deleted.
    pub(super) fn advance(&mut self, now: Now) -> bool {
        while let Some((due, _)) = &self.work
            && *due <= now.monotonic
        {
            let Some((due, next)) = self.work.take() else {
                return false;
            };
            self.modified = now.wall;
            match next {
                Next::Gone => return true,
                Next::InService => self.settle(),
                Next::Updated {
                    config,
                    variants,
                    serving,
                } => {
                    self.config = config;
                    self.variants = variants;
                    self.serving = serving;
                    self.settle();
                }
                Next::Failed(reason) => {
                    self.status = EndpointStatus::Failed;
                    self.failure_reason = Some(reason);
                    self.pending = None;
                }
                Next::RolledBack { reason, takes } => {
                    self.status = EndpointStatus::RollingBack;
                    self.failure_reason = Some(reason);
                    self.pending = None;
                    self.work = Some((due + takes, Next::InService));
                }
            }
        }
        false
    }

    fn settle(&mut self) {
        self.status = EndpointStatus::InService;
        self.pending = None;
        for variant in &mut self.variants {
            variant.current = variant.desired;
        }
    }

    /// Begins work that is done after `takes`.
    pub(super) fn begin(&mut self, status: EndpointStatus, now: Now, takes: Duration, next: Next) {
        self.status = status;
        self.modified = now.wall;
        self.work = Some((now.monotonic + takes, next));
    }

    /// Changes a variant's instance count.
    pub(super) fn scale(&mut self, variant: &str, desired: u64, now: Now, takes: Duration) {
        let Some(found) = self.variants.iter_mut().find(|found| found.name == variant) else {
            return;
        };
        let out = desired > found.desired;
        found.desired = desired;
        if out {
            self.scaled_out = Some(now.monotonic);
        } else {
            self.scaled_in = Some(now.monotonic);
        }
        self.begin(EndpointStatus::Updating, now, takes, Next::InService);
    }

    pub(super) fn note_backlog(&mut self, now: Now, backlog: Backlog) {
        self.backlog = backlog;
        let starved = backlog.size > 0 && self.instances() == 0;
        let oldest = backlog.oldest.unwrap_or(now.monotonic);
        let since = |flag: bool, known: Option<Duration>, first: Duration| {
            flag.then(|| known.unwrap_or(first))
        };
        self.starved_since = since(starved, self.starved_since, oldest);
        self.idle_since = since(backlog.size == 0, self.idle_since, now.monotonic);
    }

    pub(super) fn instances(&self) -> u64 {
        self.variants.iter().map(|variant| variant.current).sum()
    }

    /// The output paths, if it accepts requests.
    pub(super) fn serving(&self) -> Option<Arc<Serving>> {
        let takes = matches!(
            self.status,
            EndpointStatus::InService
                | EndpointStatus::Updating
                | EndpointStatus::SystemUpdating
                | EndpointStatus::RollingBack
        );
        if takes { self.serving.clone() } else { None }
    }

    /// Number of requests that it can process at a time.
    pub(super) fn slots(&self) -> usize {
        let Some(serving) = self.serving() else {
            return 0;
        };
        let instances = usize::try_from(self.instances()).unwrap_or(usize::MAX);
        instances.saturating_mul(serving.max_concurrent)
    }

    /// The response to `DescribeEndpoint`.
    pub(super) fn describe(&self) -> Value {
        let variants: Vec<Value> = self
            .variants
            .iter()
            .map(|variant| {
                json!({
                    "VariantName": variant.name,
                    "CurrentWeight": variant.weight,
                    "DesiredWeight": variant.weight,
                    "CurrentInstanceCount": variant.current,
                    "DesiredInstanceCount": variant.desired,
                })
            })
            .collect();
        let mut described = json!({
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config,
            "EndpointStatus": self.status.as_str(),
            "CreationTime": timestamp(self.created),
            "LastModifiedTime": timestamp(self.modified),
        });
        // Before the first instance no variants are reported.
        if self.status != EndpointStatus::Creating {
            described["ProductionVariants"] = variants.into();
        }
        if let Some(pending) = &self.pending {
            described["PendingDeploymentSummary"] = json!({"EndpointConfigName": pending});
        }
        if let Some(reason) = &self.failure_reason {
            described["FailureReason"] = reason.as_str().into();
        }
        described
    }
}
