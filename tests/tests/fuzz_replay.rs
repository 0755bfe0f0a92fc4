//! The fuzz targets on stable: over the named corpus, what the fuzzer once found, and seeded random inputs.

use gguf_fuzz_targets::{CONTROL, TARGETS};
use gguf_tests::dice::Dice;
use gguf_tests::writer::Writer;

/// Random inputs, shared out among the targets.
const RANDOM: usize = 20_000;

/// What to do with a file, in the first bytes behind it: declared and whole, unknown and whole, declared and cut.
const CONTROLS: [&[u8]; 3] = [&[], &[0, 3], &[0, 0, 0, 0, 3, 9, 40, 1, 250, 30]];

#[test]
fn every_target_keeps_its_promises_over_the_corpus() {
    let cases = gguf_tests::corpus::load(env!("CARGO_TARGET_TMPDIR"));
    assert!(cases.len() > 400);
    for case in &cases {
        for (index, control) in CONTROLS.into_iter().enumerate() {
            // A debug build takes its time over the longest: once is enough.
            if index > 0 && case.contents.len() > 4096 {
                continue;
            }
            let mut input = case.contents.clone();
            input.extend(control);
            input.resize(case.contents.len() + CONTROL, 0);
            for (name, target) in TARGETS {
                run(name, target, &case.name, &input);
            }
        }
    }
}

#[test]
fn every_target_keeps_its_promises_over_random_inputs() {
    for seed in 0..RANDOM {
        // A session of many calls takes as long as ten files, and a file of some megabytes longer.
        let (name, target) = match seed % 64 {
            63 => TARGETS[4],
            _ => TARGETS[[0, 2, 3, 2, 5, 6, 2, 1][seed % 8]],
        };
        run(name, target, &format!("seed {seed}"), &random(seed as u64));
    }
}

/// The naive judge takes the data alone for a model's memory. What a model takes beside it decides here.
#[test]
fn a_model_whose_data_just_fits_is_no_disagreement() {
    for size in [(1u64 << 53) - 65, (1 << 53) - (1 << 30)] {
        let mut writer = Writer::new(1, 0);
        writer.tensor(b"a", 24, size);
        let mut input = writer.bytes;
        let file = input.len();
        // Of unknown length, to be kept.
        input.extend([0, 3, 255]);
        input.resize(file + CONTROL, 0);
        run("twin", gguf_fuzz_targets::twin, "at the bound", &input);
    }
}

/// A recipe for a file and the decisions about it; zeros among them, since they are what makes good files.
fn random(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let zeros = dice.below(10);
    let mut input: Vec<u8> = (0..dice.below(400) + CONTROL)
        .map(|_| if dice.below(10) < zeros { 0 } else { dice.below(256) as u8 })
        .collect();
    let control = input.len() - CONTROL;
    input[control] |= 1;
    input
}

fn run(name: &str, target: fn(&[u8]), what: &str, input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| target(input)) {
        eprintln!("{name}: {what}: {input:?}");
        std::panic::resume_unwind(panic);
    }
}
