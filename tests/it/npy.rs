//! Arrays that `NumPy` wrote, and what it reads.
//!
//! The fixtures were made once with `NumPy` 2.4.6, by `numpy.lib.format.write_array`: `m<f4` is
//! `numpy.arange(6).reshape(2, 3).astype("<f4")`, and so for the other types; `fortran` is
//! `numpy.asfortranarray` of it, `cube_fortran` that of `numpy.arange(24).reshape(2, 3, 4).astype(">i2")`, `v2` and
//! `v3` are `m<i4` in the format's versions 2.0 and 3.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagemaker_async_inference::{
    Accept, CodecError, Deserializer, Npy, NpyArray, NpyElement, Serializer,
};

fn fixture(name: &str) -> Vec<u8> {
    let found = FIXTURES.iter().find(|(found, _)| *found == name);
    let (_, text) = found.unwrap_or_else(|| panic!("no fixture {name}"));
    STANDARD.decode(text).expect("base64")
}

fn read<T: NpyElement>(name: &str) -> Result<NpyArray<T>, CodecError> {
    Npy::new().deserialize(&fixture(name), Some("application/x-npy"))
}

fn write<T: NpyElement>(array: &NpyArray<T>) -> Vec<u8> {
    let body = Npy::new().serialize(array).expect("a body");
    body.into_owned()
}

/// As `NumPy` writes it, but for blanks and a comma at the end of the shape.
fn check_written(written: &[u8], name: &str) {
    let expected = fixture(name);
    assert_eq!(written.len(), expected.len(), "{name}");
    let dictionary = |body: &[u8]| {
        let text = String::from_utf8_lossy(&body[10..128]).replace([' ', '\n'], "");
        text.replace(",)", ")")
    };
    assert_eq!(dictionary(written), dictionary(&expected), "{name}");
    assert_eq!(written[..10], expected[..10], "{name}");
    assert_eq!(written[128..], expected[128..], "{name}");
}

/// Every element type of `NumPy`'s is read in both byte orders, and written as `NumPy` does.
macro_rules! check_type {
    ($element:ty, $code:literal, $elements:expr) => {
        let elements: [$element; 6] = $elements;
        let array = NpyArray::new([2, 3], elements.to_vec()).expect("an array");
        for order in ["<", ">"] {
            let name = format!("m{order}{}", $code);
            if FIXTURES.iter().any(|(found, _)| *found == name) {
                assert!(
                    read::<$element>(&name).expect("an array") == array,
                    "{name}"
                );
            }
        }
        let written = write(&array);
        check_written(&written, &format!("m<{}", $code));
        let back: NpyArray<$element> = Npy::new().deserialize(&written, None).expect("an array");
        assert!(back == array);
    };
}

