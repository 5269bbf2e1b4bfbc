//! C that is compiled in each way in which debug information is written, and declarations of it
//! that are right, and changed by one mistake each.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::c_type::{self, CSignature, CType};
use super::compare::{Comparison, RustParameter, RustStructs};
use super::file::File;
use super::info::{At, Info, Missing};
use super::layout::{self, Layout};
use super::rust_type::{RustType, Signature};
use crate::facts::Difference;

const C: &str = r#"
#include <stddef.h>
#include <stdint.h>
typedef struct point { int32_t x; int32_t y; double weight; } point;
struct flags { unsigned low : 3; unsigned high : 5; unsigned char rest[7]; };
struct node { struct node *next; point at[2]; union { long whole; double part; } either; char name[16]; };
struct hidden;
enum colour { RED, BLUE };
typedef int (*each_fn)(void *user, int64_t value);
int64_t scale(int64_t value, int by) { return value * by; }
double mean(const double *values, size_t count) { return count ? values[0] : 0; }
float single(float value, short small, unsigned char byte) { return value + small + byte; }
int of_struct(point p, const point *q) { return p.x + q->y; }
int of_flags(const struct flags *flags) { return (int)flags->low; }
int of_node(struct node *node, struct hidden *hidden) { return node->next == 0 && hidden == 0; }
int of_enum(enum colour colour, _Bool flag) { return colour == BLUE && flag; }
int each(each_fn each, void *user) { return each(user, 1); }
void nothing(void) {}
int many(const char *format, ...) { return format[0]; }
const char *text(char **out, int values[3]) { *out = 0; return values[0] ? "a" : "b"; }
int old_style(a, b) int a; long b; { return a + (int)b; }
static int inner(int a) { return a; }
int outer(int a) { return inner(a); }
extern int same_as_outer(int a) __attribute__((alias("outer")));
"#;

/// The C as a shared object, compiled with these flags. `None` if this compiler does not take them.
fn compiled(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("ffi-guard-declarations-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let (source, library) = (folder.join("lib.c"), folder.join("lib.so"));
    std::fs::write(&source, C).expect("the source is written");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-std=gnu11", "-w"]).args(flags).arg("-o").arg(&library).arg(&source);
    // What is split off is written to where the compiler runs.
    let done = command.current_dir(&folder).output().expect("a C compiler");
    done.status.success().then_some(library)
}

fn opened(path: &Path) -> (File, Option<Info>) {
    let file = File::of_path(path).expect("a library");
    let info = file.dwarf.as_ref().map(|dwarf| Info::new(dwarf.borrow(|section| *section)));
    (file, info)
}

fn definition(file: &File, info: &Info, name: &str) -> Result<At, Missing> {
    info.at_address(file.exported(name).unwrap_or_else(|| panic!("{name} is exported")))
}

/// C's type as Rust would declare it.
fn as_rust(info: &Info, at: Option<At>, deep: usize) -> RustType {
    match c_type::read(info, at) {
        CType::Void => RustType::Void,
        CType::Integer { size, signed, .. } => RustType::Integer { size, signed },
        CType::Bool(_) => RustType::Bool,
        CType::Float(size) => RustType::Float(size),
        CType::Enum(size) => RustType::Integer { size, signed: true },
        CType::Pointer(to) if deep > 0 => match to.map(|to| c_type::read(info, Some(to))) {
            Some(CType::Function(at)) => RustType::Function(Box::new(signature_of(info, at, deep - 1))),
            _ => RustType::Pointer(Box::new(as_rust(info, to, deep - 1))),
        },
        CType::Aggregate { at, .. } => RustType::Named(format!("a::{}:{}", at.0, at.1.0)),
        CType::Array { of, count: Some(count) } => RustType::Array(Box::new(as_rust(info, Some(of), deep)), count),
        _ => RustType::Unknown,
    }
}

fn signature_of(info: &Info, at: At, deep: usize) -> Signature {
    let c = c_type::signature(info, at).expect("a prototype");
    Signature {
        parameters: c.parameters.iter().map(|at| as_rust(info, Some(*at), deep)).collect(),
        result: as_rust(info, c.result, deep),
        variadic: c.variadic,
    }
}

fn parameter(info: &Info, at: At) -> RustParameter {
    let target_size = match c_type::read(info, Some(at)) {
        CType::Pointer(Some(to)) => c_type::size_of(info, Some(to)),
        _ => None,
    };
    RustParameter { ty: as_rust(info, Some(at), 4), size: c_type::size_of(info, Some(at)), target_size }
}

/// C's structs as if they were Rust's, each changed.
struct Changed<'a> {
    info: &'a Info,
    change: &'a dyn Fn(&mut Layout),
}

