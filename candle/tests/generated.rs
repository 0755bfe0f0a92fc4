//! Generated files: every type, in every way in, against candle's own reader; what candle cannot hold; memory.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::io::Cursor;

use candle_core::Device;
use candle_core::quantized::QMatMul;
use common::{ALIGNMENT, TYPES, assert_as_candle_reads, every_type, file};
use futures::executor::block_on;
use gguf_admission::{Code, Error, LimitId, Limits, Model, Options, Session, Storage, admit, admit_reader};
use gguf_admission_candle::Weights;
use gguf_tests::allocator::{self, Counting};
use gguf_tests::dice::Dice;
use gguf_tests::feed::Cuts;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn admitted(file: &[u8]) -> Model<Weights> {
    admit_reader(file, Options::into_sink(Weights::new())).expect("a good file")
}

/// Through lent windows, as a WebAssembly host does.
fn lent(file: &[u8], mut cuts: Cuts, window: u64) -> Result<Model<Weights>, Error> {
    let limits = Limits::new(Storage::Resident).with(LimitId::Window, window);
    let mut session = Session::new(Weights::new(), Some(file.len() as u64), limits)?;
    let mut at = 0;
    while at < file.len() {
        let left = file.len() - at;
        let lent = session.window()?;
        let chunk = cuts.next(at, left).min(lent.len());
        lent[..chunk].copy_from_slice(&file[at..at + chunk]);
        session.commit(chunk)?;
        at += chunk;
        assert!(session.held() <= session.needed());
    }
    session.finish()?;
    Ok(session.into_model().expect("admitted"))
}

#[test]
fn every_type_is_as_candle_reads_it() {
    let file = every_type(1);
    assert_as_candle_reads(&admitted(&file), &mut Cursor::new(&file));
}

#[test]
fn a_stream_brings_the_same() {
    let file = every_type(2);
    let chunks = file.chunks(777).map(Ok::<_, std::io::Error>);
    let model =
        block_on(admit(futures::stream::iter(chunks), Options::into_sink(Weights::new()))).expect("a good file");
    assert_as_candle_reads(&model, &mut Cursor::new(&file));
}

#[test]
fn windows_of_any_size_bring_the_same() {
    let file = every_type(3);
    for (cuts, window) in
        [(Cuts::Whole, 1 << 20), (Cuts::Whole, 4096), (Cuts::Every(1), 4096), (Cuts::Random(Dice::new(4)), 1 << 16)]
    {
        let model = lent(&file, cuts, window).expect("a good file");
        assert_as_candle_reads(&model, &mut Cursor::new(&file));
    }
}

#[test]
fn what_was_admitted_multiplies_as_what_candle_read() {
    // Q8_1 and Q8_K are for activations: candle does not multiply with them.
    for (ty, block, _) in TYPES.into_iter().filter(|(ty, ..)| ![9, 15].contains(ty)) {
        let file = file(&[(ty, vec![2 * block.max(32), 5])], 5);
        let model = admitted(&file);
        let mut reader = Cursor::new(&file);
        let content = candle_core::quantized::gguf_file::Content::read(&mut reader).expect("candle reads it");
        let theirs = content.tensor(&mut reader, "t0", &Device::Cpu).expect("candle reads the tensor");
        let width = 2 * block.max(32) as usize;
        let x =
            candle_core::Tensor::arange(0f32, width as f32, &Device::Cpu).expect("x").reshape((1, width)).expect("x");
        let product = |tensor| {
            let matrix = QMatMul::from_arc(tensor).expect("a matrix");
            let product = candle_core::Module::forward(&matrix, &x).expect("a product");
            product.flatten_all().expect("flat").to_vec1::<f32>().expect("f32").into_iter().map(f32::to_bits)
        };
        let ours = product(model.sink().get((5, width), "t0").expect("it is there"));
        assert!(ours.eq(product(std::sync::Arc::new(theirs))), "type {ty}");
    }
}

