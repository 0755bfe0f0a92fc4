//! What a file can cost: bytes looked at and bytes held are bounded by what was pushed, whatever the file says and
//! however it is cut.
//!
//! * Work: at most 2 x bytes pushed + 64 x pushes, also of a push that rejects the file, and whatever the names are.
//! * Held: at most 128 KiB + 5 x bytes pushed, and a window (limit WINDOW) once there is the consent; never above limit
//!   MEMORY. The 5 are pages that double up to 256 KiB (2), the index, reserved for the most records that the bytes may
//!   hold (20 bytes for each 14), and its doubling.
//! * What the allocator gives out at the worst moment, while a buffer moves: at most 128 KiB + 7 x bytes pushed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gguf_admission::{Builtin, LimitId, Limits, Session, State, Storage};
use gguf_tests::allocator::{self, Counting};
use gguf_tests::corpus::{self, Case};
use gguf_tests::dice::Dice;
use gguf_tests::feed::Cuts;
use gguf_tests::writer::Writer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

/// Feeds a header (and what is behind it) and checks the bounds after each push; gives the state at the end.
fn check(name: &str, file: &[u8], limits: Limits, by_window: bool, mut cuts: Cuts) -> State {
    let story = format!("{name}, {cuts:?}, window {by_window}");
    let before = allocator::live();
    allocator::reset_peak();
    let mut session = Session::new(Builtin::new(Storage::Verify), None, limits).expect("no length");
    session.set_digests(0).expect("nothing is in yet");
    let (mut at, mut pushes) = (0u64, 0u64);
    while (at as usize) < file.len() {
        let rest = &file[at as usize..];
        let wanted = cuts.next(at as usize, rest.len());
        let size = if by_window {
            let window = session.window().expect("memory");
            let size = wanted.min(window.len());
            window[..size].copy_from_slice(&rest[..size]);
            session.commit(size).map(|()| size)
        } else {
            session.push(&rest[..wanted])
        };
        pushes += 1;
        let rejected = size.is_err();
        at += size.unwrap_or(wanted) as u64;

        let (work, held) = (session.work(), session.held());
        let most = 2 * at + 64 * pushes;
        assert!(work <= most, "{story}: {work} bytes looked at, {at} pushed in {pushes} pushes");
        let consented = matches!(session.state(), State::Receiving | State::Admitted);
        let window = if consented { limits.get(LimitId::Window) } else { 0 };
        assert!(held <= 128 * KIB + window + 5 * at, "{story}: {held} held, {at} bytes pushed");
        assert!(held <= limits.get(LimitId::Memory), "{story}: {held} held");
        let peak = (allocator::peak() - before) as u64;
        assert!(peak <= 128 * KIB + window + 7 * at, "{story}: {peak} allocated, {at} bytes pushed");
        if rejected {
            break;
        }
    }
    session.state()
}

fn default_limits() -> Limits {
    Limits::new(Storage::Verify)
}

fn widest() -> Limits {
    let mut limits = default_limits();
    for id in LimitId::ALL {
        limits.set(id, u64::MAX);
    }
    limits.with(LimitId::Window, MIB)
}

#[test]
fn every_corpus_file_costs_what_its_bytes_allow_however_it_is_cut() {
    let mut dice = Dice::new(4);
    for case in cases() {
        let limits = case.limits(Storage::Verify).with(LimitId::Window, 4096);
        let mut all = vec![Cuts::Whole, Cuts::Every(64), Cuts::Every(1000), Cuts::Random(Dice::new(dice.roll()))];
        if case.contents.len() <= 20_000 {
            all.push(Cuts::Every(1));
        }
        for cuts in all {
            for by_window in [true, false] {
                check(&case.name, &case.contents, limits, by_window, cuts.clone());
            }
        }
    }
}

#[test]
fn a_file_of_160_bytes_that_declares_gigabytes_holds_at_most_128_kib() {
    let lies: [fn(&mut Writer); 4] = [
        |writer| writer.key(b"k", 8).bytes.extend((1u64 << 19).to_le_bytes()),
        |writer| writer.entry_array(b"k", 12, 4 << 20).bytes.push(0),
        |writer| writer.entry_array(b"k", 8, 4 << 20).bytes.push(0),
        |writer| writer.entry_u8(b"k", 1).tensor(b"t", 1 << 40, 32).bytes.push(0),
    ];
    for lie in lies {
        for by_window in [true, false] {
            let mut writer = Writer::new(65_536, 4_096);
            lie(&mut writer);
            writer.bytes.resize(160, 0);
            let mut session = Session::new(Builtin::new(Storage::Verify), None, default_limits()).expect("no length");
            let result = if by_window {
                session.window().expect("memory")[..160].copy_from_slice(&writer.bytes);
                session.commit(160)
            } else {
                session.push(&writer.bytes).map(drop)
            };
            assert!(session.held() <= 128 * KIB, "{} held", session.held());
            drop(result);
        }
    }
}

/// The real files, where they were fetched.
fn real_files() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/models");
    let mut found: Vec<PathBuf> = [models.join("vocab"), models]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.map(|entry| entry.expect("a readable folder").path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .collect();
    found.sort();
    found
}

