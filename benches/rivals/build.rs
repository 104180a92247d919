//! The folder for files that the contest makes, as benches of Cargo have it.
fn main() {
    println!("cargo::rustc-env=CARGO_TARGET_TMPDIR={}", std::env::var("OUT_DIR").unwrap());
}