impl RustStructs for Changed<'_> {
    /// Whatever size is asked for: those of parameters are changed, too.
    fn named(&self, name: &str, _: Option<u64>) -> Option<Layout> {
        let (unit, at) = name.strip_prefix("a::")?.split_once(':')?;
        let (_, layout) = self.there((unit.parse().ok()?, gimli::UnitOffset(at.parse().ok()?)))?;
        Some(layout)
    }

    fn there(&self, at: At) -> Option<(String, Layout)> {
        let mut layout = layout::of(self.info, at)?;
        (self.change)(&mut layout);
        Some((format!("at {}", at.1.0), layout))
    }

    fn is_sure(&self, _: &str) -> bool {
        true
    }
}

/// What a declaration differs in. `change` changes the layouts of its structs.
fn differences(
    info: &Info,
    c: &CSignature,
    (parameters, result, variadic): (&[RustParameter], Option<&RustParameter>, bool),
    change: &dyn Fn(&mut Layout),
) -> Vec<Difference> {
    let structs = Changed { info, change };
    let mut comparison = Comparison::new(info, &structs);
    comparison.function(parameters, result, variadic, c);
    comparison.found
}

/// Compares each function with itself, and with each change of itself. Returns how many functions
/// and changes there were.
fn compare_all(file: &File, info: &Info, names: &[&str]) -> (usize, usize) {
    let (mut functions, mut changes) = (0, 0);
    for name in names {
        let at = definition(file, info, name).unwrap_or_else(|missing| panic!("{name}: {missing:?}"));
        let c = c_type::signature(info, at).unwrap_or_else(|| panic!("{name} has a prototype"));
        let parameters = || c.parameters.iter().map(|at| parameter(info, *at)).collect::<Vec<_>>();
        let result = c.result.map(|at| parameter(info, at));
        let as_c = |_: &mut Layout| {};
        let seen = differences(info, &c, (&parameters(), result.as_ref(), c.variadic), &as_c);
        assert!(seen.is_empty(), "{name} is itself: {seen:?}");
        functions += 1;
        let mut differs = |what: &str, parameters: &[RustParameter], result: Option<&RustParameter>, variadic| {
            let seen = differences(info, &c, (parameters, result, variadic), &as_c);
            assert!(!seen.is_empty(), "{name}: {what} is not seen");
            changes += 1;
        };
        differs("`...`", &parameters(), result.as_ref(), !c.variadic);
        let mut more = parameters();
        more.push(RustParameter { ty: RustType::Integer { size: 4, signed: true }, size: Some(4), target_size: None });
        differs("one parameter more", &more, result.as_ref(), c.variadic);
        for index in 0..c.parameters.len() {
            let mut fewer = parameters();
            fewer.remove(index);
            differs("one parameter fewer", &fewer, result.as_ref(), c.variadic);
            let mut other = parameters();
            let of_number = match &mut other[index] {
                RustParameter { ty: RustType::Integer { size, .. } | RustType::Float(size), size: said, .. } => {
                    *size = if *size == 4 { 8 } else { 4 };
                    *said = Some(*size);
                    true
                }
                RustParameter { ty: RustType::Pointer(to), target_size, .. } => match &mut **to {
                    RustType::Integer { size, .. } | RustType::Float(size) if *size > 1 => {
                        *size = if *size == 4 { 8 } else { 4 };
                        true
                    }
                    RustType::Named(_) => match target_size {
                        Some(size) => {
                            *size += 8;
                            true
                        }
                        None => false,
                    },
                    _ => false,
                },
                RustParameter { ty: RustType::Named(_), size: Some(size), .. } => {
                    *size += 8;
                    true
                }
                RustParameter { ty: RustType::Function(signature), .. } => signature.parameters.pop().is_some(),
                _ => false,
            };
            if of_number {
                differs("another size", &other, result.as_ref(), c.variadic);
            }
        }
        if let Some(RustParameter { ty: RustType::Integer { size: 4, .. }, .. }) = result {
            let wide =
                RustParameter { ty: RustType::Integer { size: 8, signed: true }, size: Some(8), target_size: None };
            differs("a wider result", &parameters(), Some(&wide), c.variadic);
            let float = RustParameter { ty: RustType::Float(4), size: Some(4), target_size: None };
            differs("a result of another sort", &parameters(), Some(&float), c.variadic);
        }
    }
    (functions, changes)
}

