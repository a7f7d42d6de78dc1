//! The requests that are documents of the caller's: any member can be set with `with_raw`.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::sample;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sagemaker_async_inference::endpoint::{
    ContainerDefinition, CreateEndpoint, Endpoint, EndpointConfig, ListEndpoints,
    Model as ModelRequest, ProductionVariant, SageMaker, ScalingPolicy, UpdateEndpoint,
};
use sagemaker_async_inference::{Error, InvalidInput, Session};
use serde_json::{Map, Value, json};

use super::model::{Model, Site, Step, kind, required, text};
use super::texts::{Texts, Verdict, mutated};
use crate::support::client::{accepting, session_at};

pub const DOCUMENTS: [&str; 6] = [
    "CreateModel",
    "CreateEndpointConfig",
    "CreateEndpoint",
    "UpdateEndpoint",
    "ListEndpoints",
    "PutScalingPolicy",
];

/// Where the crate takes less than the model, and why.
const STRICTER: &[(&str, &str)] = &[
    // Put into the policy from the scaling's own endpoint and variant.
    ("PutScalingPolicy", "ServiceNamespace"),
    ("PutScalingPolicy", "ResourceId"),
    ("PutScalingPolicy", "ScalableDimension"),
    // An asynchronous endpoint has instances.
    (
        "CreateEndpointConfig",
        "ProductionVariants.ServerlessConfig",
    ),
    (
        "CreateEndpointConfig",
        "ShadowProductionVariants.ServerlessConfig",
    ),
];

pub struct Documents<'m> {
    model: &'m Model,
    texts: Texts,
    variants: Cell<u32>,
}

/// What is put at a site, and whether the model allows it.
struct Try {
    value: Value,
    fits: bool,
    /// The bound that it breaks, which the error has to name.
    bound: Option<String>,
}

fn fits(value: impl Into<Value>) -> Try {
    Try {
        value: value.into(),
        fits: true,
        bound: None,
    }
}

fn breaks(value: impl Into<Value>) -> Try {
    Try {
        value: value.into(),
        fits: false,
        bound: None,
    }
}

/// As the model says of it.
fn by(verdict: Verdict, value: impl Into<Value>) -> Try {
    match verdict {
        Verdict::Fits => fits(value),
        Verdict::Refused => breaks(value),
    }
}

fn breaks_bound(value: i64, bound: i64) -> Try {
    Try {
        bound: Some(bound.to_string()),
        ..breaks(value)
    }
}

impl<'m> Documents<'m> {
    pub fn new(model: &'m Model) -> Self {
        Self {
            model,
            texts: Texts::of(model),
            variants: Cell::new(0),
        }
    }

    /// Tries all values at all sites: what breaks a limit is refused and nothing is sent.
    pub fn compare(&self) {
        let server = accepting();
        let session = session_at(&server.url());
        let mut differ = Vec::new();
        let mut count = 0;
        for operation in DOCUMENTS {
            let sites = self.model.sites(operation);
            for site in &sites {
                if site.path.is_empty() || is_left_out(operation, site) {
                    continue;
                }
                let around = self.around(operation, site, &sites);
                let tries = self.tries(operation, site);
                count += tries.len();
                let outcomes = tries
                    .iter()
                    .filter_map(|one| compare_one(&session, operation, site, &around, one).err());
                differ.extend(outcomes);
                self.without_required(&session, operation, site, &around);
            }
        }
        assert!(differ.is_empty(), "{}", differ.join("\n"));
        assert_eq!(server.seen().len(), 0, "something was sent");
        assert!(count > 10_000, "{count}");
    }

