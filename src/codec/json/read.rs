//! A second reader of JSON, for bodies that `serde_json` cannot read or would read inexactly: it accepts the
//! words that Python's `json` writes for NaN and the infinities, reads integers exactly, and its errors report
//! what is wrong without quoting the body. Everything else is as strict as in `serde_json`.

use std::borrow::Cow;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::OUT_OF_RANGE;
use super::problem::Problem;

type Result<T> = std::result::Result<T, Problem>;

/// The limit of `serde_json`.
const MAX_DEPTH: usize = 128;

/// The outcome of the second reader.
pub(super) struct Reading<T> {
    pub(super) value: Result<T>,
    /// Whether a word stood for a number, which is the only thing that `serde_json` refuses.
    pub(super) has_words: bool,
}

pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Reading<T> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        has_words: false,
    };
    let value = T::deserialize(&mut reader).and_then(|value| match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Problem::new("trailing characters")),
    });
    Reading {
        value: value.map_err(|problem| problem.at(reader.at)),
        has_words: reader.has_words,
    }
}

struct Reader<'de> {
    text: &'de [u8],
    at: usize,
    depth: usize,
    has_words: bool,
}

/// A number as it is written.
enum Number<'de> {
    Word(f64, &'static str),
    Integer(&'de str),
    Float(&'de str),
}

const WORDS: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

impl<'de> Reader<'de> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        let blanks = rest
            .iter()
            .take_while(|byte| b" \t\r\n".contains(byte))
            .count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn take(&mut self, wanted: u8, missing: &str) -> Result<()> {
        if self.peek() != Some(wanted) {
            return Err(Problem::new(missing));
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return Err(Problem::new("expected value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The string that begins here.
    fn string(&mut self) -> Result<Cow<'de, str>> {
        self.peek();
        let begin = self.at;
        let mut at = begin + 1;
        loop {
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(Problem::new("an unterminated string")),
            }
        }
        self.at = at + 1;
        let token = &self.text[begin..self.at];
        let plain = &token[1..token.len() - 1];
        if !plain.iter().any(|byte| *byte == b'\\' || *byte < b' ')
            && let Ok(plain) = std::str::from_utf8(plain)
        {
            return Ok(Cow::Borrowed(plain));
        }
        serde_json::from_slice(token)
            .map(Cow::Owned)
            .map_err(|_| Problem::new("a string that cannot be read"))
    }

    fn number(&mut self) -> Result<Number<'de>> {
        self.peek();
        let rest = &self.text[self.at..];
        for (word, value) in WORDS {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                self.has_words = true;
                return Ok(Number::Word(value, word));
            }
        }
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
            .count();
        let token = std::str::from_utf8(&rest[..len]).unwrap_or_default();
        // Not every such text is a JSON number: `+1`, `01` and `1.` are none.
        if serde_json::from_str::<serde::de::IgnoredAny>(token).is_err() {
            return Err(Problem::new("expected value"));
        }
        self.at += len;
        let whole = token
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
        // A zero has a sign only as a float.
        Ok(if whole && token != "-0" {
            Number::Integer(token)
        } else {
            Number::Float(token)
        })
    }

    /// Runs `inside` one level deeper.
    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.at += 1;
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(Problem::new(format!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let result = inside(self)?;
        self.depth -= 1;
        Ok(result)
    }

    fn any_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        match self.number()? {
            // serde_json's Value would make a silent null of it.
            Number::Word(_, word) if expects_any_json(&visitor) => visitor.visit_str(word),
            Number::Word(value, _) => visitor.visit_f64(value),
            Number::Float(text) => visitor.visit_f64(float(text)?),
            Number::Integer(text) => {
                if let Ok(integer) = text.parse::<u64>() {
                    visitor.visit_u64(integer)
                } else if let Ok(integer) = text.parse::<i64>() {
                    visitor.visit_i64(integer)
                } else {
                    whole(text, visitor)
                }
            }
        }
    }

    fn is_number(&mut self) -> bool {
        matches!(self.peek(), Some(b'-' | b'0'..=b'9' | b'N' | b'I'))
    }
}

fn float(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(Problem::new(OUT_OF_RANGE)),
    }
}

