//! The contracts that come with ffi-guard, against what published crates declare and against the C
//! headers that they carry: each function is there, with that many parameters, and each word stands
//! on a parameter that it can be said of.
//!
//! The crates are read and not built. Where they can neither be found nor fetched, the test says
//! `skipped`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::de::{DeTable, DeValue};

/// The crates that declare the functions of each library.
const CRATES: [(&str, &str, &str); 10] = [
    ("bzip2", "bzip2-sys", "0.1"),
    ("curl", "curl-sys", "0.4"),
    ("git2", "libgit2-sys", "0.18"),
    ("libc", "libc", "0.2"),
    ("lua", "mlua-sys", "0.10"),
    ("openssl", "openssl-sys", "0.9"),
    ("sodium", "libsodium-sys", "0.2"),
    ("sqlite3", "libsqlite3-sys", "0.40"),
    ("zlib", "libz-sys", "1.1"),
    ("zstd", "zstd-sys", "2"),
];

/// Functions that neither a crate nor a header of theirs declares: compared with C by hand.
const BY_HAND: [&str; 3] = ["dprintf", "inet_pton", "SSL_set_session_id_context"];

/// What crates call the types of callbacks that C's headers name by an option.
const BY_OPTION: [(&str, &str); 6] = [
    ("CURLOPT_WRITEFUNCTION", "curl_write_callback"),
    ("CURLOPT_HEADERFUNCTION", "curl_write_callback"),
    ("CURLOPT_READFUNCTION", "curl_read_callback"),
    ("CURLOPT_SEEKFUNCTION", "curl_seek_callback"),
    ("CURLOPT_XFERINFOFUNCTION", "curl_progress_callback"),
    ("CURLOPT_DEBUGFUNCTION", "curl_debug_callback"),
];

/// The parameters of a function, as they are written.
type Parameters = Vec<String>;

/// The folders of the crates, by name. `Err` if cargo cannot find them.
fn folders() -> Result<BTreeMap<String, PathBuf>, String> {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts-of-crates");
    fs::create_dir_all(package.join("src")).map_err(|error| error.to_string())?;
    let dependencies: String = CRATES
        .iter()
        .map(|(_, name, version)| format!("{name} = {{ version = \"{version}\", default-features = false }}\n"))
        .collect();
    let manifest = format!(
        "[package]\nname = \"contracts-of-crates\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependencies}"
    );
    fs::write(package.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
    fs::write(package.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    let mut said = String::new();
    for offline in [true, false] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1"]).args(offline.then_some("--offline")).current_dir(&package);
        let output = cargo.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            let metadata: serde_json::Value =
                serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
            let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
            let folder = |package: &serde_json::Value| {
                let manifest = Path::new(package["manifest_path"].as_str()?);
                Some((package["name"].as_str()?.to_owned(), manifest.parent()?.to_path_buf()))
            };
            return Ok(packages.iter().filter_map(folder).collect());
        }
        said = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
    }
    Err(said)
}

/// The files below a folder whose names end so.
fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ends, found);
        } else if ends.iter().any(|end| path.extension().is_some_and(|extension| extension == *end)) {
            found.push(path);
        }
    }
}

/// A text without its comments.
fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match rest.as_bytes().get(1) {
            Some(b'/') => rest.find('\n').unwrap_or(rest.len()),
            Some(b'*') => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => {
                out.push('/');
                1
            }
        };
        rest = &rest[end..];
    }
    out + rest
}

/// Splits what stands in the parentheses that begin a text, at the commas that are in no others.
fn parameters(text: &str) -> Option<Parameters> {
    let (mut depth, mut start, mut parts) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            // `Option<extern "C" fn(..)>`, whose `->` closes nothing.
            '<' => depth += 1,
            '>' if !text[..at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            let part = text[start..at].split_whitespace().collect::<Vec<_>>().join(" ");
            start = at + 1;
            if !part.is_empty() && part != "void" {
                parts.push(part);
            }
        }
        if depth == 0 {
            return Some(parts);
        }
    }
    None
}

