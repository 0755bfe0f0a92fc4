//! What the report says beyond the file by itself: what a profile found, and which set the file is a shard of.

use core::fmt;

use super::json::{Json, array, object};
use crate::check::profile::Findings;
use crate::check::set::Set;
use crate::format::Header;

/// The fields `findings` and `findingsCount`.
pub(super) fn write_findings(findings: &Findings, json: &mut Json<'_>) -> fmt::Result {
    json.field(
        "findings",
        &array(|json| {
            findings.kept().iter().try_for_each(|finding| {
                json.value(&object(|json| {
                    json.field("rule", finding.rule().name())?;
                    json.field("level", finding.severity().name())?;
                    json.field("path", &finding.path())?;
                    json.field("offset", &finding.offset())?;
                    json.field("message", finding.message())
                }))
            })
        }),
    )?;
    json.field("findingsCount", &findings.count())
}

/// The field `set` of a shard.
pub(super) fn write_set(header: &Header, lead: i32, set: &Set<'_>, json: &mut Json<'_>) -> fmt::Result {
    json.field(
        "set",
        &object(|json| {
            json.field("no", &(set.number_of(header).unwrap_or(0) as u64))?;
            json.field("count", &(set.count() as u64))?;
            json.field("tensors", &set.tensors())?;
            json.field("lead", &lead)?;
            json.field("joined", &array(|json| set.joined().try_for_each(|no| json.value(&(no as u64)))))
        }),
    )
}
