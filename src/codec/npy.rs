//! `NumPy`'s array format.

use std::borrow::Cow;
use std::fmt;

use npyz::{NpyFile, NpyHeader, Order, WriterBuilder};

use super::{CodecError, Deserializer, Serializer, mime_types};
use crate::invalid_input::InvalidInput;

const FORMAT: &str = "NPY";
const MIME_TYPE: &str = "application/x-npy";

/// `NumPy`'s array format (`.npy`, `application/x-npy`), as the `NumpySerializer` and `NumpyDeserializer` of the
/// SageMaker Python SDK. Feature `npy`.
///
/// Writes and reads [`NpyArray`]s, and a slice or `Vec` for one dimension, of `bool`, the integers of 8 to 64 bits,
/// `f32` and `f64`. Arrays are written little-endian and in C order, format version 1.0; they are read in any byte
/// order, in C or Fortran order, format versions 1 to 3. The element type must be the array's: nothing is converted,
/// so that nothing is rounded. An array of another type, or with another number of dimensions than a `Vec` has, is a
/// [`CodecError`] that names both. Pickled objects are refused.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Npy, NpyArray, Serializer};
///
/// let image = NpyArray::new([2, 3], vec![0.0_f32, 0.1, 0.2, 1.0, 1.1, 1.2])?;
/// let body = Npy::new().serialize(&image)?.into_owned();
///
/// let read: NpyArray<f32> = Npy::new().deserialize(&body, None)?;
/// assert_eq!(read.shape(), [2, 3]);
/// assert_eq!(read.get(&[1, 2]), Some(&1.2));
///
/// let wrong: Result<Vec<f64>, _> = Npy::new().deserialize(&body, None);
/// assert!(wrong.unwrap_err().message().contains("an array of '<f4' and of shape (2, 3)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Npy {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
}

impl Npy {
    /// Creates the codec with content type and accept `application/x-npy`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed(MIME_TYPE),
            accept: Cow::Borrowed(MIME_TYPE),
        }
    }
}

impl Default for Npy {
    fn default() -> Self {
        Self::new()
    }
}

/// The elements of a `NumPy` array in C order (the last index varies fastest), and its shape.
///
/// ```
/// use sagemaker_async_inference::NpyArray;
///
/// let matrix = NpyArray::new([2, 2], vec![1_i64, 2, 3, 4])?;
/// assert_eq!(matrix.get(&[1, 0]), Some(&3));
/// assert_eq!(matrix.into_parts(), (vec![2, 2], vec![1, 2, 3, 4]));
/// assert_eq!(NpyArray::from(vec![0.5_f32; 3]).shape(), [3]);
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct NpyArray<T> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T> NpyArray<T> {
    /// Creates an array of this shape, with its elements in C order; an empty shape is a scalar's.
    ///
    /// # Errors
    /// [`InvalidInput`]: the number of elements in `data` is not that of the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<T>) -> Result<Self, InvalidInput> {
        let shape = shape.into();
        if element_count(&shape) == Some(data.len()) {
            return Ok(Self { shape, data });
        }
        Err(InvalidInput::new(
            "array shape",
            Shape(&shape).to_string(),
            format!("as many elements as the data has: {}", data.len()),
            "give the length of each dimension, the outermost first",
        ))
    }

    /// The length of each dimension, the outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in C order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The element at an index of each dimension; `None` outside the array and for another number of indices.
    pub fn get(&self, index: &[usize]) -> Option<&T> {
        if index.len() != self.shape.len() {
            return None;
        }
        let mut position = 0;
        for (at, length) in index.iter().zip(&self.shape) {
            if at >= length {
                return None;
            }
            position = position * length + at;
        }
        self.data.get(position)
    }

    /// The shape and the elements in C order.
    pub fn into_parts(self) -> (Vec<usize>, Vec<T>) {
        (self.shape, self.data)
    }
}

