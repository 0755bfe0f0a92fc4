//! docs/runtimes.md as a module: tensors stay where a host has written them, and the module has a call of its own.

use exports::{activate, release, tensor};
use gguf_admission::{Code, Error, Limits, Storage};
use gguf_tests::feed::{Cuts, by_registry};
use gguf_tests::writer::file_of;

#[allow(dead_code, reason = "its `main` is run as a program of its own")]
#[path = "../../admission/examples/lend.rs"]
mod lend;

use lend::Weights;

gguf_abi_v2::exports!(Weights); // both interfaces, over models that are kept in `Weights`

/// How many tensors the active model has.
#[unsafe(no_mangle)]
pub extern "C" fn tensors() -> i32 {
    // After a call that trapped, every call answers -64.
    enter(gguf_abi_v2::POISONED, |instance| {
        let active = instance.registry.active();
        // A refusal is noted for `last_error`, and its status is the answer.
        gguf_abi_v2::number(instance, active, |registry| match registry.active_model() {
            Some(model) => Ok(model.header().tensor_count() as i32),
            None => Err(Error::new(Code::State, format_args!("no model is active"))),
        })
    })
}

const SIZES: [usize; 4] = [100_000, 0, 70_001, 3];
const ALIGNMENT: usize = 32;

/// What a host admits by windows, with chunks cut like this.
fn admitted(file: &[u8], length: Option<u64>, storage: Storage, mut cuts: Cuts) -> i32 {
    enter(0, |instance| {
        let limits = Limits::new(storage);
        by_registry(&mut instance.registry, file, length, storage, limits, &mut cuts)
            .map_err(|(_, error)| error)
            .expect("a good file")
    })
}

#[test]
fn each_tensor_is_where_the_host_wrote_it_whatever_the_chunks() {
    let file = file_of(&SIZES, ALIGNMENT);
    let mut start = file.len() - SIZES.iter().map(|size| size.next_multiple_of(ALIGNMENT)).sum::<usize>();
    let mut expected = Vec::new();
    for size in SIZES {
        expected.push(&file[start..start + size]);
        start += size.next_multiple_of(ALIGNMENT);
    }
    for length in [Some(file.len() as u64), None] {
        for cuts in [Cuts::Whole, Cuts::Every(1), Cuts::Every(4097), Cuts::Every(33)] {
            let handle = admitted(&file, length, Storage::Resident, cuts.clone());
            for (index, expected) in expected.iter().enumerate() {
                let kept =
                    enter(None, |instance| instance.registry.tensor(handle, index as i32).ok().map(<[u8]>::to_vec));
                assert!(kept.as_deref() == Some(*expected), "tensor {index}, {length:?}, {cuts:?}");
            }
            assert_eq!(release(handle), 0);
        }
    }
}

#[test]
fn a_host_that_only_verifies_gets_no_tensors() {
    let file = file_of(&SIZES, ALIGNMENT);
    let handle = admitted(&file, None, Storage::Verify, Cuts::Every(5000));
    assert_eq!(tensor(handle, 0), i64::from(Code::State.status()));
    let held = enter(String::new(), |instance| {
        String::from_utf8_lossy(instance.registry.report(handle).expect("a report")).into_owned()
    });
    let held: serde_json::Value = serde_json::from_str(&held).expect("JSON");
    assert!(held["memory"]["held"].as_u64().expect("a number") < 70_000, "{held}");
    assert_eq!(release(handle), 0);
}

#[test]
fn the_runtimes_own_call_speaks_of_the_active_model() {
    assert_eq!(tensors(), Code::State.status());
    let file = file_of(&SIZES, ALIGNMENT);
    let handle = admitted(&file, None, Storage::Resident, Cuts::Whole);
    assert_eq!(activate(handle), 4);
    assert_eq!(tensors(), SIZES.len() as i32);
    assert_eq!((release(handle), tensors()), (0, Code::State.status()));
}

/// Every block of Rust on the page stands here or in the example, word for word.
#[test]
fn the_page_shows_this_code() {
    let page = include_str!("../../docs/runtimes.md");
    let code = [include_str!("runtime_page.rs"), include_str!("../../admission/examples/lend.rs")];
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().expect("an end")).collect();
    assert_eq!(blocks.len(), code.len());
    for block in blocks {
        // What a reader has to import is said in each by itself.
        let block = block.split_once("\n\n").expect("imports, then code").1;
        assert!(code.iter().any(|code| code.contains(block)), "nowhere:\n{block}");
    }
}
