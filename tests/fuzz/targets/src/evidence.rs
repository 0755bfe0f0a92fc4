//! Evidence around the borders of groups: what a session says of a file whose first groups must be these, against the
//! same file without evidence and the values of its groups by their definition.

use blake3::hazmat::HasherExt as _;
use gguf_admission::{Algorithm, Builtin, Digest, Error, Evidence, LimitId, Limits, Session, Storage};

use crate::drive::{self, Cuts, End};
use crate::naive::Fault;
use crate::source::Source;

const GROUP: usize = gguf_admission::GROUP_BYTES as usize;

/// Bytes around a border that are cut finely.
const NEAR: usize = 600;

/// What is required of the file.
struct Required {
    values: Vec<[u8; 32]>,
    blake3: Option<Digest>,
}

/// Judges the file that `input` holds, or describes, moved to a border, twice.
pub fn evidence(input: &[u8]) {
    let (body, mut source) = Source::split(input);
    let file = crate::file(body, &mut source);
    let border = GROUP * source.below(3);
    let file = moved(&file, border.saturating_sub(source.short() % (2 * file.len() + 64)));
    let declared = drive::declared(&mut source, file.len());
    let storage = if source.chance(64) { Storage::Resident } else { Storage::Verify };
    let mut limits = drive::limits(&mut source, storage, file.len());
    if limits.get(LimitId::StringBytes) == 1 << 20 {
        limits.set(LimitId::StringBytes, 4 << 20);
    }
    let length = declared.map_or(file.len(), |length| length as usize);
    // What lies behind a declared end is in no group.
    let inside = &file[..file.len().min(length)];
    let truth: Vec<_> = (0..).zip(inside.chunks(GROUP)).map(|(at, bytes)| value(at, bytes, length <= GROUP)).collect();
    let required = required(&mut source, &truth, &file, declared);
    let cuts = Cuts::tail(file.len().saturating_sub(border.saturating_sub(NEAR)), &mut source);
    let steps = [drive::push, drive::lend];
    let step = steps[source.below(2)];

    let wanted = verdict(&file, declared, storage, limits, &required, &truth);
    let mut session = Session::new(Builtin::new(storage), declared, limits).expect("the length is in range");
    session.set_digests(6).expect("nothing was pushed");
    if !required.values.is_empty() {
        let evidence = Evidence::from_bytes(required.values.as_flattened()).expect("values");
        session.expect_evidence(evidence).expect("no more than there are groups");
    }
    if let Some(digest) = required.blake3 {
        session.expect_digest(Algorithm::Blake3, digest).expect("it is computed");
    }
    match drive::admit(session, &file, cuts, step) {
        End::Admitted(model) => {
            assert_eq!(wanted, Ok(()), "the session admits {declared:?}");
            let evidence = model.evidence().expect("it was asked for");
            assert_eq!(evidence.as_bytes(), truth.as_flattened());
            let whole = Digest(*blake3::hash(&file).as_bytes());
            assert_eq!((evidence.root(file.len() as u64), model.digests().blake3), (Some(whole), Some(whole)));
            for (group, bytes) in file.chunks(GROUP).enumerate() {
                assert!(evidence.check(group, bytes));
            }
        }
        // Of a file that claims to be too large for its evidence the file without evidence is rejected later.
        End::Rejected(fault) if fault.code == "limit" && fault.path == "memory" => {
            assert!(wanted.is_err(), "{fault:?}")
        }
        End::Rejected(fault) => assert_eq!(wanted, Err(fault), "the session rejects {declared:?}"),
        End::TooLarge => {}
    }
}

/// The same file with one more entry before the others, a string that moves them by `shift` bytes.
fn moved(file: &[u8], shift: usize) -> Vec<u8> {
    const ENTRY: usize = 8 + 3 + 4 + 8;
    let (Some(start), true) = (file.get(..16), shift > ENTRY && file.len() >= 24) else {
        return file.to_vec();
    };
    let count = u64::from_le_bytes(file[16..24].try_into().expect("8 bytes"));
    let mut moved = start.to_vec();
    moved.extend(count.wrapping_add(1).to_le_bytes());
    moved.extend(3u64.to_le_bytes());
    moved.extend(b"pad");
    moved.extend(8u32.to_le_bytes());
    moved.extend(((shift - ENTRY) as u64).to_le_bytes());
    moved.resize(24 + shift, b'x');
    moved.extend(&file[24..]);
    moved
}

