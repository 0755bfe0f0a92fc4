//! A text model's header, judged by a profile: what is found is what a naive reader of the page of rules finds. It is
//! the same in every cut, refuses what it says, and touches no file but those.

use gguf_admission::{Builtin, Code, Level, Limits, Profile, Session, Severity, State, Storage};

use crate::drive::{self, Cuts};
use crate::naive::Fault;
use crate::naive_profile;
use crate::source::Source;

/// The most findings of a rule that are kept.
const KEPT: usize = 6;

/// Keys that rules look at, `$` for the architecture.
const KEYS: [&str; 26] = [
    "general.architecture",
    "$.block_count",
    "$.attention.head_count",
    "$.attention.head_count_kv",
    "$.attention.key_length",
    "$.embedding_length",
    "$.feed_forward_length",
    "$.expert_count",
    "$.expert_used_count",
    "$.ssm.state_size",
    "$.wkv.head_size",
    "$.shortconv.l_cache",
    "tokenizer.ggml.model",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.unknown_token_id",
    "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.cls_token_id",
    "general.type",
    "split.no",
    "general.name",
];

const TEXTS: [&str; 14] =
    ["llama", "gpt2", "bert", "t5", "clip", "model", "adapter", "", "a", "<0x0A>", "<0xZZ>", "<0x1>", "b c", "qwen2"];

const NAMES: [&str; 9] = [
    "token_embd.weight",
    "output.weight",
    "blk.0.attn_q.weight",
    "blk.3.attn_q.weight",
    "blk.511.x",
    "blk.99999999999999999999.x",
    "blk.0000000000000000000000000007.x",
    "blk..x",
    "blk.0",
];

/// What a session says of a file: its findings, as far as they were kept, how many there are, and the verdict.
#[derive(PartialEq, Debug)]
struct Judgement {
    /// Whether the header was whole and good, so that the profile was asked.
    is_judged: bool,
    findings: Vec<(&'static str, bool, String, Option<u64>, String)>,
    count: u64,
    verdict: Result<(), Fault>,
    message: String,
}

/// Judges the file that `input` holds, or describes, without a profile and at both of its levels.
pub fn profile(input: &[u8]) {
    let (body, mut source) = Source::split(input);
    let file = match source.below(3) {
        0 => body.to_vec(),
        1 => crate::build::build(&mut Source::new(body)),
        _ => text_model(&mut Source::new(body)),
    };
    let declared = drive::declared(&mut source, file.len());
    let cuts = Cuts::drawn(&mut source);
    let judge = |level, cuts: &Cuts<'_>| judged(&file, declared, level, cuts.clone());
    let plain = judge(None, &Cuts::Whole);
    let told = judge(Some(Level::Report), &cuts);
    let refused = judge(Some(Level::Refuse), &Cuts::Whole);
    assert_eq!(told, judge(Some(Level::Report), &Cuts::Whole), "whole and cut");
    assert_eq!(refused, judge(Some(Level::Refuse), &cuts), "whole and cut");
    assert_eq!(plain.verdict, told.verdict, "a profile that only reports changes no verdict");
    assert!(plain.findings.is_empty() && plain.count == 0);

    let naive = if told.is_judged { naive_profile::llama(&file) } else { Vec::new() };
    assert_eq!(told.count, naive.len() as u64);
    let listed = naive
        .iter()
        .enumerate()
        .filter(|(at, (rule, ..))| naive[..*at].iter().filter(|(other, ..)| other == rule).count() < KEPT);
    let kept = told.findings.iter().map(|(rule, is_error, path, offset, _)| (*rule, *is_error, path.clone(), *offset));
    assert_eq!(kept.collect::<Vec<_>>(), listed.map(|(_, finding)| finding.clone()).collect::<Vec<_>>());

    assert!(told.findings.is_sorted_by_key(|(rule, _, _, offset, _)| (*rule, offset.unwrap_or(0))));
    for (rule, _, path, offset, message) in &told.findings {
        assert!(told.findings.iter().filter(|(other, ..)| other == rule).count() <= KEPT);
        assert!(!message.is_empty() && offset.is_none_or(|offset| offset < file.len() as u64));
        assert_eq!(path.is_empty(), offset.is_none(), "{path} at {offset:?}");
    }
    // A file that breaks a rule of the format in its header is refused by that; one that breaks it later, by the
    // profile, whose judgement is made at the header's end.
    match told.findings.iter().find(|(_, is_error, ..)| *is_error) {
        None => assert_eq!(refused.verdict, plain.verdict),
        Some((rule, _, path, offset, message)) => {
            let fault = Fault { code: Code::Profile.name(), offset: *offset, path: path.clone() };
            assert_eq!(refused.verdict, Err(fault));
            assert!(refused.message.starts_with(&format!("{rule}: ")), "{} for {message}", refused.message);
        }
    }
}

fn judged(file: &[u8], declared: Option<u64>, level: Option<Level>, mut cuts: Cuts<'_>) -> Judgement {
    let limits = Limits::new(Storage::Verify);
    let mut session = Session::new(Builtin::new(Storage::Verify), declared, limits).expect("the length is in range");
    session.set_digests(0).expect("nothing was pushed");
    session.set_profile(level.map(|level| (Profile::Llama, level))).expect("nothing was pushed");
    let mut judgement =
        Judgement { is_judged: false, findings: Vec::new(), count: 0, verdict: Ok(()), message: String::new() };
    let mut at = 0;
    let mut steps = 1;
    let mut end = Ok(());
    while at < file.len() && end.is_ok() {
        let piece = cuts.next(file.len() - at);
        steps += 1;
        match session.push(&file[at..at + piece]) {
            Ok(taken) => at += taken,
            Err(error) => end = Err(error),
        }
        note(&session, &mut judgement);
        assert!(session.work() <= 5 * at as u64 + 64 * steps || end.is_err(), "{} for {at}", session.work());
    }
    if end.is_ok() {
        end = session.finish().map(drop);
        note(&session, &mut judgement);
    }
    if let Err(error) = end {
        assert_eq!((session.state(), session.held()), (State::Failed, 0), "{error}");
        judgement.verdict = Err(drive::fault(&error));
        judgement.message = error.message().to_owned();
    }
    judgement
}

/// Findings are known from the header's end on, and never change.
fn note(session: &Session<Builtin>, judgement: &mut Judgement) {
    let Some(findings) = session.findings() else { return };
    let kept = findings.kept().iter().map(|finding| {
        let is_error = finding.severity() == Severity::Error;
        let path = finding.path().to_string();
        (finding.rule().name(), is_error, path, finding.offset(), finding.message().to_owned())
    });
    let kept: Vec<_> = kept.collect();
    if judgement.is_judged {
        assert_eq!((&judgement.findings, judgement.count), (&kept, findings.count()));
    }
    judgement.is_judged = true;
    (judgement.findings, judgement.count) = (kept, findings.count());
}

/// A header with some of the keys that rules look at, in the types that they want or in others.
fn text_model(source: &mut Source<'_>) -> Vec<u8> {
    let architecture = if source.chance(32) { source.pick(&TEXTS) } else { "llama" };
    let mut entries = Vec::new();
    let mut count = 0u64;
    for key in KEYS {
        // Layers without attention are rare, and allow what others may not.
        let is_rare = ["$.ssm", "$.wkv", "$.shortconv"].iter().any(|start| key.starts_with(start));
        if source.chance(if is_rare { 230 } else { 80 }) {
            continue;
        }
        count += 1;
        text(&mut entries, &key.replace('$', architecture));
        match source.chance(24) {
            true => any(source, &mut entries),
            false if key == "general.architecture" => typed_text(&mut entries, architecture),
            false => usual(key, source, &mut entries),
        }
    }
    let tensors = source.below(3);
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors as u64).to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(entries);
    let first = source.below(NAMES.len());
    for index in 0..tensors {
        text(&mut file, NAMES[(first + index) % NAMES.len()]);
        let dims = if source.chance(40) { 1 } else { 2 };
        file.extend((dims as u32).to_le_bytes());
        let rows = 1 + source.below(4) as u64;
        [8, rows].iter().take(dims).for_each(|dim| file.extend(dim.to_le_bytes()));
        file.extend(24u32.to_le_bytes());
        file.extend((index as u64 * 32).to_le_bytes());
    }
    file.resize(file.len().next_multiple_of(32) + tensors * 32, 0);
    file
}

