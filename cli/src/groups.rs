//! A file on all cores: pieces of it are read at their place and hashed side by side.
//!
//! The session sees every byte in file order, as ever: a thread that has read its piece waits until the pieces before
//! it are in, pushes its own, and hashes it after that. Pushing without a digest costs next to nothing, so the wait is
//! short. BLAKE3 is a tree, and each piece is a part of it, whose value does not depend on the others. A group of 2^20
//! bytes is such a piece, or several are one.
//!
//! Nothing is mapped: a file that shrinks meanwhile is a file that ends too early.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use gguf_admission::{Code, Evidence, GROUP_BYTES, Session, Verify};

use crate::feed::push_all;
use crate::input::read_at;
use crate::progress::Progress;
use crate::verdict::{Fault, Stop};

const GROUP: usize = GROUP_BYTES as usize;

/// What is hashed while it is in the cache of a core. 1 MiB took a sixth more CPU time on two threads.
const LEAST_PIECE: usize = 64 << 10;

/// Waiting for turns costs more, the more threads there are. With 16 of them, 64 KiB took 1.8 times the CPU time of
/// 256 KiB.
const PIECE_OF_THREAD: usize = 16 << 10;

const MOST_PIECES: usize = GROUP / LEAST_PIECE;

/// Of a piece or a group.
type Value = [u8; 32];

/// Reads all `length` bytes on `threads` threads, ends the session, and gives the values of all groups.
///
/// `expected` are the values of the first groups, or of all. Of several faults, the first in file order is reported.
pub(crate) fn admit(
    session: &mut Session<Verify>,
    (file, length): (&File, u64),
    expected: Option<&Evidence>,
    threads: usize,
    progress: &Progress,
) -> Result<Evidence, Stop> {
    let groups = usize::try_from(length.div_ceil(GROUP_BYTES)).map_err(io::Error::other)?;
    let piece = threads.saturating_mul(PIECE_OF_THREAD).clamp(LEAST_PIECE, GROUP).next_power_of_two();
    let work = Work {
        file,
        length,
        groups: groups as u64,
        piece,
        pieces: length.div_ceil(piece as u64),
        expected: expected.map_or(&[], |evidence| evidence.as_bytes().as_chunks().0),
        claimed: AtomicU64::new(0),
        ended: AtomicBool::new(false),
        line: Mutex::new(Line { session, next: 0, first: None }),
        moved: Condvar::new(),
        values: Mutex::new(Values { groups: vec![Value::default(); groups], open: BTreeMap::new() }),
    };
    thread::scope(|scope| {
        // As many as can be had, and no more than there is work for. This thread works too.
        for _ in 1..threads.min(usize::try_from(work.pieces).unwrap_or(threads)) {
            if thread::Builder::new().spawn_scoped(scope, || work.run(progress)).is_err() {
                break;
            }
        }
        work.run(progress);
    });
    let ended_early = work.ended.into_inner();
    let values = work.values.into_inner().unwrap_or_else(PoisonError::into_inner).groups;
    let Line { session, first, .. } = work.line.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, stop)) = first {
        return Err(stop);
    }
    // A file that has grown meanwhile goes on behind its end.
    let mut more = [0];
    if !ended_early && read_at(file, &mut more, length)? > 0 {
        push_all(session, &more)?;
    }
    session.finish()?;
    if work.expected.len() > values.len() {
        return Err(Stop::Refused(fault(
            work.groups,
            format!("the file has {} groups, the evidence more", work.groups),
        )));
    }
    Ok(Evidence::from_bytes(values.as_flattened())?)
}

struct Work<'a> {
    file: &'a File,
    length: u64,
    groups: u64,
    /// Bytes of a piece, but for the last: a power of two.
    piece: usize,
    pieces: u64,
    expected: &'a [Value],
    /// Pieces that a thread has taken.
    claimed: AtomicU64,
    /// Whether no further piece is needed: a fault was found, or the file ended too early.
    ended: AtomicBool,
    line: Mutex<Line<'a>>,
    /// The line has moved on.
    moved: Condvar,
    values: Mutex<Values>,
}

/// What was hashed.
struct Values {
    groups: Vec<Value>,
    /// Of groups that are not whole yet: their pieces, and how many of them.
    open: BTreeMap<u64, ([Value; MOST_PIECES], usize)>,
}

/// Where the threads take their turns.
struct Line<'a> {
    session: &'a mut Session<Verify>,
    /// The piece whose turn it is.
    next: u64,
    /// What was found first in file order, and where: a rule is broken in a group before its value differs.
    first: Option<((u64, Order), Stop)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Rule,
    Value,
}

