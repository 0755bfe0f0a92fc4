//! Good files of several sizes, for tests that admit them again and again.

use std::sync::OnceLock;

use crate::corpus;
use crate::writer::Writer;

/// Files that are admitted, each with the size of chunks that suits it. `folder` is for the corpus.
pub fn admitted(folder: &str) -> &'static [(Vec<u8>, usize)] {
    static FILES: OnceLock<Vec<(Vec<u8>, usize)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let cases = corpus::load(folder);
        let case = |name: &str| {
            let case = cases.iter().find(|case| case.name == name);
            case.unwrap_or_else(|| panic!("the corpus has {name}")).contents.clone()
        };
        vec![(small(9), 40), (case("small_model"), 1000), (case("vocabulary"), 9000), (large(), 50_000)]
    })
}

/// A header above one page, with an index that grows several times, and data in it and behind it.
pub fn large() -> Vec<u8> {
    let mut writer = Writer::new(3000, 3);
    writer.entry_string(b"general.architecture", b"llama").entry_string(b"text", &vec![b'x'; 200_000]);
    writer.entry_array(b"tokens", 8, 4000);
    for index in 0..4000 {
        writer.string(format!("token {index}").as_bytes());
    }
    for index in 0..3000 {
        writer.tensor(format!("blk.{index}.attn_q.weight").as_bytes(), 1 + index % 50, 32);
    }
    writer.pad(32);
    for index in 0..3000 {
        writer.data(index, 1 + index % 50, 32);
    }
    writer.bytes
}

/// Two tensors, 107 bytes of data and one entry; the files of two numbers differ.
pub fn small(which: u8) -> Vec<u8> {
    let mut writer = Writer::new(2, 1);
    writer.entry_u8(b"which", which).tensor(b"a", 100, 32).tensor(b"b", 7, 32).pad(32);
    writer.data(usize::from(which), 100, 32).data(1, 7, 32);
    writer.bytes
}