/// What the files declare of the wanted functions, in each variant.
fn declared(folder: &Path, wanted: &BTreeSet<String>) -> BTreeMap<String, Vec<Parameters>> {
    let mut paths = Vec::new();
    files(folder, &["rs", "h"], &mut paths);
    let mut all: BTreeMap<String, Vec<Parameters>> = BTreeMap::new();
    for path in paths {
        let is_c = path.extension().is_some_and(|extension| extension == "h");
        let text = bare(&fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default());
        for (at, _) in text.match_indices('(') {
            let before = text[..at].trim_end();
            let word = |c: char| c.is_alphanumeric() || c == '_';
            // `LUA_API void (lua_close) (lua_State *L)`.
            let (name, rest) = match before.strip_suffix(')') {
                Some(inner) if is_c => {
                    let start = inner.rfind('(').map_or(0, |start| start + 1);
                    (inner[start..].trim(), "")
                }
                _ => {
                    let start = before.rfind(|c| !word(c)).map_or(0, |at| at + 1);
                    (&before[start..], before[..start].trim_end())
                }
            };
            let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
            let is_macro = text[line..].trim_start().starts_with('#');
            if !wanted.contains(name) || is_macro || !is_c && !rest.ends_with("fn") {
                continue;
            }
            if let Some(list) = parameters(&text[at..]) {
                all.entry(name.to_owned()).or_default().push(list);
            }
        }
    }
    all
}

/// The texts of the crate's own files.
fn texts(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    files(folder, &["rs"], &mut paths);
    paths.iter().filter_map(|path| Some(bare(&fs::read_to_string(path).ok()?))).collect()
}

/// The parameters of a function's type: as it stands, or of the type of this name.
fn of_type(ty: &str, texts: &[String]) -> Vec<Parameters> {
    let of_fn = |ty: &str| parameters(ty[ty.find("fn(").or(ty.find("fn ("))? + 2..].trim_start());
    if let Some(list) = of_fn(ty) {
        return vec![list];
    }
    let name = ty.trim_end_matches(['>', ' ']).rsplit([':', '<', ' ']).next().unwrap_or(ty);
    let start = format!("type {name} =");
    let all = texts.iter().flat_map(|text| text.match_indices(&start).map(|(at, _)| &text[at..]));
    all.filter_map(|rest| of_fn(rest.split(';').next()?)).collect()
}

/// The parameters of a struct's field, in each variant.
fn of_field(owner: &str, field: &str, texts: &[String]) -> Vec<Parameters> {
    let start = format!("struct {owner} {{");
    let bodies = texts.iter().flat_map(|text| text.match_indices(&start).map(|(at, _)| &text[at..]));
    let ty = |body: &str| {
        let at = body.find(&format!(" {field}:"))? + field.len() + 2;
        let end = body[at..].find("pub ").or(body[at..].find('}'))?;
        Some(body[at..at + end].trim().trim_end_matches(',').to_owned())
    };
    bodies.filter_map(ty).flat_map(|ty| of_type(&ty, texts)).collect()
}

/// True if a word can be said of a parameter that is declared so.
fn may_be_said(words: &str, declared: &str) -> bool {
    const ALIASES: [&str; 8] =
        ["z_streamp", "gz_headerp", "voidp", "voidpc", "sqlite3_filename", "pthread_t", "va_list", "FILE"];
    let is_pointer = declared.contains('*')
        || declared.contains('[')
        || declared.contains('&')
        || ALIASES.iter().any(|alias| declared.contains(alias));
    let is_text = words.contains("cstr") || words.contains("text_");
    let bytes = ["char", "u8", "i8", "void", "Byte", "filename"];
    is_pointer && (!is_text || bytes.iter().any(|byte| declared.contains(byte)))
}

