//! Tags of SageMaker's resources.

use serde_json::{Value, json};

use super::resources::not_found;
use super::{Input, State, refused};
use crate::limits::facts::sagemaker::TAG;
use crate::local::http::response::Refusal;

/// The service's limit of tags on one resource.
const MAX_TAGS: usize = 50;

impl State {
    pub(super) fn list_tags(&mut self, input: &Input) -> Result<Value, Refusal> {
        let tags = self.tags_of(input)?;
        Ok(json!({ "Tags": tags }))
    }

    /// Adds tags, over those of the same key.
    pub(super) fn add_tags(&mut self, input: &Input) -> Result<Value, Refusal> {
        for tag in input.list("Tags") {
            let Some(tag) = tag.as_object() else {
                return Err(Refusal::invalid("A tag is an object."));
            };
            TAG.check("Tag", tag)
                .map_err(|violation| refused(&violation))?;
        }
        let tags = self.tags_of(input)?;
        let mut changed = tags.clone();
        for tag in input.list("Tags") {
            changed.retain(|old| old["Key"] != tag["Key"]);
            changed.push(tag.clone());
        }
        if changed.len() > MAX_TAGS {
            return Err(Refusal::invalid(format!(
                "A resource has at most {MAX_TAGS} tags."
            )));
        }
        tags.clone_from(&changed);
        Ok(json!({ "Tags": changed }))
    }

    pub(super) fn delete_tags(&mut self, input: &Input) -> Result<Value, Refusal> {
        let tags = self.tags_of(input)?;
        tags.retain(|tag| !input.list("TagKeys").contains(&tag["Key"]));
        Ok(json!({}))
    }

    fn tags_of(&mut self, input: &Input) -> Result<&mut Vec<Value>, Refusal> {
        let arn = input.needed("ResourceArn")?;
        let stored = self.models.values_mut().chain(self.configs.values_mut());
        let endpoints = self.endpoints.values_mut();
        stored
            .map(|stored| (&stored.arn, &mut stored.tags))
            .chain(endpoints.map(|hosted| (&hosted.arn, &mut hosted.tags)))
            .find(|(found, _)| *found == arn)
            .map(|(_, tags)| tags)
            .ok_or_else(|| not_found("resource", arn))
    }
}
