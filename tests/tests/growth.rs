//! Resident storage of a file whose length is not known grows as bytes come: a header that claims gigabytes costs what
//! was sent, a buffer that moves keeps its bytes, and running out of memory on the way is a retry.

use gguf_admission::abi::Registry;
use gguf_admission::{Code, State};
use gguf_tests::allocator::{self, Counting};
use gguf_tests::writer::Writer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: u64 = 1 << 20;

/// The bound of docs/abi-v2.md, "Windows and memory" 7.
fn allowed(pushed: u64) -> u64 {
    2 * pushed + 64 * MIB
}

fn held(registry: &mut Registry, handle: i32) -> u64 {
    let report = registry.report(handle).expect("a report");
    let report: serde_json::Value = serde_json::from_slice(report).expect("JSON");
    report["memory"]["held"].as_u64().expect("a number")
}

/// A header of tensors of these sizes, and where its data starts.
fn header(sizes: &[u64]) -> Vec<u8> {
    let mut writer = Writer::new(sizes.len() as u64, 0);
    for (index, size) in sizes.iter().enumerate() {
        writer.tensor(format!("t{index}").as_bytes(), *size, 32);
    }
    writer.pad(32).bytes.clone()
}

/// The byte at an offset of the file, so that one that was moved or lost shows.
fn byte(at: u64) -> u8 {
    ((at >> 16) ^ (at >> 3) ^ at) as u8
}

/// Pushes the file up to `end`: the header, then bytes that tell their place. Watches the bound at every step.
fn push(registry: &mut Registry, handle: i32, header: &[u8], from: u64, end: u64) -> Result<(), Code> {
    let mut at = from;
    while at < end {
        let window = registry.window(handle).map_err(|error| error.code())?;
        let len = (window.len() as u64).min(end - at);
        for (offset, place) in (at..at + len).zip(window.iter_mut()) {
            *place = header.get(offset as usize).copied().unwrap_or_else(|| byte(offset));
        }
        registry.push_chunk(handle, at as i64, len as i32).map_err(|error| error.code())?;
        at += len;
        assert!(held(registry, handle) <= allowed(at), "held at {at}");
    }
    Ok(())
}

#[test]
fn a_header_that_claims_3_gib_costs_what_was_sent() {
    for sizes in [vec![1 << 30; 3], vec![60 * MIB; 51], vec![7, 3 << 29, 1 << 30]] {
        let header = header(&sizes);
        let mut registry = Registry::new();
        let handle = registry.begin(-1, 2).expect("a slot");
        let end = header.len() as u64;
        push(&mut registry, handle, &header, 0, end).expect("memory for a header");
        push(&mut registry, handle, &header, end, end + 1).expect("memory for a byte");
        assert_eq!(registry.state(handle), Some(State::Receiving));
        assert!(held(&mut registry, handle) <= allowed(end + 1));
    }
}

#[test]
fn with_a_declared_length_all_is_reserved_at_the_consent() {
    let header = header(&[80 * MIB]);
    let mut registry = Registry::new();
    let handle = registry.begin(header.len() as i64 + 80 * MIB as i64, 2).expect("a slot");
    push_unwatched(&mut registry, handle, &header);
    registry.window(handle).expect("the consent");
    assert!(held(&mut registry, handle) >= 80 * MIB);
}

fn push_unwatched(registry: &mut Registry, handle: i32, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let window = registry.window(handle).expect("memory");
        let len = window.len().min(bytes.len() - at);
        window[..len].copy_from_slice(&bytes[at..at + len]);
        registry.push_chunk(handle, at as i64, len as i32).expect("a good file");
        at += len;
    }
}

#[test]
fn a_large_tensor_that_grew_is_read_back_whole_and_aligned() {
    let sizes = [100, 150 * MIB, 33];
    let header = header(&sizes);
    let end = header.len() as u64 + 128 + 150 * MIB + 33;
    let mut registry = Registry::new();
    let handle = registry.begin(-1, 2).expect("a slot");
    // The padding behind the first tensor is zero in a good file.
    let mut start = header.clone();
    start.extend((header.len() as u64..header.len() as u64 + 100).map(byte));
    start.resize(header.len() + 128, 0);
    push(&mut registry, handle, &start, 0, end).expect("memory");
    registry.finish(handle).expect("whole");
    let data = header.len() as u64;
    for (index, (at, size)) in [(data, 100), (data + 128, 150 * MIB), (data + 128 + 150 * MIB, 33)].iter().enumerate() {
        let bytes = registry.tensor(handle, index as i32).expect("resident");
        assert_eq!(bytes.len() as u64, *size);
        assert_eq!(bytes.as_ptr().addr() % 32, 0);
        assert!(bytes.iter().zip(*at..).all(|(found, at)| *found == byte(at)), "tensor {index}");
    }
}

#[test]
fn running_out_of_memory_on_the_way_is_a_retry() {
    let header = header(&[150 * MIB]);
    let mut registry = Registry::new();
    let handle = registry.begin(-1, 2).expect("a slot");
    let end = header.len() as u64 + 150 * MIB;
    let mut at = header.len() as u64;
    push(&mut registry, handle, &header, 0, at).expect("memory");
    let mut refused = 0;
    while at < end {
        let before = registry.report(handle).expect("a report").to_vec();
        let state = registry.state(handle);
        allocator::fail_nth(1, true);
        let lent = registry.window(handle).map(|window| window.len()).map_err(|error| error.code());
        allocator::disarm();
        if lent.is_err() && state == Some(State::Receiving) {
            refused += 1;
            assert_eq!(lent, Err(Code::Memory));
            assert_eq!(registry.state(handle), state);
            assert_eq!(registry.report(handle).expect("a report"), before, "nothing has changed");
        }
        let next = (at + MIB).min(end);
        push(&mut registry, handle, &header, at, next).expect("memory");
        at = next;
    }
    assert!(refused >= 2, "room for 150 MiB grows twice behind the first 64");
    registry.finish(handle).expect("whole");
    let bytes = registry.tensor(handle, 0).expect("resident");
    assert!(bytes.iter().zip(header.len() as u64..).all(|(found, at)| *found == byte(at)));
}