/// One dimension.
impl<T> From<Vec<T>> for NpyArray<T> {
    fn from(data: Vec<T>) -> Self {
        Self {
            shape: vec![data.len()],
            data,
        }
    }
}

// The elements are a payload.
impl<T> fmt::Debug for NpyArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpyArray")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

fn element_count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1, |count: usize, length| count.checked_mul(*length))
}

/// As Python writes it.
struct Shape<'a>(&'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "({one},)"),
            many => {
                let lengths: Vec<_> = many.iter().map(ToString::to_string).collect();
                write!(f, "({})", lengths.join(", "))
            }
        }
    }
}

#[allow(unnameable_types)] // sealed
mod sealed {
    pub trait Element: npyz::Deserialize + npyz::AutoSerialize + Copy + Default {}
}

/// An element type of [`Npy`]: `bool`, `i8` to `i64`, `u8` to `u64`, `f32`, `f64`.
///
/// ```
/// use sagemaker_async_inference::{CodecError, Npy, NpyArray, NpyElement, Serializer};
///
/// fn body<T: NpyElement>(array: &NpyArray<T>) -> Result<Vec<u8>, CodecError> {
///     Ok(Npy::new().serialize(array)?.into_owned())
/// }
///
/// assert!(body(&NpyArray::from(vec![1_u8]))?.starts_with(b"\x93NUMPY"));
/// # Ok::<(), CodecError>(())
/// ```
pub trait NpyElement: sealed::Element {}

macro_rules! elements {
    ($($element:ty),+) => {$(
        impl sealed::Element for $element {}
        impl NpyElement for $element {}
    )+};
}
elements!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl<T: NpyElement> Serializer<NpyArray<T>> for Npy {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, array: &'v NpyArray<T>) -> Result<Cow<'v, [u8]>, CodecError> {
        write(&array.shape, &array.data).map(Cow::Owned)
    }
}

impl<T: NpyElement> Serializer<[T]> for Npy {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, values: &'v [T]) -> Result<Cow<'v, [u8]>, CodecError> {
        write(&[values.len()], values).map(Cow::Owned)
    }
}

impl<T: NpyElement> Serializer<Vec<T>> for Npy {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, values: &'v Vec<T>) -> Result<Cow<'v, [u8]>, CodecError> {
        self.serialize(values.as_slice())
    }
}

mime_types!(Npy);

impl<T: NpyElement> Deserializer<NpyArray<T>> for Npy {
    fn deserialize(
        &self,
        body: &[u8],
        content_type: Option<&str>,
    ) -> Result<NpyArray<T>, CodecError> {
        read(body).map_err(|error| error.with_content_type(content_type))
    }
}

impl<T: NpyElement> Deserializer<Vec<T>> for Npy {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<Vec<T>, CodecError> {
        let array = read::<T>(body).and_then(|array| match array.shape.len() {
            1 => Ok(array.data),
            _ => Err(unfit::<T>(
                &described::<T>(&array.shape),
                " and of one dimension",
            )),
        });
        array.map_err(|error| error.with_content_type(content_type))
    }
}

