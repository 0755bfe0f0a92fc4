//! Admits the shards of a set as one model: `cargo run --example shards -- MODEL-00001-of-00002.gguf ...`.

#![allow(clippy::disallowed_methods, reason = "a program of its own may abort without memory")]

use gguf_admission::{Options, Resident, SetModel, admit_reader};

fn load_set(paths: &[String]) -> Result<SetModel<Resident>, Box<dyn std::error::Error>> {
    let mut shards = Vec::new();
    for path in paths {
        // Each shard is admitted as the file it is, in any order; also side by side, on threads.
        let file = std::fs::File::open(path)?;
        let length = Some(file.metadata()?.len());
        shards.push(admit_reader(file, Options { length, ..Options::resident() })?);
    }
    // An error where one is missing, is of another set, or has a tensor that another has too.
    Ok(SetModel::new(shards)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let model = load_set(&paths)?;
    println!("{}, {} shards", model.header().str("general.architecture")?, model.shards().len());
    for tensor in model.tensors() {
        let name = tensor.name().to_str()?;
        let (_, bytes) = model.tensor_named(&name).ok_or("a tensor of the set has its bytes")?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
