//! The typed getters of a header, and copies of its arrays: against what was written, for every type, across pages.

use std::fmt::Debug;

use gguf_admission::{Code, Element, Error, Model, Options, Path, TensorType, Value, Verify, admit_reader};
use gguf_tests::allocator::{self, Counting};
use gguf_tests::writer::Writer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn admitted(writer: &Writer) -> Model<Verify> {
    admit_reader(&writer.bytes[..], Options { digests: 0, ..Options::verify() }).expect("a good file")
}

/// A header with one entry of each type. Its path is `metadata[i].value`.
fn header() -> Model<Verify> {
    let values: [(&str, u32, Vec<u8>); 14] = [
        ("u8", 0, vec![200]),
        ("i8", 1, vec![100]),
        ("u16", 2, 60_000u16.to_le_bytes().into()),
        ("i16", 3, 30_000i16.to_le_bytes().into()),
        ("u32", 4, u32::MAX.to_le_bytes().into()),
        ("i32", 5, i32::MAX.to_le_bytes().into()),
        ("f32", 6, 1.5f32.to_le_bytes().into()),
        ("bool", 7, vec![1]),
        ("u64", 10, u64::MAX.to_le_bytes().into()),
        ("i64", 11, i64::MAX.to_le_bytes().into()),
        ("f64", 12, 2.5f64.to_le_bytes().into()),
        ("minus", 5, (-1i32).to_le_bytes().into()),
        ("text", 8, [&3u64.to_le_bytes()[..], b"a\xc3\xa9"].concat()),
        ("bytes", 8, [&3u64.to_le_bytes()[..], b"ab\xff"].concat()),
    ];
    let mut writer = Writer::new(0, values.len() as u64 + 1);
    for (key, ty, value) in &values {
        writer.key(key.as_bytes(), *ty).bytes.extend(value);
    }
    writer.entry_array(b"array", 4, 2).bytes.extend([1, 0, 0, 0, 2, 0, 0, 0]);
    admitted(&writer)
}

/// Message, what was wanted, what was found, and where.
fn told<T>(answer: Result<T, Error>) -> (String, String, String, Path, Option<u64>) {
    let error = answer.err().expect("an error");
    assert_eq!(error.code(), Code::Limit);
    let (expected, found) = (error.expected().expect("wanted"), error.found().expect("found"));
    (error.message().into(), expected.into(), found.into(), error.path(), error.offset())
}

#[test]
fn an_integer_of_any_type_that_fits_is_a_u64_and_nothing_else_is() {
    let model = header();
    let header = model.header();
    let integers = [
        ("u8", 200),
        ("i8", 100),
        ("u16", 60_000),
        ("i16", 30_000),
        ("u32", u32::MAX.into()),
        ("i32", i32::MAX as u64),
        ("u64", u64::MAX),
        ("i64", i64::MAX as u64),
    ];
    for (key, value) in integers {
        assert_eq!(header.u64(key).expect("an integer"), value, "{key}");
    }
    for (key, found) in [("f32", "f32, 1.5"), ("bool", "bool, true"), ("minus", "i32, -1"), ("text", "string")] {
        assert_eq!(told(header.u64(key)).2, found);
    }
    let (message, wanted, found, path, offset) = told(header.u64("array"));
    assert_eq!(message, "array is of type array, an integer from 0 to 2^64 - 1 is wanted");
    assert_eq!((wanted.as_str(), found.as_str()), ("an integer from 0 to 2^64 - 1", "array"));
    let Some(Value::Array(array)) = header.value("array") else { panic!("it is one") };
    assert_eq!((path, offset), (Path::Value(14), Some(array.offset() - 12)));
}

#[test]
fn every_other_getter_takes_its_type_and_names_what_it_found() {
    let model = header();
    let header = model.header();
    assert_eq!((header.f32("f32").unwrap(), header.f64("f32").unwrap(), header.f64("f64").unwrap()), (1.5, 1.5, 2.5));
    assert!(header.bool("bool").unwrap());
    assert_eq!(header.str("text").unwrap(), "a\u{e9}");
    assert_eq!(header.array("array").unwrap().len(), 2);

    assert_eq!(told(header.f32("f64")).0, "f64 is of type f64, 2.5, an f32 is wanted");
    assert_eq!(told(header.f64("u8")).0, "u8 is of type u8, 200, an f64 or f32 is wanted");
    assert_eq!(told(header.bool("u8")).0, "u8 is of type u8, 200, a bool is wanted");
    assert_eq!(told(header.str("array")).0, "array is of type array, a string is wanted");
    assert_eq!(told(header.array("text")).0, "text is of type string, an array is wanted");
    let missing = told(header.str("none"));
    assert_eq!(missing.0, "none is missing, a string is wanted");
    assert_eq!((missing.1.as_str(), missing.2.as_str()), ("a string", "nothing"));
    assert_eq!((missing.3, missing.4), (Path::None, None));

    let error = header.str("bytes").expect_err("no UTF-8");
    let Some(Value::String(bytes)) = header.value("bytes") else { panic!("it is one") };
    assert_eq!((error.code(), error.path(), error.offset()), (Code::Limit, Path::Value(13), Some(bytes.offset() + 2)));
    assert_eq!(error.message(), "bytes is not UTF-8");
}

