//! One file through `candle-core`'s GGUF reader, and then each of its tensors: prints what it says of the file as one
//! JSON line. See conformance.py for its form.

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value, VersionedMagic};
use serde_json::{Map, json};

fn main() {
    let path = std::env::args().nth(1).expect("usage: conformance-reader-candle FILE");
    let answer = read(&path).unwrap_or_else(|error| {
        // An error's first line; the rest is a backtrace.
        let text = error.to_string();
        json!({ "rejects": text.lines().next() })
    });
    println!("{answer}");
}

fn read(path: &str) -> candle_core::Result<serde_json::Value> {
    let mut file = std::io::BufReader::new(std::fs::File::open(path)?);
    let content = Content::read(&mut file)?;

    let version = match content.magic {
        VersionedMagic::GgufV1 => 1,
        VersionedMagic::GgufV2 => 2,
        VersionedMagic::GgufV3 => 3,
    };
    let metadata: Map<String, serde_json::Value> =
        content.metadata.iter().map(|(key, value)| (key.clone(), kind(value).into())).collect();
    let mut infos: Vec<_> = content.tensor_infos.iter().collect();
    infos.sort_by_key(|(name, info)| (info.offset, (*name).clone()));
    let mut tensors = Vec::new();
    for (name, info) in infos {
        // Most of what it checks of a tensor, it checks here.
        let tensor = match content.tensor(&mut file, name, &Device::Cpu) {
            Ok(tensor) => tensor,
            Err(error) => {
                let text = error.to_string();
                return Ok(json!({ "rejects": text.lines().next(), "late": true }));
            }
        };
        // It holds the slowest dimension first.
        let dims: Vec<u64> = info.shape.dims().iter().rev().map(|dim| *dim as u64).collect();
        tensors.push(json!({
            "name": name,
            "type": format!("{:?}", info.ggml_dtype),
            "dims": dims,
            "offset": content.tensor_data_offset.wrapping_add(info.offset),
            "bytes": tensor.storage_size_in_bytes(),
        }));
    }
    Ok(json!({ "accepts": {
        "version": version,
        "entries": metadata.len(),
        "metadata": metadata,
        "tensorCount": tensors.len(),
        "dataOffset": content.tensor_data_offset,
        "tensors": tensors,
    }}))
}

fn kind(value: &Value) -> String {
    let Value::Array(items) = value else {
        return format!("{:?}", value.value_type()).to_lowercase();
    };
    // An empty array does not keep its element type.
    let of = items.first().map_or_else(|| "?".to_owned(), |item| format!("{:?}", item.value_type()).to_lowercase());
    format!("array of {} {of}", items.len())
}
