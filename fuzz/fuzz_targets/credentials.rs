//! See the function of the same name in `ogent_testkit::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ogent_testkit::fuzz::credentials(data));
