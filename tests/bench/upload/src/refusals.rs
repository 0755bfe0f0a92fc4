//! How early a bad file is refused: a client sends so much and no more, and waits for the answer.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::client::{answer, head};
use crate::server::{Kind, start};
use crate::{Failure, met};

const EARLY: usize = 64 * 1024;

pub fn measure(program: &str, model: &Path, folder: &Path, header: u64) -> Result<Value, Failure> {
    let bytes = std::fs::read(model)?;
    let mut magic = bytes[..EARLY].to_vec();
    magic[3] = b'X';
    // The last tensors would end behind the end of the file that is announced.
    let lying = &bytes[..header as usize];
    let mut rows = Vec::new();
    println!("\n| file | sent | answer | left |\n|---|---:|---|---|");
    for (what, sent, length, code) in [
        ("a bad magic", &magic[..], bytes.len(), "magic"),
        ("a table that lies", lying, bytes.len() - (1 << 20), "truncated"),
    ] {
        let server = start(program, Kind::Upload, folder)?;
        let mut stream = TcpStream::connect(&server.address)?;
        head(&mut stream, "/models/a.gguf", length as u64)?;
        stream.write_all(sent)?;
        let (status, body) = answer(stream)?;
        let said: Value = serde_json::from_str(&body)?;
        let left = server.files("models")? + server.files("quarantine")?;
        println!("| {what} | {} | {status} {} | {left} files |", sent.len(), said["code"].as_str().unwrap_or(""));
        let good = status == 422 && said["code"] == code && left == 0;
        rows.push(
            json!({ "what": what, "sent": sent.len(), "status": status, "problem": said, "left": left, "met": good }),
        );
    }
    println!(
        "\nWanted: refused after at most 64 KiB, and at the header's end; nothing is left: {}",
        met(rows.iter().all(|row| row["met"] == true))
    );
    Ok(Value::Array(rows))
}
