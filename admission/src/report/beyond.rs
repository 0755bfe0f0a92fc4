//! What the report says beyond the file by itself: what a profile found, and which set the file is a shard of.

use core::fmt;

use super::json::Json;
use crate::check::profile::Findings;
use crate::check::set::Set;
use crate::error::Path;
use crate::format::Header;
use crate::text::Text;

/// The fields `findings` and `findingsCount`.
pub(super) fn write_findings(findings: &Findings, json: &mut Json<'_>) -> fmt::Result {
    json.key("findings")?;
    json.open('[')?;
    for finding in findings.kept() {
        json.open('{')?;
        json.key("rule")?;
        json.str(finding.rule().name())?;
        json.key("level")?;
        json.str(finding.severity().name())?;
        json.key("path")?;
        let mut path = Text::<48>::new();
        path.put(format_args!("{}", finding.path()));
        json.optional_str((finding.path() != Path::None).then_some(&path))?;
        json.key("offset")?;
        match finding.offset() {
            Some(offset) => json.u64(offset)?,
            None => json.null()?,
        }
        json.key("message")?;
        json.str(finding.message())?;
        json.close('}')?;
    }
    json.close(']')?;
    json.key("findingsCount")?;
    json.u64(findings.count())
}

/// The field `set` of a shard.
pub(super) fn write_set(header: &Header, lead: i32, set: &Set<'_>, json: &mut Json<'_>) -> fmt::Result {
    json.key("set")?;
    json.open('{')?;
    json.key("no")?;
    json.u64(set.number_of(header).unwrap_or(0) as u64)?;
    json.key("count")?;
    json.u64(set.count() as u64)?;
    json.key("tensors")?;
    json.u64(set.tensors())?;
    json.key("lead")?;
    json.display(&lead)?;
    json.key("joined")?;
    json.open('[')?;
    for no in set.joined() {
        json.u64(no as u64)?;
    }
    json.close(']')?;
    json.close('}')
}
