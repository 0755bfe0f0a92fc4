//! `gguf-admit check`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use gguf_admission::{Algorithm, Digest, Evidence, Level, Limits, Profile, Session, Storage, Verify};

use crate::arguments::{Check, threads};
use crate::exit::Exit;
use crate::input::{Input, is_standard_input};
use crate::progress::Progress;
use crate::shards::{Checked, files_of};
use crate::sums::Sums;
use crate::text;
use crate::verdict::{Stop, Verdict};
use crate::{groups, label, shards, stream};

/// What is wanted of every file.
struct Wanted {
    blake3: bool,
    header_only: bool,
    evidence: Option<Evidence>,
    profile: Option<Profile>,
    /// Threads for one file.
    threads: usize,
}

/// One file, and the SHA-256 that it must have.
struct Job {
    file: PathBuf,
    sha256: Option<Digest>,
    /// How many shards the set has that begins with this file, where one does.
    set: Option<usize>,
    keeps_header: bool,
}

impl Job {
    fn new(file: PathBuf, sha256: Option<Digest>) -> Self {
        Job { file, sha256, set: None, keeps_header: false }
    }
}

pub(crate) fn run(arguments: &Check) -> Exit {
    let (jobs, evidence) = match plan(arguments) {
        Ok(plan) => plan,
        Err((exit, why)) => {
            anstream::eprintln!("gguf-admit: {why}");
            return exit;
        }
    };
    let threads = threads(arguments.jobs);
    let side_by_side = threads.min(jobs.len()).max(1);
    let wanted = Wanted {
        blake3: arguments.blake3 || evidence.is_some(),
        header_only: arguments.header_only,
        evidence,
        profile: arguments.profile,
        threads: (threads / side_by_side).max(1),
    };
    let progress = if arguments.header_only { Progress::hidden() } else { Progress::new(total(&jobs)).tick() };
    let width = jobs.iter().map(|job| text::width(&label::label(job.file.as_os_str()))).max().unwrap_or(0);
    let (mut exit, mut written) = (Exit::Good, Ok(()));
    let mut say = |verdict: &Verdict| {
        exit = exit.max(verdict.exit());
        let line = if arguments.json { verdict.json() } else { text::line(verdict, width) };
        if written.is_ok() {
            written = progress.print(&line);
        }
    };
    // The shards of a set are told when the last of them is there.
    let (mut gathered, mut count) = (Vec::new(), 1);
    let work = |job: Job| (job.set, check(job, &wanted, &progress));
    in_order(jobs, side_by_side, work, |(set, checked)| {
        count = set.unwrap_or(count);
        gathered.push(checked);
        if gathered.len() == count {
            if arguments.set {
                shards::join(&mut gathered);
            }
            gathered.drain(..).for_each(|one| say(&one.verdict));
        }
    });
    progress.end();
    written.map_or_else(|error| text::unwritten(&error), |()| exit)
}

/// Which files, what each must be, and the evidence; or what is wrong with the command line, or what cannot be read.
fn plan(arguments: &Check) -> Result<(Vec<Job>, Option<Evidence>), (Exit, String)> {
    let usage = |why: &str| Err((Exit::Usage, why.to_owned()));
    let unread = |path: &Path, error: &dyn std::fmt::Display| {
        (Exit::Unread, format!("{}: {error}", label::label(path.as_os_str())))
    };
    let alone = arguments.files.len() == 1;
    if arguments.sha256.is_some() && !alone {
        return usage("--sha256 is of one file");
    }
    if arguments.evidence.is_some() && !alone {
        return usage("--evidence is of one file");
    }
    let lists = arguments.sums.iter().filter(|file| is_standard_input(file));
    if arguments.files.iter().filter(|file| is_standard_input(file)).chain(lists).count() > 1 {
        return usage("standard input can be read once");
    }
    let evidence = match &arguments.evidence {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| unread(path, &error))?;
            Some(Evidence::from_bytes(&bytes).map_err(|error| unread(path, &error))?)
        }
    };
    let Some(path) = &arguments.sums else {
        let mut jobs = Vec::new();
        for file in &arguments.files {
            let set = if arguments.set { files_of(file) } else { Some(vec![file.clone()]) };
            let Some(files) = set else {
                return usage(&format!("{} is not named as a shard is", label::label(file.as_os_str())));
            };
            let count = files.len();
            jobs.extend(files.into_iter().enumerate().map(|(no, file)| Job {
                set: (no == 0).then_some(count),
                keeps_header: arguments.set,
                ..Job::new(file, arguments.sha256)
            }));
        }
        return Ok((jobs, evidence));
    };
    let sums = Sums::read(path).map_err(|error| unread(path, &error))?;
    let files = if arguments.files.is_empty() { &sums.names } else { &arguments.files };
    let mut jobs = Vec::new();
    for file in files {
        let Some(sha256) = sums.get(file) else {
            return usage(&format!("{} is not in the list", label::label(file.as_os_str())));
        };
        jobs.push(Job::new(file.clone(), Some(sha256)));
    }
    Ok((jobs, evidence))
}

