//! One session, one file, any cuts: the same verdict as in one piece, and every promise of a session kept.

use gguf_admission::{Builtin, Digest, Error, Model, Plan, Session, Sink, Storage, Zone};

use crate::drive::{self, Cuts, End};
use crate::naive::Fault;
use crate::source::Source;

/// Feeds the file that `input` holds, or describes, to sessions of every kind.
pub fn parser(input: &[u8]) {
    let (body, mut source) = Source::split(input);
    let file = crate::file(body, &mut source);
    let declared = drive::declared(&mut source, file.len());
    let limits = drive::limits(&mut source, Storage::Verify, file.len());
    let cuts = Cuts::drawn(&mut source);
    let mask = source.byte() & 3;

    let open = |storage: Storage| {
        let mut session = Session::new(Builtin::new(storage), declared, limits).expect("the length is in range");
        session.set_digests(mask).expect("the mask is in range");
        session
    };
    let whole = drive::admit(open(Storage::Verify), &file, Cuts::Whole, drive::push);
    let cut = drive::admit(open(Storage::Verify), &file, cuts.clone(), drive::push);
    let lent = drive::admit(open(Storage::Verify), &file, cuts.clone(), drive::lend);
    let kept = drive::admit(open(Storage::Resident), &file, cuts.clone(), drive::lend);
    let pushed = drive::admit(open(Storage::Resident), &file, cuts.clone(), drive::push);
    let recorder = Session::new(Recorder::default(), declared, limits).expect("the length is in range");
    let recorded = drive::admit(recorder, &file, cuts, drive::push);

    let verdict = verdict(&whole);
    for (other, how) in [(&cut, "cut"), (&lent, "lent")] {
        assert_eq!(verdict, self::verdict(other), "whole and {how}");
    }
    // Whether a model is too large for here shows only where its storage is asked for.
    if let (Some(lent), Some(pushed)) = (self::verdict(&kept), self::verdict(&pushed)) {
        assert_eq!(lent, pushed, "resident: lent and pushed");
    }
    // What only a resident model can be refused for aside, the sink is no part of the verdict.
    if let Some(resident) = self::verdict(&kept)
        && !matches!(&resident, Err(fault) if fault.path == "memory")
    {
        assert_eq!(verdict, Some(resident), "verify and resident");
    }
    if let (Some(verdict), Some(recorded)) = (&verdict, self::verdict(&recorded)) {
        assert_eq!(verdict.is_ok(), recorded.is_ok(), "a sink of another kind");
    }

    for end in [kept, pushed] {
        if let End::Admitted(model) = end {
            holds(&model, &file);
        }
    }
    if let End::Admitted(model) = recorded {
        let Recorder { bytes, start, done, whole, .. } = model.sink();
        let (bytes, start) = (bytes.as_slice(), *start as usize);
        assert!(*done && *whole == model.header().tensor_count());
        assert_eq!(bytes, file.get(start..).unwrap_or_default());
    }
}

type Verdict = Result<([Option<Digest>; 2], u64), Fault>;

fn verdict<S>(end: &End<S>) -> Option<Verdict> {
    match end {
        End::Admitted(model) => {
            let digests = model.digests();
            Some(Ok(([digests.sha256, digests.blake3], model.length())))
        }
        End::Rejected(fault) => Some(Err(fault.clone())),
        End::TooLarge => None,
    }
}

/// A resident model gives back every byte of its file, and each tensor where it belongs.
fn holds(model: &Model, file: &[u8]) {
    let mut copy = Vec::new();
    std::io::Read::read_to_end(&mut model.file().expect("resident"), &mut copy).expect("memory does not fail");
    assert_eq!(copy, file);
    let header = model.header();
    for (index, tensor) in header.tensors().enumerate() {
        let bytes = model.tensor(index).expect("it is there");
        let start = tensor.offset as usize;
        assert_eq!(bytes, &file[start..start + bytes.len()]);
        assert_eq!(bytes.len() as u64, tensor.bytes);
        assert!(bytes.is_empty() || (bytes.as_ptr().addr() as u64).is_multiple_of(header.alignment()));
        assert_eq!(header.tensor_index(&tensor.name().to_string()), Some(index));
    }
    for (index, entry) in header.entries().enumerate() {
        let key = entry.key.to_vec().expect("there is memory");
        let key = core::str::from_utf8(&key).expect("a key is text");
        assert!(header.value(key).is_some() && header.entry(index).is_some_and(|entry| entry.key == *key));
        assert!(!format!("{:?}", entry.value()).is_empty());
    }
}

/// A sink that knows in which order it must be called.
#[derive(Default)]
struct Recorder {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
    tensors: Vec<(u64, u64)>,
    reserved: bool,
    whole: usize,
    done: bool,
}

impl Sink for Recorder {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        let layout = plan.header.layout();
        layout.allowed_end - layout.header_end + plan.trailing
    }

    fn held(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        assert!(!self.reserved, "reserved once");
        let layout = plan.header.layout();
        *self = Recorder {
            start: layout.header_end,
            end: layout.header_end,
            tensors: plan.header.tensors().map(|tensor| (tensor.offset, tensor.bytes)).collect(),
            reserved: true,
            ..Recorder::default()
        };
        Ok(())
    }

    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        assert!(self.reserved && !self.done && !bytes.is_empty());
        assert_eq!(offset, self.end, "every byte once, in file order");
        match zone {
            Zone::Padding => assert!(bytes.iter().all(|byte| *byte == 0)),
            Zone::Tensor { index, at } => {
                let (start, size) = self.tensors[index];
                assert_eq!(offset, start + at);
                assert!(at + bytes.len() as u64 <= size);
                assert_eq!(index, self.whole, "the tensors before it are whole");
            }
            Zone::Trailing => assert_eq!(self.whole, self.tensors.len()),
        }
        self.end += bytes.len() as u64;
        self.bytes.extend(bytes);
        Ok(())
    }

    fn whole(&mut self, index: usize) -> Result<(), Error> {
        assert_eq!(index, self.whole, "in order");
        let (start, size) = self.tensors[index];
        assert!(size == 0 || self.end == start + size, "told behind its last piece");
        self.whole += 1;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        assert!(self.reserved && !self.done);
        assert_eq!(self.whole, self.tensors.len());
        self.done = true;
        Ok(())
    }

    fn rollback(&mut self) {
        assert!(!self.done, "a committed sink is not rolled back");
        self.done = true;
    }
}
