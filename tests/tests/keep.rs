//! A runtime's own storage behind both interfaces: what it keeps, what it refuses, and what it is told of the active
//! model.

use std::cell::RefCell;

use exports::{activate, active, begin, dealloc, free_model, load_model, position, release, tensor};
use gguf_admission::{
    Code, Error, Header, Keep, Lend, Model, Path, Plan, Read, Resident, Sink, Storage, Value, Verify, Zone,
};
use gguf_tests::writer::Writer;

gguf_abi_v2::exports!(Shelf);

thread_local! {
    /// The length of the active model's file after each change; 0: none.
    static TOLD: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Keeps each tensor in memory of its own, and takes the architecture `toy` only.
#[derive(Default)]
struct Shelf {
    verify: Option<Verify>,
    tensors: Vec<Vec<u8>>,
    lent: Vec<u8>,
}

impl Sink for Shelf {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        plan.header.layout().data_bytes() + plan.window as u64
    }

    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let is_toy =
            |value: Option<Value<'_>>| matches!(value, Some(Value::String(name)) if name.compare(b"toy").is_eq());
        if self.verify.is_some() || is_toy(plan.header.value("general.architecture")) {
            return Ok(());
        }
        let at = plan.header.layout().header_end;
        Err(Error::at(Code::Limit, at, Path::None, format_args!("this runtime runs toy models"))
            .with(format_args!("toy"), format_args!("another")))
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        self.lent = vec![0; plan.window];
        self.tensors = plan.header.tensors().map(|tensor| vec![0; tensor.bytes as usize]).collect();
        Ok(())
    }

    fn write(&mut self, _offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        if let Zone::Tensor { index, at } = zone {
            self.tensors[index][at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }
}

impl Lend for Shelf {
    fn lend(&mut self, _offset: u64, most: usize) -> &mut [u8] {
        &mut self.lent[..most]
    }

    fn filled(&mut self, _len: usize) {}
}

impl Read for Shelf {
    fn resident(&self) -> Option<&Resident> {
        None
    }

    fn bytes(&self, _header: &Header, index: usize) -> Option<&[u8]> {
        self.tensors.get(index).map(Vec::as_slice)
    }
}

impl Keep for Shelf {
    fn open(storage: Storage) -> Self {
        Shelf { verify: (storage == Storage::Verify).then(Verify::default), ..Shelf::default() }
    }

    fn active(model: Option<&Model<Self>>) {
        TOLD.with_borrow_mut(|told| told.push(model.map_or(0, Model::length)));
    }
}

fn file(architecture: &str, size: usize) -> Vec<u8> {
    let mut writer = Writer::new(1, 1);
    writer.entry_string(b"general.architecture", architecture.as_bytes());
    writer.tensor(b"t", size as u64, 32).pad(32).data(0, size, 32);
    writer.bytes
}

/// Admits a file as a host that pushes it in one piece, through the instance's own session.
fn admitted(file: &[u8]) -> i32 {
    let handle = begin(file.len() as i64, 2);
    assert!(handle > 0);
    let mut at = 0;
    while at < file.len() {
        let state = enter(Err(Error::memory(0)), |instance| {
            let window = instance.registry.window(handle)?;
            let len = window.len().min(file.len() - at);
            window[..len].copy_from_slice(&file[at..at + len]);
            let state = instance.registry.push_chunk(handle, at as i64, len as i32)?;
            at += len;
            Ok(state)
        });
        state.expect("a good file");
    }
    assert_eq!(exports::finish(handle), 4);
    handle
}

fn load(file: &[u8]) -> i32 {
    let transfer = exports::alloc(file.len());
    // SAFETY: `alloc` gave `file.len()` bytes that nobody else knows of; they are freed once, as they were allocated.
    unsafe {
        transfer.copy_from_nonoverlapping(file.as_ptr(), file.len());
        let status = load_model(transfer, file.len());
        dealloc(transfer, file.len());
        status
    }
}

fn told() -> Vec<u64> {
    TOLD.take()
}

fn last_error() -> String {
    enter(String::new(), |instance| instance.last_error.to_string())
}

#[test]
fn the_hook_is_told_of_every_change_of_the_active_model() {
    let (small, large) = (file("toy", 100), file("toy", 50_000));
    let (first, second) = (admitted(&small), admitted(&large));
    assert_eq!(told(), [0; 0], "admitted is not active");
    assert_eq!(activate(first), 4);
    assert_eq!(activate(first), 4);
    assert_eq!(told(), [small.len() as u64], "no change, no call");
    assert_eq!(activate(second), 4);
    assert_eq!(release(first), 0);
    assert_eq!(told(), [large.len() as u64], "a model that is not active may go unseen");
    assert_eq!(release(second), 0);
    assert_eq!(told(), [0]);
    assert_eq!((load(&small), load(&large)), (0, 0));
    assert_eq!(told(), [small.len() as u64, large.len() as u64]);
    let third = admitted(&small);
    let displaced = active();
    assert_eq!(activate(third), 4);
    assert_eq!(position(displaced), i64::from(Code::Handle.status()));
    assert_eq!((free_model(), free_model()), (0, 2));
    assert_eq!(told(), [small.len() as u64, 0]);
    assert_eq!(release(third), 0);
    assert_ne!(load(&file("llama", 100)), 0);
    assert_eq!(told(), [0; 0], "what was refused changes nothing");
}

#[test]
fn tensors_are_read_where_the_runtime_keeps_them() {
    let file = file("toy", 5_000);
    let handle = admitted(&file);
    let bytes = enter(None, |instance| instance.registry.tensor(handle, 0).ok().map(Vec::from)).expect("it is kept");
    assert_eq!(bytes, file[file.len() - 5_024..][..5_000]);
    assert_eq!((tensor(handle, 0) >> 32, tensor(handle, 1)), (5_000, i64::from(Code::Argument.status())));
    assert_eq!(release(handle), 0);
}

#[test]
fn what_the_runtime_cannot_run_is_refused_at_the_header_through_both_interfaces() {
    let file = file("llama", 1 << 20);
    let handle = begin(file.len() as i64, 2);
    let refused = enter(Ok(()), |instance| {
        let window = instance.registry.window(handle)?;
        assert!(window.len() < 70_000);
        let len = window.len();
        window.copy_from_slice(&file[..len]);
        instance.registry.push_chunk(handle, 0, len as i32).map(|_| ())
    });
    assert_eq!(refused.expect_err("it is refused").code(), Code::Limit);
    assert_eq!((exports::finish(handle), release(handle)), (Code::State.status(), 0));
    assert!(last_error().contains("\"state\":\"failed\""), "{}", last_error());
    assert_eq!(load(&file), -Code::Limit.status());
    // A host may still verify it: then the runtime keeps nothing of it.
    let verified = begin(file.len() as i64, 1);
    assert!(verified > 0);
    assert_eq!(release(verified), 0);
}

#[test]
fn a_call_that_never_returned_poisons_all_others() {
    let trapped = std::panic::catch_unwind(|| {
        enter(0, |_| {
            let inner = enter(-64, |_| 0);
            assert_eq!((inner, begin(-1, 1), active(), free_model()), (-64, -64, -64, 64));
            1
        })
    });
    assert_eq!(trapped.ok(), Some(1), "the call itself comes back, and the instance with it");
    assert!(begin(-1, 1) > 0);
}
