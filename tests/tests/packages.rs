//! What each crate would publish: its code, licences and page, and nothing that works in this project alone.

use std::path::{Path, PathBuf};
use std::process::Command;

const CRATES: [&str; 6] = ["admission", "abi-v1", "abi-v2", "web", "cli", "candle"];

#[test]
fn a_package_holds_its_code_its_licences_and_its_page() {
    for name in CRATES {
        let folder = root().join(name);
        let files = listed(&folder);
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "Cargo.toml"] {
            assert!(files.iter().any(|listed| listed == file), "{name}: {file} is missing");
        }
        let plain = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "Cargo.toml", "Cargo.toml.orig", "Cargo.lock"];
        let strangers: Vec<_> = files
            .iter()
            .filter(|file| !plain.contains(&file.as_str()) && *file != ".cargo_vcs_info.json")
            .filter(|file| !(file.starts_with("src/") && file.ends_with(".rs")))
            // Programs of the documentation, and the files that they read.
            .filter(|file| !(file.starts_with("examples/") && (file.ends_with(".rs") || file.ends_with(".gguf"))))
            .collect();
        assert_eq!(strangers, Vec::<&String>::new(), "{name}");
        let size: u64 =
            files.iter().filter_map(|file| folder.join(file).metadata().ok()).map(|about| about.len()).sum();
        assert!(size < 1 << 20, "{name}: {size} bytes");
    }
}

/// Where the page is read, nothing lies beside it.
#[test]
fn the_page_of_a_crate_leads_nowhere_in_this_folder() {
    for name in CRATES {
        let page = std::fs::read_to_string(root().join(name).join("README.md")).expect("a page");
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(link.starts_with("https://") || link.starts_with('#'), "{name}: {link}");
        }
    }
}

/// The licences are the project's, be they copies or links.
#[test]
fn the_licences_of_a_crate_are_those_of_the_project() {
    for name in CRATES {
        for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let read = |folder: &Path| std::fs::read(folder.join(file)).expect("a licence");
            assert!(read(&root().join(name)) == read(&root()), "{name}: {file}");
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project").to_owned()
}

fn listed(folder: &Path) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--quiet"])
        .current_dir(folder)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
