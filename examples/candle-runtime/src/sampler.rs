//! Chooses the next token from the network's numbers.

use gguf_admission::{Code, Error};

use crate::memory::reserved;

/// Bytes of a token while it is chosen among.
pub(crate) const BYTES: u64 = size_of::<(f32, u32)>() as u64;

/// Room for the numbers of all tokens, in the order in which they are chosen among.
pub(crate) struct Room(Vec<(f32, u32)>);

/// How the next token is chosen. At temperature 0, the default, it is the one with the greatest number.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    temperature: f32,
    /// How many of the greatest are looked at; 0: all.
    top_k: usize,
    /// Of those the fewest that together have this probability.
    top_p: f32,
    state: u64,
}

impl Sampler {
    /// A sampler that starts at `seed`: the same seed chooses the same tokens. [`Code::Argument`] for a temperature
    /// that is not from 0 to 100, a negative `top_k`, or a `top_p` that is not above 0 and at most 1.
    pub fn new(temperature: f32, top_k: i32, top_p: f32, seed: i64) -> Result<Sampler, Error> {
        let refused = |why| Err(Error::new(Code::Argument, why));
        if !(0.0..=100.0).contains(&temperature) {
            return refused(format_args!("a temperature is 0 to 100, not {temperature}"));
        }
        let Ok(top_k) = usize::try_from(top_k) else {
            return refused(format_args!("top_k is 0 (all) or more, not {top_k}"));
        };
        if !(top_p > 0.0 && top_p <= 1.0) {
            return refused(format_args!("top_p is above 0 and at most 1, not {top_p}"));
        }
        Ok(Sampler { temperature, top_k, top_p, state: seed.cast_unsigned() })
    }

    /// What a choice among `count` tokens takes. It is asked for before the tokens are computed, so that where there is
    /// no memory for it nothing has been evaluated.
    pub(crate) fn room(&self, count: usize) -> Result<Room, Error> {
        Ok(Room(if self.temperature == 0.0 { Vec::new() } else { reserved(count)? }))
    }

    /// The token chosen by `logits`, which has at least one item and no more than there is room for.
    pub(crate) fn choose(&mut self, logits: &[f32], room: Room) -> u32 {
        if self.temperature == 0.0 {
            return greatest(logits);
        }
        let Room(mut order) = room;
        // What is no number has no chance.
        let number = |logit: &f32| if logit.is_nan() { f32::NEG_INFINITY } else { *logit };
        order.extend(logits.iter().map(number).zip(0..));
        let descending = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if self.top_k > 0 && self.top_k < order.len() {
            order.select_nth_unstable_by(self.top_k - 1, descending);
            order.truncate(self.top_k);
        }
        order.sort_unstable_by(descending);
        let most = order.first().map_or(0.0, |(logit, _)| *logit);
        let temperature = self.temperature;
        let weigh = |logit: f32| if logit == most { 1.0 } else { ((logit - most) / temperature).exp() };
        let sum: f32 = order.iter().map(|(logit, _)| weigh(*logit)).sum();
        let mut kept = 0.0;
        let nucleus = order.iter().position(|(logit, _)| {
            kept += weigh(*logit);
            kept >= self.top_p * sum
        });
        order.truncate(nucleus.map_or(order.len(), |last| last + 1));
        let mut left = self.random() * kept;
        let chosen = order.iter().find(|(logit, _)| {
            left -= weigh(*logit);
            left < 0.0
        });
        chosen.or(order.last()).map_or(0, |(_, id)| *id)
    }

    /// A number from 0 to below 1 (SplitMix64).
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// The index of the greatest number, the first of equals.
fn greatest(logits: &[f32]) -> u32 {
    let greater = |best: (u32, f32), (id, logit): (u32, f32)| if logit > best.1 { (id, logit) } else { best };
    (0..).zip(logits.iter().copied()).fold((0, f32::NEG_INFINITY), greater).0
}
