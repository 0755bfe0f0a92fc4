//! The profile `llama`, natively: each rule of docs/profiles.md with a header that breaks it just so, and the nearest
//! header that keeps it.

use gguf_admission::{
    AdmitError, Code, Finding, Level, Limits, Options, Profile, Rule, Session, State, Storage, Verify, admit_reader,
};
use gguf_tests::writer::Writer;

/// An entry of a header: its key, value type and value's bytes.
#[derive(Clone)]
struct Field(&'static str, u32, Vec<u8>);

fn number(key: &'static str, value: u32) -> Field {
    Field(key, 4, value.to_le_bytes().to_vec())
}

fn text(key: &'static str, value: &str) -> Field {
    Field(key, 8, [&(value.len() as u64).to_le_bytes()[..], value.as_bytes()].concat())
}

fn array(key: &'static str, of: u32, count: usize, elements: Vec<u8>) -> Field {
    Field(key, 9, [&of.to_le_bytes()[..], &(count as u64).to_le_bytes(), &elements].concat())
}

fn strings(key: &'static str, items: &[&str]) -> Field {
    let bytes = items.iter().flat_map(|item| [&(item.len() as u64).to_le_bytes()[..], item.as_bytes()].concat());
    array(key, 8, items.len(), bytes.collect())
}

fn words(key: &'static str, of: u32, items: &[u32]) -> Field {
    array(key, of, items.len(), items.iter().flat_map(|item| item.to_le_bytes()).collect())
}

const TOKENS: [&str; 5] = ["<unk>", "<s>", "</s>", "<0x0A>", "a"];

/// A header that keeps every rule.
fn good() -> Vec<Field> {
    vec![
        text("general.architecture", "llama"),
        number("llama.block_count", 2),
        number("llama.embedding_length", 32),
        number("llama.attention.head_count", 8),
        number("llama.attention.head_count_kv", 4),
        text("tokenizer.ggml.model", "llama"),
        strings("tokenizer.ggml.tokens", &TOKENS),
        words("tokenizer.ggml.scores", 6, &[0; 5]),
        words("tokenizer.ggml.token_type", 5, &[2, 3, 3, 6, 1]),
        number("tokenizer.ggml.bos_token_id", 1),
    ]
}

fn with(mut fields: Vec<Field>, field: Field) -> Vec<Field> {
    match fields.iter_mut().find(|known| known.0 == field.0) {
        Some(known) => *known = field,
        None => fields.push(field),
    }
    fields
}

fn without(mut fields: Vec<Field>, key: &str) -> Vec<Field> {
    fields.retain(|field| field.0 != key);
    fields
}

/// A file of those entries, with tensors of I8.
fn file(fields: &[Field], tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let mut writer = Writer::new(tensors.len() as u64, fields.len() as u64);
    for Field(key, ty, value) in fields {
        writer.key(key.as_bytes(), *ty).bytes.extend(value);
    }
    let mut offset = 0u64;
    for (name, dims) in tensors {
        writer.string(name.as_bytes()).bytes.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| writer.bytes.extend(dim.to_le_bytes()));
        writer.bytes.extend(24u32.to_le_bytes());
        writer.bytes.extend(offset.to_le_bytes());
        offset += dims.iter().product::<u64>().next_multiple_of(32);
    }
    if !tensors.is_empty() {
        writer.pad(32);
        writer.bytes.resize(writer.bytes.len() + offset as usize, 1);
    }
    writer.bytes
}

const TENSORS: [(&str, &[u64]); 2] = [("token_embd.weight", &[32, 5]), ("blk.1.ffn_up.weight", &[32])];

