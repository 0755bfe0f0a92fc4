//! `cargo xtask package`: what would be published, packed and built as others would get it; then what is missing to
//! publish. Nothing leaves this machine.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{npm, shell};

/// Folders in which no package of this project lies.
const OTHERS: [&str; 4] = ["target", "node_modules", "pkg", "tests"];
/// What Cargo says where it cannot reach the registry.
const NO_NETWORK: [&str; 4] = ["network failure", "Could not resolve host", "failed to download", "Unable to update"];

/// A crate that may be published.
#[derive(Debug, PartialEq)]
struct Crate {
    name: String,
    /// Its manifest, from the project's root.
    manifest: String,
    /// Whether it is a workspace of its own.
    is_alone: bool,
    /// The fields that publishing asks for and that are not there.
    missing: Vec<&'static str>,
}

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(Failure::Usage("usage: cargo xtask package".into()));
    }
    let workspace = read(&project.path("Cargo.toml"))?;
    let mut crates = Vec::new();
    find(project.root(), project.root(), &workspace, &mut crates)?;
    crates.sort_by(|one, other| one.name.cmp(&other.name));
    let (alone, members): (Vec<_>, Vec<_>) = crates.iter().partition(|this| this.is_alone);

    build(project, &members)?;
    for this in &alone {
        let mut cargo = shell::command(project, "cargo");
        cargo.args(["package", "--allow-dirty", "--list", "--manifest-path", &this.manifest]);
        let files = shell::capture(&mut cargo)?;
        println!(
            "{}: {} files listed; not built, since what it needs of this project is not published",
            this.name,
            files.lines().count()
        );
    }
    println!("{}: packed, and built from what was packed", names(&members));

    npm::package(project, "js", "typescript")?;
    let mut pack = shell::command(project, "npm");
    pack.args(["pack", "./js", "--dry-run", "--loglevel=error"]);
    shell::run(&mut pack)?;

    println!("\nmissing to publish:");
    for line in missing(project, &crates)? {
        println!("* {line}");
    }
    Ok(())
}

/// Packs `crates` and builds each from what was packed, in a folder that no run had before.
///
/// Cargo unpacks the crates that the others need into its home, in a folder named after where they were packed and
/// after their version. It takes what lies there from an earlier run for this one: the same folder again would build
/// against sources of another day.
fn build(project: &Project, crates: &[&Crate]) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let folder = project.folder(&format!("target/packages-{}", now.as_nanos()))?;
    let mut cargo = shell::command(project, "cargo");
    // The lock of this workspace need not change for it, and unfinished work may be tried.
    cargo.args(["package", "--allow-dirty", "--target-dir"]).arg(&folder);
    for this in crates {
        cargo.args(["--package", &this.name]);
    }
    let built = checked(project, &mut cargo, "target/package.log");
    std::fs::remove_dir_all(&folder).map_err(|error| Failure::io("removing", &folder, &error))?;
    built
}

/// Runs `cargo` into a log that is shown if it fails.
fn checked(project: &Project, cargo: &mut std::process::Command, log: &str) -> Result<(), Failure> {
    project.folder("target")?;
    let record = shell::record(cargo, &project.path(log))?;
    match record {
        shell::Record { success: true, .. } => Ok(()),
        shell::Record { text, .. } if NO_NETWORK.iter().any(|words| text.contains(words)) => {
            Err(Failure::Unavailable(format!("the registry cannot be reached:\n{}", shell::tail(&text, 6))))
        }
        shell::Record { text, .. } => Err(Failure::Failed(format!("cargo package:\n{}", shell::tail(&text, 60)))),
    }
}

