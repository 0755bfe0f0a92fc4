//! Shards that come, join, fail and go: what a registry answers, beside a list that is kept here.

use gguf_admission::abi::Registry;
use gguf_admission::{Code, Error, State};

use crate::shards::{Shard, Unfit};
use crate::source::Source;

/// Shards at once, and calls of one input.
const LIVE: usize = 8;
const CALLS: usize = 80;

/// What is known of a shard in the registry.
struct Known {
    handle: i32,
    shard: Shard,
    is_admitted: bool,
    has_failed: bool,
    lead: Option<i32>,
}

#[derive(Default)]
struct Desk {
    registry: Registry,
    known: Vec<Known>,
    active: i32,
}

/// Makes the calls that `input` holds.
pub fn sets(input: &[u8]) {
    let mut source = Source::new(input);
    let mut desk = Desk::default();
    for _ in 0..CALLS {
        if source.is_empty() {
            break;
        }
        match source.below(8) {
            0..3 => desk.open(&mut source),
            3..6 => desk.join(&mut source),
            6 => desk.activate(&mut source),
            _ => desk.end(&mut source),
        }
        desk.compare();
    }
}

impl Desk {
    fn open(&mut self, source: &mut Source<'_>) {
        if self.known.len() == LIVE {
            return;
        }
        let shard = Shard::drawn(source);
        let is_admitted = !source.chance(96);
        let handle = self.registry.begin(shard.file.len() as i64, 2).expect("a slot is free");
        let end = if is_admitted { shard.file.len() } else { shard.header_end };
        let mut at = 0;
        while at < end {
            let window = self.registry.window(handle).expect("there is memory");
            let len = window.len().min(end - at);
            window[..len].copy_from_slice(&shard.file[at..at + len]);
            self.registry.push_chunk(handle, at as i64, len as i32).expect("a good file");
            at += len;
        }
        if is_admitted {
            assert_eq!(self.registry.finish(handle).expect("it is whole"), State::Admitted);
        } else {
            assert_eq!(self.registry.state(handle), Some(State::HeaderReady));
        }
        self.known.push(Known { handle, shard, is_admitted, has_failed: false, lead: None });
    }

    /// Often twice the same handle: leads join themselves first.
    fn join(&mut self, source: &mut Source<'_>) {
        let (first, second) = (self.pick(source), self.pick(source));
        let lead = if source.chance(128) { first } else { second };
        let wanted = self.may_join(first, lead);
        let answer = self.registry.join(first, lead).map(drop);
        check("join", &answer, &wanted);
        let Some(known) = self.known.iter_mut().find(|known| known.handle == first) else { return };
        match wanted {
            Ok(()) => known.lead = Some(lead),
            Err((Code::Set | Code::Limit, ..)) => known.has_failed = true,
            Err(_) => {}
        }
        self.settle();
    }

    fn activate(&mut self, source: &mut Source<'_>) {
        let handle = self.pick(source);
        let wanted = match self.get(handle) {
            None => Err((Code::Handle, None, String::new())),
            Some(known) if self.may_be_active(known) => Ok(()),
            Some(_) => Err((Code::State, None, String::new())),
        };
        check("activate", &self.registry.activate(handle).map(drop), &wanted);
        if wanted.is_ok() {
            self.active = handle;
        }
    }

    /// A shard is released; or it fails, because it ends too early.
    fn end(&mut self, source: &mut Source<'_>) {
        let handle = self.pick(source);
        let unfinished = |known: &Known| !known.is_admitted && !known.has_failed && !known.shard.names.is_empty();
        if source.chance(96)
            && let Some(known) = self.known.iter_mut().find(|known| known.handle == handle && unfinished(known))
        {
            assert_eq!(self.registry.finish(handle).expect_err("it is not whole").code(), Code::Truncated);
            known.has_failed = true;
        } else {
            let answer = self.registry.release(handle);
            assert_eq!(answer.is_ok(), self.get(handle).is_some());
            self.known.retain(|known| known.handle != handle);
        }
        self.settle();
    }

    /// A handle, now and then one that was never given.
    fn pick(&self, source: &mut Source<'_>) -> i32 {
        let at = source.below(LIVE + 1);
        self.known.get(at % self.known.len().max(1)).filter(|_| at < LIVE).map_or(77, |known| known.handle)
    }

    fn get(&self, handle: i32) -> Option<&Known> {
        self.known.iter().find(|known| known.handle == handle)
    }

    /// The lead of the set that a shard is in, while both last.
    fn lead_of(&self, known: &Known) -> Option<&Known> {
        let lead = known.lead.filter(|_| !known.has_failed)?;
        self.get(lead).filter(|known| !known.has_failed && known.lead == Some(lead))
    }