    /// Puts texts that nobody thought of where a text may be: at one place for each pattern.
    pub fn compare_mutations(&self) {
        let server = accepting();
        let session = session_at(&server.url());
        let mut places = Vec::new();
        let mut seen = BTreeSet::new();
        for operation in DOCUMENTS {
            let sites = self.model.sites(operation);
            for site in &sites {
                let shape = self.model.shape(operation, &site.shape);
                let is_text = kind(shape) == "string" && shape["enum"] != true;
                if is_text && !is_left_out(operation, site) && seen.insert(site.shape.clone()) {
                    places.push((
                        operation,
                        site.clone(),
                        self.around(operation, site, &sites),
                    ));
                }
            }
        }
        let place = sample::select((0..places.len()).collect::<Vec<_>>());
        let mut runner = TestRunner::new(Config::with_cases(30_000));
        let outcome = runner.run(&(place, mutated()), |(place, text)| {
            let (operation, site, around) = &places[place];
            let shape = self.model.shape(operation, &site.shape);
            let one = by(self.texts.verdict(shape, &text), text);
            compare_one(&session, operation, site, around, &one).map_err(TestCaseError::fail)
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(server.seen().len(), 0, "something was sent");
    }

    /// Each member that must be there, left out of a structure that is given as JSON.
    fn without_required(&self, session: &Session, operation: &str, site: &Site, around: &Around) {
        let shape = self.model.shape(operation, &site.shape);
        for name in required(shape) {
            let mut value = self.sample(operation, &site.shape);
            if let Value::Object(members) = &mut value {
                assert!(members.remove(name).is_some());
            }
            let refused = check(session, operation, around, value, false);
            let refused = refused.expect_err(&format!("{operation} {site:?} without {name}"));
            assert!(refused.what().ends_with(name), "{site:?} {name}: {refused}");
        }
    }

    fn tries(&self, operation: &str, site: &Site) -> Vec<Try> {
        let shape = self.model.shape(operation, &site.shape);
        let bound = |name: &str| shape[name].as_i64();
        let sample = || self.sample(operation, &site.shape);
        let mut tries = match kind(shape) {
            "string" if shape["enum"] == true && site.shape != "ProductionVariantInstanceType" => {
                vec![fits("ANewWord")]
            }
            "string" if shape["enum"] == true => {
                vec![fits("ml.m99x.1000xlarge"), breaks("m5.large")]
            }
            "string" => self.texts_at(shape),
            "integer" => {
                let (min, max) = (bound("min"), bound("max"));
                let inside = [min, max].into_iter().flatten().map(fits);
                let below = min.map(|min| breaks_bound(min - 1, min));
                let above = max.map(|max| breaks_bound(max + 1, max));
                let mut tries: Vec<_> = inside.chain(below).chain(above).collect();
                tries.extend([fits(sample()), breaks("5"), breaks(0.5)]);
                tries
            }
            "float" | "double" => {
                let below = bound("min").map(|_| breaks(-0.1));
                below
                    .into_iter()
                    .chain([fits(0.5), fits(7), breaks("1")])
                    .collect()
            }
            "boolean" => vec![fits(true), fits(false), breaks("true"), breaks(1)],
            "timestamp" => vec![fits(1.5), fits(0), breaks("today")],
            "list" => self.lists(operation, shape),
            "map" => self.maps(operation, shape),
            "structure" => vec![fits(sample()), breaks("x"), breaks(json!([]))],
            other => panic!("{other}"),
        };
        tries.push(breaks(Value::Null));
        if kind(shape) == "string" {
            tries.extend([
                breaks(1),
                breaks(true),
                breaks(json!([])),
                breaks(json!({})),
            ]);
        }
        tries
    }

    fn texts_at(&self, shape: &Value) -> Vec<Try> {
        let candidates = self.texts.candidates(shape).into_iter();
        candidates
            .map(|text| by(self.texts.verdict(shape, &text), text))
            .collect()
    }

    fn lists(&self, operation: &str, shape: &Value) -> Vec<Try> {
        let of = |count: i64| -> Value {
            let item = text(shape, "member");
            (0..count).map(|_| self.sample(operation, &item)).collect()
        };
        let mut tries = vec![fits(of(1)), breaks("x"), breaks(json!({}))];
        if let Some(min) = shape["min"].as_i64() {
            tries.push(fits(of(min)));
            tries.extend((min > 0).then(|| breaks(of(min - 1))));
        }
        if let Some(max) = shape["max"].as_i64() {
            tries.extend([fits(of(max)), breaks(of(max + 1))]);
        }
        tries
    }

    fn maps(&self, operation: &str, shape: &Value) -> Vec<Try> {
        let value = || self.sample(operation, &text(shape, "value"));
        let of = |count: i64| -> Value {
            let entries = (0..count).map(|n| (format!("K{n}"), value()));
            entries.collect::<Map<_, _>>().into()
        };
        let key = self.model.shape(operation, &text(shape, "key"));
        let keys = self.texts.candidates(key).into_iter().map(|name| {
            by(
                self.texts.verdict(key, &name),
                Map::from_iter([(name, value())]),
            )
        });
        let max = shape["max"].as_i64().expect("a maximum");
        let counts = [fits(of(0)), fits(of(max)), breaks(of(max + 1)), breaks("x")];
        keys.chain(counts).collect()
    }

    /// A value that fits, with what must be there and nothing else.
    fn sample(&self, operation: &str, name: &str) -> Value {
        let shape = self.model.shape(operation, name);
        match kind(shape) {
            "string" if name == "ProductionVariantInstanceType" => "ml.m5.large".into(),
            "string" if name == "VariantName" => {
                self.variants.set(self.variants.get() + 1);
                format!("v{}", self.variants.get()).into()
            }
            "string" if shape["enum"] == true => "Word".into(),
            "string" => self.texts.sample(shape).into(),
            "integer" => shape["min"].as_i64().unwrap_or(1).into(),
            "float" | "double" | "timestamp" => 1.into(),
            "boolean" => true.into(),
            "list" => json!([self.sample(operation, &text(shape, "member"))]),
            "map" => json!({"K": self.sample(operation, &text(shape, "value"))}),
            "structure" => {
                let members = required(shape).map(|name| {
                    let of = text(&shape["members"], name);
                    (name.to_owned(), self.sample(operation, &of))
                });
                let mut members: Map<_, _> = members.collect();
                // What the model says in words only.
                if name == "ContainerDefinition" {
                    members.insert("Image".into(), "image:1".into());
                }
                members.into()
            }
            other => panic!("{other}"),
        }
    }

    /// Samples of all that is around the site.
    fn around(&self, operation: &str, site: &Site, all: &[Site]) -> Around {
        let mut built = Value::Null;
        let mut pointer = String::new();
        for depth in (1..site.path.len()).rev() {
            let outer = all.iter().find(|other| other.path == site.path[..depth]);
            let shape = &outer.expect("a site around it").shape;
            let mut outer = self.sample(operation, shape);
            let step = match (&site.path[depth], &mut outer) {
                (Step::Member(name), Value::Object(members)) => {
                    members.insert(name.clone(), built);
                    name.as_str()
                }
                (Step::Item, Value::Array(items)) => {
                    items[0] = built;
                    "0"
                }
                (Step::Entry, Value::Object(entries)) => {
                    entries.insert("K".into(), built);
                    "K"
                }
                (step, outer) => panic!("{step:?} {outer}"),
            };
            pointer = format!("/{step}{pointer}");
            built = outer;
        }
        let Some(Step::Member(member)) = site.path.first() else {
            panic!("{site:?}")
        };
        Around {
            member: member.clone(),
            document: built,
            pointer,
        }
    }
}

/// A member of a request, with a place in it.
struct Around {
    member: String,
    document: Value,
    pointer: String,
}

impl Around {
    fn with(&self, value: Value) -> Value {
        let mut document = self.document.clone();
        *document.pointer_mut(&self.pointer).expect("the place") = value;
        document
    }
}

/// What differs between the crate and the model, if anything does.
fn compare_one(
    session: &Session,
    operation: &str,
    site: &Site,
    around: &Around,
    one: &Try,
) -> Result<(), String> {
    let outcome = check(session, operation, around, one.value.clone(), one.fits);
    let shown: String = one.value.to_string().chars().take(100).collect();
    let place = format!("{operation} {} {shown}", site.name());
    match outcome {
        Ok(()) if one.fits => Ok(()),
        Ok(()) => Err(format!("{place} is taken")),
        Err(_) if one.fits && is_stricter(site, &one.value) => Ok(()),
        Err(refused) if one.fits => Err(format!("{place} is not taken: {refused}")),
        Err(refused) if !refused.what().contains(last_name(site)) => {
            Err(format!("{place} is not named: {refused}"))
        }
        Err(refused) if refused.limit().is_empty() || refused.remedy().is_empty() => {
            Err(format!("{place} has no limit or remedy: {refused}"))
        }
        Err(refused)
            if !one
                .bound
                .as_ref()
                .is_none_or(|bound| refused.limit().contains(bound)) =>
        {
            Err(format!("{place} does not name the bound: {refused}"))
        }
        Err(refused) if is_secret(site) && refused.value().is_some() => {
            Err(format!("{place} is shown"))
        }
        Err(_) => Ok(()),
    }
}

fn last_name(site: &Site) -> &str {
    let names = site.path.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(name.as_str()),
        _ => None,
    });
    names.expect("a name")
}