/// Each array is read back as it was written, whatever lies before it: elements lie across the ends of pages.
#[test]
fn arrays_are_copied_across_pages_as_they_were_written() {
    fn hold<T: Element + PartialEq + Debug>(of: u32, at: impl Fn(usize) -> T, bytes: impl Fn(T) -> Vec<u8>) {
        const PAGE: usize = 256 * 1024;
        let size = bytes(at(0)).len();
        let count = 2 * PAGE / size + 3;
        let values: Vec<T> = (0..count).map(&at).collect();
        for before in 0..size {
            let mut writer = Writer::new(0, 1);
            writer.entry_array("k".repeat(1 + before).as_bytes(), of, count as u64);
            writer.bytes.extend(values.iter().flat_map(|value| bytes(*value)));
            let model = admitted(&writer);
            let Some(Value::Array(array)) = model.header().value(&"k".repeat(1 + before)) else { panic!("an array") };
            assert!(array.to_vec::<T>().expect("a copy") == values, "type {of}, {before} bytes before");
            let mut slice = vec![at(1); count];
            array.copy_to(&mut slice).expect("a copy");
            assert!(slice == values, "type {of}, {before} bytes before");
        }
    }
    hold(0, |at| at as u8, |value: u8| value.to_le_bytes().into());
    hold(1, |at| at as i8, |value: i8| value.to_le_bytes().into());
    hold(2, |at| at as u16, |value: u16| value.to_le_bytes().into());
    hold(3, |at| at as i16, |value: i16| value.to_le_bytes().into());
    hold(4, |at| at as u32 * 7_777, |value: u32| value.to_le_bytes().into());
    hold(5, |at| -(at as i32), |value: i32| value.to_le_bytes().into());
    hold(6, |at| at as f32 / 3.0, |value: f32| value.to_le_bytes().into());
    hold(7, |at| at % 3 == 0, |value: bool| vec![value.into()]);
    hold(10, |at| at as u64 * 77_777_777_777_777, |value: u64| value.to_le_bytes().into());
    hold(11, |at| -(at as i64), |value: i64| value.to_le_bytes().into());
    hold(12, |at| at as f64 / 3.0, |value: f64| value.to_le_bytes().into());
}

#[test]
fn a_copy_of_another_type_or_length_is_an_error_and_copies_nothing() {
    let model = header();
    let array = model.header().array("array").expect("it is there");
    let error = array.to_vec::<i32>().expect_err("they are u32");
    assert_eq!((error.code(), error.offset()), (Code::Limit, Some(array.offset() - 12)));
    assert_eq!((error.expected(), error.found()), (Some("array of i32"), Some("array of u32")));
    assert_eq!(array.strings().err().expect("they are u32").expected(), Some("array of string"));
    for length in [0, 1, 3] {
        let mut slice = vec![9u32; length];
        let error = array.copy_to(&mut slice).expect_err("another length");
        assert_eq!((error.code(), error.expected()), (Code::Argument, Some("2")));
        assert_eq!(slice, vec![9; length]);
    }
    assert_eq!(array.to_vec::<u32>().expect("a copy"), [1, 2]);
}

#[test]
fn strings_are_those_of_the_file_and_can_be_counted_before() {
    let mut writer = Writer::new(0, 1);
    writer.entry_array(b"words", 8, 3).string(b"one").string(b"").string(b"\xff");
    let model = admitted(&writer);
    let strings = model.header().array("words").expect("it is there").strings().expect("they are strings");
    assert_eq!(strings.len(), 3);
    let found: Vec<Vec<u8>> = strings.map(|text| text.to_vec().expect("a copy")).collect();
    assert_eq!(found, [&b"one"[..], b"", b"\xff"]);
}

#[test]
fn a_copy_without_memory_is_an_error() {
    let mut writer = Writer::new(0, 2);
    writer.entry_array(b"numbers", 4, 100_000).bytes.resize(24 + 24 + 7 + 400_000, 1);
    writer.entry_string(b"text", &b"x".repeat(300_000));
    let model = admitted(&writer);
    let header = model.header();
    let numbers = header.array("numbers").expect("it is there");
    allocator::fail_nth(1, true);
    let refused =
        [numbers.to_vec::<u32>().err(), header.str("text").err()].map(|error| error.map(|error| error.code()));
    assert_eq!(allocator::disarm(), 2);
    assert_eq!(refused, [Some(Code::Memory); 2]);
    assert_eq!(header.str("text").expect("memory").len(), 300_000);
}

#[test]
fn a_tensor_type_is_its_number_and_an_unknown_number_is_kept() {
    for number in 0..300 {
        let ty = TensorType::from_number(number);
        assert_eq!(ty.number(), number);
        let is_known = TensorType::ALL.contains(&ty);
        assert_eq!(ty == TensorType::Unknown(number), !is_known);
        assert_eq!((ty.block_elements() > 0, ty.block_bytes() > 0), (is_known, is_known));
    }
    assert_eq!(TensorType::ALL.len(), 35);
    assert_eq!((TensorType::IQ2_XXS.name(), TensorType::Unknown(4).name()), ("IQ2_XXS", "unknown"));
}

#[test]
fn text_of_a_header_compares_with_a_literal() {
    let mut writer = Writer::new(1, 1);
    writer.entry_string(b"general.architecture", b"llama").tensor(b"output.weight", 32, 32);
    writer.pad(32).data(0, 32, 32);
    let model = admitted(&writer);
    let tensor = model.header().tensor(0).expect("there is one");
    assert!(tensor.name() == "output.weight" && tensor.name() != "output" && tensor.name() != "output.weighs");
    assert!(tensor.name() == *"output.weight" && tensor.name() == b"output.weight"[..]);
}
