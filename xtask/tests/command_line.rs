//! What `cargo xtask` says without doing anything.

use std::process::{Command, Output, Stdio};

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_summaries_of_the_help_stand_in_one_column_of_a_terminal() {
    for word in ["help", "--help", "-h"] {
        let Output { status, stdout, .. } = xtask(&[word]).output().expect("a run");
        assert!(status.success());
        let help = text(&stdout);
        let commands = help.lines().skip(2).take_while(|line| !line.is_empty());
        for line in commands {
            assert!(line.chars().count() <= 120, "{line}");
            let (call, summary) = line.split_at_checked(40).unwrap_or((line, ""));
            let is_in_columns = call.ends_with("  ") && !summary.starts_with(' ');
            let is_call_alone = !line.trim_start().contains("  ");
            assert!(is_in_columns || is_call_alone, "{line}");
        }
        assert!(help.contains("\n  test ") && help.contains("exit code: 0 done"));
    }
}

#[test]
fn a_reader_of_the_help_may_go_before_its_end() {
    let mut child = xtask(&["--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().expect("an end");
    assert!(status.success(), "{status}");
    assert_eq!(text(&stderr), "");
}

#[test]
fn a_wrong_command_line_is_told_the_usage_and_exits_2() {
    let cases: [&[&str]; 7] = [
        &[],
        &["nothing-of-the-kind"],
        &["test", "--only"],
        &["test", "--only", "no step has this name"],
        &["demo", "one", "two"],
        &["serve", "port"],
        &["build", "--fast"],
    ];
    for arguments in cases {
        let Output { status, stderr, .. } = xtask(arguments).output().expect("a run");
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert!(!text(&stderr).starts_with("xtask: "), "{arguments:?}: {}", text(&stderr));
        assert!(text(&stderr).contains("usage: cargo xtask") || arguments.contains(&"--only"), "{}", text(&stderr));
    }
}
