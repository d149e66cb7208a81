//! Takes the shipped plugins into the binary for `tidegate demo`.
//!
//! They are built by another tool chain (`make plugins`). Where they are not there yet, the binary still builds, and the
//! demo says what to do.

use std::path::Path;
use std::{env, fs, io};

const PLUGINS: [&str; 3] = ["api_key.wasm", "rate_limit.wasm", "least_latency.wasm"];

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").map(std::path::PathBuf::from).ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    for name in PLUGINS {
        let built = Path::new("../plugins/dist").join(name);
        println!("cargo::rerun-if-changed={}", built.display());
        fs::write(out.join(name), fs::read(&built).unwrap_or_default())?;
    }
    Ok(())
}
