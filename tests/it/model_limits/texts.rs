//! Texts of all kinds, and which of them the models' patterns fit.

use std::collections::{BTreeSet, HashMap};

use fancy_regex::Regex;
use proptest::prelude::*;
use proptest::{collection, sample};
use serde_json::Value;

use super::model::{Model, kind};

/// Some that fit each pattern, and some that just do not.
const SAMPLES: &[&str] = &[
    "",
    "a",
    "A-1",
    "a--b",
    "-a",
    "a-",
    "a_b",
    "a.b",
    "a b",
    " a",
    "a ",
    " ",
    "ä",
    "a/b",
    "0",
    "1A",
    "_a9",
    "a\n",
    "a\nb",
    "a\tb",
    "a\u{0}b",
    "a\u{7f}b",
    "a;b",
    "a~b",
    "!a",
    "*'()",
    "日本",
    "🦀",
    "a..b",
    "a.b.c",
    ".a",
    "/a",
    "/metrics",
    "/a/b.c-d_e",
    "/a/../b",
    "/",
    "//",
    "s3:x",
    "https:x",
    "s3://b/k",
    "s3://b",
    "https://host/x",
    "s3://",
    "s3:///k",
    "ftp://x",
    "S3://b/k",
    "s3://b/k\n",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b@sha256:0a",
    "arn:aws:iam::123456789012:role/my-role",
    "arn:aws:iam::123456789012:role/service-role/a+b=c,d.e@f_g",
    "arn:aws-us-gov:iam::123456789012:rolex",
    "arn:aws:iam::12345678901:role/a",
    "arn:aws:iam::123456789012:role/",
    "arn:aws:iam::123456789012:user/me",
    "arn:azure:iam::123456789012:role/a",
    "arn:aws:iam::123456789012:role/a b",
    "arn:aws:iam:us-east-1:123456789012:role/a",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/group/3",
    "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/g/123456789",
    "arn:aws:s3:us-east-1:123456789012:model-package/g",
    "arn:aws:sagemaker:us-east-1:12345:model-package/g",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-endpoint",
    "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p/ä b",
    "arn:aws:sagemaker:us-east-1:123456789012:a-kind-too-long/p",
    "arn:aws:sagemaker:us-east-1:123456789012:Plan/p",
    "arn:aws:sagemaker:us-east-1:123456789012:",
    "arn:aws:sagemaker:US:123456789012:model/m",
    "arn:aws1:sagemaker:us-east-1:123456789012:model/m",
    "group",
    "group/1",
    "g/x",
    "g/1234567890",
    "g-/1",
    "/1",
    "arn:aws:sns:us-east-1:123456789012:done_1.fifo",
    "arn:aws:sns:us-east-1:12345:done",
    "arn:aws:sns:us-east-1:123456789012:",
    "arn:aws:sns:us-east-1:123456789012:a b",
    "alias/k",
    "arn:aws:kms:us-east-1:123456789012:key/1-a",
    "Größe/_.:=+-@ x",
    "aws",
    ":a",
    "a:b",
    "text/csv",
    "application/x-npz.1",
    "image/svg+xml",
    "text",
    "text/",
    "/csv",
    "text/csv; charset=utf-8",
    "-a/b",
    "a/b-",
    "a--b/c",
    "a-/b",
    "a/+b",
    "a/b.",
    "a/b+",
    "a/b/c",
    "a/.b",
    "mig-1g.10gb",
    "mig-12g.141gb+me.all-x",
    "mig-1g.10gb+",
    "mig-g.10gb",
    "mig-1g10gb",
    "mig-1g.10GB",
    "sg-0123456789abcdef0",
    "ml.m5.large",
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    Fits,
    Refused,
}

/// The patterns of the models, as they are meant: of the whole text.
pub struct Texts {
    patterns: HashMap<String, Regex>,
}

impl Texts {
    pub fn of(model: &Model) -> Self {
        let patterns = model.shapes().filter_map(|shape| shape["pattern"].as_str());
        let patterns: BTreeSet<_> = patterns.collect();
        let compile = |pattern: &str| {
            let whole = format!(r"\A(?:{})\z", translated(pattern));
            Regex::new(&whole).unwrap_or_else(|error| panic!("{pattern}: {error}"))
        };
        Self {
            patterns: patterns
                .into_iter()
                .map(|pattern| (pattern.to_owned(), compile(pattern)))
                .collect(),
        }
    }

