use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use csv::{DeserializeErrorKind, ErrorKind, ReaderBuilder, StringRecord, WriterBuilder};
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Serialize, de};

use super::{CodecError, Deserializer, Serializer, mime_types, not_text, serializes_sequences};

/// The codec of CSV, from and to a sequence of records.
///
/// Each element of the slice, vector or array is one record: a tuple, an array, a vector or a struct of plain
/// fields. (So `vec![1.0, 2.0]` is two records of one field; one record of two is `[[1.0, 2.0]]`.) Fields are
/// quoted by RFC 4180 where needed. Records are separated by `\n`, and none follows the last one, as with the
/// Python SDK's `CSVSerializer`: models that split the body at line ends see no empty record.
///
/// NaN and the infinities are written as `NaN`, `inf` and `-inf`, which Python's `float` and pandas read.
///
/// Deserializes to a vector. A byte order mark is ignored, blank lines are skipped, blanks around a number or a truth
/// value are ignored, and all records must have as many fields as the first. Each must have exactly the fields that
/// the type has, unless they are found by name: a body `0.1,0.2` is a `Vec<Vec<f64>>` or a `Vec<(f64, f64)>`, and an
/// error for a `Vec<f64>`. An error has the number of the record, counted from 1 and including a header.
///
/// Defaults: content type and accept `text/csv`, comma, no header, since `SageMaker`'s built-in models expect
/// none.
///
/// ```
/// use sagemaker_async_inference::{Csv, Accept, Deserializer, Serializer};
///
/// assert_eq!(*Csv::new().serialize(&[(1.5, "a,b"), (2.0, "c")])?, *b"1.5,\"a,b\"\n2.0,c");
/// let scores: Vec<(String, f64)> = Csv::new().deserialize(b"cat,0.9\ndog,0.1\n", None)?;
/// assert_eq!(scores[1], ("dog".to_owned(), 0.1));
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Csv {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
    header: bool,
    delimiter: u8,
}

impl Csv {
    /// Creates the codec with content type and accept `text/csv`, no header, comma.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("text/csv"),
            accept: Cow::Borrowed("text/csv"),
            header: false,
            delimiter: b',',
        }
    }

    /// Sets whether the first line contains the names of the fields. Default: false.
    ///
    /// When serializing, the names are those of a struct's fields; records without names have no header. When
    /// deserializing, the first line is always the header, and fields of a struct are found by name.
    pub const fn with_header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Sets the byte between fields. Default: `,`. A quote or a line end is an error when the codec is used.
    pub const fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    fn has_delimiter(&self) -> bool {
        !matches!(self.delimiter, b'"' | b'\r' | b'\n')
    }
}

impl Default for Csv {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Serialize> Serializer<[U]> for Csv {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, records: &'v [U]) -> Result<Cow<'v, [u8]>, CodecError> {
        let failed = |message: String| CodecError::serialize("CSV", message);
        if !self.has_delimiter() {
            return Err(failed(NO_DELIMITER.to_owned()));
        }
        let mut writer = WriterBuilder::new()
            .has_headers(self.header)
            .delimiter(self.delimiter)
            .from_writer(Vec::new());
        for (index, record) in records.iter().enumerate() {
            writer.serialize(record).map_err(|error| {
                failed(format!(
                    "{}, in record {}",
                    problem(error.kind()),
                    index + 1
                ))
            })?;
        }
        let mut body = writer
            .into_inner()
            .map_err(|_| failed("the records could not be written".to_owned()))?;
        body.pop_if(|last| *last == b'\n');
        Ok(Cow::Owned(body))
    }
}

serializes_sequences!(Csv);

mime_types!(Csv);

impl<U: DeserializeOwned> Deserializer<Vec<U>> for Csv {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<Vec<U>, CodecError> {
        let failed = |message: String| {
            CodecError::deserialize("CSV", message).with_content_type(content_type)
        };
        if !self.has_delimiter() {
            return Err(failed(NO_DELIMITER.to_owned()));
        }
        if let Some(found) = not_text(body) {
            return Err(failed(found.to_owned()));
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(self.header)
            .delimiter(self.delimiter)
            .flexible(false)
            .from_reader(body);
        let names = self.header.then(|| reader.headers().cloned()).transpose();
        let names = names.map_err(|error| failed(located(&error)))?;
        let mut numbers = Numbers::default();
        reader
            .into_records()
            .zip(1 + usize::from(self.header)..)
            .map(|(record, number)| {
                match record.and_then(|record| numbers.read(&record, names.as_ref())) {
                    Ok(Whole { record, left: 0 }) => Ok(record),
                    Ok(Whole { left, .. }) => Err(failed(format!(
                        "{left} fields more than the requested type has, in record {number}: take a record as a \
                         vector or a tuple of all its fields"
                    ))),
                    Err(error) => Err(failed(located(&error))),
                }
            })
            .collect()
    }
}

/// The fields that are read as numbers or truth values and had blanks around them. Those blanks are ignored; texts keep
/// theirs. Which fields are no texts, only the requested type knows: it refuses them once.
#[derive(Default)]
struct Numbers {
    blank: BTreeSet<usize>,
}

impl Numbers {
    fn read<U: DeserializeOwned>(
        &mut self,
        record: &StringRecord,
        names: Option<&StringRecord>,
    ) -> Result<Whole<U>, csv::Error> {
        loop {
            let read = match self.without_blanks(record) {
                None => record.deserialize(names),
                Some(trimmed) => trimmed.deserialize(names),
            };
            let refused = read.as_ref().err().and_then(number_field);
            let is_blank =
                |field: &usize| record.get(*field).is_some_and(|text| trim(text) != text);
            match refused.filter(is_blank) {
                Some(field) if self.blank.insert(field) => {}
                _ => return read,
            }
        }
    }

