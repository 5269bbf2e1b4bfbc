//! Golden reports: `ffi-guard/tests/golden/`. `GUARD_BLESS=1 cargo test -p ffi-guard golden` writes
//! them; look at the diff.

mod declared;
pub(super) mod facts;
mod ffi;
mod helps;
#[allow(clippy::new_ret_no_self)]
#[rustfmt::skip]
mod listener;
// It is shown as its author wrote it, mistakes included: they are what the reports are about.
#[allow(clippy::undocumented_unsafe_blocks, clippy::let_and_return, dangling_pointers_from_temporaries)]
#[rustfmt::skip]
mod session;
mod stale;
mod written;
mod wrong_free;

use std::path::PathBuf;

use super::frames::Frame;
use super::text::{Context, render};
use super::width::columns;
use super::{json, source};
use crate::config::Backtrace;
use crate::facts::{Facts, Violation};
use crate::heap::trace::TraceId;
use crate::rules::words::Source;

/// How a golden report differs from the ordinary one.
#[derive(Clone, Copy, Default)]
struct Form {
    ascii: bool,
    no_source: bool,
    no_frames: bool,
    backtrace: Option<Backtrace>,
}

fn all() -> Vec<(&'static str, Facts, Form)> {
    let plain = Form::default();
    vec![
        ("nested_pointer_heap", facts::nested_heap(), plain),
        ("nested_pointer_heap_ascii", facts::nested_heap(), Form { ascii: true, ..plain }),
        ("nested_pointer_heap_full", facts::nested_heap(), Form { backtrace: Some(Backtrace::Full), ..plain }),
        ("nested_pointer_bytes", facts::nested_bytes(), plain),
        ("nested_pointer_unknown_type", facts::nested_unknown_type(), plain),
        ("nested_pointer_stack", facts::nested_stack(), plain),
        ("nested_pointer_by_value", facts::nested_by_value(), plain),
        ("nested_pointer_through_value", facts::nested_through_value(), plain),
        ("nested_pointer_in_c", facts::nested_in_c(), plain),
        ("nested_pointer_in_c_heap", facts::nested_in_c_heap(), plain),
        ("dangling_pointer_argument", facts::dangling_argument(), plain),
        ("dangling_pointer_result", facts::dangling_result(), plain),
        ("dangling_pointer_of_c", facts::dangling_of_c(), plain),
        ("dangling_field", facts::dangling_word(), plain),
        ("dangling_field_c_block", facts::dangling_in_its_c_block(), plain),
        ("dangling_field_another_c_block", facts::dangling_in_another_c_block(), plain),
        ("nested_pointer_c_block", facts::nested_in_a_c_block(), plain),
        ("out_of_bounds_count", facts::bounds_count(), plain),
        ("out_of_bounds_past_the_end", facts::bounds_past_the_end(), plain),
        ("out_of_bounds_type", facts::bounds_type(), plain),
        ("out_of_bounds_stack", facts::bounds_stack(), plain),
        ("out_of_bounds_negative", facts::bounds_negative(), plain),
        ("out_of_bounds_too_large", facts::bounds_too_large(), plain),
        ("out_of_bounds_foreign", facts::bounds_foreign(), plain),
        ("unterminated_string", facts::unterminated(), plain),
        ("null_pointer", facts::null(), plain),
        ("null_pointer_count", facts::null_count(), plain),
        ("null_pointer_many_lines", facts::null_on_many_lines(), plain),
        ("misaligned_pointer", facts::misaligned(), plain),
        ("invalid_value", written::invalid_result_value(), plain),
        ("invalid_value_written", written::invalid_written(), plain),
        ("invalid_value_argument", written::invalid_argument(), Form { no_source: true, ..plain }),
        ("invalid_result", written::null_result(), plain),
        ("invalid_result_count", written::null_with_count(), plain),
        ("abi_mismatch", facts::declared_otherwise(), plain),
        ("abi_mismatch_struct", facts::struct_otherwise(), Form { no_source: true, ..plain }),
        ("clashing_declaration", declared::clashing(), plain),
        ("clashing_declaration_warning", declared::clashing_with_c(), Form { no_source: true, ..plain }),
        ("split_library", declared::split(), plain),
        ("split_library_twice", declared::twice(), Form { no_source: true, ..plain }),
        ("split_library_version", declared::another_version(), plain),
        ("uninitialised_memory", written::never_written(), plain),
        ("uninitialised_memory_out", written::not_filled(), plain),
        ("dangling_pointer_user_data", facts::dangling_user_data(), Form { no_source: true, ..plain }),
        ("returned_pointer", facts::returned(), Form { no_source: true, ..plain }),
        ("returned_pointer_stack", facts::returned_stack(), Form { no_source: true, ..plain }),
        ("wrong_thread", facts::wrong_thread(), plain),
        ("stale_handle_released", stale::released(), plain),
        ("stale_handle_dropped", stale::dropped(), plain),
        ("stale_handle_forgotten", stale::forgotten(), plain),
        ("stale_handle_never_made", stale::never_made(), plain),
        ("stale_handle_no_handle", stale::no_handle(), plain),
        ("stale_handle_other_type", stale::other_type(), plain),
        ("stale_handle_other_thread", stale::other_thread(), plain),
        ("stale_handle_callback", stale::callback(), plain),
        ("stale_handle_callback_other_thread", stale::callback_other_thread(), plain),
        ("retained_pointer", facts::retained(), plain),
        ("retained_pointer_no_source", facts::retained(), Form { no_source: true, no_frames: true, ..plain }),
        ("retained_pointer_first_seen", facts::retained_first_seen(), plain),
        ("retained_pointer_stack", facts::retained_stack_no_symbol(), Form { ascii: true, ..plain }),
        ("freed_while_retained", facts::freed_held(), plain),
        ("freed_while_retained_c_heap", facts::freed_held_in_c_heap(), plain),
        ("freed_while_retained_moved", facts::freed_moved(), plain),
        ("freed_while_retained_owned", facts::freed_owned(), Form { ascii: true, ..plain }),
        ("freed_while_retained_pinned", facts::freed_pinned(), plain),
        ("alloc_dealloc_mismatch_size", wrong_free::other_size(), plain),
        ("alloc_dealloc_mismatch_interior", wrong_free::interior(), plain),
        ("alloc_dealloc_mismatch_by_c", wrong_free::by_c(), plain),
        ("alloc_dealloc_mismatch_by_glibc", wrong_free::by_glibc(), plain),
        ("alloc_dealloc_mismatch_of_c", wrong_free::of_c(), Form { ascii: true, ..plain }),
        ("alloc_dealloc_mismatch_inside_c", wrong_free::inside_c(), plain),
        ("alloc_dealloc_mismatch_inside_c_by_c", wrong_free::inside_c_by_c(), plain),
        ("double_free_by_c_twice", wrong_free::twice_by_c(), plain),
        ("alloc_dealloc_mismatch_of_nobody", wrong_free::of_nobody(), plain),
        ("double_free", wrong_free::twice(), plain),
        ("double_free_by_c", wrong_free::by_rust_then_by_c(), Form { ascii: true, ..plain }),
        ("double_free_by_glibc_with_a_fault", wrong_free::by_glibc_with_a_fault(), plain),
        ("double_free_by_rust", wrong_free::by_c_then_by_rust(), plain),
        ("leaked_ownership", facts::leaked(), plain),
        ("leaked_ownership_lost", facts::lost(), plain),
        ("dangling_pointer_nowhere", facts::nowhere(), plain),
        ("buffer_overflow", written::overflow(), plain),
        ("buffer_overflow_before_the_start", written::overflow_before_the_start(), Form { ascii: true, ..plain }),
        ("buffer_overflow_between_calls", written::overflow_between_calls(), plain),
        ("buffer_overflow_at_free", written::overflow_at_free(), plain),
        ("buffer_overflow_of_c", written::overflow_of_c(), plain),
        ("use_after_free_of_c", written::written_after_cs_free(), plain),
        ("write_through_const", written::write_through_const(), plain),
        ("write_through_const_field", written::write_through_const_field(), plain),
        ("use_after_free", written::use_after_free(), plain),
        ("use_after_free_alone", written::use_after_free_alone(), plain),
        ("retained_pointer_no_backtrace", facts::retained(), Form { backtrace: Some(Backtrace::Off), ..plain }),
        ("retained_pointer_c_heap", facts::retained_c_heap(), plain),
        ("retained_pointer_tls", facts::retained_tls(), plain),
        ("retained_pointer_tls_no_symbol", facts::retained_tls_no_symbol(), Form { no_frames: true, ..plain }),
        ("retained_pointer_rust_block", facts::retained_rust_field(), plain),
        ("retained_pointer_rust_block_ascii", facts::retained_rust_bytes(), Form { ascii: true, ..plain }),
    ]
}

