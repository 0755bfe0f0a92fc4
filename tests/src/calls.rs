//! The calls that bring a file into a registry's session, for hosts to whom a call may be refused.

use gguf_admission::abi::Registry;
use gguf_admission::{Code, Error, LimitId};

/// A call of a registry, which can be made again.
pub type Call<'a> = &'a mut dyn FnMut(&mut Registry) -> Result<usize, Error>;

/// All of `file` in chunks of at most `chunk` bytes, and its end. Each call is made by `ask`, as often as it likes,
/// until it succeeds.
pub fn bring_in(
    registry: &mut Registry,
    handle: i32,
    file: &[u8],
    chunk: usize,
    ask: &mut dyn FnMut(&mut Registry, Call<'_>) -> usize,
) {
    let mut at = 0;
    while at < file.len() {
        let size = ask(registry, &mut |registry| {
            let window = registry.window(handle)?;
            let size = window.len().min(chunk).min(file.len() - at);
            window[..size].copy_from_slice(&file[at..at + size]);
            Ok(size)
        });
        ask(registry, &mut |registry| registry.push_chunk(handle, at as i64, size as i32).map(|_| 0));
        at += size;
    }
    ask(registry, &mut |registry| registry.finish(handle).map(|_| 0));
}

/// A host that sets limit MEMORY to what a refusal asks for, and to no more.
pub struct Grants {
    handle: i32,
    /// How often it did.
    pub count: usize,
}

impl Grants {
    /// Begins with nothing: limit MEMORY of the session is 0.
    pub fn none(registry: &mut Registry, handle: i32) -> Self {
        registry.limit(handle, LimitId::Memory as i32, 0).expect("nothing is in yet");
        Grants { handle, count: 0 }
    }

    /// Makes a call. One byte less than it asks for is refused with the same number; that number is enough.
    pub fn ask(&mut self, registry: &mut Registry, call: Call<'_>) -> usize {
        let error = match call(registry) {
            Ok(value) => return value,
            Err(error) => error,
        };
        let (memory, number) = (LimitId::Memory as i32, needed(&error));
        registry.limit(self.handle, memory, number as i64 - 1).expect("settable");
        assert_eq!(needed(&call(registry).expect_err("one byte less")), number);
        registry.limit(self.handle, memory, number as i64).expect("settable");
        self.count += 1;
        call(registry).unwrap_or_else(|error| panic!("{number} was asked for: {error}"))
    }
}

/// The number in a `budget` detail.
pub fn needed(error: &Error) -> u64 {
    assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Budget, "memory"), "{error}");
    error.expected().and_then(|number| number.parse().ok()).expect("a number")
}
