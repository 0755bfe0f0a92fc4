//! The profile `llama`: whom it judges, and its rules in order.

use super::findings::{Findings, Rule};
use super::keys::{Field, Hyper};
use super::vocabulary::Vocabulary;
use super::{shape, vocabulary};
use crate::error::Path;
use crate::format::Header;
use crate::store::Bytes;

/// Judges a header and tells how many of its bytes were looked at, at most three times each.
pub(super) fn judge(header: &Header, findings: &mut Findings) -> u64 {
    let keys = header.layout().header_end;
    if !is_text_model(header) {
        return keys;
    }
    let has_tensors = header.tensor_count() > 0;
    match architecture(header, findings) {
        Some(architecture) if has_tensors => {
            let hyper = Hyper::read(header, architecture);
            let blocks = shape::blocks(header, &hyper, findings);
            shape::heads(&hyper, blocks, findings);
        }
        _ => {}
    }
    let vocabulary = Vocabulary::read(header);
    vocabulary::judge(header, &vocabulary, findings);
    if has_tensors {
        shape::embedding(header, &vocabulary, findings);
    }
    keys.saturating_mul(3)
}

/// The rules are for whole text models: not for the second and later shards of a set, adapters, or vision parts.
fn is_text_model(header: &Header) -> bool {
    let shard = Field::named(header, "split.no").and_then(|field| field.natural()).unwrap_or(0);
    let word = |key| Field::named(header, key).and_then(|field| field.string());
    let other_type = word("general.type").is_some_and(|word| word != *"model");
    shard == 0 && !other_type && word("general.architecture").is_none_or(|word| word != *"clip")
}

/// L1: there is an architecture.
fn architecture<'a>(header: &'a Header, findings: &mut Findings) -> Option<Bytes<'a>> {
    let Some(field) = Field::named(header, "general.architecture") else {
        findings.error(Rule::L1, Path::None, None, format_args!("general.architecture is missing"));
        return None;
    };
    match field.string() {
        Some(name) if !name.is_empty() => Some(name),
        Some(_) => {
            findings.error(Rule::L1, field.path(), field.offset(), format_args!("general.architecture is empty"));
            None
        }
        None => {
            findings.error(Rule::L1, field.path(), field.offset(), format_args!("general.architecture is no string"));
            None
        }
    }
}