/// Judged to the header's end: rule, level, path of each finding, or the code and path of a refusal.
fn judged(file: &[u8], level: Level, chunk: usize) -> Result<(Vec<String>, u64), (Code, String, String)> {
    let mut session = Session::new(Verify::default(), Some(file.len() as u64), Limits::new(Storage::Verify)).unwrap();
    session.set_profile(Some((Profile::Llama, level))).unwrap();
    let mut at = 0;
    while session.state() == State::Open {
        let end = (at + chunk).min(file.len());
        match session.push(&file[at..end]) {
            Ok(taken) => at += taken,
            Err(error) => return Err((error.code(), error.path().to_string(), error.message().into())),
        }
    }
    let findings = session.findings().expect("a profile was chosen");
    let line = |finding: &gguf_admission::Finding| {
        assert!(finding.offset().is_none_or(|at| at < file.len() as u64));
        format!("{} {} {}", finding.rule().name(), finding.severity().name(), finding.path())
    };
    Ok((findings.kept().iter().map(line).collect(), findings.count()))
}

/// What is found, in the order of the report; whatever the chunks; and what level refuse makes of it.
fn finds(fields: &[Field], tensors: &[(&str, &[u64])], expected: &[&str]) {
    let file = file(fields, tensors);
    for chunk in [1, 7, file.len()] {
        let (found, count) = judged(&file, Level::Report, chunk).expect("levels below refuse admit");
        assert_eq!(found, expected);
        assert_eq!(count, expected.len() as u64);
        let refused = judged(&file, Level::Refuse, chunk);
        match expected.iter().find(|finding| finding.contains(" error ")) {
            Some(first) => {
                let (code, path, message) = refused.expect_err("an error refuses");
                assert_eq!(code, Code::Profile);
                let (rule, rest) = first.split_once(' ').unwrap();
                assert_eq!(path, rest.strip_prefix("error ").unwrap());
                assert!(message.starts_with(&format!("{rule}: ")), "{message}");
            }
            None => assert_eq!(refused.expect("warnings refuse nothing").0, expected),
        }
    }
}

#[test]
fn a_good_header_has_no_finding() {
    finds(&good(), &TENSORS, &[]);
}

#[test]
fn l1_an_architecture() {
    finds(&without(good(), "general.architecture"), &TENSORS, &["L1 error "]);
    finds(&with(good(), text("general.architecture", "")), &TENSORS, &["L1 error metadata[0].value"]);
    finds(&with(good(), number("general.architecture", 1)), &TENSORS, &["L1 error metadata[0].value"]);
}

#[test]
fn l2_blocks() {
    finds(&without(good(), "llama.block_count"), &TENSORS, &["L2 error "]);
    for (count, is_good) in [(0, false), (1, true), (512, true), (513, false)] {
        let expected: &[&str] = if is_good { &[] } else { &["L2 error metadata[1].value"] };
        finds(&with(good(), number("llama.block_count", count)), &[("token_embd.weight", &[32, 5])], expected);
    }
    finds(&with(good(), text("llama.block_count", "2")), &TENSORS, &["L2 error metadata[1].value"]);
    let beyond: [(&str, &[u64]); 5] = [
        ("token_embd.weight", &[32, 5]),
        ("blk.2.x", &[1]),
        ("blk.99999999999999999999.x", &[1]),
        ("blk..x", &[1]),
        ("blk.1", &[1]),
    ];
    finds(&good(), &beyond, &["L2 error tensors[1].name", "L2 error tensors[2].name"]);
}

#[test]
fn l3_arrays() {
    let at = |index: usize| format!("L3 error metadata[{index}].value");
    finds(&with(good(), words("tokenizer.ggml.scores", 4, &[0; 5])), &TENSORS, &[&at(7)]);
    finds(&with(good(), words("tokenizer.ggml.scores", 6, &[0; 4])), &TENSORS, &[&at(7)]);
    finds(&with(good(), number("tokenizer.ggml.scores", 4)), &TENSORS, &[&at(7)]);
    finds(&with(good(), words("tokenizer.ggml.token_type", 5, &[1; 6])), &TENSORS, &[&at(8)]);
    let warned = ["L3 warning metadata[8].value"];
    finds(&with(good(), words("tokenizer.ggml.token_type", 4, &[2, 3, 3, 6, 1])), &TENSORS, &warned);
    finds(&with(good(), words("tokenizer.ggml.merges", 4, &[0])), &TENSORS, &[&at(10)]);
    finds(&with(good(), strings("tokenizer.ggml.merges", &["a b"])), &TENSORS, &[]);
}