const ALL: [&str; 13] = [
    "scale",
    "mean",
    "single",
    "of_struct",
    "of_flags",
    "of_node",
    "of_enum",
    "each",
    "nothing",
    "many",
    "text",
    "outer",
    "same_as_outer",
];

#[test]
fn a_right_declaration_is_clean_and_each_change_of_it_is_seen() {
    let forms: [(&str, &[&str]); 7] = [
        ("4", &["-gdwarf-4"]),
        ("5", &["-gdwarf-5"]),
        ("optimised", &["-g", "-O2"]),
        ("size", &["-gdwarf-4", "-Os"]),
        ("sections", &["-g", "-O1", "-ffunction-sections", "-fdata-sections"]),
        ("lto", &["-g", "-O2", "-flto"]),
        ("types", &["-g", "-fno-eliminate-unused-debug-types"]),
    ];
    for (form, flags) in forms {
        let Some(library) = compiled(form, flags) else { continue };
        let (file, info) = opened(&library);
        let info = info.expect("debug information");
        let (functions, changes) = compare_all(&file, &info, &ALL);
        assert!(functions == ALL.len() && changes > 50, "{form}: {functions} functions, {changes} changes");
    }
}

#[test]
fn fields_that_change_places_are_seen() {
    let library = compiled("fields", &["-g"]).expect("a library");
    let (file, info) = opened(&library);
    let info = info.expect("debug information");
    let at = definition(&file, &info, "of_struct").expect("a definition");
    let c = c_type::signature(&info, at).expect("a prototype");
    let parameters: Vec<_> = c.parameters.iter().map(|at| parameter(&info, *at)).collect();
    let result = c.result.map(|at| parameter(&info, at));
    let seen = |change: &dyn Fn(&mut Layout)| differences(&info, &c, (&parameters, result.as_ref(), false), change);
    assert!(seen(&|_| {}).is_empty());
    // x and y, of one type, by their names.
    let swapped = seen(&|layout| {
        let name = std::mem::take(&mut layout.fields[0].name);
        layout.fields[0].name = std::mem::replace(&mut layout.fields[1].name, name);
    });
    assert_eq!(swapped.len(), 2, "by value and behind the pointer: {swapped:?}");
    // The same under names of another style, of which all values have a prefix.
    let named = |names: [&'static str; 3]| {
        seen(&move |layout| {
            for (field, name) in layout.fields.iter_mut().zip(names) {
                field.name = name.into();
            }
            for (value, name) in layout.values.iter_mut().zip(names) {
                value.path = name.into();
            }
        })
    };
    assert_eq!(named(["pt_y", "pt_x", "pt_weight"]).len(), 2);
    assert_eq!(named(["Y_", "X", "heavy"]).len(), 2);
    assert!(named(["pt_x", "pt_y", "pt_weight"]).is_empty() && named(["X", "Y", "Weight"]).is_empty());
    // Other names are no reason, and neither is one alone that C has elsewhere.
    assert!(named(["first", "second", "third"]).is_empty());
    assert!(named(["Y", "second", "third"]).is_empty());
    // Another type at the same place, under another name.
    let other = seen(&|layout| {
        layout.fields[2].name = "more".into();
        layout.values[2].sort = layout::Sort::Whole;
    });
    assert_eq!(other.len(), 2, "{other:?}");
    // A field of another size.
    let wide = seen(&|layout| layout.fields[0].size = 8);
    assert_eq!(wide.len(), 2, "{wide:?}");
}