    fn members(&self, lead: i32) -> Vec<&Known> {
        self.known.iter().filter(|known| self.lead_of(known).is_some_and(|found| found.handle == lead)).collect()
    }

    /// What docs/abi-v2.md says of `join`, line by line.
    fn may_join(&self, handle: i32, lead: i32) -> Result<(), Unfit> {
        let bare = |code| Err((code, None, String::new()));
        for asked in [handle, lead] {
            match self.get(asked) {
                None => return bare(Code::Handle),
                Some(known) if known.has_failed => return bare(Code::State),
                Some(_) => {}
            }
        }
        let (Some(known), Some(first)) = (self.get(handle), self.get(lead)) else { return bare(Code::Handle) };
        if self.lead_of(known).is_some() || (handle != lead && self.lead_of(first).is_none_or(|it| it.handle != lead)) {
            return bare(Code::State);
        }
        let shard = &known.shard;
        if let Some(unfit) = shard.unsaid() {
            return Err(unfit);
        }
        let said = |shard: &Shard| [&shard.no, &shard.count, &shard.total].map(|said| said.value.unwrap_or(-1));
        let [no, count, total] = said(shard);
        let [_, lead_count, lead_total] = said(&first.shard);
        let others = if handle == lead { Vec::new() } else { self.members(lead) };
        if handle == lead && count > 64 {
            return Err(shard.over_64());
        }
        if count != lead_count {
            return Err(shard.count.unfit());
        }
        let is_taken = others.iter().any(|other| other.shard.no.value == Some(no));
        if is_taken || no >= count || (handle == lead && no != 0) {
            return Err(shard.no.unfit());
        }
        let tensors = (shard.names.len() + others.iter().map(|other| other.shard.names.len()).sum::<usize>()) as i64;
        let is_last = others.len() as i64 + 1 == count;
        if total != lead_total || tensors > total || (is_last && tensors < total) {
            return Err(shard.total.unfit());
        }
        for (index, (name, at)) in shard.names.iter().enumerate() {
            if others.iter().any(|other| other.shard.names.iter().any(|(found, _)| found == name)) {
                return Err((Code::Set, Some(*at), format!("tensors[{index}].name")));
            }
        }
        Ok(())
    }

    fn may_be_active(&self, known: &Known) -> bool {
        let is_good = known.is_admitted && !known.has_failed;
        match self.lead_of(known) {
            None => is_good,
            Some(lead) if lead.handle != known.handle => false,
            Some(lead) => {
                let members = self.members(lead.handle);
                let is_whole = lead.shard.count.value == Some(members.len() as i64);
                is_good && is_whole && members.iter().all(|member| member.is_admitted)
            }
        }
    }

    /// No model stays active that could not be made active.
    fn settle(&mut self) {
        if self.get(self.active).is_none_or(|known| !self.may_be_active(known)) {
            self.active = 0;
        }
    }

    fn compare(&mut self) {
        assert_eq!(self.registry.active(), self.active);
        for at in 0..self.known.len() {
            let known = &self.known[at];
            let set = self.lead_of(known).map(|lead| {
                let mut joined: Vec<i64> =
                    self.members(lead.handle).iter().filter_map(|member| member.shard.no.value).collect();
                joined.sort_unstable();
                let joined: Vec<String> = joined.iter().map(i64::to_string).collect();
                let [no, count, total] =
                    [&known.shard.no, &lead.shard.count, &lead.shard.total].map(|said| said.value.unwrap_or(-1));
                format!(
                    "\"set\":{{\"no\":{no},\"count\":{count},\"tensors\":{total},\"lead\":{},\"joined\":[{}]}}",
                    lead.handle,
                    joined.join(",")
                )
            });
            let (handle, has_failed) = (known.handle, known.has_failed);
            assert_eq!(self.registry.state(handle) == Some(State::Failed), has_failed);
            let report = String::from_utf8(self.registry.report(handle).expect("it is there").to_vec()).expect("text");
            match set {
                Some(set) => assert!(report.contains(&set), "{set} is not in {report}"),
                None => assert!(!report.contains("\"set\":{"), "{report}"),
            }
        }
    }
}

fn check(call: &str, answer: &Result<(), Error>, wanted: &Result<(), Unfit>) {
    match (answer, wanted) {
        (Ok(()), Ok(())) => {}
        (Err(error), Err((code, offset, path))) => {
            assert_eq!((error.code(), error.offset(), &error.path().to_string()), (*code, *offset, path), "{error}");
        }
        _ => panic!("{call}: {answer:?}, wanted {wanted:?}"),
    }
}