#[test]
#[cfg_attr(miri, ignore)]
fn each_contract_is_of_a_function_that_is_declared_so() {
    let folders = match folders() {
        Ok(folders) => folders,
        Err(why) => return println!("skipped: the crates are not there: {why}"),
    };
    let mut wrong = Vec::new();
    for (library, name, _) in CRATES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../ffi-guard-macros/contracts/{library}.toml"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table = DeTable::parse(&text).unwrap_or_else(|error| panic!("{library}.toml: {error}"));
        let mut contracts: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for functions in table.get_ref().values() {
            let DeValue::Table(functions) = functions.get_ref() else { panic!("{library}.toml: no table") };
            for (function, list) in functions {
                let DeValue::Array(list) = list.get_ref() else { panic!("{library}.toml: no list") };
                let words = |entry: &DeValue<'_>| {
                    let text = entry.as_str().expect("a text");
                    let (name, words) = text.split_once(':').unwrap_or((text, ""));
                    (name.to_owned(), words.to_owned())
                };
                let parameters = list.iter().map(|entry| words(entry.get_ref())).filter(|(name, _)| name != "->");
                contracts.insert(function.get_ref().to_string(), parameters.collect());
            }
        }
        let folder = folders.get(name).unwrap_or_else(|| panic!("cargo does not tell where {name} is"));
        let (types, contracts): (BTreeMap<_, _>, BTreeMap<_, _>) =
            contracts.into_iter().partition(|(name, _)| name.contains('.'));
        let declared = declared(folder, &contracts.keys().cloned().collect());
        let mut unknown = Vec::new();
        for (function, parameters) in &contracts {
            let Some(variants) = declared.get(function) else {
                unknown.push(function.as_str());
                continue;
            };
            // What it says of the arguments in `...` is only true of a variadic function.
            let tells_of_more = |words: &String| ["printf", "scanf", "followed_by"].iter().any(|it| words.contains(it));
            let is_variadic = parameters.iter().any(|(_, words)| tells_of_more(words));
            let may_be =
                |words: &str, ty: &str| words.is_empty() || words.contains("followed_by") || may_be_said(words, ty);
            let fits = |variant: &Parameters| {
                let (fixed, more) = match variant.split_last() {
                    Some((last, fixed)) if last == "..." => (fixed, true),
                    _ => (variant.as_slice(), false),
                };
                fixed.len() == parameters.len()
                    && more == is_variadic
                    && parameters.iter().zip(fixed).all(|((_, words), ty)| may_be(words, ty))
            };
            if !variants.iter().any(fits) {
                wrong.push(format!("{library}: {function}: {parameters:?} is declared {variants:?}"));
            }
        }
        let texts = if types.is_empty() { Vec::new() } else { texts(folder) };
        for (callback, parameters) in &types {
            let (owner, part) = callback.split_once('.').expect("a dot");
            let at = contracts.get(owner).and_then(|list| list.iter().position(|(name, _)| name == part));
            let variants = match (at, BY_OPTION.iter().find(|(option, _)| *option == part)) {
                (Some(at), _) => declared[owner].iter().flat_map(|list| of_type(&list[at], &texts)).collect(),
                (None, Some((_, ty))) => of_type(ty, &texts),
                (None, None) => of_field(owner, part, &texts),
            };
            let fits = |variant: &Parameters| {
                let mut pairs = parameters.iter().zip(variant);
                variant.len() == parameters.len()
                    && pairs.all(|((_, words), ty)| words.is_empty() || may_be_said(words, ty))
            };
            if !variants.iter().any(fits) {
                wrong.push(format!("{library}: {callback}: {parameters:?} is declared {variants:?}"));
            }
        }
        println!(
            "{library}: {} types of callbacks; {} of {} in {name}; not there: {}",
            types.len(),
            contracts.len() - unknown.len(),
            contracts.len(),
            unknown.join(" ")
        );
        unknown.retain(|function| !BY_HAND.contains(function));
        wrong.extend(unknown.iter().map(|function| format!("{library}: {name} does not declare {function}")));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