#[test]
fn a_name_or_a_shape_that_is_not_there_is_an_error() {
    let model = admitted(&file(&[(0, vec![4, 2])], 6));
    let weights = model.sink();
    assert!(weights.get((2, 4), "t0").is_ok());
    let told = |shape, name| weights.get::<(usize, usize)>(shape, name).expect_err("refused").to_string();
    assert!(told((4, 2), "t0").contains("t0"));
    assert!(told((2, 4), "t1").contains("t1"));
    assert!(weights.find("t").is_none());
}

/// A file refused in the push that completes its header: the code, and the bytes that were pushed until then.
fn refusal(file: &[u8]) -> (Error, usize) {
    let mut session = Session::new(Weights::new(), None, Limits::new(Storage::Resident)).expect("a session");
    let mut at = 0;
    loop {
        match session.push(&file[at..file.len().min(at + 100)]) {
            Ok(taken) => at += taken,
            Err(error) => return (error, at),
        }
        assert!(at < file.len(), "the file was taken");
    }
}

#[test]
fn what_candle_cannot_hold_is_refused_at_the_header() {
    for (ty, dims, size, word) in [
        (16, vec![256, 2], 132, "IQ2_XXS"),
        (24, vec![64], 64, "I8"),
        (39, vec![32, 2], 34, "MXFP4"),
        (0, vec![], 4, "no shape"),
    ] {
        let mut writer = gguf_tests::writer::Writer::new(1, 0);
        writer.tensor_of(b"odd", ty, &dims, size, ALIGNMENT as u64);
        let header = writer.bytes.len();
        writer.pad(ALIGNMENT);
        writer.bytes.resize(writer.bytes.len() + (size as usize).next_multiple_of(ALIGNMENT), 0);
        let (error, pushed) = refusal(&writer.bytes);
        assert_eq!(error.code(), Code::Limit);
        assert!(error.offset().is_some_and(|at| at < header as u64));
        assert!(error.message().contains(word) && error.message().contains("odd"), "{error}");
        assert!(pushed <= header, "{pushed} bytes of a header of {header}");
    }
}

/// Everything but the end of the file.
fn received(file: &[u8]) -> Result<Session<Weights>, Error> {
    let mut session = Session::new(Weights::new(), Some(file.len() as u64), Limits::new(Storage::Resident))?;
    let mut rest = file;
    while !rest.is_empty() {
        rest = &rest[session.push(rest)?..];
    }
    Ok(session)
}

#[test]
fn every_allocation_that_fails_is_an_answer() {
    let file = every_type(7);
    let live = allocator::live();
    let mut refused = 0;
    for nth in 1.. {
        allocator::fail_nth(nth, false);
        let result = received(&file);
        let failed = allocator::disarm();
        match result {
            Ok(mut session) => {
                assert_eq!(failed, 0);
                session.finish().expect("a good file");
                let model = session.into_model().expect("admitted");
                assert_as_candle_reads(&model, &mut Cursor::new(&file));
                break;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::Memory);
                refused += 1;
            }
        }
        assert_eq!(allocator::live(), live, "something stayed");
    }
    // Blocks, shape and name of 75 tensors.
    assert!(refused > 75 * 3 - 15, "{refused} refusals");
}

#[test]
fn the_end_takes_no_more_than_was_kept_for_it() {
    let mut session = received(&every_type(9)).expect("a good file");
    let live = allocator::live();
    allocator::reset_peak();
    session.finish().expect("a good file");
    assert!(allocator::peak() <= live, "{} bytes more", allocator::peak() - live);
}

#[test]
fn memory_is_what_was_said_before() {
    let file = every_type(8);
    let limits = Limits::new(Storage::Resident);
    let mut session = Session::new(Weights::new(), Some(file.len() as u64), limits).expect("a session");
    let live = allocator::live();
    let taken = session.push(&file).expect("the header");
    let needed = session.needed();
    allocator::reset_peak();
    let mut rest = &file[taken..];
    while !rest.is_empty() {
        rest = &rest[session.push(rest).expect("the data")..];
    }
    session.finish().expect("admitted");
    let peak = (allocator::peak() - live) as u64;
    assert!(peak <= needed, "{peak} bytes were held, {needed} were told");
    // What is told is not far from what is held.
    assert!(needed < peak + peak / 4, "{needed} bytes were told, {peak} were held");
}
