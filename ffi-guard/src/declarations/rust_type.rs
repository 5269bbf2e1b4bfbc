//! A Rust type, read from the name that rustc gives it (`type_name`): aliases are resolved in it,
//! and a name without a path is a type of the language, never one of the program's.
//!
//! What cannot be read is [`RustType::Unknown`], and not compared.

/// A type, as far as it decides how a value is passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RustType {
    /// `()`, and `c_void` behind a pointer.
    Void,
    /// An integer, and its bytes.
    Integer {
        size: u64,
        signed: bool,
    },
    Bool,
    /// A floating-point number, and its bytes.
    Float(u64),
    /// A thin pointer, or an `Option` of one that cannot be null.
    Pointer(Box<RustType>),
    /// A function pointer, or an `Option` of one.
    Function(Box<Signature>),
    /// An array, and its elements.
    Array(Box<RustType>, u64),
    /// A type with a path.
    Named(String),
    Unknown,
}

/// The type of a function pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) parameters: Vec<RustType>,
    pub(super) result: RustType,
    pub(super) variadic: bool,
}

impl RustType {
    /// The type of this name.
    pub(super) fn of(name: &str) -> RustType {
        let mut reader = Reader { rest: name };
        let ty = reader.ty();
        // A word that is left over shows that something was misread.
        if reader.rest.trim().is_empty() { ty } else { RustType::Unknown }
    }
}

const WORD: u64 = size_of::<usize>() as u64;

struct Reader<'name> {
    rest: &'name str,
}

impl<'name> Reader<'name> {
    fn ty(&mut self) -> RustType {
        self.rest = self.rest.trim_start();
        if self.eat("*const ") || self.eat("*mut ") {
            return RustType::Pointer(Box::new(self.ty()));
        }
        if self.eat("&") {
            if self.rest.starts_with('\'') {
                self.rest = self.rest.split_once(' ').map_or("", |(_, rest)| rest);
            }
            self.eat("mut ");
            return match self.ty() {
                RustType::Unknown => RustType::Unknown,
                to => RustType::Pointer(Box::new(to)),
            };
        }
        if self.eat("()") {
            return RustType::Void;
        }
        if self.eat("!") {
            return RustType::Void;
        }
        if self.eat("[") {
            let element = self.ty();
            if !self.eat("; ") {
                // A slice, whose pointer is fat.
                self.eat("]");
                return RustType::Unknown;
            }
            let (count, rest) = self.rest.split_once(']').unwrap_or(("", ""));
            self.rest = rest;
            return count.parse().map_or(RustType::Unknown, |count| RustType::Array(Box::new(element), count));
        }
        if self.rest.starts_with("for<") {
            self.rest = self.rest.split_once('>').map_or("", |(_, rest)| rest.trim_start());
        }
        let before = self.rest;
        self.eat("unsafe ");
        if self.eat("extern \"") {
            let Some((abi, rest)) = self.rest.split_once("\" ") else { return RustType::Unknown };
            self.rest = rest;
            let function = self.function();
            return if matches!(abi, "C" | "C-unwind") { function } else { RustType::Unknown };
        }
        self.rest = before;
        self.path()
    }

    /// `fn(A, B, ...) -> R`.
    fn function(&mut self) -> RustType {
        if !self.eat("fn(") {
            return RustType::Unknown;
        }
        let (mut parameters, mut variadic) = (Vec::new(), false);
        while !self.eat(")") {
            if self.rest.is_empty() {
                return RustType::Unknown;
            }
            if self.eat("...") {
                variadic = true;
            } else {
                parameters.push(self.ty());
            }
            if !self.eat(", ") && !self.rest.starts_with(')') {
                return RustType::Unknown;
            }
        }
        let result = if self.eat(" -> ") { self.ty() } else { RustType::Void };
        RustType::Function(Box::new(Signature { parameters, result, variadic }))
    }