fn total(jobs: &[Job]) -> Option<u64> {
    let length = |job: &Job| match is_standard_input(&job.file) {
        true => None,
        // What cannot be read brings nothing.
        false => Some(std::fs::metadata(&job.file).map_or(0, |about| about.len())),
    };
    jobs.iter().map(length).sum()
}

fn check(job: Job, wanted: &Wanted, progress: &Progress) -> Checked {
    let file = job.file.clone().into_os_string();
    let stopped = |length, stop| Checked { verdict: Verdict::stopped(file.clone(), length, stop), session: None };
    let input = match Input::open(&job.file) {
        Ok(input) => input,
        Err(error) => return stopped(None, Stop::Unread(error)),
    };
    let length = input.length();
    match admit(input, job.sha256, wanted, progress) {
        Ok((session, blake3)) => {
            let mut verdict = Verdict::passed(file, &session);
            verdict.digests.blake3 = verdict.digests.blake3.or(blake3);
            Checked { verdict, session: job.keeps_header.then_some(session) }
        }
        Err(stop) => stopped(length, stop),
    }
}

fn admit(
    mut input: Input,
    sha256: Option<Digest>,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<(Session<Verify>, Option<Digest>), Stop> {
    let length = input.length();
    let mut session = Session::new(Verify::default(), length, Limits::new(Storage::Verify))?;
    let hashes = !wanted.header_only && (sha256.is_some() || !wanted.blake3);
    let mut mask = if hashes { Algorithm::Sha256 as u8 } else { 0 };
    // An empty file has no groups to share out.
    let side_by_side = wanted.blake3 && length.is_some_and(|length| length > 0);
    if wanted.blake3 && !side_by_side {
        mask |= Algorithm::Blake3 as u8 | if wanted.evidence.is_some() { EVIDENCE } else { 0 };
    }
    session.set_digests(mask)?;
    session.set_profile(wanted.profile.map(|profile| (profile, Level::Report)))?;
    if let Some(sha256) = sha256 {
        session.expect_digest(Algorithm::Sha256, sha256)?;
    }
    match &mut input {
        Input::File(file, length) if side_by_side => {
            let file = (&*file, *length);
            let found = groups::admit(&mut session, file, wanted.evidence.as_ref(), wanted.threads, progress)?;
            let blake3 = found.root(file.1);
            return Ok((session, blake3));
        }
        _ => {}
    }
    let reader: &mut dyn std::io::Read = match &mut input {
        Input::File(file, _) => file,
        Input::Stream(stream) => stream,
    };
    if wanted.header_only {
        stream::header(&mut session, reader)?;
    } else {
        if let Some(evidence) = wanted.evidence.as_ref().filter(|_| !side_by_side) {
            session.expect_evidence(Evidence::from_bytes(evidence.as_bytes())?)?;
        }
        stream::admit(&mut session, reader, &mut progress.reader())?;
    }
    Ok((session, None))
}

/// The bit of a mask of digests that asks for the evidence.
const EVIDENCE: u8 = 4;

/// Does the work on so many threads, and hands on what comes of it in the order of the work.
fn in_order<W: Send, D: Send>(work: Vec<W>, threads: usize, each: impl Fn(W) -> D + Sync, mut done: impl FnMut(D)) {
    if threads == 1 {
        // Without a thread, the allocator's main arena does: a header then costs less time.
        return work.into_iter().for_each(|work| done(each(work)));
    }
    let queue = Mutex::new(work.into_iter().enumerate().collect::<VecDeque<_>>());
    let (sender, receiver) = mpsc::channel();
    let serve = |sender: mpsc::Sender<(usize, D)>| {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((index, work)) = next else { break };
            // The receiver outlives the threads.
            let _ = sender.send((index, each(work)));
        }
    };
    let serve = &serve;
    thread::scope(|scope| {
        // As many as can be had: a machine has a bound of its own.
        let started = (0..threads)
            .map(|_| sender.clone())
            .map_while(|sender| thread::Builder::new().spawn_scoped(scope, move || serve(sender)).ok());
        match started.count() {
            0 => serve(sender),
            _ => drop(sender),
        }
        let mut early = Vec::new();
        let mut next = 0;
        for item in receiver {
            early.push(item);
            while let Some(at) = early.iter().position(|(index, _)| *index == next) {
                done(early.swap_remove(at).1);
                next += 1;
            }
        }
    });
}
