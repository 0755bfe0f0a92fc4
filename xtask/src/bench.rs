//! `cargo xtask bench [--quick | --native]`: what admission costs, as ratios inside one run.

use crate::failure::Failure;
use crate::project::Project;
use crate::{model, module, shell};

const SCRIPT: &str = "tests/bench/bench.mjs";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let quick = match arguments {
        [] => None,
        [only] if only == "--quick" => Some(only),
        _ => return Err(Failure::Usage("usage: cargo xtask bench [--quick]".into())),
    };
    module::ensure(project)?;
    match model::ensure_model(project) {
        Err(Failure::Unavailable(reason)) => println!("{reason}\nthe rows of the real model are left out"),
        other => drop(other?),
    }
    shell::run(shell::command(project, "node").arg(SCRIPT).args(quick))
}