/// The value of a group, by its definition.
fn value(group: u64, bytes: &[u8], alone: bool) -> [u8; 32] {
    match alone {
        true => blake3::hash(bytes).into(),
        false => blake3::Hasher::new().set_input_offset(group * GROUP as u64).update(bytes).finalize_non_root(),
    }
}

/// Mostly the right values of the first groups; at times one is wrong, or there are more than groups.
fn required(source: &mut Source<'_>, truth: &[[u8; 32]], file: &[u8], declared: Option<u64>) -> Required {
    let most = declared.map_or(truth.len() + 2, |length| (length as usize).div_ceil(GROUP));
    let count = match source.below(4) {
        0 => 0,
        1 => source.below(most + 1),
        _ => truth.len().min(most),
    };
    let mut values: Vec<[u8; 32]> = truth.iter().copied().take(count).collect();
    values.resize(count, [7; 32]);
    if source.chance(96) && count > 0 {
        values[source.below(count)][source.below(32)] ^= 1 << source.below(8);
    }
    // What a list gives that is not of this length is nobody's business here.
    let is_length = declared.is_none_or(|length| length == file.len() as u64);
    let blake3 = (is_length && source.chance(64)).then(|| {
        let mut digest = Digest(*blake3::hash(file).as_bytes());
        if source.chance(96) {
            digest.0[0] ^= 1;
        }
        digest
    });
    Required { values, blake3 }
}

/// What must be answered: the fault that is shown first, a rule's before a group's.
fn verdict(
    file: &[u8],
    declared: Option<u64>,
    storage: Storage,
    limits: Limits,
    required: &Required,
    truth: &[[u8; 32]],
) -> Result<(), Fault> {
    let is_complete = declared.is_some_and(|length| required.values.len() == (length as usize).div_ceil(GROUP));
    let whole = Digest(*blake3::hash(file).as_bytes());
    if let Some(expected) = required.blake3
        && is_complete
    {
        // The right values give the file's BLAKE3, and wrong ones nothing that is expected here.
        if required.values != truth || expected != whole {
            return Err(digest("evidence".to_owned(), None));
        }
    }
    let mut plain = Session::new(Builtin::new(storage), declared, limits).expect("the length is in range");
    plain.set_digests(0).expect("nothing was pushed");
    let differs = |group: usize| match required.values.get(group) {
        Some(value) => truth.get(group) != Some(value),
        None => false,
    };
    let fault = |group: usize| digest(format!("evidence[{group}]"), Some((group * GROUP) as u64));
    let mut at = 0;
    let mut compared = 0;
    for group in 0..truth.len() {
        let stop = match declared {
            Some(length) => (length as usize).min((group + 1) * GROUP),
            None if group == 0 => GROUP + 1,
            None => (group + 1) * GROUP,
        };
        if stop > file.len() {
            break;
        }
        push(&mut plain, &file[at..stop]).map_err(|error| drive::fault(&error))?;
        at = stop;
        if differs(group) {
            return Err(fault(group));
        }
        compared = group + 1;
    }
    push(&mut plain, &file[at..]).map_err(|error| drive::fault(&error))?;
    granted(&mut plain, |plain| plain.finish().map(|()| 0)).map_err(|error| drive::fault(&error))?;
    for group in compared..truth.len().max(required.values.len()) {
        if differs(group) {
            return Err(fault(group));
        }
    }
    match required.blake3 {
        Some(expected) if expected != whole => Err(digest("digests.blake3".to_owned(), None)),
        _ => Ok(()),
    }
}

fn digest(path: String, offset: Option<u64>) -> Fault {
    Fault { code: "digest", offset, path }
}

fn push(session: &mut Session<Builtin>, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        let taken = granted(session, |session| session.push(bytes))?;
        bytes = &bytes[taken..];
    }
    Ok(())
}

/// One call, with the memory that it asks for.
fn granted(
    session: &mut Session<Builtin>,
    mut call: impl FnMut(&mut Session<Builtin>) -> Result<usize, Error>,
) -> Result<usize, Error> {
    loop {
        match call(session) {
            Err(error) if error.code() == gguf_admission::Code::Budget => {
                let need = error.expected().and_then(|need| need.parse().ok()).expect("a number");
                session.set_limit(LimitId::Memory, need).expect("MEMORY can be raised until storage is reserved");
            }
            answer => return answer,
        }
    }
}