    fn path(&mut self) -> RustType {
        let start = self.rest;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '#' | '{' | '}');
        let name = &start[..start.find(|c| !is_part(c)).unwrap_or(start.len())];
        self.rest = &start[name.len()..];
        if name.is_empty() {
            self.rest = "?";
            return RustType::Unknown;
        }
        let mut first = None;
        if self.eat("<") {
            // Only the first argument of those below counts.
            while !self.eat(">") {
                if self.rest.is_empty() {
                    return RustType::Unknown;
                }
                if self.rest.starts_with('\'') {
                    self.rest = &self.rest[self.rest.find([',', '>']).unwrap_or(self.rest.len())..];
                } else {
                    let ty = self.ty();
                    first.get_or_insert(ty);
                }
                if !self.eat(", ") && !self.rest.starts_with('>') {
                    return RustType::Unknown;
                }
            }
        }
        let whole = &start[..start.len() - self.rest.len()];
        match (name, first) {
            ("core::option::Option", Some(inner @ (RustType::Function(_) | RustType::Pointer(_)))) => inner,
            // Another type may have a niche, or a tag before it.
            ("core::option::Option", _) => RustType::Named(whole.to_owned()),
            ("core::ptr::non_null::NonNull" | "alloc::boxed::Box", Some(inner)) => RustType::Pointer(Box::new(inner)),
            ("core::mem::maybe_uninit::MaybeUninit" | "core::cell::UnsafeCell" | "core::cell::Cell", Some(inner)) => {
                inner
            }
            ("core::ffi::c_void", None) => RustType::Void,
            (name, None) => primitive(name).unwrap_or_else(|| RustType::Named(name.to_owned())),
            _ => RustType::Named(whole.to_owned()),
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

fn primitive(name: &str) -> Option<RustType> {
    let integer = |size, signed| Some(RustType::Integer { size, signed });
    match name {
        "i8" => integer(1, true),
        "i16" => integer(2, true),
        "i32" => integer(4, true),
        "i64" => integer(8, true),
        "isize" => integer(WORD, true),
        "u8" => integer(1, false),
        "u16" => integer(2, false),
        "u32" => integer(4, false),
        "u64" => integer(8, false),
        "usize" => integer(WORD, false),
        "char" => integer(4, false),
        "bool" => Some(RustType::Bool),
        "f32" => Some(RustType::Float(4)),
        "f64" => Some(RustType::Float(8)),
        // `i128`, `str`, and what the language may get.
        name if !name.contains("::") => Some(RustType::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::any::type_name;
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::mem::MaybeUninit;
    use std::ptr::NonNull;

    type Row = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_char) -> c_int;
    #[allow(dead_code)]
    struct Mine<'a>(&'a u8);

    fn pointer(to: RustType) -> RustType {
        RustType::Pointer(Box::new(to))
    }

    const INT: RustType = RustType::Integer { size: 4, signed: true };

    #[test]
    fn names_of_rustc_are_read() {
        let text = RustType::of(type_name::<c_char>());
        assert!(matches!(text, RustType::Integer { size: 1, .. }));
        for ty in [
            type_name::<*mut c_int>(),
            type_name::<&c_int>(),
            type_name::<&'static mut c_int>(),
            type_name::<Option<NonNull<c_int>>>(),
            type_name::<Option<Box<c_int>>>(),
            type_name::<*mut MaybeUninit<c_int>>(),
        ] {
            assert_eq!(RustType::of(ty), pointer(INT), "{ty}");
        }
        assert_eq!(RustType::of(type_name::<*const *mut c_void>()), pointer(pointer(RustType::Void)));
        assert_eq!(RustType::of(type_name::<[f64; 3]>()), RustType::Array(Box::new(RustType::Float(8)), 3));
        let row = RustType::Function(Box::new(Signature {
            parameters: vec![pointer(RustType::Void), INT, pointer(pointer(text))],
            result: INT,
            variadic: false,
        }));
        assert_eq!(RustType::of(type_name::<Row>()), row);
        assert_eq!(RustType::of(type_name::<Option<Row>>()), row);
        let RustType::Function(format) = RustType::of(type_name::<unsafe extern "C" fn(*const c_char, ...)>()) else {
            panic!("no function");
        };
        assert!(format.variadic && format.result == RustType::Void);
        let with_lifetime = RustType::of(type_name::<for<'a> unsafe extern "C" fn(&'a c_int) -> &'a c_int>());
        assert!(matches!(&with_lifetime, RustType::Function(it) if it.result == pointer(INT)), "{with_lifetime:?}");
        let RustType::Pointer(mine) = RustType::of(type_name::<*mut Mine<'_>>()) else { panic!("no pointer") };
        assert!(matches!(&*mine, RustType::Named(name) if name.contains("tests::Mine")), "{mine:?}");
    }

    #[test]
    fn what_is_not_known_is_left_alone() {
        for ty in [
            type_name::<i128>(),
            type_name::<&[u8]>(),
            type_name::<*const [u8]>(),
            type_name::<&dyn std::any::Any>(),
            type_name::<fn(c_int) -> c_int>(),
            type_name::<(c_int, c_int)>(),
            "",
            "<",
            "[u8; ",
            "core::option::Option<",
            "unsafe extern \"C\" fn(",
            "*const ",
        ] {
            let read = RustType::of(ty);
            let is_unknown = match &read {
                RustType::Pointer(to) => **to == RustType::Unknown,
                other => *other == RustType::Unknown,
            };
            assert!(is_unknown, "{ty}: {read:?}");
        }
        // A text has a length: its pointer is fat, which its size shows.
        assert!(matches!(RustType::of(type_name::<*const CStr>()), RustType::Pointer(_)));
    }
}
