//! Copies a model and goes on where it stopped: `cargo run --example go_on -- MODEL.gguf PART [STOP_AFTER]`.
//!
//! `MODEL.gguf` stands for a server. What came of it lies in `PART`, and the evidence of its whole groups in
//! `PART.evidence`. The next run proves each group of `PART` before it is used, and asks for the rest only. With
//! `STOP_AFTER` a run stops after so many new bytes, as a lost line would.

//!
//! If the server's file can change between two runs, require its BLAKE3 (`Session::expect_digest`): the evidence proves
//! that the kept groups are what came, not that the rest belongs to them.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a program of its own may abort without memory"
)]
#![allow(clippy::arithmetic_side_effects, reason = "groups of a file that is there")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use gguf_admission::{Code, Evidence, GROUP_BYTES, Limits, Session, Storage, Verify};

/// BLAKE3 and evidence.
const DIGESTS: u8 = 2 | 4;

/// A part on a disk, and the file with its evidence.
struct Part {
    data: File,
    evidence: PathBuf,
}

impl Part {
    fn open(path: &Path) -> std::io::Result<Self> {
        let data = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Part { data, evidence: path.with_added_extension("evidence") })
    }

    /// The values whose groups are on the disk whole.
    fn values(&self, length: u64) -> std::io::Result<Vec<u8>> {
        let mut values = fs::read(&self.evidence).unwrap_or_default();
        let kept = self.data.metadata()?.len().min(length);
        let groups = values.len() / 32;
        let whole = if kept == length { length.div_ceil(GROUP_BYTES) } else { kept / GROUP_BYTES };
        values.truncate(32 * groups.min(whole as usize));
        Ok(values)
    }

    /// Keeps the first groups only: these values, and their bytes.
    fn cut(&mut self, values: &[u8], length: u64) -> std::io::Result<u64> {
        let end = ((values.len() / 32) as u64 * GROUP_BYTES).min(length);
        self.data.set_len(end)?;
        self.data.rewind()?;
        fs::write(&self.evidence, values)?;
        Ok(end)
    }
}

/// A session that has taken every kept group that is proven; how many bytes those are.
fn go_on(part: &mut Part, length: u64) -> Result<(Session<Verify>, u64), Box<dyn Error>> {
    let mut values = part.values(length)?;
    loop {
        let end = part.cut(&values, length)?;
        let mut session = Session::new(Verify::default(), Some(length), Limits::new(Storage::Verify))?;
        session.set_digests(DIGESTS)?;
        if !values.is_empty() {
            session.expect_evidence(Evidence::from_bytes(&values)?)?;
        }
        let mut buffer = vec![0; 1 << 16];
        let mut proven = Ok(());
        while proven.is_ok() && session.position() < end {
            let read = part.data.read(&mut buffer)?;
            proven = session.push_all(buffer.get(..read).unwrap_or_default());
        }
        match proven {
            Ok(()) => return Ok((session, end)),
            // The kept bytes are good up to the group that differs. What a rule refuses starts anew, too: it is not the
            // file.
            Err(error) => {
                println!("kept bytes are not used: {error}");
                let good = match (error.code(), error.offset()) {
                    (Code::Digest, Some(offset)) => (offset / GROUP_BYTES) as usize * 32,
                    _ => 0,
                };
                values.truncate(good);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(part)) = (arguments.next(), arguments.next()) else {
        return Err("usage: go_on MODEL.gguf PART [STOP_AFTER]".into());
    };
    let stop_after = arguments.next().map_or(Ok(u64::MAX), |bytes| bytes.parse())?;
    let mut server = File::open(model)?;
    let length = server.metadata()?.len();
    let mut part = Part::open(Path::new(&part))?;

    let (mut session, kept) = go_on(&mut part, length)?;
    server.seek(SeekFrom::Start(kept))?;
    let mut rest = server.take(stop_after);
    let mut buffer = vec![0; 1 << 16];
    let mut known = session.evidence()?.len();
    loop {
        let read = rest.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        session.push_all(bytes)?;
        part.data.write_all(bytes)?;
        let values = session.evidence()?;
        if values.len() > known {
            // First the bytes, then what says that they are there.
            part.data.sync_data()?;
            fs::write(&part.evidence, values)?;
            known = values.len();
        }
    }
    let came = session.position().saturating_sub(kept);
    if session.position() < length {
        println!("stopped at {} of {length} bytes: {kept} kept, {came} came", session.position());
        return Ok(());
    }
    session.finish()?;
    let digest = session.model().and_then(|model| model.digests().blake3);
    println!("admitted {length} bytes: {kept} kept, {came} came");
    println!("BLAKE3 {}", digest.ok_or("it was asked for")?);
    Ok(())
}