/// A value of the type that the key wants.
fn usual(key: &str, source: &mut Source<'_>, out: &mut Vec<u8>) {
    // Around the tokens that readers assume.
    let edges = [2, 3, 11, 12, 100, 101, 102, 103, 104];
    let items = if source.chance(32) { source.pick(&edges) } else { source.below(9) as u64 };
    let array = |out: &mut Vec<u8>, of: u32| {
        out.extend(9u32.to_le_bytes());
        out.extend(of.to_le_bytes());
        out.extend(items.to_le_bytes());
    };
    match key.rsplit('.').next().unwrap_or_default() {
        "tokens" | "merges" => {
            array(out, 8);
            let many = (items > 9).then(|| source.pick(&TEXTS));
            for _ in 0..items {
                if let Some(token) = many {
                    text(out, token);
                    continue;
                }
                let long = if source.chance(2) { 4095 + source.below(3) } else { 0 };
                text(out, &(source.pick(&TEXTS).to_owned() + &"x".repeat(long)));
            }
        }
        "head_count" | "head_count_kv" | "feed_forward_length" if source.chance(64) => {
            array(out, 4);
            (0..items).for_each(|_| out.extend((source.below(4) as u32).to_le_bytes()));
        }
        "scores" | "token_type" => {
            array(out, if key.ends_with("scores") { 6 } else { 5 });
            (0..items).for_each(|_| out.extend((source.below(8) as u32).to_le_bytes()));
        }
        "model" => typed_text(out, source.pick(&["llama", "gpt2", "bert", "t5", "other", ""])),
        "type" | "name" => typed_text(out, source.pick(&TEXTS)),
        _ => {
            out.extend(4u32.to_le_bytes());
            let number = if source.chance(24) { source.long() as u32 } else { source.below(10) as u32 };
            out.extend(number.to_le_bytes());
        }
    }
}

/// A value of any type.
fn any(source: &mut Source<'_>, out: &mut Vec<u8>) {
    let widths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
    let ty = source.below(widths.len());
    match ty {
        8 => typed_text(out, source.pick(&TEXTS)),
        9 => {
            let of = source.pick(&[4u32, 5, 6, 8]);
            let items = source.below(5) as u64;
            out.extend(9u32.to_le_bytes());
            out.extend(of.to_le_bytes());
            out.extend(items.to_le_bytes());
            for _ in 0..items {
                match of {
                    8 => text(out, source.pick(&TEXTS)),
                    _ => out.extend((source.below(5) as u32).to_le_bytes()),
                }
            }
        }
        _ => {
            out.extend((ty as u32).to_le_bytes());
            let long = if ty == 7 { u64::from(source.byte() & 1) } else { source.lie(1) };
            out.extend(&long.to_le_bytes()[..widths[ty]]);
        }
    }
}

fn typed_text(out: &mut Vec<u8>, value: &str) {
    out.extend(8u32.to_le_bytes());
    text(out, value);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
