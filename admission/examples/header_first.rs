//! Looks at the header before it pays for the data: `cargo run --example header_first -- MODEL.gguf ARCHITECTURE`.

#![allow(clippy::disallowed_methods, reason = "a program of its own may abort without memory")]

use std::io::Read;

use gguf_admission::{Options, State};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (Some(path), Some(wanted)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        return Err("usage: header_first MODEL.gguf ARCHITECTURE".into());
    };
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut session = Options { length: Some(length), ..Options::resident() }.open()?;
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = match file.read(&mut buffer)? {
            0 => break,
            read => read,
        };
        let mut rest = buffer.get(..read).unwrap_or_default();
        while !rest.is_empty() {
            // A push stops at the header's end. Until the next one nothing is reserved for the tensors.
            let taken = session.push(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            if let (State::HeaderReady, Some(header)) = (session.state(), session.header()) {
                let found = header.str("general.architecture")?;
                println!("architecture {found}, {} bytes of memory are needed", session.needed());
                if found != wanted {
                    println!("not admitted: {} bytes of {length} were read", session.position());
                    return Ok(());
                }
            }
        }
    }
    session.finish()?;
    println!("admitted: {} bytes", session.position());
    Ok(())
}