    /// What the model says of the text.
    pub fn verdict(&self, shape: &Value, text: &str) -> Verdict {
        let (min, max) = lengths(shape);
        if (min..=max).contains(&text.chars().count()) && self.has_form(shape, text) {
            Verdict::Fits
        } else {
            Verdict::Refused
        }
    }

    fn has_form(&self, shape: &Value, text: &str) -> bool {
        shape["pattern"].as_str().is_none_or(|pattern| {
            let matched = self.patterns[pattern].is_match(text);
            matched.unwrap_or_else(|error| panic!("{pattern} {text:?}: {error}"))
        })
    }

    /// One that fits.
    pub fn sample(&self, shape: &Value) -> String {
        let all = self.candidates(shape).into_iter();
        let mut fit = all.filter(|text| self.verdict(shape, text) == Verdict::Fits);
        let not_empty = fit.find(|text| !text.is_empty());
        not_empty.unwrap_or_else(|| panic!("no sample fits {shape}"))
    }

    /// The samples, and some of the pattern's drawn out to the bounds of the length and one beyond.
    pub fn candidates(&self, shape: &Value) -> Vec<String> {
        assert_eq!(kind(shape), "string");
        let (min, max) = lengths(shape);
        let lengths = [min.checked_sub(1), Some(min), Some(max), max.checked_add(1)];
        let lengths = lengths.into_iter().flatten().filter(|&n| n < 100_000);
        let mut all: Vec<_> = SAMPLES.iter().map(|&text| text.to_owned()).collect();
        for length in lengths {
            let stretched = SAMPLES.iter().filter_map(|text| stretch(text, length));
            let of_the_form = stretched.filter(|text| self.has_form(shape, text));
            all.extend(of_the_form.take(4));
        }
        all
    }
}

/// A sample with some of its characters changed, left out or added.
pub fn mutated() -> impl Strategy<Value = String> {
    let letters = "aZ09-_.:/@+=*~ \t\n\u{0}ä🦀"
        .chars()
        .map(Some)
        .chain([None]);
    let letter = sample::select(letters.collect::<Vec<_>>());
    let change = (any::<sample::Index>(), letter, any::<bool>());
    let changes = collection::vec(change, 0..4);
    (sample::select(SAMPLES), changes).prop_map(|(text, changes)| {
        let mut chars: Vec<_> = text.chars().collect();
        for (at, letter, instead) in changes {
            let at = at.index(chars.len() + 1);
            if (instead || letter.is_none()) && at < chars.len() {
                chars.remove(at);
            }
            chars.splice(at.min(chars.len())..at.min(chars.len()), letter);
        }
        chars.into_iter().collect()
    })
}

/// With its last letter repeated up to this many characters.
fn stretch(text: &str, length: usize) -> Option<String> {
    let last = text.chars().next_back()?;
    let more = length.checked_sub(text.chars().count())?;
    Some(
        text.chars()
            .chain(std::iter::repeat_n(last, more))
            .collect(),
    )
}

fn lengths(shape: &Value) -> (usize, usize) {
    let bound = |name: &str| {
        shape[name]
            .as_u64()
            .map(|n| usize::try_from(n).expect("a length"))
    };
    (
        bound("min").unwrap_or(0),
        bound("max").unwrap_or(usize::MAX),
    )
}

/// The models' patterns are Java's: their classes are of ASCII, and a dot is no line end.
fn translated(pattern: &str) -> String {
    let xml = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";
    if pattern == xml {
        return r"[\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}\r\n\t]*".to_owned();
    }
    let named = pattern
        .replace(r"\p{Print}", r"[\x20-\x7e]")
        .replace(r"\p{ASCII}", r"[\x00-\x7f]")
        .replace(r"\d", "[0-9]");
    let (mut in_class, mut escaped) = (false, false);
    let translate = |c: char| {
        let dot = c == '.' && !in_class && !escaped;
        in_class = !escaped && (c == '[' || in_class && c != ']') || escaped && in_class;
        escaped = c == '\\' && !escaped;
        if dot {
            "[^\n\r\u{85}\u{2028}\u{2029}]".to_owned()
        } else {
            c.to_string()
        }
    };
    named.chars().map(translate).collect()
}
