//! Endpoints: create, describe, update, delete.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::hosted::{Hosted, Next, Serving, Variant};
use super::resources::{already_there, not_found};
use super::{Input, Now, State, Stored};
use crate::endpoint::EndpointStatus;
use crate::limits;
use crate::local::config::Deployed;
use crate::local::http::response::Refusal;
use crate::{AsyncInferenceConfig, NotificationConfig};

impl State {
    /// The endpoint that the builder describes, with a model and a configuration of its name.
    pub(super) fn host_the_builders(&mut self, deployed: &Deployed, now: Now) {
        let name = &deployed.endpoint_name;
        let max = u32::try_from(deployed.max_concurrent).unwrap_or(u32::MAX);
        let mut inference = AsyncInferenceConfig::builder()
            .output_path(deployed.output.uri())
            .max_concurrent_invocations_per_instance(max);
        if let Some(failure) = &deployed.failure {
            inference = inference.failure_path(failure.uri());
        }
        if let Some(notification) = &deployed.notification {
            inference = inference.notification_config(notification.clone());
        }
        // The builder has checked the parts.
        let inference = inference.build().unwrap_or_default().to_json();
        let model = limits::members(json!({
            "ModelName": name,
            "ExecutionRoleArn": format!("arn:aws:iam::{}:role/local", self.account.number),
            "PrimaryContainer": {"Image": "local"},
        }));
        let instances = u64::try_from(deployed.instances).unwrap_or(u64::MAX);
        let members = limits::members(json!({
            "EndpointConfigName": name,
            "ProductionVariants": [{
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": instances.max(1),
                "InitialVariantWeight": 1,
            }],
            "AsyncInferenceConfig": inference,
        }));
        let mut hosted = self.new_endpoint(name, name, &members, now);
        hosted.status = EndpointStatus::InService;
        for variant in &mut hosted.variants {
            (variant.current, variant.desired) = (instances, instances);
        }
        let stored = |arn, members| Stored {
            arn,
            created: now.wall,
            members,
            tags: Vec::new(),
        };
        let (model_arn, config_arn) = (
            self.account.arn("model", name),
            self.account.arn("endpoint-config", name),
        );
        self.models.insert(name.clone(), stored(model_arn, model));
        self.configs
            .insert(name.clone(), stored(config_arn, members));
        self.endpoints.insert(name.clone(), hosted);
    }

    fn new_endpoint(
        &self,
        name: &str,
        config_name: &str,
        config: &Map<String, Value>,
        now: Now,
    ) -> Hosted {
        Hosted {
            name: name.to_owned(),
            arn: self.account.arn("endpoint", name),
            config: config_name.to_owned(),
            status: EndpointStatus::Creating,
            failure_reason: None,
            created: now.wall,
            modified: now.wall,
            variants: Variant::of(config),
            tags: Vec::new(),
            pending: None,
            work: None,
            serving: Serving::of(name, config),
            backlog: crate::local::runtime::queue::Backlog::default(),
            starved_since: None,
            idle_since: None,
            scaled_out: None,
            scaled_in: None,
        }
    }

    fn hosted(&mut self, name: &str) -> Result<&mut Hosted, Refusal> {
        let arn = self.account.arn("endpoint", name);
        let found = self.endpoints.get_mut(name);
        found.ok_or_else(|| not_found("endpoint", &arn))
    }

    /// An endpoint without a change in progress.
    fn settled(&mut self, name: &str) -> Result<&mut Hosted, Refusal> {
        let hosted = self.hosted(name)?;
        if hosted.status.is_in_progress() {
            return Err(Refusal::invalid(format!(
                "Cannot update in-progress endpoint \"{}\".",
                hosted.arn
            )));
        }
        Ok(hosted)
    }

    fn next_failure(&mut self) -> Option<String> {
        (!self.failures.is_empty()).then(|| self.failures.remove(0))
    }

    pub(super) fn create_endpoint(&mut self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let name = input.needed("EndpointName")?;
        let config_name = input.needed("EndpointConfigName")?;
        let arn = self.account.arn("endpoint", name);
        if self.endpoints.contains_key(name) {
            return Err(already_there("endpoint", &arn));
        }
        let config = self.config(config_name)?.members.clone();
        let mut hosted = self.new_endpoint(name, config_name, &config, now);
        hosted.tags = input.list("Tags").to_vec();
        let next = match self.next_failure() {
            Some(reason) => Next::Failed(reason),
            None => Next::InService,
        };
        hosted.begin(EndpointStatus::Creating, now, self.account.transition, next);
        self.endpoints.insert(name.to_owned(), hosted);
        Ok(json!({ "EndpointArn": arn }))
    }

