//! A client that costs next to nothing: the kernel sends the file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::Failure;

/// PUTs a file, and tells the status of the answer.
pub fn put(address: &str, path: &str, file: &Path) -> Result<u16, Failure> {
    let mut file = File::open(file)?;
    let mut stream = TcpStream::connect(address)?;
    head(&mut stream, path, file.metadata()?.len())?;
    io::copy(&mut file, &mut stream)?;
    Ok(answer(stream)?.0)
}

pub fn head(stream: &mut TcpStream, path: &str, length: u64) -> io::Result<()> {
    let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())
}

/// Status and body of the answer, once it is there.
pub fn answer(mut stream: TcpStream) -> Result<(u16, String), Failure> {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    let (end, length) = loop {
        let found = std::str::from_utf8(&text)?;
        if let Some(end) = found.find("\r\n\r\n") {
            let length = found[..end].lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("no length")?.parse()?;
            if text.len() >= end + 4 + length {
                break (end + 4, length);
            }
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Err("the connection ended without an answer".into());
        }
        text.extend_from_slice(&piece[..read]);
    };
    let text = String::from_utf8(text)?;
    let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, text[end..end + length].to_owned()))
}