#[test]
fn what_cannot_be_read_is_not_compared() {
    let (file, info) = opened(&compiled("none", &["-g0"]).expect("a library"));
    assert!(info.is_none() && !file.is_compressed);
    if let Some(library) = compiled("compressed", &["-g", "-gz=zlib"]) {
        let (file, info) = opened(&library);
        assert!(info.is_none() && file.is_compressed);
    }
    if let Some(library) = compiled("split", &["-g", "-gsplit-dwarf"]) {
        let (file, info) = opened(&library);
        assert_eq!(definition(&file, &info.expect("the skeleton"), "scale"), Err(Missing::Split));
    }
    let (file, info) = opened(&compiled("old", &["-g"]).expect("a library"));
    let info = info.expect("debug information");
    let old_style = definition(&file, &info, "old_style").expect("a definition");
    assert!(c_type::signature(&info, old_style).is_none(), "it has no prototype");
    assert_eq!(info.at_address(1), Err(Missing::NoDefinition));
    assert!(info.by_name("inner").is_none(), "nothing outside can call it");
    assert!(info.by_name("scale").is_some() && info.by_name("absent").is_none());
}

#[test]
fn damaged_files_are_no_reason_to_panic() {
    let library = compiled("damaged", &["-gdwarf-5"]).expect("a library");
    let bytes = std::fs::read(&library).expect("it was written");
    let broken = library.with_file_name("broken.so");
    for step in 1..60 {
        let mut bytes = bytes.clone();
        // Every so many bytes is another one, by turns all of them, so that each section is hit.
        for at in (64 + step * 7..bytes.len()).step_by(step * 31) {
            bytes[at] ^= u8::try_from(step).unwrap_or(1) | 1;
        }
        std::fs::write(&broken, &bytes).expect("it is written");
        let Some(file) = File::of_path(&broken) else { continue };
        let Some(dwarf) = &file.dwarf else { continue };
        let info = Info::new(dwarf.borrow(|section| *section));
        for name in ALL {
            let at =
                file.exported(name).and_then(|address| info.at_address(address).ok()).or_else(|| info.by_name(name));
            let Some(at) = at else { continue };
            let _ = info.source(at);
            if let Some(c) = c_type::signature(&info, at) {
                let _ = c_type::declaration(&info, name, &c);
                let parameters: Vec<_> = c.parameters.iter().map(|at| parameter(&info, *at)).collect();
                let _ = differences(&info, &c, (&parameters, None, false), &|_| {});
            }
        }
        // Each file is mapped: the next one is another.
        std::fs::remove_file(&broken).expect("it is there");
    }
}

#[test]
fn c_is_told_as_c_has_it() {
    let library = compiled("told", &["-g"]).expect("a library");
    let (file, info) = opened(&library);
    let info = info.expect("debug information");
    let told = |name: &str| {
        let at = definition(&file, &info, name).expect("a definition");
        c_type::declaration(&info, name, &c_type::signature(&info, at).expect("a prototype"))
    };
    assert_eq!(told("mean"), "double mean(const double *values, size_t count)");
    assert_eq!(told("each"), "int each(each_fn each, void *user)");
    assert_eq!(told("many"), "int many(const char *format, ...)");
    assert_eq!(told("nothing"), "void nothing(void)");
    assert_eq!(told("text"), "const char *text(char **out, int *values)");
    assert_eq!(told("of_struct"), "int of_struct(point p, const point *q)");
    assert_eq!(told("of_enum"), "int of_enum(enum colour colour, _Bool flag)");
}
