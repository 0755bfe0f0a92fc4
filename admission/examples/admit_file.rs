//! Admits a file: `cargo run --example admit_file -- MODEL.gguf`.

use gguf_admission::{AdmitError, Model, Options, Resident, admit_reader};

fn load(path: &std::path::Path) -> Result<Model<Resident>, AdmitError<std::io::Error>> {
    // was: let bytes: Vec<u8> = std::fs::read(path)?; parse(&bytes)
    let file = std::fs::File::open(path).map_err(AdmitError::Source)?;
    let length = Some(file.metadata().map_err(AdmitError::Source)?.len());
    admit_reader(file, Options { length, ..Options::resident() })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: admit_file MODEL.gguf")?;
    let model = load(path.as_ref())?;
    println!("{} bytes, {} tensors", model.length(), model.header().tensor_count());
    if let Some(sha256) = model.digests().sha256 {
        println!("SHA-256 {sha256}");
    }
    for (index, tensor) in model.header().tensors().enumerate() {
        let first = model.tensor(index).and_then(<[u8]>::first);
        println!("{} {} {:?}: first byte {first:?}", tensor.name(), tensor.ty.name(), tensor.dims());
    }
    Ok(())
}