fn is_left_out(operation: &str, site: &Site) -> bool {
    let name = site.name();
    STRICTER.iter().any(|(of, prefix)| {
        *of == operation && (name == *prefix || name.starts_with(&format!("{prefix}.")))
    })
}

/// Single values that the model lets pass and the service or common sense does not.
fn is_stricter(site: &Site, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match site.shape.as_str() {
        // The role has a name.
        "RoleArn" => text.ends_with("role/"),
        // AWS's own.
        "TagKey" => text.starts_with("aws:"),
        // A place in S3 has no line end.
        "Url" | "S3ModelUri" | "DestinationS3Uri" => text.contains('\n'),
        // A pipeline of no containers.
        "ContainerDefinitionList" => value == &json!([]),
        _ => false,
    }
}

/// What may be a secret or the caller's data.
fn is_secret(site: &Site) -> bool {
    matches!(
        site.shape.as_str(),
        "EnvironmentValue" | "ClarifyShapBaseline"
    )
}

/// Asks the crate: without sending where it should fit, by sending where it should not.
fn check(
    session: &Session,
    operation: &str,
    around: &Around,
    value: Value,
    fits: bool,
) -> Result<(), InvalidInput> {
    let (member, value) = (around.member.as_str(), around.with(value));
    let sagemaker = SageMaker::new(session);
    macro_rules! ask {
        ($document:expr, $send:expr) => {{
            let document = $document.with_raw(member, value);
            if fits {
                return document.validate();
            }
            document.validate().err().map_or(Ok(()), |refused| {
                let sent: Result<(), Error> = $send(&document);
                match sent {
                    Err(Error::InvalidInput(again)) => assert_eq!(*again, refused),
                    other => panic!("{other:?}"),
                }
                Err(refused)
            })
        }};
    }
    let image = || ContainerDefinition::new("image:1");
    let variant = || ProductionVariant::new("v", "m", "ml.m5.large", 1);
    match operation {
        "CreateModel" if member == "Containers" => {
            ask!(ModelRequest::pipeline("m", [image()]), |document| sagemaker
                .create_model(document)
                .map(drop))
        }
        "CreateModel" => ask!(ModelRequest::new("m", image()), |document| {
            sagemaker.create_model(document).map(drop)
        }),
        "CreateEndpointConfig" => ask!(EndpointConfig::new("c", [variant()]), |document| {
            sagemaker.create_endpoint_config(document).map(drop)
        }),
        "CreateEndpoint" => ask!(CreateEndpoint::new("e", "c"), |document| {
            sagemaker.create_endpoint(document).map(drop)
        }),
        "UpdateEndpoint" => ask!(UpdateEndpoint::new("e", "c"), |document| {
            sagemaker.update_endpoint(document)
        }),
        "ListEndpoints" => ask!(ListEndpoints::new(), |document| {
            sagemaker
                .list_endpoints(document)
                .collect::<Result<Vec<_>, _>>()
                .map(drop)
        }),
        "PutScalingPolicy" => ask!(
            ScalingPolicy::track_backlog_per_instance("p", "e", 5.0),
            |document| Endpoint::new("e", session)
                .scaling()
                .put_policy(document)
                .map(drop)
        ),
        other => panic!("{other}"),
    }
}