/// An integer of more than 64 bits; an error if `visitor` accepts none.
fn whole<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value> {
    let taken: Result<_> = if let Ok(integer) = text.parse::<u128>() {
        visitor.visit_u128(integer)
    } else if let Ok(integer) = text.parse::<i128>() {
        visitor.visit_i128(integer)
    } else {
        return Err(Problem::big_integer());
    };
    taken.map_err(|_| Problem::big_integer())
}

/// Whether this is `serde_json::Value`, recognized by its expectation.
fn expects_any_json<'de, V: Visitor<'de>>(visitor: &V) -> bool {
    let expected: &dyn serde::de::Expected = visitor;
    expected.to_string() == "any valid JSON value"
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek() {
            Some(b'n') => self.literal("null").and_then(|()| visitor.visit_unit()),
            Some(b't') => self.literal("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self
                .literal("false")
                .and_then(|()| visitor.visit_bool(false)),
            Some(b'"') => self.string().and_then(|text| match text {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            }),
            Some(b'[') => self.nested(|reader| {
                let value = visitor.visit_seq(Elements::new(reader))?;
                reader.take(b']', "more elements than are expected")?;
                Ok(value)
            }),
            Some(b'{') => self.nested(|reader| {
                let value = visitor.visit_map(Elements::new(reader))?;
                reader.take(b'}', "more fields than are expected")?;
                Ok(value)
            }),
            Some(_) => self.any_number(visitor),
            None => Err(Problem::new("the JSON ends too early")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !self.is_number() {
            return self.deserialize_any(visitor);
        }
        match self.number()? {
            Number::Word(value, _) => visitor.visit_f64(value),
            // Rounded once, from the digits.
            Number::Integer(text) | Number::Float(text) => match text.parse::<f32>() {
                Ok(number) if number.is_finite() => visitor.visit_f32(number),
                _ => Err(Problem::new(OUT_OF_RANGE)),
            },
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !self.is_number() {
            return self.deserialize_any(visitor);
        }
        match self.number()? {
            Number::Word(value, _) => visitor.visit_f64(value),
            Number::Integer(text) | Number::Float(text) => {
                float(text).and_then(|number| visitor.visit_f64(number))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek() == Some(b'n') {
            self.literal("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.peek() {
            Some(b'{') => self.nested(|reader| {
                let value = visitor.visit_enum(&mut *reader)?;
                reader.take(b'}', "more fields than the one of a variant")?;
                Ok(value)
            }),
            Some(b'"') => self
                .string()
                .and_then(|variant| visitor.visit_enum(variant.into_deserializer())),
            _ => Err(Problem::new("neither a string nor an object for an enum")),
        }
    }

    /// The size of a number that is ignored does not matter.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.is_number() {
            self.number()?;
            visitor.visit_unit()
        } else {
            self.deserialize_any(visitor)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier
    }
}

/// The elements of a list or of an object.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_first: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    fn new(reader: &'a mut Reader<'de>) -> Self {
        Self {
            reader,
            is_first: true,
        }
    }

    /// Whether another one comes before `end`.
    fn has_next(&mut self, end: u8) -> Result<bool> {
        if self.reader.peek() == Some(end) {
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            self.reader.take(b',', "expected `,` or the end")?;
            if self.reader.peek() == Some(end) {
                return Err(Problem::new("trailing comma"));
            }
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.has_next(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.has_next(b'}')? {
            return Ok(None);
        }
        if self.reader.peek() != Some(b'"') {
            return Err(Problem::new("key must be a string"));
        }
        let key = self.reader.string()?;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.reader.take(b':', "expected `:`")?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A key of an object: text, which may also hold a number as the key of a map.
struct Key<'de>(Cow<'de, str>);

macro_rules! numbers_in_quotes {
    ($($method:ident, $visit:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => self.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    numbers_in_quotes! {
        deserialize_bool, visit_bool;
        deserialize_i8, visit_i8;
        deserialize_i16, visit_i16;
        deserialize_i32, visit_i32;
        deserialize_i64, visit_i64;
        deserialize_i128, visit_i128;
        deserialize_u8, visit_u8;
        deserialize_u16, visit_u16;
        deserialize_u32, visit_u32;
        deserialize_u64, visit_u64;
        deserialize_u128, visit_u128;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A variant with a value: an object of one member.
impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        if self.peek() != Some(b'"') {
            return Err(Problem::new("key must be a string"));
        }
        let variant = self.string()?;
        let variant = seed.deserialize(Key(variant))?;
        self.take(b':', "expected `:`")?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<()> {
        serde::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }
}