#[test]
fn l4_special_tokens() {
    for (id, is_good) in [(4, true), (5, false), (u32::MAX, false)] {
        let expected: &[&str] = if is_good { &[] } else { &["L4 error metadata[9].value"] };
        finds(&with(good(), number("tokenizer.ggml.bos_token_id", id)), &TENSORS, expected);
        let other = with(good(), number("tokenizer.ggml.middle_token_id", id));
        finds(&other, &TENSORS, if is_good { &[] } else { &["L4 error metadata[10].value"] });
    }
    // gpt2 assumes 11 for both, of 5 tokens; a key that is there is what counts.
    let pairs = with(with(good(), text("tokenizer.ggml.model", "gpt2")), strings("tokenizer.ggml.merges", &[]));
    finds(&pairs, &TENSORS, &["L4 error metadata[6].value"]);
    finds(&with(pairs, number("tokenizer.ggml.eos_token_id", 2)), &TENSORS, &[]);
    let pieces = with(good(), text("tokenizer.ggml.model", "bert"));
    finds(&pieces, &TENSORS, &["L4 error metadata[6].value"; 3]);
    finds(&with(good(), text("tokenizer.ggml.model", "t5")), &TENSORS, &[]);
}

#[test]
fn l5_byte_tokens() {
    for (token, ty, is_good) in [
        ("<0x0A>", 6, true),
        ("<0xff>", 1, true),
        ("<0xg0>", 6, false),
        ("<0xg0>", 1, false),
        ("<0x0>", 6, false),
        ("<0x0>", 1, true),
        ("a", 6, false),
        ("(0x0A)", 6, false),
        ("<1x0A>", 1, true),
    ] {
        let tokens = ["<unk>", "<s>", "</s>", token, "a"];
        let fields = with(good(), strings("tokenizer.ggml.tokens", &tokens));
        let fields = with(fields, words("tokenizer.ggml.token_type", 5, &[2, 3, 3, ty, 1]));
        finds(&fields, &TENSORS, if is_good { &[] } else { &["L5 error metadata[6].value"] });
    }
}

#[test]
fn l6_merges() {
    let fields = with(good(), text("tokenizer.ggml.model", "gpt2"));
    let fields = with(with(fields, number("tokenizer.ggml.eos_token_id", 2)), number("tokenizer.ggml.bos_token_id", 1));
    finds(&fields, &TENSORS, &["L6 error metadata[5].value"]);
    finds(&with(fields, strings("tokenizer.ggml.merges", &["a b"])), &TENSORS, &[]);
}

#[test]
fn l7_heads() {
    let at = |index: usize| format!("L7 error metadata[{index}].value");
    finds(&with(good(), number("llama.attention.head_count", 0)), &TENSORS, &[&at(3)]);
    finds(&with(good(), number("llama.attention.head_count_kv", 0)), &TENSORS, &[&at(4)]);
    for part in ["llama.ssm.state_size", "llama.wkv.head_size", "llama.shortconv.l_cache"] {
        finds(&with(with(good(), number("llama.attention.head_count_kv", 0)), number(part, 1)), &TENSORS, &[]);
    }
    finds(&with(good(), number("llama.attention.head_count_kv", 3)), &TENSORS, &[&at(4)]);
    finds(&with(good(), number("llama.embedding_length", 33)), &TENSORS, &[&at(2)]);
    let fields = with(with(good(), number("llama.embedding_length", 33)), number("llama.attention.key_length", 4));
    finds(&fields, &TENSORS, &[]);
    finds(&with(good(), words("llama.attention.head_count_kv", 4, &[4, 0])), &TENSORS, &[]);
    finds(&with(good(), words("llama.attention.head_count_kv", 4, &[4])), &TENSORS, &[&at(4)]);
    finds(&with(good(), words("llama.feed_forward_length", 4, &[1, 2, 3])), &TENSORS, &[&at(10)]);
    finds(&with(good(), words("llama.feed_forward_length", 4, &[1, 2])), &TENSORS, &[]);
    finds(&with(good(), number("llama.expert_used_count", 1)), &TENSORS, &[&at(10)]);
    let experts = with(good(), number("llama.expert_used_count", 2));
    finds(&with(experts.clone(), number("llama.expert_count", 2)), &TENSORS, &[]);
    finds(&with(experts, number("llama.expert_count", 1)), &TENSORS, &[&at(10)]);
}

