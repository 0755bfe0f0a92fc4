#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gguf_fuzz_targets::sets(input));
