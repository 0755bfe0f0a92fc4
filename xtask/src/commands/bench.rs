//! `cargo xtask bench [--quick] [--sizes] | --browser [--quick] [--store] [--gpu] | --native | --command | --upload |
//! --runtime`: what admission costs, as ratios inside one run.

use crate::commands::{build, model};
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{browsers, npm, shell};

const SCRIPT: &str = "tests/bench/bench.mjs";
const BROWSER_SCRIPT: &str = "tests/bench/browser/bench.mjs";
const BROWSER_PACKAGES: &str = "tests/browser";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let (in_browser, quick) = match arguments {
        [first, rest @ ..] if first == "--browser" => (true, rest),
        all => (false, all),
    };
    let only: &[&str] = if in_browser { &["--store", "--gpu"] } else { &["--sizes"] };
    let is_known = |argument: &String| argument == "--quick" || only.contains(&argument.as_str());
    if !quick.iter().all(is_known) {
        return Err(Failure::Usage(
            "usage: cargo xtask bench [--quick] [--sizes] | --browser [--quick] [--store] [--gpu] | --native | \
             --command | --upload | --runtime"
                .into(),
        ));
    }
    build::ensure(project)?;
    if in_browser {
        return browser(project, quick);
    }
    match model::ensure_model(project) {
        Err(Failure::Unavailable(reason)) => println!("{reason}\nthe rows of the real model are left out"),
        other => drop(other?),
    }
    shell::run(shell::command(project, "node").arg(SCRIPT).args(quick))
}

/// In Chromium, with the real model as a file: memory, time, and what the page's main thread feels of it.
fn browser(project: &Project, quick: &[String]) -> Result<(), Failure> {
    model::ensure_model(project)?;
    npm::package(project, BROWSER_PACKAGES, "hash-wasm")?;
    browsers::ensure(project);
    shell::run(shell::command(project, "node").arg(BROWSER_SCRIPT).args(quick))
}