fn frame(function: &str, file: &str, line: u32, column: u32) -> Frame {
    let file = Some(file.into());
    Frame { address: 0x55d0_c1a2, function: Some(function.into()), file, line: Some(line), column: Some(column) }
}

/// The backtraces of the story.
fn frames(trace: TraceId) -> Vec<Frame> {
    let main = frame("app::main", "src/main.rs", 9, 5);
    let start = frame("std::rt::lang_start::{{closure}}", "/rustc/5980/library/std/src/rt.rs", 206, 18);
    let alloc = frame("<alloc::boxed::Box<T>>::new", "/rustc/5980/library/alloc/src/boxed.rs", 262, 9);
    let drop = frame("core::ptr::drop_in_place", "/rustc/5980/library/core/src/ptr/mod.rs", 805, 1);
    let session =
        |function: &str, line, column| frame(&format!("app::session::{function}"), "src/session.rs", line, column);
    match u32::MAX - trace.0 {
        1 => vec![alloc, session("process", 8, 19), main, start],
        2 => vec![alloc, session("process", 7, 17), main, start],
        3 => vec![drop, session("temporary", 33, 55), main, start],
        4 => vec![alloc, session("temporary", 33, 16), main, start],
        5 => vec![alloc, session("store", 62, 23), main, start],
        6 => vec![alloc, frame("app::data::{{closure}}", "src/main.rs", 21, 9), main, start],
        7 => vec![alloc, session("process_list", 13, 20), main, start],
        8 => vec![alloc, session("listen", 82, 17), main, start],
        9 => vec![drop, session("listen", 84, 5), main, start],
        10 => vec![drop, session("listen_to_many", 90, 12), main, start],
        11 => vec![alloc, session("give_and_free", 95, 17), main, start],
        12 => vec![drop, session("give_and_free", 97, 5), main, start],
        13 => vec![
            frame("node_new", "libsession/list.c", 31, 22),
            frame("list_add", "libsession/list.c", 52, 18),
            session("store", 63, 14),
            main,
        ],
        14 => vec![alloc, session("add", 102, 21), main, start],
        15 => vec![alloc, session("label", 105, 17), main, start],
        16 => vec![drop, session("label", 108, 5), main, start],
        17 => vec![drop, session("take_back", 110, 5), main, start],
        18 => vec![drop, session("take_back_again", 118, 5), main, start],
        19 => vec![frame("session_close", "src/session.c", 58, 5), session("close", 124, 14), main, start],
        20 => vec![frame("session_poll", "src/session.c", 41, 5), session("poll", 70, 14), main, start],
        _ => Vec::new(),
    }
}

