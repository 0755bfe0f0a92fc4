//! Hyper-parameters beside tensors: blocks (L2), heads (L7), rows of the embedding (L8).

use super::findings::{Findings, Rule};
use super::keys::{Field, Hyper};
use super::vocabulary::Vocabulary;
use crate::error::Path;
use crate::format::Header;
use crate::store::Bytes;

/// The most blocks that the reader has room for.
const MOST_BLOCKS: u64 = 512;

/// L2: how many blocks there are, and that no tensor is of another.
pub(super) fn blocks(header: &Header, hyper: &Hyper<'_>, findings: &mut Findings) -> Option<u64> {
    let Some(field) = &hyper.block_count else {
        findings.error(Rule::L2, Path::None, None, format_args!("the architecture's block_count is missing"));
        return None;
    };
    let blocks = field.natural().filter(|blocks| (1..=MOST_BLOCKS).contains(blocks));
    let Some(blocks) = blocks else {
        let message = format_args!("{:?} is {}, not 1 to {MOST_BLOCKS}", field.key(), Short(field));
        findings.error(Rule::L2, field.path(), field.offset(), message);
        return None;
    };
    for (index, tensor) in header.tensors().enumerate() {
        if block_of(tensor.name()).is_some_and(|block| block >= blocks) {
            let path = Path::Name(u32::try_from(index).unwrap_or(u32::MAX));
            let message = format_args!("{:?} is of a block that is not below block_count, {blocks}", tensor.name());
            findings.error(Rule::L2, path, header.name_offset(index), message);
        }
    }
    Some(blocks)
}

/// `N` of a name `blk.N.REST`; a number too large for 64 bits is the largest.
fn block_of(name: Bytes<'_>) -> Option<u64> {
    let rest = name.after_text("blk.")?;
    let mut block = None;
    for index in 0..rest.len() {
        match rest.byte(index)? {
            b'.' => return block,
            digit if digit.is_ascii_digit() => {
                let digit = u64::from(digit.saturating_sub(b'0'));
                block = Some(block.unwrap_or(0u64).saturating_mul(10).saturating_add(digit));
            }
            _ => return None,
        }
    }
    None
}

/// L7: attention heads, feed-forward lengths and experts fit each other.
pub(super) fn heads(hyper: &Hyper<'_>, blocks: Option<u64>, findings: &mut Findings) {
    for field in [&hyper.head_count, &hyper.head_count_kv].into_iter().flatten() {
        count(field, blocks, !hyper.recurrent, findings);
    }
    if let Some(field) = &hyper.feed_forward_length {
        count(field, blocks, false, findings);
    }
    let single = |field: &Option<Field<'_>>| field.as_ref().and_then(Field::natural);
    let heads = single(&hyper.head_count).filter(|heads| *heads > 0);
    if let (Some(heads), Some(field)) = (heads, &hyper.head_count_kv)
        && let Some(of_keys) = field.natural().filter(|count| *count > 0)
        && !heads.is_multiple_of(of_keys)
    {
        let message = format_args!("{heads} heads are no multiple of {of_keys} heads for keys and values");
        findings.error(Rule::L7, field.path(), field.offset(), message);
    }
    if let (Some(heads), Some(field), None) = (heads, &hyper.embedding_length, &hyper.key_length)
        && let Some(length) = field.natural()
        && !length.is_multiple_of(heads)
    {
        let message =
            format_args!("an embedding of {length} is no multiple of {heads} heads, and key_length is missing");
        findings.error(Rule::L7, field.path(), field.offset(), message);
    }
    if let Some(field) = &hyper.expert_used_count {
        let (used, all) = (field.natural(), hyper.expert_count.as_ref().map_or(Some(0), Field::natural));
        if let (Some(used), Some(all)) = (used, all)
            && used > all
        {
            let message = format_args!("{used} experts are used of {all}");
            findings.error(Rule::L7, field.path(), field.offset(), message);
        }
    }
}

/// A count for all blocks, or an array with one for each: in an array, 0 is allowed.
fn count(field: &Field<'_>, blocks: Option<u64>, positive: bool, findings: &mut Findings) {
    if let Some(array) = field.array() {
        if let Some(blocks) = blocks
            && array.len() != blocks
        {
            let message = format_args!("{:?} has {} elements for {blocks} blocks", field.key(), array.len());
            findings.error(Rule::L7, field.path(), field.offset(), message);
        }
    } else if field.natural().is_none_or(|count| positive && count == 0) {
        let message = format_args!("{:?} is {}", field.key(), Short(field));
        findings.error(Rule::L7, field.path(), field.offset(), message);
    }
}

/// L8: the embedding has a row for each token.
pub(super) fn embedding(header: &Header, vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    let Some(tokens) = vocabulary.count() else { return };
    let Some(index) = header.tensor_index("token_embd.weight") else { return };
    let Some(tensor) = header.tensor(index) else { return };
    let rows = tensor.dims().get(1).copied().unwrap_or(1);
    let number = u32::try_from(index).unwrap_or(u32::MAX);
    let path = if tensor.dims().len() > 1 { Path::Dim(number, 1) } else { Path::Dims(number) };
    let offset = header.dim_offset(index, 1);
    if rows < tokens {
        let message = format_args!("the embedding has {rows} rows for {tokens} tokens");
        findings.error(Rule::L8, path, offset, message);
    } else if rows > tokens {
        let message = format_args!("the embedding has {rows} rows, more than the {tokens} tokens");
        findings.warning(Rule::L8, path, offset, message);
    }
}

/// A value as a message shows it: an integer as it is, anything else by its type.
struct Short<'a>(&'a Field<'a>);

impl core::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0.natural() {
            Some(number) => core::fmt::Display::fmt(&number, f),
            None => write!(f, "a {} that is no natural number", self.0.type_name()),
        }
    }
}
