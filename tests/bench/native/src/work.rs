//! The things measured. Each opens the file, does its work and drops all of it.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};

use bytes::{Bytes, BytesMut};
use gguf_admission::{Options, Session, State, admit, admit_reader};
use sha2::{Digest, Sha256};

pub struct Work {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn(&str) -> Result<(), Box<dyn Error>>,
    /// How many runs are one measurement.
    pub runs: u32,
    /// Whether it admits the file, and so has to keep up with its base.
    pub admits: bool,
}

pub const WORKS: &[Work] = &[
    whole("read-hash", "read 64 KiB at a time + SHA-256", read_hash, false),
    whole("admit-reader", "`admit_reader`, verify", admit_from_reader, true),
    whole("stream-hash", "a stream of 1 MiB `Bytes` + SHA-256", stream_hash, false),
    whole("admit-stream", "`admit` over a stream of 1 MiB `Bytes`, verify", admit_from_stream, true),
    header("header", "`Session` up to the header's end, no digest (header only)", our_header),
    header("candle", "`candle_core` `Content::read`, buffered (header only, no hash)", candle_header),
    header("gguf-rs-lib", "`gguf-rs-lib` 0.3.3 `open_gguf_file` (header only, no hash)", gguf_rs_lib_header),
];

/// Each work with what it is measured beside.
pub const ROWS: &[(&str, &str)] = &[
    ("read-hash", "read-hash"),
    ("admit-reader", "read-hash"),
    ("admit-stream", "stream-hash"),
    ("candle", "header"),
    ("gguf-rs-lib", "header"),
];

/// What `admit_reader` reads at a time.
const READ: usize = 64 << 10;
const CHUNK: usize = 1 << 20;

const fn whole(
    name: &'static str,
    about: &'static str,
    run: fn(&str) -> Result<(), Box<dyn Error>>,
    admits: bool,
) -> Work {
    Work { name, about, run, runs: 1, admits }
}

const fn header(name: &'static str, about: &'static str, run: fn(&str) -> Result<(), Box<dyn Error>>) -> Work {
    Work { name, about, run, runs: 5, admits: false }
}

fn read_hash(path: &str) -> Result<(), Box<dyn Error>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            std::hint::black_box(hash.finalize());
            return Ok(());
        }
        hash.update(&buffer[..read]);
    }
}

fn admit_from_reader(path: &str) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    let length = Some(file.metadata()?.len());
    std::hint::black_box(admit_reader(file, Options { length, ..Options::verify() })?);
    Ok(())
}

fn stream_hash(path: &str) -> Result<(), Box<dyn Error>> {
    let mut hash = Sha256::new();
    for chunk in chunks(path)? {
        hash.update(chunk?);
    }
    std::hint::black_box(hash.finalize());
    Ok(())
}

fn admit_from_stream(path: &str) -> Result<(), Box<dyn Error>> {
    let length = Some(std::fs::metadata(path)?.len());
    let stream = futures::stream::iter(chunks(path)?);
    let admission = admit(stream, Options { length, ..Options::verify() });
    std::hint::black_box(futures::executor::block_on(admission)?);
    Ok(())
}

/// The file as a body would bring it: each chunk a buffer of its own.
fn chunks(path: &str) -> std::io::Result<impl Iterator<Item = std::io::Result<Bytes>>> {
    let mut file = File::open(path)?;
    Ok(std::iter::from_fn(move || {
        let mut chunk = BytesMut::zeroed(CHUNK);
        match file.read(&mut chunk) {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some(Ok(chunk.freeze()))
            }
            Err(error) => Some(Err(error)),
        }
    }))
}

fn our_header(path: &str) -> Result<(), Box<dyn Error>> {
    let mut file = File::open(path)?;
    let Options { sink, limits, .. } = Options::verify();
    let mut session = Session::new(sink, Some(file.metadata()?.len()), limits)?;
    session.set_digests(0)?;
    let mut buffer = vec![0; READ];
    while session.state() == State::Open {
        let read = file.read(&mut buffer)?;
        let mut rest = &buffer[..read];
        while !rest.is_empty() && session.state() == State::Open {
            rest = &rest[session.push(rest)?..];
        }
    }
    std::hint::black_box(session.header().ok_or("no header")?.tensor_count());
    Ok(())
}

fn candle_header(path: &str) -> Result<(), Box<dyn Error>> {
    let mut file = BufReader::new(File::open(path)?);
    std::hint::black_box(candle_core::quantized::gguf_file::Content::read(&mut file)?);
    Ok(())
}

fn gguf_rs_lib_header(path: &str) -> Result<(), Box<dyn Error>> {
    std::hint::black_box(gguf_rs_lib::reader::open_gguf_file(path)?);
    Ok(())
}
