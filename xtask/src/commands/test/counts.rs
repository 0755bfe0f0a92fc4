//! What a step counted, and how it is read from what the test tools print.

use crate::failure::Failure;

const SHOWN_OF_SKIPPED: usize = 20;

/// What one step counted, and its log where that is worth a look.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    /// Why something did not run, or what went wrong.
    pub(super) remark: String,
}

impl Outcome {
    pub(super) fn passed(count: u64) -> Outcome {
        Outcome { passed: count, ..Outcome::default() }
    }

    pub(super) fn failed(remark: String) -> Outcome {
        Outcome { failed: 1, remark, ..Outcome::default() }
    }

    /// Both, counted as one.
    pub(super) fn and(self, other: Outcome) -> Outcome {
        let remarks = [self.remark, other.remark];
        Outcome {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            remark: remarks.into_iter().filter(|remark| !remark.is_empty()).collect::<Vec<_>>().join("\n"),
        }
    }

    pub(super) fn line(&self, name: &str, seconds: f64) -> String {
        let verdict = match self {
            Outcome { failed: 1.., .. } => "FAILED",
            Outcome { passed: 0, .. } => "could not run",
            _ => "ok",
        };
        let Outcome { passed, failed, skipped, .. } = self;
        format!("{verdict:<13} {name}: {passed} passed, {failed} failed, {skipped} skipped, {seconds:.1} s")
    }
}

/// A step that did not get as far as counting.
pub(super) fn not_run(failure: Failure) -> Outcome {
    match failure {
        Failure::Unavailable(reason) => {
            Outcome { skipped: 1, remark: format!("could not run: {reason}"), ..Outcome::default() }
        }
        Failure::Failed(message) | Failure::Usage(message) => Outcome::failed(message),
    }
}

/// Sums `test result: ok. 5 passed; 0 failed; 1 ignored; ...` over all test binaries.
pub(super) fn count_libtest(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        let Some((_, counts)) = line.split_once(". ") else { continue };
        for part in counts.split("; ") {
            let Some((number, word)) = part.split_once(' ') else { continue };
            let number = number.parse::<u64>().unwrap_or(0);
            match word {
                "passed" => outcome.passed += number,
                "failed" => outcome.failed += number,
                "ignored" => outcome.skipped += number,
                _ => {}
            }
        }
    }
    ran_something(outcome)
}

/// Reads Node's closing lines, `ℹ pass 5` (or `# pass 5`).
pub(super) fn count_node(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))) {
        let Some((word, number)) = line.split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match word {
            "pass" => outcome.passed += number,
            "fail" | "cancelled" => outcome.failed += number,
            "skipped" | "todo" => outcome.skipped += number,
            _ => {}
        }
    }
    ran_something(outcome)
}

/// Reads `Ran 5 tests in 0.1s` and `FAILED (failures=1, errors=1, skipped=1)`.
pub(super) fn count_unittest(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        if let Some(ran) = line.strip_prefix("Ran ") {
            outcome.passed += ran.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        }
        let Some((verdict, list)) = line.split_once(" (") else { continue };
        if !matches!(verdict, "OK" | "FAILED") {
            continue;
        }
        for part in list.trim_end_matches(')').split(", ") {
            let Some((word, number)) = part.split_once('=') else { continue };
            let number = number.parse().unwrap_or(0);
            match word {
                "failures" | "errors" | "unexpected successes" => outcome.failed += number,
                "skipped" => outcome.skipped += number,
                _ => {}
            }
        }
    }
    outcome.passed = outcome.passed.saturating_sub(outcome.failed + outcome.skipped);
    ran_something(outcome)
}

/// The lines in which a tool says what it skipped and why: `﹣ title (0.1ms) # reason`, `test title ... ignored,
/// reason`.
pub(super) fn skip_reasons(text: &str) -> String {
    let is_skip = |line: &&str| line.trim_start().starts_with("﹣ ") || line.contains(" ... ignored");
    let lines: Vec<&str> = text.lines().filter(is_skip).map(str::trim_start).take(SHOWN_OF_SKIPPED).collect();
    lines.join("\n")
}

/// A test tool that ran no test has failed, whatever it says.
fn ran_something(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome { passed: 0, failed: 0, skipped: 0, .. } => Outcome::failed("no test ran".into()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_results_of_all_binaries_are_summed() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                    test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1s";
        let outcome = count_libtest(text);
        assert_eq!((outcome.passed, outcome.failed, outcome.skipped), (7, 3, 1));
    }

    #[test]
    fn node_counts_are_read_from_both_reporters() {
        for mark in ["ℹ", "#"] {
            let text = format!("{mark} tests 7\n{mark} pass 4\n{mark} fail 1\n{mark} cancelled 1\n{mark} skipped 1");
            let outcome = count_node(&text);
            assert_eq!((outcome.passed, outcome.failed, outcome.skipped), (4, 2, 1));
        }
    }

    #[test]
    fn unittest_failures_and_skips_are_taken_off_what_ran() {
        let outcome = count_unittest("Ran 9 tests in 0.1s\n\nFAILED (failures=2, errors=1, skipped=1)");
        assert_eq!((outcome.passed, outcome.failed, outcome.skipped), (5, 3, 1));
        assert_eq!(count_unittest("Ran 9 tests in 0.1s\n\nOK"), Outcome::passed(9));
    }

    #[test]
    fn a_tool_that_ran_no_test_has_failed() {
        assert_eq!(count_libtest("error: could not compile").failed, 1);
        assert_eq!(count_node("ℹ pass 0\nℹ fail 0").failed, 1);
        assert_eq!(count_unittest("Ran 0 tests in 0.0s\n\nOK").failed, 1);
    }
}
