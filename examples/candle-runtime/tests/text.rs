//! The network against an independent one: numpy over weights that gguf-py dequantised (`reference.py`).
//!
//! Greedy text alone is no fair test of the fast mode, which rounds activations to 8 bits: where two tokens are almost
//! as likely, the rounding decides. So it is fed the reference's tokens, and must agree where the reference is sure.

mod common;

use common::{ids, json, model};
use gguf_admission::Model;
use gguf_candle_runtime::{Config, Network, Precision, Runnable};
use serde_json::Value;

/// What the fast mode may be off, and the lead from which on it must choose the same.
const FAST_TOLERANCE: f32 = 1.2;
const SURE: f32 = 1.5;

/// One prompt of the reference: its tokens, those that follow, and for each of these the five most likely with logits.
struct Case {
    prompt: Vec<u32>,
    follow: Vec<u32>,
    most_likely: Vec<Vec<(u32, f32)>>,
}

fn cases() -> Vec<Case> {
    let pair = |pair: &Value| (pair[0].as_u64().expect("an id") as u32, pair[1].as_f64().expect("a logit") as f32);
    let step = |step: &Value| step.as_array().expect("pairs").iter().map(pair).collect();
    let case = |case: &Value| Case {
        prompt: ids(&case["prompt"]),
        follow: ids(&case["follow"]),
        most_likely: case["mostLikely"].as_array().expect("steps").iter().map(step).collect(),
    };
    json("reference.json").as_array().expect("cases").iter().map(case).collect()
}

fn network(model: &Model<Runnable>, precision: Precision, activation: Option<fn(f32) -> f32>) -> Network {
    let mut config = Config::of(model.header()).expect("a model of this runtime");
    config.activation = activation.unwrap_or(config.activation);
    let length = 1024;
    Network::new(config, model.sink().weights().expect("kept"), length, precision).expect("there is memory")
}

fn greatest(logits: &[f32]) -> u32 {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    logits.iter().position(|logit| *logit == most).expect("there is one") as u32
}

/// Feeds a case's tokens. For each step: how far the worst of the reference's logits is off, and whether the token is
/// its.
fn fed(network: &mut Network, case: &Case) -> Vec<(f32, bool)> {
    network.reset(1024);
    let mut next = case.prompt.clone();
    let mut steps = Vec::new();
    for (token, most_likely) in case.follow.iter().zip(&case.most_likely) {
        network.evaluate(&next).expect("there is room");
        let logits = network.logits().expect("evaluated");
        let off = most_likely.iter().map(|(id, logit)| (logits[*id as usize] - logit).abs()).fold(0.0, f32::max);
        steps.push((off, greatest(logits) == *token));
        next = vec![*token];
    }
    steps
}

fn is_sure(most_likely: &[(u32, f32)]) -> bool {
    most_likely[0].1 - most_likely[1].1 > SURE
}

fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

#[test]
fn in_exact_mode_every_token_and_logit_is_the_references() {
    let Some(model) = model() else { return };
    let mut network = network(&model, Precision::Exact, None);
    for case in cases() {
        let steps = fed(&mut network, &case);
        let worst = steps.iter().map(|(off, _)| *off).fold(0.0, f32::max);
        println!("{} tokens, {} steps: off by at most {worst}", case.prompt.len(), steps.len());
        assert!(worst < 1e-3, "a logit is off by {worst}");
        assert!(steps.iter().all(|(_, same)| *same), "{steps:?}");
    }
}

#[test]
fn in_fast_mode_it_agrees_where_the_reference_is_sure() {
    let Some(model) = model() else { return };
    let mut network = network(&model, Precision::Fast, None);
    // The long prompt is for the window of keys, which both modes have in common: it would take a minute more.
    for case in cases().iter().filter(|case| case.prompt.len() < 100) {
        let steps = fed(&mut network, case);
        let worst = steps.iter().map(|(off, _)| *off).fold(0.0, f32::max);
        println!("{} tokens, {} steps: off by at most {worst}", case.prompt.len(), steps.len());
        assert!(worst < FAST_TOLERANCE, "a logit is off by {worst}");
        for ((_, same), most_likely) in steps.iter().zip(&case.most_likely) {
            assert!(*same || !is_sure(most_likely), "{most_likely:?}");
        }
    }
}

/// The test of the test: a network with the wrong activation, which a real library has, fails both.
#[test]
fn a_network_with_another_activation_is_seen() {
    let Some(model) = model() else { return };
    let mut case = cases().swap_remove(0);
    // Enough of it: three of these steps are sure.
    case.follow.truncate(12);
    case.most_likely.truncate(12);
    for (precision, tolerance) in [(Precision::Exact, 1e-3), (Precision::Fast, FAST_TOLERANCE)] {
        let steps = fed(&mut network(&model, precision, Some(silu)), &case);
        assert!(steps.iter().any(|(off, _)| *off > tolerance), "{precision:?}: {steps:?}");
        let sure = steps.iter().zip(&case.most_likely).filter(|(_, most_likely)| is_sure(most_likely));
        assert!(sure.clone().count() > 0 && sure.into_iter().any(|((_, same), _)| !same), "{precision:?}: {steps:?}");
    }
}

#[test]
fn a_prompt_in_pieces_is_the_prompt_in_one() {
    let Some(model) = model() else { return };
    let mut network = network(&model, Precision::Exact, None);
    let prompt: Vec<u32> = (0..70).map(|index| 1000 + index * 7).collect();
    network.evaluate(&prompt).expect("there is room");
    let whole = network.logits().expect("evaluated").to_vec();
    network.reset(1024);
    // More than are taken at once.
    let (last, before) = prompt.split_last().expect("tokens");
    before.chunks(9).for_each(|piece| network.read(piece).expect("there is room"));
    assert!(network.logits().is_none());
    network.evaluate(&[*last]).expect("there is room");
    let pieces = network.logits().expect("evaluated");
    // In fast mode candle has another kernel for one token than for more, and the rounding to 8 bits makes much of it.
    let off = whole.iter().zip(pieces).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-3, "off by {off}");
}
