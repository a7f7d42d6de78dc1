//! Models and configurations.

use serde_json::{Map, Value, json};

use super::{Input, Now, State, Stored, timestamp};
use crate::local::http::response::Refusal;
use crate::local::runtime::location::Location;

impl Stored {
    fn new(arn: String, now: Now, mut members: Map<String, Value>) -> Self {
        let tags = match members.remove("Tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        Self {
            arn,
            created: now.wall,
            members,
            tags,
        }
    }

    fn describe(&self, arn_member: &str) -> Value {
        let mut described = self.members.clone();
        described.insert(arn_member.to_owned(), self.arn.as_str().into());
        described.insert("CreationTime".to_owned(), timestamp(self.created));
        Value::Object(described)
    }
}

pub(super) fn not_found(what: &str, arn: &str) -> Refusal {
    Refusal::invalid(format!("Could not find {what} \"{arn}\"."))
}

pub(super) fn already_there(what: &str, arn: &str) -> Refusal {
    Refusal::invalid(format!("Cannot create already existing {what} \"{arn}\"."))
}

/// The output paths must be valid S3 locations.
fn check_paths(input: &Input) -> Result<(), Refusal> {
    let inference = input.0.get("AsyncInferenceConfig");
    let output = inference.map(|inference| &inference["OutputConfig"]);
    for member in ["S3OutputPath", "S3FailurePath"] {
        let path = output.and_then(|output| output[member].as_str());
        if path.is_some_and(|path| Location::parse(path).is_none()) {
            return Err(Refusal::invalid(format!(
                "1 validation error detected: Value at 'asyncInferenceConfig.outputConfig.{member}' failed to satisfy constraint: The bucket must have a name of at most 63 letters, digits, dots, hyphens and underscores"
            )));
        }
    }
    Ok(())
}

impl State {
    pub(super) fn create_model(&mut self, input: Input, now: Now) -> Result<Value, Refusal> {
        let name = input.needed("ModelName")?.to_owned();
        input.needed("ExecutionRoleArn")?;
        let arn = self.account.arn("model", &name);
        if self.models.contains_key(&name) {
            return Err(already_there("model", &arn));
        }
        let response = json!({ "ModelArn": arn });
        self.models.insert(name, Stored::new(arn, now, input.0));
        Ok(response)
    }

    pub(super) fn describe_model(&self, input: &Input) -> Result<Value, Refusal> {
        let name = input.needed("ModelName")?;
        let found = self.models.get(name);
        found
            .map(|model| model.describe("ModelArn"))
            .ok_or_else(|| not_found("model", &self.account.arn("model", name)))
    }

    pub(super) fn delete_model(&mut self, input: &Input) -> Result<Value, Refusal> {
        let name = input.needed("ModelName")?;
        match self.models.remove(name) {
            Some(_) => Ok(json!({})),
            None => Err(not_found("model", &self.account.arn("model", name))),
        }
    }

    pub(super) fn create_endpoint_config(
        &mut self,
        input: Input,
        now: Now,
    ) -> Result<Value, Refusal> {
        check_paths(&input)?;
        let name = input.needed("EndpointConfigName")?.to_owned();
        let arn = self.account.arn("endpoint-config", &name);
        if self.configs.contains_key(&name) {
            return Err(already_there("endpoint configuration", &arn));
        }
        for variant in input.list("ProductionVariants") {
            let model = variant["ModelName"].as_str().unwrap_or_default();
            if !self.models.contains_key(model) {
                return Err(not_found("model", &self.account.arn("model", model)));
            }
        }
        let response = json!({ "EndpointConfigArn": arn });
        self.configs.insert(name, Stored::new(arn, now, input.0));
        Ok(response)
    }

    pub(super) fn describe_endpoint_config(&self, input: &Input) -> Result<Value, Refusal> {
        let config = self.config(input.needed("EndpointConfigName")?)?;
        Ok(config.describe("EndpointConfigArn"))
    }

    pub(super) fn config(&self, name: &str) -> Result<&Stored, Refusal> {
        let arn = || self.account.arn("endpoint-config", name);
        let found = self.configs.get(name);
        found.ok_or_else(|| not_found("endpoint configuration", &arn()))
    }

    pub(super) fn delete_endpoint_config(&mut self, input: &Input) -> Result<Value, Refusal> {
        let name = input.needed("EndpointConfigName")?;
        self.config(name)?;
        self.configs.remove(name);
        Ok(json!({}))
    }
}
