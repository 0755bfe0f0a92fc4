//! `bom.json`: what the module is made of, in CycloneDX 1.5: each crate with its version and licence, and the tools.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module::Module;
use crate::tools::rust::TARGET;
use crate::tools::{npm, shell};

/// The text of the file. It has no date and no number of its own, so that it is the same for the same module.
pub(super) fn bill(project: &Project, module: &Module) -> Result<String, Failure> {
    let mut tree = shell::command(project, "cargo");
    tree.args(["tree", "--package", module.package, "--target", TARGET, "--edges", "normal"]);
    tree.args(["--prefix", "none", "--format", "{p}|{l}"]);
    let printed = shell::capture(&mut tree)?;
    let crates: BTreeSet<Part<'_>> = printed.lines().filter_map(part).collect();
    let optimiser = npm::package(project, "js", "binaryen")?.join("package.json");
    let optimiser = std::fs::read_to_string(&optimiser).map_err(|error| Failure::io("reading", &optimiser, &error))?;
    let optimiser = optimiser.split_once("\"version\": \"").and_then(|(_, rest)| rest.split_once('"'));
    let tools = [
        ("rustc", rustc_version(project)?),
        ("binaryen (wasm-opt)", optimiser.map(|(version, _)| version.to_owned()).unwrap_or_default()),
    ];
    let tools: Vec<String> = tools
        .iter()
        .map(|(name, version)| {
            format!("      {{\"type\": \"application\", \"name\": \"{name}\", \"version\": \"{version}\"}}")
        })
        .collect();
    let parts: Vec<String> = crates.iter().map(component).collect();
    Ok(format!(
        "{{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n  \"metadata\": {{\n    \
         \"component\": {{\"type\": \"library\", \"name\": \"guest.wasm\", \"version\": \"{}\"}},\n    \
         \"tools\": {{\"components\": [\n{}\n    ]}}\n  }},\n  \"components\": [\n{}\n  ]\n}}\n",
        env!("CARGO_PKG_VERSION"),
        tools.join(",\n"),
        parts.join(",\n"),
    ))
}

fn rustc_version(project: &Project) -> Result<String, Failure> {
    shell::capture(shell::command(project, "rustc").arg("--version")).map(|said| said.trim_end().to_owned())
}

/// Name, version, licence.
type Part<'a> = (&'a str, &'a str, &'a str);

/// `name v1.2.3 (maybe a path)|MIT` without what Cargo adds where it repeats itself.
fn part(line: &str) -> Option<Part<'_>> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((name, version, licence.trim_end_matches(" (*)")))
}

fn component((name, version, licence): &Part<'_>) -> String {
    // An older way to write a choice of licences.
    let licence = licence.replace('/', " OR ");
    format!(
        "    {{\"type\": \"library\", \"name\": \"{name}\", \"version\": \"{version}\", \
         \"purl\": \"pkg:cargo/{name}@{version}\", \"licenses\": [{{\"expression\": \"{licence}\"}}]}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_become_parts() {
        assert_eq!(
            part("gguf-abi-v2 v0.2.0 (/a b/c)|MIT OR Apache-2.0"),
            Some(("gguf-abi-v2", "0.2.0", "MIT OR Apache-2.0"))
        );
        assert_eq!(part("blake3 v1.8.7|CC0-1.0 (*)"), Some(("blake3", "1.8.7", "CC0-1.0")));
        assert_eq!(part(""), None);
        assert!(component(&("a", "1", "MIT/Apache-2.0")).contains("\"MIT OR Apache-2.0\""));
    }
}
