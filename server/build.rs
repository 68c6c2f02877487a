//! Puts the web app into the binary.
//!
//! The app is built by npm, which leaves every file with its compressed forms beside it; this program writes the table
//! that `src/http/assets.rs` includes. A table made here, rather than by a crate for embedding files, because it pairs a
//! file with its compressed forms and its hash once and for all, and needs no dependency to do so.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A folder with a web app that was built already; set it where there is no Node.js.
const PREBUILT: &str = "MOIM_WEB_DIST";
/// Folders of the web client that are made by tools, and no sources.
const NOT_SOURCES: [&str; 3] = ["node_modules", "dist", "coverage"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            for line in problem.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let dist = match env::var_os(PREBUILT) {
        Some(folder) => {
            let folder = PathBuf::from(folder);
            watch(&folder)?;
            folder
        }
        None => build_web_app(&out)?,
    };
    if !dist.join("index.html").is_file() {
        return Err(format!("{} has no index.html: it is no built web app", dist.display()));
    }
    let table = table(&dist)?;
    fs::write(out.join("assets.rs"), table).map_err(at(&out))
}

/// Builds the app out of the sources of this repository; the folder with the result.
fn build_web_app(out: &Path) -> Result<PathBuf, String> {
    let manifest =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo did not set CARGO_MANIFEST_DIR")?);
    let web = manifest.join("../client/web");
    if !web.join("package.json").is_file() {
        return Err(format!(
            "the web app's sources are not in {}; use a whole checkout, or set {PREBUILT} to a folder with a built web app",
            web.display()
        ));
    }
    let lock = web.join("package-lock.json");
    let installed = web.join("node_modules/.package-lock.json");
    if modified(&installed).is_none_or(|installed| modified(&lock).is_some_and(|lock| lock > installed)) {
        npm(&web, &["ci", "--no-audit", "--no-fund"])?;
    }
    let dist = out.join("web");
    let dist_argument = dist.to_str().ok_or("the path of the build folder is not UTF-8")?;
    npm(&web, &["run", "build", "--", "--outDir", dist_argument])?;
    // Only now are all the folders there that tools make.
    watch(&web)?;
    Ok(dist)
}

fn npm(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("npm").args(arguments).current_dir(web).output().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            format!(
                "npm was not found. moim carries its web app in the program, and builds it by Node.js 20 or newer.\n\
                 Install Node.js (https://nodejs.org, or your system's packages nodejs and npm),\n\
                 or set {PREBUILT} to a folder with a web app that was built elsewhere (npm ci && npm run build in client/web)."
            )
        } else {
            format!("npm cannot be started: {error}")
        }
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`npm {}` failed in client/web ({}):\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// Has cargo run this again when a source changes, and not when a tool wrote something. Cargo looks into a whole folder,
/// so folders are named whole where there is nothing else in them.
fn watch(folder: &Path) -> Result<(), String> {
    let entries: Vec<_> =
        fs::read_dir(folder).and_then(Iterator::collect::<io::Result<_>>).map_err(at(folder))?;
    let is_made_by_tools = |entry: &fs::DirEntry| NOT_SOURCES.iter().any(|name| entry.file_name() == *name);
    if !entries.iter().any(is_made_by_tools) {
        println!("cargo::rerun-if-changed={}", folder.display());
        return Ok(());
    }
    for entry in entries.iter().filter(|entry| !is_made_by_tools(entry)) {
        let path = entry.path();
        if path.is_dir() {
            watch(&path)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    Ok(())
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// The Rust source of all files, sorted by the path under which they are served.
fn table(dist: &Path) -> Result<String, String> {
    let mut files = BTreeMap::new();
    collect(dist, "", &mut files)?;
    let mut table = String::from("const ASSETS: Assets = &[\n");
    for (path, file) in &files {
        let original = path.strip_suffix(".br").or_else(|| path.strip_suffix(".gz"));
        if original.is_some_and(|original| files.contains_key(original)) {
            continue;
        }
        let content = fs::read(file).map_err(at(Path::new(file)))?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&content);
        let compressed = |suffix: &str| match files.get(&format!("{path}{suffix}")) {
            Some(file) => format!("Some({})", include_bytes(file)),
            None => "None".to_owned(),
        };
        let entry = format!(
            "    Asset {{ path: {path:?}, content_type: {:?}, hash: \"{:016x}\", identity: {}, \
             brotli: {}, gzip: {} }},\n",
            content_type(path),
            hasher.finish(),
            include_bytes(file),
            compressed(".br"),
            compressed(".gz"),
        );
        table.push_str(&entry);
    }
    table.push_str("];\n");
    Ok(table)
}

/// The expression for a file's content. A path is quoted like any string.
fn include_bytes(file: &str) -> String {
    format!("include_bytes!({file:?})")
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let path = fs::canonicalize(entry.path()).map_err(at(folder))?;
        let not_utf8 = || format!("{} is not UTF-8", path.display());
        let name = entry.file_name().into_string().map_err(|_| not_utf8())?;
        let served_as = format!("{prefix}/{name}");
        if path.is_dir() {
            collect(&path, &served_as, files)?;
        } else {
            let path = path.to_str().ok_or_else(not_utf8)?;
            files.insert(served_as, path.to_owned());
        }
    }
    Ok(())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
