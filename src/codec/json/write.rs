//! Writes values as JSON without a silent `null`, as which `serde_json` writes NaN and the infinities.

use std::cell::Cell;
use std::fmt::Display;
use std::io;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::ser::Formatter;

/// Appends `value` to `body`, compactly. The error quotes nothing of it.
pub(in crate::codec) fn write<T: Serialize + ?Sized>(
    body: &mut Vec<u8>,
    value: &T,
    allow_nan: bool,
) -> Result<(), &'static str> {
    let numbers = Numbers {
        allow_nan,
        ..Numbers::default()
    };
    let words = Words(&numbers);
    let mut inner = serde_json::Serializer::with_formatter(body, words);
    let finite = Finite {
        inner: &mut inner,
        numbers: &numbers,
    };
    match value.serialize(finite) {
        Ok(()) => Ok(()),
        Err(_) if numbers.refused.get() => Err(NOT_FINITE),
        Err(_) => Err(UNWRITABLE),
    }
}

const NOT_FINITE: &str = "it holds NaN or an infinity, which JSON cannot represent; send `null` \
with an \
                          Option, or allow_nan(true) for a model that reads them as Python does";

/// The two reasons for which serde does not write a value; its own message may quote it.
const UNWRITABLE: &str =
    "a map's key is neither text nor number, or the value's own Serialize refused";

#[derive(Default)]
struct Numbers {
    allow_nan: bool,
    /// What to write in place of the next `null`.
    word: Cell<Option<&'static str>>,
    refused: Cell<bool>,
}

impl Numbers {
    /// Leaves a number that is not finite for the formatter; an error if it may not be written.
    fn note<E: serde::ser::Error>(&self, number: f64) -> Result<(), E> {
        if number.is_finite() {
            return Ok(());
        }
        if !self.allow_nan {
            self.refused.set(true);
            return Err(E::custom(NOT_FINITE));
        }
        self.word.set(Some(if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }));
        Ok(())
    }
}

struct Words<'a>(&'a Numbers);

impl Formatter for Words<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.0.word.take().unwrap_or("null").as_bytes())
    }
}

/// Wraps a serializer, or the rest of a list or map, and checks every number before `inner` gets it.
struct Finite<'a, S> {
    inner: S,
    numbers: &'a Numbers,
}

impl<'a, S> Finite<'a, S> {
    fn value<'v, T: ?Sized>(&self, value: &'v T) -> Checked<'a, 'v, T> {
        Checked {
            value,
            numbers: self.numbers,
        }
    }
}

/// A value within another one.
struct Checked<'a, 'v, T: ?Sized> {
    value: &'v T,
    numbers: &'a Numbers,
}

impl<T: Serialize + ?Sized> Serialize for Checked<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Finite {
            inner: serializer,
            numbers: self.numbers,
        })
    }
}

macro_rules! pass {
    ($($method:ident($($argument:ident: $type:ty),*);)+) => {$(
        fn $method(self, $($argument: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($argument),*)
        }
    )+};
}

macro_rules! compound {
    ($($method:ident($($argument:ident: $type:ty),*) -> $compound:ident;)+) => {$(
        fn $method(self, $($argument: $type),*) -> Result<Self::$compound, S::Error> {
            Ok(Finite {
                inner: self.inner.$method($($argument),*)?,
                numbers: self.numbers,
            })
        }
    )+};
}

impl<'a, S: Serializer> Serializer for Finite<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Finite<'a, S::SerializeSeq>;
    type SerializeTuple = Finite<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Finite<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Finite<'a, S::SerializeTupleVariant>;
    type SerializeMap = Finite<'a, S::SerializeMap>;
    type SerializeStruct = Finite<'a, S::SerializeStruct>;
    type SerializeStructVariant = Finite<'a, S::SerializeStructVariant>;

    pass! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compound! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant;
    }

    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        self.numbers.note::<S::Error>(v.into())?;
        self.inner.serialize_f32(v)
    }

    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        self.numbers.note::<S::Error>(v)?;
        self.inner.serialize_f64(v)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.value(value);
        self.inner.serialize_some(&value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.value(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.value(value);
        self.inner
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($compound:ident: $method:ident;)+) => {$(
        impl<S: $compound> $compound for Finite<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let value = self.value(value);
                self.inner.$method(&value)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )+};
}
elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! fields {
    ($($compound:ident;)+) => {$(
        impl<S: $compound> $compound for Finite<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                let value = self.value(value);
                self.inner.serialize_field(name, &value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(name)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )+};
}
fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<S: SerializeMap> SerializeMap for Finite<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    /// A key is text in JSON; `inner` refuses one that is not finite.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let value = self.value(value);
        self.inner.serialize_value(&value)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
