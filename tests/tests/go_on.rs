//! The example that goes on where it stopped: kept groups are proven and used, damaged ones are not.

use std::path::{Path, PathBuf};
use std::process::Command;

use gguf_tests::evidence::{GROUP, SHORTEST, file, files_of};

/// A model on a disk, and a part of it that may be there.
struct Scene {
    folder: PathBuf,
    bytes: Vec<u8>,
}

impl Scene {
    fn new(name: &str, length: usize) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-on-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        let bytes = file(length);
        std::fs::write(folder.join("model.gguf"), &bytes).expect("room for a file");
        Scene { folder, bytes }
    }

    fn part(&self) -> PathBuf {
        self.folder.join("part")
    }

    fn evidence(&self) -> PathBuf {
        self.folder.join("part.evidence")
    }

    /// Runs the example; what it printed.
    fn run(&self, stop_after: Option<usize>) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--package", "gguf-admission", "--example", "go_on", "--"]);
        cargo.arg(self.folder.join("model.gguf")).arg(self.part());
        cargo.args(stop_after.map(|bytes| bytes.to_string()));
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Flips a bit of the part, or of its evidence.
    fn damage(&self, path: &Path, at: usize) {
        let mut bytes = std::fs::read(path).expect("it is there");
        bytes[at] ^= 1;
        std::fs::write(path, bytes).expect("it can be written");
    }

    fn assert_admitted(&self, told: &str, kept: usize) {
        let length = self.bytes.len();
        let line = format!("admitted {length} bytes: {kept} kept, {} came", length - kept);
        assert!(told.lines().any(|told| told == line), "{told}");
        assert!(std::fs::read(self.part()).expect("it is there") == self.bytes, "the part is the file");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_run_goes_on_from_the_last_whole_group_and_ends_with_the_right_digest() {
    let scene = Scene::new("stop", 3 * GROUP + 5000);
    let naive = &files_of(env!("CARGO_TARGET_TMPDIR"), [scene.bytes.len()])[0].1;
    let told = scene.run(Some(GROUP + GROUP / 2));
    assert_eq!(told, format!("stopped at {} of {} bytes: 0 kept, {0} came\n", GROUP + GROUP / 2, scene.bytes.len()));
    assert_eq!(std::fs::read(scene.evidence()).expect("kept"), &naive.evidence.as_bytes()[..32]);
    let told = scene.run(Some(GROUP));
    assert_eq!(told, format!("stopped at {} of {} bytes: {GROUP} kept, {GROUP} came\n", 2 * GROUP, scene.bytes.len()));
    let told = scene.run(None);
    scene.assert_admitted(&told, 2 * GROUP);
    assert!(told.ends_with(&format!("BLAKE3 {}\n", naive.blake3)), "{told}");
    assert_eq!(std::fs::read(scene.evidence()).expect("kept"), naive.evidence.as_bytes());
    // All of it is kept, and proven once more.
    scene.assert_admitted(&scene.run(None), scene.bytes.len());
}

#[test]
fn a_damaged_group_and_what_is_behind_it_come_again() {
    let scene = Scene::new("damage", 3 * GROUP);
    scene.run(None);
    scene.damage(&scene.part(), 2 * GROUP - 1);
    let told = scene.run(None);
    assert!(told.starts_with("kept bytes are not used: digest in evidence[1] at byte 1048576"), "{told}");
    scene.assert_admitted(&told, GROUP);
    // A value that is damaged proves nothing, and a rule that kept bytes break is no reason to refuse the file.
    scene.damage(&scene.evidence(), 0);
    scene.assert_admitted(&scene.run(None), 0);
    scene.damage(&scene.part(), 1);
    let told = scene.run(None);
    assert!(told.starts_with("kept bytes are not used: magic"), "{told}");
    scene.assert_admitted(&told, 0);
}

#[test]
fn a_file_of_one_group_is_kept_as_a_whole_or_not_at_all() {
    let scene = Scene::new("small", SHORTEST);
    scene.run(Some(SHORTEST - 1));
    scene.assert_admitted(&scene.run(None), 0);
    scene.assert_admitted(&scene.run(None), SHORTEST);
}

#[test]
fn evidence_that_was_cut_in_a_write_proves_what_it_has() {
    let scene = Scene::new("torn", 3 * GROUP);
    scene.run(None);
    let values = std::fs::read(scene.evidence()).expect("it is there");
    std::fs::write(scene.evidence(), &values[..2 * 32 + 7]).expect("it can be written");
    scene.assert_admitted(&scene.run(None), 2 * GROUP);
    std::fs::remove_file(scene.evidence()).expect("it is there");
    scene.assert_admitted(&scene.run(None), 0);
}
