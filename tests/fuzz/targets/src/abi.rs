//! The same file through both ABIs of one instance: the same answer, the same texts, the same bytes.

use gguf_admission::abi::{Json, object};
use gguf_admission::{Code, Model};

use crate::drive::Cuts;
use crate::naive::Fault;
use crate::source::Source;

gguf_abi_v2::exports!(gguf_admission::Builtin);

/// Admits the file that `input` holds, or describes, through `load_model` and through windows.
pub fn abi(input: &[u8]) {
    let (body, mut source) = Source::split(input);
    let file = crate::file(body, &mut source);
    if file.is_empty() {
        return;
    }
    let mut cuts = Cuts::drawn(&mut source);
    let window = if source.chance(32) { 1 << 20 } else { 4096 };

    let before = exports::active();
    let whole = load(&file);
    if whole.is_err() {
        assert_eq!(exports::active(), before, "a refused file leaves the active model");
    }
    let texts = whole.as_ref().ok().map(|()| enter(None, |instance| instance.registry.active_model().map(sections)));
    let handle = exports::begin(file.len() as i64, 2);
    assert!(handle > 0);
    assert_eq!(exports::limit(handle, 7, window), window);
    let streamed = stream(handle, &file, &mut cuts);
    match (whole, streamed) {
        (Ok(()), Ok(())) => {
            let displaced = exports::active();
            assert_eq!(exports::activate(handle), 4);
            assert_eq!(exports::position(displaced), i64::from(Code::Handle.status()), "a loaded model was displaced");
            let again = enter(None, |instance| instance.registry.active_model().map(sections));
            assert_eq!(texts, Some(again), "both ABIs say the same of the model");
            assert!(diagnostics().starts_with(&format!("{{\"abi\":\"1\",\"model\":{{\"length\":{},", file.len())));
            held(&file);
            assert_eq!(exports::free_model(), 0);
            assert_eq!((exports::active(), exports::release(handle)), (0, 0));
        }
        (Err((status, fault)), Err(other)) => {
            assert_eq!(fault, other);
            let code = Code::ALL.iter().find(|code| code.name() == fault.code).expect("a code of the table");
            assert_eq!(status, -code.status(), "v1's number is v2's without its sign");
            assert_eq!(exports::release(handle), 0);
        }
        (whole, streamed) => panic!("v1: {whole:?}, v2: {streamed:?}"),
    }
}

/// A host's five duties: allocate, copy, call, read the answer, free.
fn load(file: &[u8]) -> Result<(), (i32, Fault)> {
    let transfer = exports::alloc(file.len());
    assert!(!transfer.is_null());
    // SAFETY: `transfer` is `file.len()` bytes that nobody else knows of; they are filled before the call, live during
    // it, and freed once, with the pointer and the capacity of the `alloc`.
    let status = unsafe {
        core::ptr::copy_nonoverlapping(file.as_ptr(), transfer, file.len());
        let status = exports::load_model(transfer, file.len());
        exports::dealloc(transfer, file.len());
        status
    };
    let result = text(exports::last_result_ptr(), exports::last_result_len());
    assert!(result.starts_with("{\"abi\":\"1\",\"call\":\"load_model\",\"status\":"));
    if status == 0 {
        return Ok(());
    }
    Err((status, told(result)))
}

fn stream(handle: i32, file: &[u8], cuts: &mut Cuts<'_>) -> Result<(), Fault> {
    let mut at = 0;
    while at < file.len() {
        // A native pointer does not fit a slice of the ABI, so the window comes from the registry that `window` asks.
        let piece = cuts.next(file.len() - at);
        let len = enter(0, |instance| {
            let window = instance.registry.window(handle).expect("there is memory");
            let len = window.len().min(piece);
            window[..len].copy_from_slice(&file[at..at + len]);
            len
        });
        if exports::push_chunk(handle, at as i64, len as i32) < 0 {
            return Err(last_error());
        }
        at += len;
    }
    if exports::finish(handle) < 0 { Err(last_error()) } else { Ok(()) }
}

/// The detail of the latest refusal.
fn last_error() -> Fault {
    assert!(exports::last_error() > 0);
    enter(None, |instance| Some(told(&instance.last_error))).expect("the instance is whole")
}

/// The fault that a text of either ABI tells.
fn told(text: &str) -> Fault {
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\":")).expect("the field is there");
        rest[..rest.find([',', '}']).unwrap_or(rest.len())].trim_matches('"')
    };
    let code = Code::ALL.iter().find(|code| code.name() == field("code")).expect("a code of the table").name();
    Fault { code, offset: field("offset").parse().ok(), path: field("path").to_owned() }
}

fn sections(model: &Model) -> String {
    let mut text = String::new();
    let sections = object(|json| model.write_sections(json));
    Json::new(&mut text).value(&sections).expect("it has room");
    text
}

fn diagnostics() -> String {
    text(exports::get_diagnostics_ptr(), exports::get_diagnostics_len()).to_owned()
}

fn text<'a>(ptr: *const u8, len: usize) -> &'a str {
    // SAFETY: pointer and length are those of one text, which stays until the next call that makes a result.
    let bytes = unsafe { core::slice::from_raw_parts(ptr, len) };
    core::str::from_utf8(bytes).expect("the texts are UTF-8")
}

/// The active model holds the file.
fn held(file: &[u8]) {
    enter((), |instance| {
        let model = instance.registry.active_model().expect("one is active");
        let mut copy = Vec::new();
        let mut reader = model.file().expect("it is resident");
        std::io::Read::read_to_end(&mut reader, &mut copy).expect("memory does not fail");
        assert_eq!(copy, file);
    });
}