fn missing(project: &Project, crates: &[Crate]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for this in crates.iter().filter(|this| !this.missing.is_empty()) {
        lines.push(format!("{}: {}", this.name, this.missing.join(", ")));
    }
    let package = read(&project.path("js/package.json"))?;
    if !package.contains("\"repository\"") {
        lines.push("js/package.json: repository".into());
    }
    let version = env!("CARGO_PKG_VERSION");
    if !package.contains(&format!("\"version\": \"{version}\"")) {
        lines.push(format!("js/package.json: another version than the crates', {version}"));
    }
    if !read(&project.path("CHANGELOG.md"))?.contains(&format!("## {version}")) {
        lines.push(format!("CHANGELOG.md: a section for {version}"));
    }
    lines.push("accounts at both registries that may publish under these names".into());
    lines.push(format!("the crates in this order, each after what it depends on: {}", order(project, crates)?));
    Ok(lines)
}

/// The crates so that each comes after those that its manifest names.
fn order(project: &Project, crates: &[Crate]) -> Result<String, Failure> {
    let mut left: Vec<(&str, String)> = Vec::new();
    for this in crates {
        left.push((&this.name, read(&project.path(&this.manifest))?));
    }
    let mut done: Vec<&str> = Vec::new();
    while !left.is_empty() {
        let is_free = |text: &str| {
            let names = |name: &&str| {
                text.lines().any(|line| {
                    line.trim_start().starts_with(&format!("{name}."))
                        || line.trim_start().starts_with(&format!("{name} ="))
                })
            };
            !crates.iter().map(|this| this.name.as_str()).filter(|name| !done.contains(name)).any(|name| names(&name))
        };
        let Some(at) = left.iter().position(|(_, text)| is_free(text)) else {
            return Err(Failure::Failed("the crates depend on each other in a circle".into()));
        };
        done.push(left.remove(at).0);
    }
    Ok(done.join(", "))
}

/// Adds the crates below `folder` that are not marked as private.
fn find(root: &Path, folder: &Path, workspace: &str, crates: &mut Vec<Crate>) -> Result<(), Failure> {
    let reading = |error| Failure::io("reading", folder, &error);
    for entry in folder.read_dir().map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !OTHERS.contains(&name.as_str()) {
            find(root, &path, workspace, crates)?;
        } else if name == "Cargo.toml" {
            let manifest = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            crates.extend(publishable(&read(&path)?, workspace, manifest));
        }
    }
    Ok(())
}

/// What the text of a manifest says; `None` of one that is not to be published.
fn publishable(text: &str, workspace: &str, manifest: String) -> Option<Crate> {
    let package = text.split_once("[package]")?.1;
    let package = package.split_once("\n[").map_or(package, |(package, _)| package);
    let field = |name: &str| package.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
    if field("publish").is_some_and(|value| value.trim() == "false") {
        return None;
    }
    let has = |name: &str| field(name).is_some() || package.contains(&format!("\n{name}.workspace = true"));
    let is_shared = |name: &str| workspace.contains(&format!("\n{name} = "));
    let wanted = ["description", "license", "repository", "readme"];
    Some(Crate {
        name: field("name")?.trim().trim_matches('"').to_owned(),
        is_alone: text.contains("[workspace]"),
        missing: wanted
            .into_iter()
            .filter(|name| !has(name) || package.contains(&format!("\n{name}.workspace")) && !is_shared(name))
            .collect(),
        manifest,
    })
}

fn names(crates: &[&Crate]) -> String {
    crates.iter().map(|this| this.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::io("reading", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_whether_and_how_its_crate_is_published() {
        let shared = "[workspace.package]\nlicense = \"MIT\"\n";
        let of = |text: &str| publishable(text, shared, "a/Cargo.toml".into());
        assert_eq!(of("[workspace]\nmembers = []\n"), None);
        assert_eq!(of("[package]\nname = \"a\"\npublish = false\n"), None);
        let member = of("[package]\nname = \"a\"\nlicense.workspace = true\nreadme = \"R\"\n\n\
             [dependencies]\ndescription = \"1\"\n");
        let member = member.expect("published");
        assert_eq!((member.name.as_str(), member.is_alone), ("a", false));
        assert_eq!(member.missing, ["description", "repository"]);
        let alone = of("[workspace]\n\n[package]\nname = \"b\"\nrepository.workspace = true\n").expect("published");
        assert!(alone.is_alone);
        assert_eq!(alone.missing, ["description", "license", "repository", "readme"]);
    }
}