#[test]
fn all_numeric_types_are_read_in_any_byte_order_and_written_as_numpy_does() {
    check_type!(i8, "i1", [0, 1, 2, 3, 4, 5]);
    check_type!(i16, "i2", [0, 1, 2, 3, 4, 5]);
    check_type!(i32, "i4", [0, 1, 2, 3, 4, 5]);
    check_type!(i64, "i8", [0, 1, 2, 3, 4, 5]);
    check_type!(u8, "u1", [0, 1, 2, 3, 4, 5]);
    check_type!(u16, "u2", [0, 1, 2, 3, 4, 5]);
    check_type!(u32, "u4", [0, 1, 2, 3, 4, 5]);
    check_type!(u64, "u8", [0, 1, 2, 3, 4, 5]);
    check_type!(f32, "f4", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    check_type!(f64, "f8", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let truths = read::<bool>("m?").expect("an array");
    assert_eq!(truths.data(), [false, true, true, true, true, true]);
    check_written(&write(&truths), "m?");
}

#[test]
fn fortran_order_is_read_as_the_same_array() {
    let array = read::<f32>("fortran").expect("an array");
    assert_eq!(array.shape(), [2, 3]);
    assert_eq!(array.data(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let cube = read::<i16>("cube_fortran").expect("an array");
    assert_eq!(cube.shape(), [2, 3, 4]);
    assert_eq!(cube.data(), (0..24).collect::<Vec<i16>>());
    assert_eq!(cube.get(&[1, 2, 3]), Some(&23));
    assert_eq!(cube.get(&[1, 0, 2]), Some(&14));
    assert_eq!(cube.get(&[2, 0, 0]), None);
    assert_eq!(cube.get(&[1, 2]), None);
}

#[test]
fn shapes_and_format_versions_are_kept() {
    let scalar = read::<f64>("scalar").expect("a scalar");
    assert!(scalar.shape().is_empty());
    assert_eq!(scalar.get(&[]), Some(&7.0));
    check_written(&write(&scalar), "scalar");
    let empty = read::<f32>("empty").expect("an array");
    assert_eq!((empty.shape(), empty.data().len()), (&[0, 3][..], 0));
    check_written(&write(&empty), "empty");
    for version in ["v2", "v3"] {
        let array = read::<i32>(version).expect("an array");
        assert_eq!(
            (array.shape(), array.data()),
            (&[2, 3][..], &[0, 1, 2, 3, 4, 5][..])
        );
    }
}

#[test]
fn one_dimension_is_a_vec_or_a_slice() {
    let line: Vec<f32> = Npy::new()
        .deserialize(&fixture("line"), None)
        .expect("a line");
    assert_eq!(line, [1.5, -2.5, f32::INFINITY]);
    let body = Npy::new().serialize(&line).expect("a body");
    check_written(&body, "line");
    let body = Npy::new().serialize(line.as_slice()).expect("a body");
    check_written(&body, "line");
    let matrix: Result<Vec<f32>, _> = Npy::new().deserialize(&fixture("m<f4"), None);
    let error = matrix.expect_err("two dimensions");
    assert!(error.message().contains("(2, 3)"), "{error}");
    assert!(error.message().contains("one dimension"), "{error}");
}

#[test]
fn an_array_of_another_type_is_named_with_its_shape_and_with_what_is_wanted() {
    let types = [
        ("m<f8", "'<f8'"),
        ("m>f4", "'>f4'"),
        ("half", "'<f2'"),
        ("complex", "'<c8'"),
        ("text", "'<U2'"),
        ("m?", "'|b1'"),
    ];
    for (name, dtype) in types {
        let error = read::<i32>(name).expect_err(name);
        let message = error.message();
        assert!(message.contains(dtype), "{message}");
        assert!(message.contains("and of shape (2,"), "{message}");
        assert!(message.contains("'<i4'"), "{message}");
        assert_eq!(error.content_type(), Some("application/x-npy"));
        assert_eq!(error.format(), "NPY");
    }
    for name in ["date", "record"] {
        let error = read::<i32>(name).expect_err(name);
        assert!(error.message().contains("shape (1,)"), "{error}");
    }
}

#[test]
fn what_is_cut_off_or_no_array_is_an_error_at_every_byte() {
    for name in ["m<f4", "v2", "fortran"] {
        let body = fixture(name);
        for length in 0..body.len() {
            let cut: Result<NpyArray<f32>, _> = Npy::new().deserialize(&body[..length], None);
            assert!(cut.is_err(), "{length}");
            let cut: Result<NpyArray<i32>, _> = Npy::new().deserialize(&body[..length], None);
            assert!(cut.is_err(), "{length}");
        }
        let mut longer = body;
        longer.push(0);
        let longer: Result<NpyArray<f32>, _> = Npy::new().deserialize(&longer, None);
        assert!(longer.is_err());
    }
    let json: Result<Vec<f32>, _> = Npy::new().deserialize(b"[1.0]", None);
    assert!(json.expect_err("JSON").message().contains("does not begin"));
}

/// With any header, whose reader must neither panic, nor overflow its stack, nor ask for memory.
fn of_header(dictionary: &str) -> Result<NpyArray<f32>, CodecError> {
    let mut body = b"\x93NUMPY\x02\x00".to_vec();
    body.extend(
        u32::try_from(dictionary.len())
            .expect("a length")
            .to_le_bytes(),
    );
    body.extend(dictionary.as_bytes());
    Npy::new().deserialize(&body, None)
}

#[test]
fn hostile_headers_are_errors() {
    let shapes = [
        "(18446744073709551615, 2)",
        "(99999999999, 99999999999, 99999999999)",
        "(4294967296, 4294967296)",
        "(1000000000000,)",
        "(-1,)",
        "('a',)",
        "(1.5,)",
        "0",
        "(184467440737095516150,)",
        "(0, 18446744073709551615, 18446744073709551615)",
    ];
    for shape in shapes {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        assert!(of_header(&header).is_err(), "{shape}");
    }
    for deep in ["(", "[", "{'a': "] {
        assert!(of_header(&deep.repeat(50_000)).is_err());
    }
    for odd in [
        "",
        "{}",
        "[]",
        "\n",
        "{'descr': '<f4'}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    ] {
        assert!(of_header(odd).is_err(), "{odd}");
    }
    let mut endless = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
    endless.extend(b"{");
    let endless: Result<NpyArray<f32>, _> = Npy::new().deserialize(&endless, None);
    assert!(endless.is_err());
}

#[test]
fn any_damage_to_a_header_is_an_error_or_an_array() {
    let body = fixture("m<f4");
    for at in 0..80 {
        for byte in [0, b'(', b'9', b'\'', b'>', b',', 0xff] {
            let mut damaged = body.clone();
            damaged[at] = byte;
            let read: Result<NpyArray<f32>, _> = Npy::new().deserialize(&damaged, None);
            if let Ok(array) = read {
                assert_eq!(array.data().len(), array.shape().iter().product::<usize>());
            }
        }
    }
}

#[test]
fn an_array_has_as_many_elements_as_its_shape() {
    let error = NpyArray::new([2, 3], vec![0.0_f32; 5]).expect_err("one is missing");
    assert_eq!(error.value(), Some("(2, 3)"));
    assert!(NpyArray::new([usize::MAX, 2], vec![0_u8]).is_err());
    let array = NpyArray::new([3], vec![1_u8, 2, 3]).expect("an array");
    assert_eq!(array, NpyArray::from(vec![1, 2, 3]));
    assert!(!format!("{array:?}").contains("data"), "a payload is shown");
}

#[test]
fn its_type_goes_both_ways_unless_set() {
    assert_eq!(Npy::new().accept(), "application/x-npy");
    assert_eq!(
        Serializer::<[f32]>::content_type(&Npy::new()),
        "application/x-npy"
    );
    let other = Npy::new()
        .with_content_type("application/octet-stream")
        .with_accept("*/*");
    assert_eq!(
        Serializer::<[f32]>::content_type(&other),
        "application/octet-stream"
    );
    assert_eq!(other.accept(), "*/*");
}

const FIXTURES: &[(&str, &str)] = &[
    (
        "m<i1",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnfGkxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAQIDBAU=",
    ),
    (
        "m<i2",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGkyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAEAAgADAAQABQA=",
    ),
    (
        "m<i4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAQAAAAIAAAADAAAABAAAAAUAAAA=",
    ),
    (
        "m<i8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAADAAAAAAAAAAQAAAAAAAAABQAAAAAAAAA=",
    ),
    (
        "m<u1",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAQIDBAU=",
    ),
    (
        "m<u2",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPHUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAEAAgADAAQABQA=",
    ),
    (
        "m<u4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPHU0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAQAAAAIAAAADAAAABAAAAAUAAAA=",
    ),
    (
        "m<u8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPHU4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAADAAAAAAAAAAQAAAAAAAAABQAAAAAAAAA=",
    ),
    (
        "m<f4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAACAPwAAAEAAAEBAAACAQAAAoEA=",
    ),
    (
        "m<f8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAPA/AAAAAAAAAEAAAAAAAAAIQAAAAAAAABBAAAAAAAAAFEA=",
    ),
    (
        "m>i2",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmkyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAABAAIAAwAEAAU=",
    ),
    (
        "m>i4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAQAAAAIAAAADAAAABAAAAAU=",
    ),
    (
        "m>i8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAwAAAAAAAAAEAAAAAAAAAAU=",
    ),
    (
        "m>u2",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPnUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAABAAIAAwAEAAU=",
    ),
    (
        "m>u4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPnU0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAQAAAAIAAAADAAAABAAAAAU=",
    ),
    (
        "m>u8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPnU4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAwAAAAAAAAAEAAAAAAAAAAU=",
    ),
    (
        "m>f4",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAP4AAAEAAAABAQAAAQIAAAECgAAA=",
    ),
    (
        "m>f8",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAD/wAAAAAAAAQAAAAAAAAABACAAAAAAAAEAQAAAAAAAAQBQAAAAAAAA=",
    ),
    (
        "m?",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAQEBAQE=",
    ),
    (
        "fortran",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAABAQAAAgD8AAIBAAAAAQAAAoEA=",
    ),
    (
        "cube_fortran",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmkyJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAMAAQAEAAIABQAAQANAAUAEQAJABUAAgAOAAYAEgAKABYAAwAPAAcAEwALABc=",
    ),
    (
        "scalar",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAcQA==",
    ),
    (
        "empty",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=",
    ),
    (
        "line",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAgwAAAgH8=",
    ),
    (
        "v2",
        "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8aTQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAQAAAAIAAAADAAAABAAAAAUAAAA=",
    ),
    (
        "v3",
        "k05VTVBZAwB0AAAAeydkZXNjcic6ICc8aTQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAQAAAAIAAAADAAAABAAAAAUAAAA=",
    ),
    (
        "half",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAA8AEAAQgBEAEU=",
    ),
    (
        "complex",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGM4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAgD8AAAAAAAAAQAAAAAAAAEBAAAAAAAAAgEAAAAAAAACgQAAAAAA=",
    ),
    (
        "text",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPFUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAphAAAAYgAAAGMAAAAAAAAA",
    ),
    (
        "date",
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPE04W0RdJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIArmTwAAAAAAAA==",
    ),
    (
        "record",
        "k05VTVBZAQB2AHsnZGVzY3InOiBbKCdhJywgJzxpNCcpLCAoJ2InLCAnPGY0JyldLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAQA==",
    ),
];
