//! Packs the files of rules, so that reading them at run time takes no time, and a new file needs no line of code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=rules");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("rules");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let (mut packed, mut listed) = (Vec::new(), String::from("&[\n"));
    for path in &files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut content: Value =
            toml::from_str(&std::fs::read_to_string(path)?).map_err(|error| format!("rules/{name}.toml: {error}"))?;
        drop_examples(&mut content);
        let content = rmp_serde::to_vec_named(&content)?;
        if name == "verbs" {
            std::fs::write(out.join("verbs.msgpack"), content)?;
            continue;
        }
        packed.push((name.clone(), content));
        let _ = writeln!(listed, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    listed.push(']');
    std::fs::write(out.join("files.rs"), listed)?;
    std::fs::write(out.join("rules.msgpack"), rmp_serde::to_vec(&packed)?)?;
    Ok(())
}

/// Examples are for tests, which read the files themselves.
fn drop_examples(value: &mut Value) {
    match value {
        Value::Table(table) => {
            table.remove("match");
            table.remove("not");
            table.iter_mut().for_each(|(_, value)| drop_examples(value));
        }
        Value::Array(values) => values.iter_mut().for_each(drop_examples),
        _ => {}
    }
}