fn write<T: NpyElement>(shape: &[usize], data: &[T]) -> Result<Vec<u8>, CodecError> {
    let failed = |error: std::io::Error| {
        CodecError::serialize(FORMAT, "the array cannot be written").with_source(error)
    };
    let shape: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
    let mut body = Vec::with_capacity(size_of_val(data) + 128);
    let options = npyz::WriteOptions::<T>::new().default_dtype();
    let writer = options.shape(&shape).writer(&mut body).begin_nd();
    let mut writer = writer.map_err(failed)?;
    writer.extend(data.iter().copied()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(body)
}

fn read<T: NpyElement>(body: &[u8]) -> Result<NpyArray<T>, CodecError> {
    check_header(body)?;
    let mut rest = body;
    let header = NpyHeader::from_reader(&mut rest)
        .map_err(|error| malformed("its header cannot be read").with_source(error))?;
    let dtype = header.dtype();
    let shape: Option<Vec<usize>> = header
        .shape()
        .iter()
        .map(|length| usize::try_from(*length).ok())
        .collect();
    let shape = shape.ok_or_else(|| malformed("its shape is too large"))?;
    let found = format!(
        "an array of {} and of shape {}",
        dtype.descr(),
        Shape(&shape)
    );
    let count = element_count(&shape).ok_or_else(|| malformed("its shape is too large"))?;
    if T::reader(&dtype).is_err() {
        return Err(unfit::<T>(&found, ""));
    }
    let needed = dtype.num_bytes().and_then(|size| size.checked_mul(count));
    if needed != Some(rest.len()) {
        let needed = needed.map_or_else(|| "more".to_owned(), |needed| needed.to_string());
        return Err(malformed(format!(
            "{found} has {needed} bytes of elements, and {} follow its header",
            rest.len()
        )));
    }
    let order = header.order();
    let data = NpyFile::with_header(header, rest).into_vec::<T>();
    let data = data.map_err(|error| malformed("an element cannot be read").with_source(error))?;
    let data = match order {
        Order::C => data,
        Order::Fortran => to_c_order(&shape, &data),
    };
    Ok(NpyArray { shape, data })
}

/// Checks what the library that reads headers does not: that lists are not nested without end, and that the product
/// of all lengths does not overflow.
fn check_header(body: &[u8]) -> Result<(), CodecError> {
    let (at, length): (usize, usize) = match body {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, ..] => {
            (10, usize::from(u16::from_le_bytes([*low, *high])))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            (12, usize::try_from(length).unwrap_or(usize::MAX))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', version, _, ..] => {
            return Err(malformed(format!(
                "its format version {version} is not known"
            )));
        }
        _ => return Err(malformed("it does not begin like an NPY file")),
    };
    let header = at.checked_add(length).and_then(|end| body.get(at..end));
    let header = header.ok_or_else(|| malformed("it ends within its header"))?;
    let (mut quoted, mut opened, mut number) = (None, 0, None);
    let mut product: u64 = 1;
    for byte in header.iter().chain(b" ") {
        if let (None, Some(digit)) = (quoted, char::from(*byte).to_digit(10)) {
            let more = number.unwrap_or(0_u64).checked_mul(10);
            number = more.and_then(|more| more.checked_add(digit.into()));
            if number.is_none() {
                return Err(malformed("its shape is too large"));
            }
            continue;
        }
        if let Some(length) = number.take() {
            let longer = product.checked_mul(length.max(1));
            product = longer.ok_or_else(|| malformed("its shape is too large"))?;
        }
        match (quoted, byte) {
            (None, b'\'' | b'"') => quoted = Some(*byte),
            (Some(quote), byte) if *byte == quote => quoted = None,
            (None, b'(' | b'[' | b'{') => opened += 1,
            _ => {}
        }
        if opened > MOST_BRACKETS {
            return Err(malformed("its header is not that of an array of numbers"));
        }
    }
    Ok(())
}

/// The dictionary and the shape are two levels; an array of records has more, and its type is not supported.
const MOST_BRACKETS: usize = 32;

/// In Fortran order the first index varies fastest.
fn to_c_order<T: Copy>(shape: &[usize], data: &[T]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut index = vec![0; shape.len()];
    let mut position = 0;
    let mut ordered = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        ordered.push(data[position]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}

fn described<T: NpyElement>(shape: &[usize]) -> String {
    format!(
        "an array of {} and of shape {}",
        T::default_dtype().descr(),
        Shape(shape)
    )
}

fn unfit<T: NpyElement>(found: &str, and: &str) -> CodecError {
    let wanted = T::default_dtype().descr();
    malformed(format!(
        "it is {found}, but one of {wanted} (in any byte order){and} is expected"
    ))
}

fn malformed(message: impl Into<Cow<'static, str>>) -> CodecError {
    CodecError::deserialize(FORMAT, message)
}