fn report(facts: &Facts, form: Form) -> String {
    let line = |at: Source<'_>, callee: &str| {
        let line = source::line(at.file, at.line, at.column, callee, None)?;
        (!form.no_source).then_some(line.text)
    };
    let path = |path: &str| path.replace("ffi-guard/src/report/tests/", "src/");
    let no_frames = |_: TraceId| Vec::new();
    let context = Context {
        unicode: !form.ascii,
        backtrace: form.backtrace.unwrap_or(Backtrace::Short),
        frames: if form.no_frames { &no_frames } else { &frames },
        fault: &[],
        line: &line,
        path: &path,
    };
    render(facts, &context) + "\n"
}

fn object(facts: &Facts) -> String {
    object_with(facts, "the report")
}

fn object_with(facts: &Facts, text: &str) -> String {
    json::object(facts, &json::Symbols { of_trace: &frames, fault: &[] }, text)
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt")
}

#[test]
fn reports_read_as_the_golden_files() {
    let bless = std::env::var_os("GUARD_BLESS").is_some_and(|set| set == "1");
    let mut wrong = Vec::new();
    for (name, facts, form) in all() {
        let (path, report) = (golden(name), report(&facts, form));
        if bless {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &report).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != report {
            wrong.push(format!("--- {name}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "other than the golden files (GUARD_BLESS=1 writes them):\n{}", wrong.join("\n"));
}

/// A line whose file has another name now, with the id that goes with that.
fn with_id_of_its_text(line: &str) -> String {
    let read: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let Some(file) = read["site"]["file"].as_str() else { return line.to_owned() };
    let module = text(&read["function"]["module"]);
    let krate = module.split("::").next().unwrap_or_default();
    let (name, parameter) = (text(&read["function"]["name"]), text(&read["parameter"]["name"]));
    let parts = [&text(&read["rule"]), krate, &name, &parameter, file, &text(&read["enclosing"])];
    line.replace(&text(&read["id"]), &super::identity::hash(&parts))
}

/// One line for each golden report: what `cargo ffi-guard report` is tested with, and what the
/// schema in `docs/` is held against.
#[test]
fn the_golden_lines_are_what_is_written() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lines.jsonl");
    let version = format!("\"guard\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let lines: String = all()
        .into_iter()
        .filter(|(.., form)| !form.ascii && form.backtrace.is_none())
        .map(|(_, facts, form)| {
            let line = object_with(&facts, &report(&facts, form)).replace(&version, "\"guard\":\"0.0.0\"");
            with_id_of_its_text(&line.replace("ffi-guard/src/report/tests/", "src/")) + "\n"
        })
        .collect();
    if std::env::var_os("GUARD_BLESS").is_some_and(|set| set == "1") {
        std::fs::write(&path, &lines).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == lines, "other than {}: GUARD_BLESS=1 writes it", path.display());
}

#[test]
fn every_golden_file_keeps_the_rules_of_the_style() {
    let mut known: Vec<_> = all().iter().map(|(name, ..)| golden(name)).collect();
    let mut found: Vec<_> =
        std::fs::read_dir(golden("x").parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    known.sort();
    found.sort();
    assert_eq!(known, found, "a golden file without a test, or a test without a golden file");
    for path in found {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let report = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = report.lines().collect();
        for line in &lines {
            assert!(columns(line) <= 84 || name.ends_with("_full"), "{name}: {} columns: {line}", columns(line));
            assert_eq!(line.trim_end(), *line, "{name}: blanks at the end");
        }
        assert!(lines.len() <= 40 || name.ends_with("_full"), "{name}: {} lines", lines.len());
        let rest = lines[0].strip_prefix("ffi-guard[").unwrap_or_else(|| panic!("{name}: {}", lines[0]));
        let (rule, sentence) = rest.split_once("]: ").unwrap();
        assert!(name.starts_with(rule), "{name}: {rule}");
        // `C` is a name, and lower case has none.
        let first = sentence.chars().next().unwrap();
        assert!(!first.is_uppercase() || sentence.starts_with("C "), "{name}: {sentence}");
        assert!(!sentence.ends_with('.'), "{name}: {sentence}");
        let of = lines.last().unwrap().strip_prefix(&format!("summary: ffi-guard: {rule} ")).unwrap_or_default();
        assert!(of.starts_with("in ") || of == "outside of a guarded call", "{name}");
        assert!(
            lines.contains(&format!(" see: https://docs.rs/ffi-guard/latest/ffi_guard/guide/{rule}/").as_str()),
            "{name}"
        );
        let helps = lines.iter().filter(|line| line.starts_with("help: ")).count();
        assert!((1..=3).contains(&helps), "{name}: {helps} helps");
        let mut words = report.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(!words.any(|word| word.eq_ignore_ascii_case("may") || word == "might"), "{name}: a report knows");
        if name.ends_with("_ascii") {
            assert!(report.is_ascii(), "{name}");
        }
    }
}

#[test]
fn the_live_report_has_source_and_frames() {
    let violation = Violation::new(facts::nested_heap());
    let text = violation.to_string();
    assert!(text.starts_with("ffi-guard[nested_pointer]: `s` of `process_struct` "), "{text}");
    assert!(text.contains("unsafe { process_struct(&*complex) }"), "the source was not found:\n{text}");
    assert!(!text.contains('\x1b'), "a panic's payload has no colour");
    assert!(text.lines().last().unwrap().starts_with("summary: ffi-guard: nested_pointer in process_struct at "));
    assert!(format!("{violation:?}").contains("NestedPointer"));
}

#[test]
fn the_accessors_tell_the_facts() {
    let violation = Violation::new(facts::nested_heap());
    assert_eq!((violation.function(), violation.parameter()), (Some("process_struct"), Some("s")));
    assert_eq!(violation.block().map(|block| (block.size(), block.is_live())), Some((16, true)));
    assert_eq!(violation.target().map(|block| block.size()), Some(12));
    assert_eq!(violation.argument_address(), violation.block().map(|block| block.address()));
    assert_eq!(violation.declared_at(), Some(("src/ffi.rs", 12, 12)));
    assert_eq!((violation.thread(), violation.thread_name()), (Some(1), Some("main")));
    assert!(violation.location().is_some() && violation.place().is_none());
    assert!(Violation::new(facts::retained()).place().is_some());
    let dangling = Violation::new(facts::dangling_argument());
    assert_eq!(dangling.block().map(|block| block.is_live()), Some(false));
    assert!(dangling.target().is_none());
}

#[test]
fn every_finding_is_json_that_reads_back() {
    for (name, facts, _) in all() {
        let line = object(&facts);
        assert!(!line.contains('\n'), "{name}");
        let read: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name}: {error}\n{line}"));
        assert_eq!(read["rule"], facts.rule().name(), "{name}");
        assert_eq!(read["version"], 1, "{name}");
        match &facts.call {
            Some(call) => {
                assert_eq!(read["function"]["name"], call.function.declaration.name, "{name}");
                assert_eq!(read["site"]["line"], call.site.line(), "{name}");
            }
            None => assert!(read["function"].is_null() && read["site"].is_null(), "{name}"),
        }
        for key in
            ["lent_by", "severity", "message", "parameter", "thread", "argument", "memory", "block", "finding", "place"]
                .into_iter()
                .chain(["help", "notes", "text"])
        {
            assert!(read.get(key).is_some(), "{name}: {key}");
        }
    }
    let read: serde_json::Value = serde_json::from_str(&object(&facts::nested_heap())).unwrap();
    assert_eq!(read["block"]["address"], "0x7f3a5c001040");
    assert_eq!(read["block"]["allocated"][1]["function"], "app::session::process");
    assert_eq!(read["finding"]["field"], "x");
    assert_eq!(read["finding"]["target"]["size"], 12);
    let read: serde_json::Value = serde_json::from_str(&object(&facts::dangling_user_data())).unwrap();
    assert_eq!(read["lent_by"]["function"]["name"], "set_listener");
    let read: serde_json::Value = serde_json::from_str(&object(&facts::retained())).unwrap();
    assert_eq!(read["place"]["symbol"], "someReference");
    assert_eq!(read["finding"]["absent_before"], true);
    assert_eq!((&read["place"]["kind"], read["place"]["source"].is_null()), (&"global".into(), true));
    let place = |facts: Facts| {
        let read: serde_json::Value = serde_json::from_str(&object(&facts)).unwrap();
        read["place"].clone()
    };
    let block = place(facts::retained_c_heap());
    assert_eq!((&block["kind"], &block["offset"], &block["size"]), (&"c_heap".into(), &16.into(), &40.into()));
    assert_eq!(block["allocated"][0]["function"], "node_new");
    let local = place(facts::retained_tls());
    assert_eq!((&local["kind"], &local["thread"], &local["source"]["line"]), (&"tls".into(), &1.into(), &21.into()));
    let block = place(facts::retained_rust_field());
    assert_eq!(
        (&block["kind"], &block["parameter"], &block["field"]),
        (&"rust_block".into(), &"table".into(), &"first".into())
    );
    assert_eq!(block["allocated_by"], 1);
}

#[test]
fn facts_with_nothing_but_a_finding_still_make_a_report() {
    for (name, facts, form) in all() {
        let bare = Facts { call: None, argument: None, memory: None, ..facts };
        let text = report(&bare, form);
        assert!(text.lines().next().unwrap().starts_with("ffi-guard["), "{name}:\n{text}");
        // The place of a free comes from its backtrace.
        let place = if bare.finding.parts().wrong_free.is_some() { ":" } else { "outside of a guarded call" };
        assert!(text.lines().last().unwrap().contains(place), "{name}:\n{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&object(&bare)).is_ok(), "{name}");
    }
}
