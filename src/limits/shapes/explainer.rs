//! `ExplainerConfig`, of `CreateEndpointConfig`.

use super::shape::{Rule, Shape, list};
use super::{URL, texts as p};

const LABEL: Rule = Rule::Text(&p::CLARIFY_LABEL);

pub(crate) static EXPLAINER_CONFIG: Shape = Shape::new(
    "ExplainerConfig",
    &[],
    &[("ClarifyExplainerConfig", Rule::Structure(&CLARIFY))],
);

static CLARIFY: Shape = Shape::new(
    "ClarifyExplainerConfig",
    &["ShapConfig"],
    &[
        ("EnableExplanations", LABEL),
        ("InferenceConfig", Rule::Structure(&INFERENCE)),
        ("ShapConfig", Rule::Structure(&SHAP)),
    ],
);

static INFERENCE: Shape = Shape::new(
    "InferenceConfig",
    &[],
    &[
        ("FeaturesAttribute", LABEL),
        ("ContentTemplate", LABEL),
        ("MaxRecordCount", Rule::Integer(1, i64::MAX)),
        ("MaxPayloadInMB", Rule::Integer(1, 25)),
        ("ProbabilityIndex", Rule::Integer(0, i64::MAX)),
        ("LabelIndex", Rule::Integer(0, i64::MAX)),
        ("ProbabilityAttribute", LABEL),
        ("LabelAttribute", LABEL),
        ("LabelHeaders", list(1, 16, &LABEL)),
        ("FeatureHeaders", list(1, 256, &LABEL)),
        ("FeatureTypes", list(1, 256, &Rule::Word)),
    ],
);

static SHAP: Shape = Shape::new(
    "ShapConfig",
    &["ShapBaselineConfig"],
    &[
        ("ShapBaselineConfig", Rule::Structure(&SHAP_BASELINE)),
        ("NumberOfSamples", Rule::Integer(1, i64::MAX)),
        ("UseLogit", Rule::Flag),
        ("Seed", super::ANY_INTEGER),
        ("TextConfig", Rule::Structure(&TEXT)),
    ],
);

static SHAP_BASELINE: Shape = Shape::new(
    "ShapBaselineConfig",
    &[],
    &[
        ("MimeType", Rule::Text(&p::MIME_TYPE)),
        ("ShapBaseline", Rule::Text(&p::SHAP_BASELINE)),
        ("ShapBaselineUri", URL),
    ],
);

static TEXT: Shape = Shape::new(
    "TextConfig",
    &["Language", "Granularity"],
    &[("Language", Rule::Word), ("Granularity", Rule::Word)],
);
