//! What the code has to say about the same facts, as a host or a Rust caller meets it.

use gguf_admission::{Code, Error, Kind, LimitId, Limits, Session, State, Storage, ValueType, Verify};
use gguf_tests::writer::Writer;

use crate::Facts;

/// More numbers than the format has types.
const NUMBERS: u32 = 1000;
/// The most bytes that the shortest value of a type has.
const LONGEST: usize = 64;

/// A file of the project.
pub fn read(file: &str) -> String {
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The golden list `all` but for what `other` lists too. The linker's two globals are nobody's contract; memory is
/// everybody's.
pub fn exports(all: &str, other: &str) -> Facts {
    let other = if other.is_empty() { String::new() } else { read(other) };
    let all = read(all);
    let lines = all.lines().filter(|line| *line == "memory memory" || !other.lines().any(|known| known == *line));
    let mut facts = Facts::new();
    for line in lines.filter(|line| !line.starts_with("global __")) {
        let mut words = line.splitn(3, ' ');
        let (kind, name, ty) = (words.next(), words.next().expect("a name"), words.next());
        facts.insert(name.to_owned(), [kind, ty].into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    facts
}

pub fn statuses() -> Facts {
    let fact = |code: &Code| format!("{} {}", code.status(), code.kind().name());
    Code::ALL.iter().map(|code| (code.name().to_owned(), fact(code))).collect()
}

/// Where each kind begins and ends, by the rule that sorts codes: `-status >> 4`.
pub fn kinds() -> Facts {
    let mut facts = Facts::new();
    for (kind, shifts) in
        [(Kind::Misuse, 0..=0), (Kind::Retry, 1..=1), (Kind::Rejected, 2..=3), (Kind::Dead, 4..=i32::MAX)]
    {
        let first = (shifts.start() << 4).max(1);
        let last = match shifts.end().checked_mul(16) {
            Some(start) => format!("-{}", start + 15),
            None => "any".into(),
        };
        for code in Code::ALL.iter().filter(|code| code.kind() == kind) {
            assert!(shifts.contains(&(-code.status() >> 4)), "{} is not of its kind's range", code.name());
        }
        facts.insert(kind.name().to_owned(), format!("-{first} to {last}"));
    }
    facts
}

/// The page speaks of guests, whose memory has 32 bits: tests/node/budget.test.mjs asks one for what it takes there.
pub fn limits() -> Facts {
    let in_a_guest = |bound| if bound == WIDE && usize::BITS > 32 { NARROW } else { bound };
    let facts = LimitId::ALL.into_iter().map(|id| {
        let [verify, resident] = [Storage::Verify, Storage::Resident].map(|storage| Limits::new(storage).get(id));
        let ((low, high), resident) = (id.bounds(), in_a_guest(resident));
        let high = in_a_guest(high);
        (upper_case(id), format!("id {}, verify {verify}, resident {resident}, {low} to {high}", id as i32))
    });
    facts.collect()
}

/// The highest value of MEMORY in 64 and in 32 bits.
const WIDE: u64 = (1 << 53) - 1;
const NARROW: u64 = (1 << 32) - (1 << 24);

/// `HeaderBytes` as `HEADER_BYTES`.
fn upper_case(id: LimitId) -> String {
    let mut name = String::new();
    for letter in format!("{id:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

/// What the parser does with a value of each type: after how many bytes it has the whole of it.
pub fn value_types() -> Facts {
    let mut facts = Facts::new();
    for number in 0..NUMBERS {
        let mut writer = Writer::new(0, 1);
        writer.key(b"key", number);
        let start = writer.bytes.len();
        writer.bytes.resize(start + LONGEST, 0);
        let whole = (0..=LONGEST).find(|bytes| header(&writer.bytes[..start + bytes]).is_ok());
        let Some(bytes) = whole else { continue };
        let ty = ValueType::ALL.into_iter().find(|ty| *ty as u32 == number).expect("a type that is read has a name");
        facts.insert(ty.name().to_owned(), format!("{number}, {bytes} bytes at least"));
    }
    assert_eq!(facts.len(), ValueType::ALL.len(), "a type with a name is read");
    facts
}

pub fn tensor_types() -> Facts {
    let tensor = |number| {
        let session = typed(number).ok()?;
        let ty = session.header()?.tensor(0)?.ty;
        assert_eq!(ty.number(), number);
        Some((
            ty.name().to_owned(),
            format!("{number}, {} elements in {} bytes", ty.block_elements(), ty.block_bytes()),
        ))
    };
    (0..NUMBERS).filter_map(tensor).collect()
}

pub fn removed_types() -> Facts {
    let is_removed = |number: &u32| typed(*number).err().is_some_and(|error| error.message().contains("was removed"));
    (0..NUMBERS).filter(is_removed).map(|number| (number.to_string(), "removed".to_owned())).collect()
}

pub fn states() -> Facts {
    let all = [State::Open, State::HeaderReady, State::Receiving, State::Admitted, State::Failed];
    all.into_iter().map(|state| (state.name().to_owned(), (state as i32).to_string())).collect()
}

/// A session at the end of a header with one empty tensor of type `number`.
fn typed(number: u32) -> Result<Session<Verify>, Error> {
    let mut writer = Writer::new(1, 0);
    writer.string(b"t");
    writer.bytes.extend(1_u32.to_le_bytes());
    writer.bytes.extend(0_u64.to_le_bytes());
    writer.bytes.extend(number.to_le_bytes());
    writer.bytes.extend(0_u64.to_le_bytes());
    header(&writer.bytes)
}

/// A session that has read the header in `bytes` to its end; `truncated` where it goes on.
fn header(bytes: &[u8]) -> Result<Session<Verify>, Error> {
    let mut session = Session::new(Verify::default(), None, Limits::new(Storage::Verify))?;
    let mut at = 0;
    while at < bytes.len() {
        at += session.push(&bytes[at..])?;
    }
    if session.state() == State::Open {
        session.finish()?;
    }
    Ok(session)
}
