//! The most memory that a process takes to have a model as candle's tensors, in one of four ways:
//! `cargo run --release --manifest-path candle/Cargo.toml --example peak -- WAY MODEL.gguf`, WAY being `vec`, `file`,
//! `model` or `weights`. Linux only: it reads what the kernel counted.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "no guest")]

use std::error::Error;
use std::fs::File;
use std::io::{Cursor, Read, Seek};

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::Content;
use gguf_admission::{Options, admit_reader};
use gguf_admission_candle::Weights;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, path] = &arguments[..] else {
        return Err("usage: peak vec|file|model|weights MODEL.gguf".into());
    };
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let tensors = match way.as_str() {
        // The file in memory, as a program that downloaded it has it.
        "vec" => {
            let mut bytes = Vec::new();
            (&file).read_to_end(&mut bytes)?;
            all(&mut Cursor::new(bytes))?.len()
        }
        "file" => all(&mut &file)?.len(),
        // Checked and kept as it lies in the file, then read as one.
        "model" => {
            let model = admit_reader(&file, Options::resident())?;
            all(&mut model.file().ok_or("it is kept")?)?.len()
        }
        "weights" => admit_reader(&file, Options::into_sink(Weights::new()))?.sink().tensors().count(),
        _ => return Err("no such way".into()),
    };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel does not say")?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!(
        "| {way} | {tensors} tensors | {:.1} MiB | {:.2} |",
        peak as f64 / 1024.0,
        peak as f64 * 1024.0 / length as f64
    );
    Ok(())
}

fn all<R: Read + Seek>(reader: &mut R) -> Result<Vec<QTensor>, Box<dyn Error>> {
    let content = Content::read(reader)?;
    let names: Vec<String> = content.tensor_infos.keys().cloned().collect();
    Ok(names.iter().map(|name| content.tensor(reader, name, &Device::Cpu)).collect::<Result<_, _>>()?)
}
