//! What the API's models say, as `model.json` has it.

use serde_json::Value;

/// One step from a request to a value in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Member(String),
    Item,
    /// The value of a map's only entry.
    Entry,
}

/// A value that a request can have.
#[derive(Debug, Clone)]
pub struct Site {
    pub path: Vec<Step>,
    /// The name of its shape.
    pub shape: String,
}

impl Site {
    /// As the crate's errors write it, but for the indices.
    pub fn name(&self) -> String {
        let names = self.path.iter().filter_map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Item | Step::Entry => None,
        });
        names.collect::<Vec<_>>().join(".")
    }
}

pub struct Model {
    services: Vec<Service>,
}

struct Service {
    requests: Vec<(String, String)>,
    shapes: Value,
}

impl Model {
    pub fn load() -> Self {
        let text = include_str!("../../fixtures/limits/model.json");
        let read: Value = serde_json::from_str(text).expect("JSON");
        let services = read["services"].as_object().expect("services");
        let services = services.values().map(|service| Service {
            requests: entries(&service["requests"]).collect(),
            shapes: service["shapes"].clone(),
        });
        Self {
            services: services.collect(),
        }
    }

    /// All shapes of all services.
    pub fn shapes(&self) -> impl Iterator<Item = &Value> {
        let all = self.services.iter();
        all.flat_map(|service| service.shapes.as_object().expect("shapes").values())
    }

    fn service(&self, operation: &str) -> (&Service, &str) {
        let found = self.services.iter().find_map(|service| {
            let of = service.requests.iter().find(|(name, _)| name == operation);
            of.map(|(_, shape)| (service, shape.as_str()))
        });
        found.unwrap_or_else(|| panic!("no {operation}"))
    }

    pub fn shape(&self, operation: &str, name: &str) -> &Value {
        &self.service(operation).0.shapes[name]
    }

    /// The members of all requests, with the operation.
    pub fn members(&self) -> impl Iterator<Item = (String, String)> {
        self.services.iter().flat_map(|service| {
            service.requests.iter().flat_map(|(operation, shape)| {
                let members = entries(&service.shapes[shape]["members"]);
                members.map(move |(name, _)| (operation.clone(), name))
            })
        })
    }

    /// Every value that the operation's request can have, at any depth, and the request itself.
    pub fn sites(&self, operation: &str) -> Vec<Site> {
        let (service, shape) = self.service(operation);
        let mut found = Vec::new();
        let mut todo = vec![Site {
            path: Vec::new(),
            shape: shape.to_owned(),
        }];
        while let Some(site) = todo.pop() {
            let shape = &service.shapes[&site.shape];
            let inner = |step: Step, shape: String| {
                let mut path = site.path.clone();
                path.push(step);
                Site { path, shape }
            };
            match kind(shape) {
                "structure" => {
                    let members = entries(&shape["members"]);
                    todo.extend(members.map(|(name, of)| inner(Step::Member(name), of)));
                }
                "list" => todo.push(inner(Step::Item, text(shape, "member"))),
                "map" => todo.push(inner(Step::Entry, text(shape, "value"))),
                _ => {}
            }
            found.push(site);
        }
        found
    }

    /// The shape of the text at the path, through lists.
    pub fn text_at(&self, operation: &str, path: &str) -> &Value {
        let (service, shape) = self.service(operation);
        let mut shape = &service.shapes[shape];
        for name in path.split('.') {
            shape = &service.shapes[text(&shape["members"], name)];
            while kind(shape) == "list" {
                shape = &service.shapes[text(shape, "member")];
            }
        }
        shape
    }

    /// The range of the number, or of the length, that the member has.
    pub fn range_at(&self, operation: &str, member: &str) -> (i64, i64) {
        let shape = self.text_at(operation, member);
        let bound = |name: &str| shape[name].as_i64();
        (bound("min").unwrap_or(0), bound("max").expect("a maximum"))
    }
}

pub fn kind(shape: &Value) -> &str {
    shape["type"].as_str().expect("a type")
}

pub fn text(of: &Value, name: &str) -> String {
    let found = of[name].as_str();
    found
        .unwrap_or_else(|| panic!("no {name} in {of}"))
        .to_owned()
}

pub fn entries(of: &Value) -> impl Iterator<Item = (String, String)> {
    let members = of.as_object().expect("an object");
    members.keys().map(|name| (name.clone(), text(of, name)))
}

/// The members that a structure must have.
pub fn required(shape: &Value) -> impl Iterator<Item = &str> {
    let names = shape["required"].as_array().into_iter().flatten();
    names.map(|name| name.as_str().expect("a name"))
}