    /// The topics to notify, once jobs in progress are done.
    pub(super) fn notification(&self, name: &str) -> Option<NotificationConfig> {
        let hosted = self.endpoints.get(name)?;
        let config = hosted.pending.as_ref().unwrap_or(&hosted.config);
        let config = self
            .configs
            .get(config)?
            .members
            .get("AsyncInferenceConfig")?;
        let config = AsyncInferenceConfig::deserialize(config).ok()?;
        config.notification_config().cloned()
    }

    pub(super) fn describe_endpoint(&mut self, input: &Input) -> Result<Value, Refusal> {
        Ok(self.hosted(input.needed("EndpointName")?)?.describe())
    }

    pub(super) fn update_endpoint(&mut self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let name = input.needed("EndpointName")?;
        let config_name = input.needed("EndpointConfigName")?;
        let takes = self.account.transition;
        self.settled(name)?;
        let config = self.config(config_name)?.members.clone();
        let failure = self.next_failure();
        let hosted = self.settled(name)?;
        let mut variants = Variant::of(&config);
        if input.has("RetainAllVariantProperties") {
            retain(
                &mut variants,
                &hosted.variants,
                input.list("ExcludeRetainedVariantProperties"),
            );
        }
        let next = match failure {
            Some(reason) => Next::RolledBack { reason, takes },
            None => Next::Updated {
                config: config_name.to_owned(),
                variants,
                serving: Serving::of(name, &config),
            },
        };
        hosted.pending = Some(config_name.to_owned());
        hosted.failure_reason = None;
        hosted.begin(EndpointStatus::Updating, now, takes, next);
        Ok(json!({ "EndpointArn": hosted.arn }))
    }

    pub(super) fn update_variants(&mut self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let takes = self.account.transition;
        let name = input.needed("EndpointName")?;
        let may_sleep = self.scaling.may_sleep(name);
        let hosted = self.settled(name)?;
        let wanted = input.list("DesiredWeightsAndCapacities");
        check_variants(wanted, &hosted.variants, may_sleep)?;
        for variant in &mut hosted.variants {
            let wanted = wanted
                .iter()
                .find(|one| one["VariantName"] == *variant.name);
            let number = |member: &str| Some(&wanted?[member]);
            if let Some(weight) = number("DesiredWeight").and_then(Value::as_f64) {
                variant.weight = weight;
            }
            if let Some(count) = number("DesiredInstanceCount").and_then(Value::as_u64) {
                variant.desired = count;
            }
        }
        hosted.begin(EndpointStatus::Updating, now, takes, Next::InService);
        Ok(json!({ "EndpointArn": hosted.arn }))
    }

    pub(super) fn delete_endpoint(&mut self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let takes = self.account.transition;
        let hosted = self.settled(input.needed("EndpointName")?)?;
        hosted.begin(EndpointStatus::Deleting, now, takes, Next::Gone);
        Ok(json!({}))
    }
}

/// Validates all changes of variants before any is applied.
fn check_variants(wanted: &[Value], variants: &[Variant], may_sleep: bool) -> Result<(), Refusal> {
    for (position, one) in wanted.iter().enumerate() {
        let name = one["VariantName"].as_str().unwrap_or_default();
        if !variants.iter().any(|variant| variant.name == name) {
            return Err(not_found("variant", name));
        }
        if wanted[..position]
            .iter()
            .any(|earlier| earlier["VariantName"] == name)
        {
            return Err(Refusal::invalid(format!(
                "Variant \"{name}\" is in DesiredWeightsAndCapacities more than once."
            )));
        }
        if one["DesiredInstanceCount"] == 0 && !may_sleep {
            return Err(Refusal::invalid(
                "DesiredInstanceCount must be 1 or more unless the variant is registered with MinCapacity 0.",
            ));
        }
    }
    Ok(())
}

/// Retains the current counts and weights of variants with the same name.
fn retain(variants: &mut [Variant], old: &[Variant], excluded: &[Value]) {
    let keeps = |property: &str| {
        !excluded
            .iter()
            .any(|excluded| excluded["VariantPropertyType"] == property)
    };
    for variant in variants {
        if let Some(old) = old.iter().find(|old| old.name == variant.name) {
            if keeps("DesiredInstanceCount") {
                variant.desired = old.desired;
            }
            if keeps("DesiredWeight") {
                variant.weight = old.weight;
            }
        }
    }
}