#[test]
fn the_headers_of_real_files_cost_at_most_twice_their_bytes() {
    use std::io::Read;
    let files = real_files();
    if files.is_empty() {
        println!("not run: target/models is empty; `cargo xtask model` fetches the real files");
    }
    for path in files {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        // The longest header is of 16 MB; what is behind it is not read.
        let mut contents = Vec::new();
        std::fs::File::open(&path).expect("readable").take(17 * MIB).read_to_end(&mut contents).expect("readable");
        let mut all = vec![Cuts::Whole, Cuts::Every(64 << 10), Cuts::Random(Dice::new(6))];
        if contents.len() < 3_000_000 || name.starts_with("gemma-3") {
            all.push(Cuts::Every(64));
        }
        if contents.len() < 700_000 {
            all.push(Cuts::Every(1));
        }
        for cuts in all {
            let by_window = matches!(cuts, Cuts::Every(65_536));
            assert_ne!(check(&name, &contents, default_limits(), by_window, cuts), State::Failed, "{name}");
        }
    }
}

/// Checks a header that is the whole file and must be admitted: in one piece, and through windows if it is not huge.
fn check_extreme(name: &str, file: &[u8], limits: Limits) {
    for by_window in [false, true] {
        if by_window && file.len() > 32 << 20 {
            continue;
        }
        assert_eq!(check(name, file, limits, by_window, Cuts::Whole), State::HeaderReady, "{name}");
    }
}

#[test]
fn as_many_tensors_as_the_limit_allows_cost_no_more_a_byte() {
    for count in [65_536u64, 1 << 20] {
        let mut writer = Writer::new(count, 0);
        for index in 0..count {
            writer.tensor(format!("{index:x}").as_bytes(), 0, 32);
        }
        check_extreme("tensors", &writer.bytes, widest());
    }
}

/// Names whose every byte is a branch: a tree over their bits is as deep as they are long.
#[test]
fn a_million_names_crafted_against_the_index_cost_no_more_a_byte() {
    let count = 1u64 << 20;
    let mut writer = Writer::new(count, 0);
    for index in 0..58 {
        let mut name = vec![b'a'; index];
        name.push(b'b');
        writer.tensor(&name, 0, 32);
    }
    for index in 58..count {
        let mut name = vec![b'a'; 63];
        for (digit, place) in name[58..].iter_mut().enumerate() {
            *place = b'@' + (index >> (4 * digit) & 15) as u8;
        }
        writer.tensor(&name, 0, 32);
    }
    check_extreme("crafted names", &writer.bytes, widest());
}

#[test]
fn thousands_of_long_keys_that_share_their_start_cost_no_more_a_byte() {
    let limits = widest();
    let mut writer = Writer::new(0, 4096);
    for index in 0..4096 {
        let mut key = vec![b'k'; 16 << 10];
        key.truncate((16 << 10) - 4);
        key.extend(format!("{index:04x}").bytes());
        writer.entry_u8(&key, 0);
    }
    check_extreme("long keys", &writer.bytes, limits);
    // Each is the start of the next, so that each adds a level.
    let mut writer = Writer::new(0, 4096);
    for index in 1..=4096 {
        writer.entry_u8(&vec![b'k'; 4 * index], 0);
    }
    check_extreme("prefixes", &writer.bytes, limits);
    // The other way round.
    let mut writer = Writer::new(0, 4096);
    for index in (1..=4096).rev() {
        writer.entry_u8(&vec![b'k'; 4 * index], 0);
    }
    check_extreme("prefixes, the longest first", &writer.bytes, limits);
}

/// A comb of long keys, and short ones that have to pass all its teeth: as deep as a path can be for few bytes.
#[test]
fn short_keys_behind_a_comb_of_long_ones_cost_no_more_a_byte() {
    let teeth = 1000;
    let short: Vec<Vec<u8>> = (0..400)
        .flat_map(|at| {
            (0..7u8).map(move |bit| {
                let mut key = vec![b'p'; at];
                key.push(b'p' ^ (1 << bit));
                key
            })
        })
        .collect();
    let mut writer = Writer::new(0, teeth + short.len() as u64);
    for tooth in 0..teeth as usize {
        let mut key = vec![b'p'; 400];
        key.extend(std::iter::repeat_n(b'@', tooth));
        key.push(b'A');
        writer.entry_u8(&key, 0);
    }
    for key in &short {
        writer.entry_u8(key, 0);
    }
    check_extreme("a comb", &writer.bytes, widest());
}

#[test]
fn the_longest_string_and_the_longest_array_cost_no_more_a_byte() {
    let mut writer = Writer::new(0, 1);
    writer.entry_string(b"k", &vec![0xff; 64 << 20]);
    check_extreme("a string", &writer.bytes, widest());
    drop(writer);
    let mut writer = Writer::new(0, 1);
    writer.entry_array(b"k", 7, 64 << 20).bytes.resize(24 + 21 + 4 + (64 << 20), 1);
    check_extreme("an array", &writer.bytes, widest());
}

#[test]
fn a_vocabulary_of_262144_strings_in_pieces_of_64_bytes_costs_no_more_a_byte() {
    let mut writer = Writer::new(0, 1);
    writer.entry_array(b"tokenizer.ggml.tokens", 8, 262_144);
    for index in 0..262_144 {
        writer.string(format!("{index:x}").as_bytes());
    }
    for cuts in [Cuts::Every(64), Cuts::Every(1000)] {
        for by_window in [true, false] {
            let state = check("vocabulary", &writer.bytes, default_limits(), by_window, cuts.clone());
            assert_eq!(state, State::HeaderReady);
        }
    }
}