#[test]
fn l8_rows_of_the_embedding() {
    for (rows, found) in [(4u64, Some("error")), (5, None), (6, Some("warning"))] {
        let line = found.map(|level| format!("L8 {level} tensors[0].dims[1]"));
        let expected: Vec<&str> = line.iter().map(String::as_str).collect();
        finds(&good(), &[("token_embd.weight", &[32, rows])], &expected);
    }
    finds(&good(), &[("token_embd.weight", &[32])], &["L8 error tensors[0].dims"]);
}

#[test]
fn l9_long_tokens() {
    for (len, expected) in [(4096, &[][..]), (4097, &["L9 warning metadata[6].value"][..])] {
        let long = "x".repeat(len);
        finds(&with(good(), strings("tokenizer.ggml.tokens", &["u", "s", "e", "<0x0A>", &long])), &TENSORS, expected);
    }
}

#[test]
fn who_is_not_judged() {
    let broken = without(good(), "llama.block_count");
    finds(&with(broken.clone(), text("general.type", "adapter")), &TENSORS, &[]);
    finds(&with(broken.clone(), text("general.type", "model")), &TENSORS, &["L2 error "]);
    finds(&with(broken.clone(), text("general.architecture", "clip")), &TENSORS, &[]);
    finds(&with(broken.clone(), Field("split.no", 2, vec![1, 0])), &TENSORS, &[]);
    finds(&with(broken.clone(), Field("split.no", 2, vec![0, 0])), &TENSORS, &["L2 error "]);
    // A vocabulary: no tensors, and L2, L7 and L8 are not asked.
    finds(&with(broken, number("llama.attention.head_count", 0)), &[], &[]);
}

#[test]
fn six_findings_of_a_rule_are_listed_and_all_are_counted() {
    let tokens = ["<0xzz>"; 20];
    let fields = with(good(), strings("tokenizer.ggml.tokens", &tokens));
    let fields = without(without(fields, "tokenizer.ggml.token_type"), "tokenizer.ggml.scores");
    let file = file(&fields, &[("blk.9.x", &[1]), ("token_embd.weight", &[32, 20])]);
    let (found, count) = judged(&file, Level::Report, 100).unwrap();
    assert_eq!(count, 21);
    assert_eq!(found[0], "L2 error tensors[0].name");
    assert_eq!(found[1..], ["L5 error metadata[6].value"; 6]);
}

#[test]
fn options_take_a_profile_and_the_model_has_its_findings() {
    let good = file(&good(), &TENSORS);
    let bad = file(&with(self::good(), number("llama.block_count", 0)), &TENSORS);
    let admitted = |file: &[u8], profile| admit_reader(file, Options { profile, ..Options::verify() });
    let findings = |file: &[u8], level| {
        let model = admitted(file, Some((Profile::Llama, level))).expect("nothing is refused");
        let findings = model.findings().expect("a profile was chosen");
        findings.kept().iter().map(Finding::rule).collect::<Vec<_>>()
    };
    for level in [Level::Report, Level::Refuse] {
        assert!(findings(&good, level).is_empty());
    }
    assert_eq!(findings(&bad, Level::Report), [Rule::L2]);
    assert!(admitted(&bad, None).expect("off").findings().is_none());
    let Err(AdmitError::Refused(error)) = admitted(&bad, Some((Profile::Llama, Level::Refuse))) else {
        panic!("it has an error")
    };
    assert!(error.code() == Code::Profile && error.message().starts_with("L2: "), "{error}");
}