impl<'a> Work<'a> {
    /// One thread: piece after piece, until there is none left or no further one is needed.
    fn run(&self, progress: &Progress) {
        let mut buffer = vec![0; self.piece.min(usize::try_from(self.length).unwrap_or(self.piece))];
        let mut told = progress.reader();
        while !self.ended.load(Ordering::Relaxed) {
            let piece = self.claimed.fetch_add(1, Ordering::Relaxed);
            if piece >= self.pieces {
                break;
            }
            let start = piece * self.piece as u64;
            let group = start / GROUP_BYTES;
            let wanted = usize::try_from(self.length - start).map_or(self.piece, |left| left.min(self.piece));
            let read = read_at(self.file, &mut buffer[..wanted], start);
            let Some(mut line) = self.turn(piece) else { break };
            let bytes = match read {
                Ok(read) => &buffer[..read],
                Err(error) => {
                    self.stop(&mut line, (group, Order::Rule), error.into());
                    break;
                }
            };
            if let Err(stop) = push_all(line.session, bytes) {
                self.stop(&mut line, (group, Order::Rule), stop);
                break;
            }
            line.next = piece + 1;
            if bytes.len() < wanted {
                // The session will say so when it ends.
                self.ended.store(true, Ordering::Relaxed);
            }
            self.moved.notify_all();
            drop(line);
            told.add(bytes.len());
            if bytes.len() < wanted {
                break;
            }
            let value = value(start, bytes, self.pieces == 1);
            if !self.keep(piece, value) {
                self.stop(&mut self.lock(), (group, Order::Value), Stop::Refused(differs(group)));
                break;
            }
        }
    }

    /// Keeps the value of a piece. False where it makes its group whole, and that is not the one that is expected.
    fn keep(&self, piece: u64, value: Value) -> bool {
        let most = GROUP_BYTES / self.piece as u64;
        let (group, no) = (piece / most, (piece % most) as usize);
        let pieces = (self.pieces - group * most).min(most) as usize;
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_group, count) = values.open.entry(group).or_default();
        of_group[no] = value;
        *count += 1;
        if *count < pieces {
            return true;
        }
        let whole = merged(&of_group[..pieces], self.groups == 1);
        values.open.remove(&group);
        values.groups[group as usize] = whole;
        self.expected.get(group as usize).is_none_or(|expected| *expected == whole)
    }

    /// Waits until all pieces before `piece` are in; `None` if that will not be.
    fn turn(&self, piece: u64) -> Option<MutexGuard<'_, Line<'a>>> {
        let waits = |line: &mut Line<'a>| line.next != piece && !self.ended.load(Ordering::Relaxed);
        let line = self.moved.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        // A fault behind this piece ends nothing before it, but then its turn has been.
        (line.next == piece && !self.ended.load(Ordering::Relaxed)).then_some(line)
    }

    fn stop(&self, line: &mut Line<'a>, at: (u64, Order), stop: Stop) {
        if line.first.as_ref().is_none_or(|(first, _)| at < *first) {
            line.first = Some((at, stop));
        }
        self.ended.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Line<'a>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of a piece; of the only one, the file's BLAKE3.
fn value(start: u64, bytes: &[u8], alone: bool) -> Value {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(start);
    hasher.update(bytes);
    if alone { hasher.finalize().into() } else { hasher.finalize_non_root() }
}

/// The value of a group by those of its pieces; of the only group, the file's BLAKE3.
fn merged(pieces: &[Value], alone: bool) -> Value {
    if let [piece] = pieces {
        return *piece;
    }
    // All that is left of the middle is whole: in BLAKE3's tree it is the largest power of two that leaves something.
    let (left, right) = pieces.split_at(pieces.len().next_power_of_two() / 2);
    let (left, right) = (merged(left, false), merged(right, false));
    match alone {
        true => merge_subtrees_root(&left, &right, Mode::Hash).into(),
        false => merge_subtrees_non_root(&left, &right, Mode::Hash),
    }
}

fn differs(group: u64) -> Fault {
    fault(group, "these are not the bytes that were expected".into())
}

fn fault(group: u64, message: String) -> Fault {
    let path = Some(format!("evidence[{group}]"));
    Fault { code: Code::Digest.name(), offset: Some(group * GROUP_BYTES), path, message }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use gguf_admission::{Limits, Storage};
    use gguf_tests::evidence::file;

    use super::*;

    /// What is said of a file that had `told` bytes when it was opened, and has `bytes` now.
    fn judged(bytes: &[u8], told: usize, threads: usize) -> (Result<usize, Fault>, u64) {
        let mut part = tempfile::tempfile().expect("a file");
        part.write_all(bytes).expect("room");
        let mut session =
            Session::new(Verify::default(), Some(told as u64), Limits::new(Storage::Verify)).expect("a session");
        session.set_digests(0).expect("before the first byte");
        let progress = Progress::hidden();
        match admit(&mut session, (&part, told as u64), None, threads, &progress) {
            Ok(evidence) => (Ok(evidence.len()), session.position()),
            Err(Stop::Refused(fault)) => (Err(fault), session.position()),
            Err(_) => panic!("it can be read, and no profile was chosen"),
        }
    }

    #[test]
    fn a_file_that_shrinks_or_grows_meanwhile_is_a_file_of_the_wrong_length() {
        let whole = file(5 * GROUP);
        for threads in [1, 2, 8] {
            assert_eq!(judged(&whole, whole.len(), threads).0, Ok(5));
            for left in [5 * GROUP - 1, 3 * GROUP + 7, 3 * GROUP, 100] {
                let fault = judged(&whole[..left], whole.len(), threads).0.expect_err("it is short");
                assert_eq!((fault.code, fault.path.as_deref()), ("truncated", Some("tensors[0].offset")), "{left}");
            }
            let grown = [&whole[..], b"more"].concat();
            let fault = judged(&grown, whole.len(), threads).0.expect_err("it is long");
            assert_eq!((fault.code, fault.offset), ("trailing", Some(whole.len() as u64)));
        }
    }
}
