//! The macro that makes a module of both interfaces.

/// Exports both versions of the interface, over models that are kept in `$sink`, a [`Keep`](gguf_admission::Keep). It
/// makes
///
/// * a function `enter(poisoned, call)`, which runs `call` on the one [`Instance`](crate::Instance) of the module, or
///   answers `poisoned` after a call that never returned. The exports go through it, and so do a runtime's own;
/// * a module `exports` with all calls. In WebAssembly they are exported; elsewhere they are functions for tests.
///
/// A crate says it once, at a place where no other name is `enter` or `exports`. The crates `gguf-abi-v1` and
/// `gguf-abi-v2` are linked without their feature `exports`, which makes modules of themselves.
#[macro_export]
macro_rules! exports {
    ($sink:ty) => {
        $crate::gguf_abi_v1::instance!($sink);

        #[allow(
            dead_code,
            missing_docs,
            reason = "the contract describes the calls; off WebAssembly nothing may call them"
        )]
        pub(crate) mod exports {
            use super::enter;

            $crate::gguf_abi_v1::exported!();

            /// Never fails, not even after a trap.
            #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
            pub(crate) extern "C" fn abi_version() -> i32 {
                $crate::abi_version()
            }

            $crate::export! {
                begin(length: i64, sink: i32) -> i32 = $crate::POISONED;
                limit(handle: i32, id: i32, value: i64) -> i64 = i64::from($crate::POISONED);
                digests(handle: i32, mask: i32) -> i32 = $crate::POISONED;
                expect_digest(handle: i32, algorithm: i32, a: i64, b: i64, c: i64, d: i64) -> i32 = $crate::POISONED;
                evidence(handle: i32) -> i64 = i64::from($crate::POISONED);
                expect_evidence(handle: i32, groups: i32) -> i64 = i64::from($crate::POISONED);
                lend_group(handle: i32, group: i32) -> i64 = i64::from($crate::POISONED);
                check_group(handle: i32, group: i32, len: i32) -> i32 = $crate::POISONED;
                window(handle: i32) -> i64 = i64::from($crate::POISONED);
                push_chunk(handle: i32, offset: i64, len: i32) -> i32 = $crate::POISONED;
                finish(handle: i32) -> i32 = $crate::POISONED;
                position(handle: i32) -> i64 = i64::from($crate::POISONED);
                report(handle: i32) -> i64 = i64::from($crate::POISONED);
                metadata(handle: i32, index: i32) -> i64 = i64::from($crate::POISONED);
                tensor(handle: i32, index: i32) -> i64 = i64::from($crate::POISONED);
                profile(handle: i32, id: i32, level: i32) -> i32 = $crate::POISONED;
                join(handle: i32, lead: i32) -> i32 = $crate::POISONED;
                activate(handle: i32) -> i32 = $crate::POISONED;
                active() -> i32 = $crate::POISONED;
                release(handle: i32) -> i32 = $crate::POISONED;
                last_error() -> i64 = i64::from($crate::POISONED);
            }
        }
    };
}

/// Exports calls: each one's name, arguments and result, and what it answers after a trap.
#[doc(hidden)]
#[macro_export]
macro_rules! export {
    ($($name:ident($($argument:ident: $of:ty),*) -> $result:ty = $poisoned:expr;)*) => {
        $(
            #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
            pub(crate) extern "C" fn $name($($argument: $of),*) -> $result {
                enter($poisoned, |instance| $crate::$name(instance, $($argument),*))
            }
        )*
    };
}