    fn without_blanks(&self, record: &StringRecord) -> Option<StringRecord> {
        if self.blank.is_empty() {
            return None;
        }
        let fields = record.iter().enumerate();
        let mut trimmed: StringRecord = fields
            .map(|(field, text)| {
                if self.blank.contains(&field) {
                    trim(text)
                } else {
                    text
                }
            })
            .collect();
        trimmed.set_position(record.position().cloned());
        Some(trimmed)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The field that is not the number or truth value that it should be.
fn number_field(error: &csv::Error) -> Option<usize> {
    use DeserializeErrorKind::{ParseBool, ParseFloat, ParseInt};
    let ErrorKind::Deserialize { err, .. } = error.kind() else {
        return None;
    };
    let is_number = matches!(err.kind(), ParseBool(_) | ParseInt(_) | ParseFloat(_));
    let field = err.field().filter(|_| is_number)?;
    usize::try_from(field).ok()
}

/// A record, and how many of its fields the type did not read; the `csv` crate drops those.
struct Whole<U> {
    record: U,
    left: usize,
}

impl<'de, U: Deserialize<'de>> Deserialize<'de> for Whole<U> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<U>(PhantomData<U>);

impl<'de, U: Deserialize<'de>> Visitor<'de> for WholeVisitor<U> {
    type Value = Whole<U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Whole<U>, A::Error> {
        // The record is a tuple within the sequence of its fields, and reads as many of them as it has.
        let record = fields.next_element()?;
        let record = record.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let mut left = 0;
        while fields.next_element::<IgnoredAny>()?.is_some() {
            left += 1;
        }
        Ok(Whole { record, left })
    }
}

const NO_DELIMITER: &str = "the delimiter may not be a quote or a line end";

/// What is wrong, without the library's message, which may quote the body.
fn problem(kind: &ErrorKind) -> Cow<'static, str> {
    match kind {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields, but the previous records have {expected_len}").into(),
        ErrorKind::Utf8 { err, .. } => {
            format!("field {} is not UTF-8", err.field().saturating_add(1)).into()
        }
        ErrorKind::Serialize(_) => {
            "not a record of plain fields, or the value's own Serialize refused".into()
        }
        ErrorKind::Deserialize { err, .. } => match err.field() {
            Some(field) => format!("field {} is not of the requested type", field + 1).into(),
            None => "the fields are not of the requested type".into(),
        },
        _ => "not valid CSV".into(),
    }
}

/// Why a field was refused, in words that quote nothing of it; `None` if there are none.
fn reason(kind: &ErrorKind) -> Option<String> {
    let ErrorKind::Deserialize { err, .. } = kind else {
        return None;
    };
    match err.kind() {
        DeserializeErrorKind::ParseBool(error) => Some(error.to_string()),
        DeserializeErrorKind::ParseInt(error) => Some(error.to_string()),
        DeserializeErrorKind::ParseFloat(error) => Some(error.to_string()),
        DeserializeErrorKind::UnexpectedEndOfRow => {
            Some("the record has too few fields".to_owned())
        }
        DeserializeErrorKind::InvalidUtf8(_) => Some("it is not UTF-8".to_owned()),
        // serde's own: the name and what is expected are the type's.
        DeserializeErrorKind::Message(text)
            if text.starts_with("missing field `") || text.starts_with("invalid length ") =>
        {
            Some(text.clone())
        }
        DeserializeErrorKind::Message(_) | DeserializeErrorKind::Unsupported(_) => None,
    }
}

/// The problem, its record and its reason. Not the line: the library does not count the blank lines that it skips.
fn located(error: &csv::Error) -> String {
    let place = error.position().map_or_else(String::new, |position| {
        format!(", in record {}", position.record().saturating_add(1))
    });
    let reason = reason(error.kind()).map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{}{place}{reason}", problem(error.kind()))
}
