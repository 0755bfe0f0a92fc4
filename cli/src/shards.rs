//! Sets of shards: which files a set has, and whether they belong together.

use std::path::{Path, PathBuf};

use gguf_admission::{Code, Header, SHARDS, Session, Set, Verify};

use crate::verdict::{Fault, Outcome, Verdict};

/// A file that was checked, with its header where that is still needed.
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    pub(crate) session: Option<Session<Verify>>,
}

/// All files of the set that `shard` is of, by its name `PREFIX-00001-of-00003.gguf`; `None` for another name.
pub(crate) fn files_of(shard: &Path) -> Option<Vec<PathBuf>> {
    let name = shard.file_name()?.to_str()?;
    let (start, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (prefix, no) = start.rsplit_once('-')?;
    let number = |text: &str| {
        let is_number = text.len() == 5 && text.bytes().all(|digit| digit.is_ascii_digit());
        if is_number { text.parse::<usize>().ok() } else { None }
    };
    let (no, count) = (number(no)?, number(count)?);
    if no == 0 || no > count || count > SHARDS {
        return None;
    }
    Some((1..=count).map(|no| shard.with_file_name(format!("{prefix}-{no:05}-of-{count:05}.gguf"))).collect())
}

/// Joins the shards, in the order of their names. Each that does not fit is refused. Where all fit, but the first tells
/// of more or fewer shards than the names, it is refused.
///
/// The first is the lead. Where a file is missing from the set, or was refused by itself, the others are held against
/// each other all the same.
pub(crate) fn join(shards: &mut [Checked]) {
    let (headers, verdicts): (Vec<Option<&Header>>, Vec<&mut Verdict>) =
        shards.iter_mut().map(|shard| (shard.session.as_ref().and_then(Session::header), &mut shard.verdict)).unzip();
    let mut set: Option<Set<'_>> = None;
    for (no, (header, verdict)) in headers.into_iter().zip(verdicts).enumerate() {
        let Some(header) = header else { continue };
        let joined = match &mut set {
            Some(set) => set.join(header),
            // Without its lead there is no set to join.
            None if no > 0 => continue,
            None => Set::new(header).map(|new| set = Some(new)),
        };
        if let Err(error) = joined {
            refuse(verdict, Fault::of(&error));
        }
    }
    let Some(count) = set.map(|set| set.count()) else { return };
    let files = shards.len();
    if count == files
        || shards.iter().any(|shard| shard.session.is_none() || matches!(shard.verdict.outcome, Outcome::Rejected(_)))
    {
        return;
    }
    // All are good, and belong together: they would pass for a whole set.
    let Some(lead) = shards.first_mut() else { return };
    let key = lead.session.as_ref().and_then(Session::header).and_then(|header| header.entry_index("split.count"));
    let fault = Fault {
        code: Code::Set.name(),
        offset: None,
        path: key.map(|key| format!("metadata[{key}].value")),
        message: format!("the set has {count} shards, and its files' names say {files}"),
    };
    refuse(&mut lead.verdict, fault);
}

fn refuse(verdict: &mut Verdict, fault: Fault) {
    verdict.outcome = Outcome::Rejected(fault);
    verdict.digests = Default::default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_set_follow_from_one_of_their_names() {
        let found = files_of(Path::new("d/a-b-00002-of-00003.gguf")).expect("a shard");
        let names = ["d/a-b-00001-of-00003.gguf", "d/a-b-00002-of-00003.gguf", "d/a-b-00003-of-00003.gguf"];
        assert_eq!(found, names.map(PathBuf::from));
        for name in [
            "a.gguf",
            "a-1-of-3.gguf",
            "a-00004-of-00003.gguf",
            "a-00000-of-00003.gguf",
            "a-00001-of-00065.gguf",
            "-",
            "a-00001-of-00003.bin",
            "00001-of-00003.gguf",
        ] {
            assert_eq!(files_of(Path::new(name)), None, "{name}");
        }
    }
}
