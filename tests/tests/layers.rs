//! Arrows between source files go down, and none goes round: the floors of each crate, and the test that holds them.

#[path = "layers/arrows.rs"]
mod arrows;

use arrows::{Sources, circle};

/// A crate and its rooms from the top floor to the ground. A room is a file at the top of the sources, or a folder with
/// its face. Rooms on one floor do not know each other.
struct House {
    sources: &'static str,
    floors: &'static [&'static [&'static str]],
}

const HOUSES: &[House] = &[
    House {
        sources: "admission/src",
        floors: &[
            &["lib"],
            &["abi"],
            &["report", "admit"],
            &["session"],
            &["check", "sink"],
            &["format"],
            &["store"],
            &["digests"],
            &["memory"],
            &["error"],
            &["contract", "text"],
        ],
    },
    House { sources: "xtask/src", floors: &[&["main"], &["commands"], &["tools"], &["project"], &["failure"]] },
];

#[test]
fn every_arrow_goes_down() {
    for house in HOUSES {
        let wrong = house.wrong_arrows(&Sources::read(house.sources));
        assert!(wrong.is_empty(), "{}:\n  {}", house.sources, wrong.join("\n  "));
    }
}

#[test]
fn no_arrows_make_a_circle() {
    for house in HOUSES {
        let circle = circle(&Sources::read(house.sources).arrows());
        assert!(circle.is_empty(), "{}: a circle: {}", house.sources, circle.join(" -> "));
    }
}

impl House {
    /// The arrows that do not go down to a lower floor or stay in their room, and the rooms without a floor.
    fn wrong_arrows(&self, sources: &Sources) -> Vec<String> {
        let floor = |room: &str| self.floors.iter().position(|rooms| rooms.contains(&room));
        let mut wrong: Vec<String> = sources
            .rooms()
            .into_iter()
            .filter(|room| floor(room).is_none())
            .map(|room| format!("{room} is on no floor of tests/tests/layers.rs"))
            .collect();
        for (from, to) in sources.arrows() {
            let (above, below) = (arrows::room(&from), arrows::room(&to));
            if above != below && floor(above) >= floor(below) {
                wrong.push(format!("{from} -> {to}: {above} does not stand on {below}"));
            }
        }
        wrong
    }
}

/// The test of the test: what it must see, in a house of four files.
#[test]
fn an_arrow_up_and_a_circle_are_seen() {
    let house = House { sources: "", floors: &[&["main"], &["top"], &["ground", "cellar"]] };
    let good: [(&str, &str); 4] = [
        ("main", "mod top; mod ground; use top::Roof;"),
        ("top", "mod room; use crate::{ground::{Floor, deep as d}, top::room};"),
        ("top/room", "/// [`crate::main`] in a comment is no arrow\nfn f() { crate::ground::g() }"),
        ("ground", "pub fn g() {} #[cfg(test)] mod tests { use super::*; }"),
    ];
    let sources = |changed: (&'static str, &'static str)| {
        Sources::of(good.iter().map(|&(name, text)| if name == changed.0 { changed } else { (name, text) }))
    };
    assert_eq!(house.wrong_arrows(&sources(good[0])), [""; 0]);
    assert_eq!(circle(&sources(good[0]).arrows()), [""; 0]);

    let up = |file, text| house.wrong_arrows(&sources((file, text)));
    assert_eq!(up("ground", "use crate::{top::room::X};"), ["ground -> top/room: ground does not stand on top"]);
    assert_eq!(up("ground", "fn f() { vec![crate::top::X] }"), ["ground -> top: ground does not stand on top"]);
    assert_eq!(up("ground", "use super::top;"), ["ground -> top: ground does not stand on top"]);
    assert_eq!(up("ground", "mod tests { use super::super::top; }"), ["ground -> top: ground does not stand on top"]);
    assert_eq!(up("top/room", "use crate::Face;"), ["top/room -> main: top does not stand on main"]);
    let attic = Sources::of([("main", ""), ("attic", "")]);
    assert_eq!(house.wrong_arrows(&attic), ["attic is on no floor of tests/tests/layers.rs"]);

    for text in ["use super::Roof;", "use crate::top::Roof;"] {
        assert_eq!(circle(&sources(("top/room", text)).arrows()), ["top", "top/room", "top"], "{text}");
    }
}
