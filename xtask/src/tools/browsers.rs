//! The browsers that the browser tests drive: Debian's packages, added where this program may.

use std::path::Path;

use crate::project::Project;
use crate::tools::shell;

/// A browser's program, or what it needs besides, and the package it comes in.
const BROWSERS: [(&str, &str); 4] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/firefox-esr", "firefox-esr"),
    ("/usr/bin/WebKitWebDriver", "webkit2gtk-driver"),
    // The screen that WebKit needs.
    ("/usr/bin/Xvfb", "xvfb"),
];

/// Installs the browsers that are missing. Where that can't be, says so: their tests then count as skipped.
pub(crate) fn ensure(project: &Project) {
    let missing: Vec<&str> =
        BROWSERS.iter().filter(|(program, _)| !Path::new(program).exists()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return;
    }
    let missing_list = missing.join(" ");
    let is_root = shell::capture(shell::command(project, "id").arg("-u")).is_ok_and(|user| user.trim() == "0");
    if !is_root || !Path::new("/usr/bin/apt-get").exists() {
        println!(
            "missing: {missing_list}. Only root on Debian may have them installed from here; install them by hand"
        );
        return;
    }
    println!("missing: {missing_list}. Installing them with apt-get");
    let apt = |arguments: &[&str]| {
        shell::run(shell::command(project, "apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let installed = apt(&["-qq", "update"])
        .and_then(|()| apt(&[&["-qq", "install", "-y", "--no-install-recommends"][..], &missing].concat()));
    if let Err(failure) = installed {
        println!("{failure}\nthe tests of {missing_list} will be skipped");
    }
}
