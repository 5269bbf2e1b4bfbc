//! What rustc says of a crate, line by line in JSON, and what is learnt from it.

use serde_json::Value;

/// What the errors of a compilation have in common with our attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lesson {
    /// Functions that stand where a C function is expected.
    pub keep_abi: Vec<String>,
    /// True if two crates declare an allocator.
    pub has_two_allocators: bool,
    /// The first error's text.
    pub first: Option<String>,
}

/// True for a line that cargo waits for: what it says must not be held back.
pub(crate) fn is_for_cargo(line: &str) -> bool {
    parse(line).is_some_and(|message| {
        matches!(message["$message_type"].as_str(), Some("artifact" | "future_incompat" | "unused_extern"))
    })
}

/// Reads the errors among the lines.
pub(crate) fn learn<'a>(lines: impl IntoIterator<Item = &'a String>) -> Lesson {
    let mut lesson = Lesson::default();
    for message in lines.into_iter().filter_map(|line| parse(line)) {
        if message["level"] != "error" {
            continue;
        }
        let text = message["message"].as_str().unwrap_or_default();
        if lesson.first.is_none() && !text.starts_with("aborting due to") {
            lesson.first = Some(text.to_string());
        }
        lesson.has_two_allocators |= text.contains("global allocator");
        if matches!(message["code"]["code"].as_str(), Some("E0308" | "E0277" | "E0605" | "E0606" | "E0604")) {
            lesson.keep_abi.extend(functions_in(message["rendered"].as_str().unwrap_or_default()));
            for child in message["children"].as_array().into_iter().flatten() {
                lesson.keep_abi.extend(functions_in(child["message"].as_str().unwrap_or_default()));
            }
            for span in message["spans"].as_array().into_iter().flatten() {
                lesson.keep_abi.extend(functions_in(span["label"].as_str().unwrap_or_default()));
            }
        }
    }
    lesson.keep_abi.sort();
    lesson.keep_abi.dedup();
    lesson
}

fn parse(line: &str) -> Option<Value> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// The names of function items in a message: rustc writes their types as
/// `unsafe fn(*mut c_void) {openssl_sys::free}`.
fn functions_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for piece in text.split('{').skip(1) {
        let Some((path, _)) = piece.split_once('}') else { continue };
        let path = path.split('<').next().unwrap_or(path);
        let is_path = !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "_:#".contains(c));
        if let (true, Some(name)) = (is_path, path.rsplit("::").next()) {
            names.push(name.trim_start_matches("r#").to_string());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_in_place_of_a_pointer_to_cs_is_named() {
        let line = serde_json::json!({
            "$message_type": "diagnostic", "level": "error", "message": "mismatched types", "code": {"code": "E0308"},
            "spans": [], "rendered": "",
            "children": [{"message": "expected fn pointer `unsafe extern \"C\" fn(*mut c_void)`\n   found fn item `unsafe fn(*mut c_void) {a_sys::ffi::free_it}`"}],
        })
        .to_string();
        let lesson = learn([&line]);
        assert_eq!(lesson.keep_abi, ["free_it"]);
        assert_eq!(lesson.first.as_deref(), Some("mismatched types"));
    }

    #[test]
    fn other_lines_teach_nothing() {
        let artifact = r#"{"$message_type":"artifact","artifact":"/x","emit":"metadata"}"#.to_string();
        assert!(is_for_cargo(&artifact));
        let warning = r#"{"$message_type":"diagnostic","level":"warning","message":"x"}"#.to_string();
        assert!(!is_for_cargo(&warning) && !is_for_cargo("text"));
        assert_eq!(learn([&artifact, &warning, &"text".to_string()]), Lesson::default());
    }
}
