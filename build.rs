//! Tells cargo what the binary embeds beside its sources: the built web client and the migrations.

fn main() {
    // A missing path would make cargo rebuild every time; an empty folder is embedded as nothing.
    let _ = std::fs::create_dir_all("web-client/dist");
    println!("cargo::rerun-if-changed=web-client/dist");
    println!("cargo::rerun-if-changed=src/store/migrations");
}
