//! The formats of `printf` and `scanf`: the arguments that a text of theirs asks for.
//!
//! Whatever is not understood ends the reading: of the arguments from there on nothing is known.

use std::ffi::{c_char, c_int, c_long, c_longlong, c_short, c_void};

use super::super::argument::Stated;
use super::super::declaration::Contract;
use super::super::shape::{Shape, TypeInfo};
use super::MOST;
use super::follow::{Follower, Taken, Word};
use crate::heap;
use crate::platform::read;

/// The language of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `printf`, as C and POSIX define it.
    Printf,
    /// SQLite's `printf`, which has `%q`, `%Q`, `%w` and `%z` for texts.
    Sqlite,
    /// `scanf`, as C and POSIX define it.
    Scanf,
}

/// Bytes of a format that are read.
const LONGEST: usize = 1 << 16;

/// What one conversion asks for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    follower: Follower,
    /// Elements that C touches at most, if the format says so.
    most: Most,
}

/// Elements that C touches at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Most {
    Unsaid,
    /// At most this number.
    Are(usize),
    /// What the argument of this index says.
    Argument(usize),
}

/// Takes the arguments that the format at this address asks for.
///
/// # Safety
/// - They are those of the call, and the format is its own.
pub(super) unsafe fn take(format: usize, dialect: Dialect, taken: &mut Taken<'_>) {
    // SAFETY: C is about to read the same text.
    let Some(text) = (unsafe { text(format) }) else { return };
    let mut wanted = [None; MOST];
    let count = match dialect {
        Dialect::Scanf => read_scanf(text, &mut wanted),
        Dialect::Printf | Dialect::Sqlite => read_printf(text, dialect, &mut wanted),
    };
    let mut words = [0_u64; MOST];
    // An argument that no conversion names ends the list: its type is not known.
    for (wanted, index) in wanted.iter().take(count).map_while(|it| *it).zip(0..) {
        let most = match wanted.most {
            Most::Unsaid => None,
            Most::Are(most) => Some(most),
            // A negative precision is none.
            Most::Argument(at) => words.get(at).and_then(|word| usize::try_from(*word as u32 as i32).ok()),
        };
        // SAFETY: the format says that such an argument follows.
        let word = unsafe {
            match most {
                None => taken.take(wanted.follower, Stated::No),
                Some(most) => taken.take_some(wanted.follower, most),
            }
        };
        let (Some(word), Some(slot)) = (word, words.get_mut(index)) else { return };
        *slot = word;
    }
}

/// The bytes of a format, without its NUL. `None` if it cannot be read.
///
/// # Safety
/// - C may read the text: if it is not in the Rust heap, it is taken for as good as C will take it.
unsafe fn text<'a>(address: usize) -> Option<&'a [u8]> {
    let len = match heap::contains(address) {
        true => {
            let rest = heap::rest_of_live(address)?;
            // SAFETY: the bytes up to the end of a live block.
            unsafe { read::nul(address, rest) }?
        }
        false if address < 4096 => return None,
        // SAFETY: the caller promises a text there.
        false => unsafe { std::ffi::CStr::from_ptr(std::ptr::with_exposed_provenance(address)) }.count_bytes(),
    };
    // SAFETY: so many bytes were read, and C gets the text after this call.
    (len <= LONGEST).then(|| unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len) })
}

/// A text that is read from its start.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn peek(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is = self.peek() == byte;
        if is {
            self.next();
        }
        is
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        self.0 = rest;
        Some(number)
    }

    /// `7$`, as an index.
    fn position(&mut self) -> Option<usize> {
        let mut ahead = Reader(self.0);
        let number = ahead.number()?;
        let is = ahead.skip(b'$').then_some(number)?;
        self.0 = ahead.0;
        is.checked_sub(1)
    }

    fn skip_to_conversion(&mut self) -> bool {
        while let Some(byte) = self.next() {
            if byte == b'%' {
                return true;
            }
        }
        false
    }

    /// `hh`, `h`, `l`, `ll`, `q`, `j`, `z`, `t`, `L`.
    fn length(&mut self) -> Length {
        let length = match self.peek() {
            b'h' => Length::Short,
            b'l' => Length::Long,
            b'q' | b'j' => Length::LongLong,
            b'z' | b't' => Length::Long,
            b'L' => Length::LongDouble,
            _ => return Length::Plain,
        };
        let first = self.next().unwrap_or(0);
        match first {
            b'h' if self.skip(b'h') => Length::Char,
            b'l' if self.skip(b'l') => Length::LongLong,
            _ => length,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Plain,
    Char,
    Short,
    Long,
    LongLong,
    LongDouble,
}

/// Where the arguments go that a format asks for.
struct List<'a> {
    wanted: &'a mut [Option<Wanted>; MOST],
    /// Index of the next one without a position.
    next: usize,
    /// One behind the last index.
    count: usize,
}

impl List<'_> {
    /// Puts an argument at its position, or at the next. `None` if the list is full, or one of
    /// another kind is there already.
    fn put(&mut self, position: Option<usize>, follower: Follower, most: Most) -> Option<usize> {
        let at = position.unwrap_or(self.next);
        let slot = self.wanted.get_mut(at)?;
        if slot.is_some_and(|known| !known.follower.is(&follower)) {
            return None;
        }
        *slot = Some(Wanted { follower, most });
        self.next += usize::from(position.is_none());
        self.count = self.count.max(at + 1);
        Some(at)
    }
}

/// Reads a format of `printf`'s; returns the number of arguments.
fn read_printf(text: &[u8], dialect: Dialect, wanted: &mut [Option<Wanted>; MOST]) -> usize {
    let mut list = List { wanted, next: 0, count: 0 };
    let mut reader = Reader(text);
    while reader.skip_to_conversion() {
        if one_of_printf(&mut reader, dialect, &mut list).is_none() {
            break;
        }
    }
    list.count
}

/// Reads what follows a `%`. `None` if it is not understood.
fn one_of_printf(reader: &mut Reader<'_>, dialect: Dialect, list: &mut List<'_>) -> Option<()> {
    if reader.skip(b'%') {
        return Some(());
    }
    let position = reader.position();
    let sqlite = dialect == Dialect::Sqlite;
    while b"-+ #0'I".contains(&reader.peek()) || sqlite && b"!,".contains(&reader.peek()) {
        reader.next();
    }
    let mut star = |reader: &mut Reader<'_>| -> Option<Option<usize>> {
        if !reader.skip(b'*') {
            return Some(None);
        }
        let position = reader.position();
        list.put(position, Follower { ty: "c_int", ..Follower::NUMBER }, Most::Unsaid).map(Some)
    };
    if star(reader)?.is_none() {
        reader.number();
    }
    let mut most = Most::Unsaid;
    if reader.skip(b'.') {
        most = match star(reader)? {
            Some(at) => Most::Argument(at),
            None => Most::Are(reader.number().unwrap_or(0)),
        };
    }
    // In SQLite's, `q` and `z` are conversions.
    let length = if sqlite && b"qz".contains(&reader.peek()) { Length::Plain } else { reader.length() };
    let text = Follower::TEXT;
    let (follower, most) = match reader.next()? {
        b'd' | b'i' | b'o' | b'u' | b'x' | b'X' | b'c' | b'C' => (Follower::NUMBER, Most::Unsaid),
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' if length == Length::LongDouble => return None,
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => (Follower::FLOAT, Most::Unsaid),
        b's' if length == Length::Plain => (text, most),
        b'q' | b'Q' | b'w' if sqlite => (text, most),
        // It frees the text.
        b'z' if sqlite => (text, most),
        // Wide characters: where they end is not looked for.
        b's' | b'S' => (Follower { ty: "*const wchar_t", ..opaque() }, Most::Unsaid),
        b'p' => (Follower { ty: "*const c_void", ..Follower::NUMBER }, Most::Unsaid),
        b'n' => (out(length)?, Most::Unsaid),
        // The text of `errno`.
        b'm' if !sqlite => return Some(()),
        _ => return None,
    };
    list.put(position, follower, most).map(|_| ())
}

/// Reads a format of `scanf`'s; returns the number of arguments.
fn read_scanf(text: &[u8], wanted: &mut [Option<Wanted>; MOST]) -> usize {
    let mut list = List { wanted, next: 0, count: 0 };
    let mut reader = Reader(text);
    while reader.skip_to_conversion() {
        if one_of_scanf(&mut reader, &mut list).is_none() {
            break;
        }
    }
    list.count
}

fn one_of_scanf(reader: &mut Reader<'_>, list: &mut List<'_>) -> Option<()> {
    if reader.skip(b'%') {
        return Some(());
    }
    let position = reader.position();
    let drops = reader.skip(b'*');
    let allocates = {
        reader.skip(b'\'');
        reader.skip(b'm')
    };
    let width = reader.number();
    let allocates = allocates || reader.skip(b'm');
    let length = reader.length();
    let conversion = reader.next()?;
    if conversion == b'[' {
        reader.skip(b'^');
        reader.skip(b']');
        while reader.next()? != b']' {}
    }
    // A text ends in a NUL, characters do not.
    let text = |more: usize| match (allocates, length, width) {
        (true, ..) => Some((pointer(), Most::Unsaid)),
        (_, Length::Plain, Some(width)) => {
            Some((out_of::<c_char>("*mut c_char"), Most::Are(width.saturating_add(more))))
        }
        // It takes at least so much.
        (_, Length::Plain, None) => Some((out_of::<c_char>("*mut c_char"), Most::Are(1))),
        _ => Some((Follower { ty: "*mut wchar_t", word: Word::Mut, ..opaque() }, Most::Unsaid)),
    };
    let (follower, most) = match conversion {
        b'd' | b'i' | b'o' | b'u' | b'x' | b'X' | b'n' => (out(length)?, Most::Unsaid),
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => match length {
            Length::Plain => (out_of::<f32>("*mut c_float"), Most::Unsaid),
            Length::Long => (out_of::<f64>("*mut c_double"), Most::Unsaid),
            _ => (Follower { word: Word::Mut, ..opaque() }, Most::Unsaid),
        },
        b's' | b'[' => text(1)?,
        b'c' => text(0)?,
        b'p' => (pointer(), Most::Unsaid),
        _ => return None,
    };
    if drops {
        return Some(());
    }
    list.put(position, follower, most).map(|_| ())
}

/// A pointer of which it is only known that it leads somewhere.
fn opaque() -> Follower {
    static VOID: TypeInfo = TypeInfo::of_void();
    Follower { word: Word::Const, ty: "*mut c_void", contract: Contract::NONE.opaque(), info: &VOID }
}

/// A pointer that C fills in with a pointer.
fn pointer() -> Follower {
    out_of::<*mut c_void>("*mut *mut c_void")
}

/// An integer that C fills in.
fn out(length: Length) -> Option<Follower> {
    Some(match length {
        Length::Plain => out_of::<c_int>("*mut c_int"),
        Length::Char => out_of::<c_char>("*mut c_char"),
        Length::Short => out_of::<c_short>("*mut c_short"),
        Length::Long => out_of::<c_long>("*mut c_long"),
        Length::LongLong => out_of::<c_longlong>("*mut c_longlong"),
        Length::LongDouble => return None,
    })
}

/// A value that C fills in.
fn out_of<T>(ty: &'static str) -> Follower {
    let info = const { &TypeInfo { shape: Shape::Out, ..TypeInfo::of_layout::<T>() } };
    Follower { word: Word::Mut, ty, contract: Contract::NONE.out().nonnull(), info }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printf(text: &str, dialect: Dialect) -> Vec<&'static str> {
        let mut wanted = [None; MOST];
        let count = match dialect {
            Dialect::Scanf => read_scanf(text.as_bytes(), &mut wanted),
            _ => read_printf(text.as_bytes(), dialect, &mut wanted),
        };
        wanted.iter().take(count).map(|it| it.map_or("?", |it| it.follower.ty)).collect()
    }

    #[test]
    fn a_format_of_printf_tells_its_arguments() {
        let of = |text| printf(text, Dialect::Printf);
        assert_eq!(of("no conversion, 100 %%"), [""; 0]);
        assert_eq!(of("%d %s"), ["c_long", "*const c_char"]);
        assert_eq!(of("%-08.3f|%+e|%#x|% d"), ["c_double", "c_double", "c_long", "c_long"]);
        assert_eq!(of("%*.*s!"), ["c_int", "c_int", "*const c_char"]);
        assert_eq!(of("%hhd%hd%ld%lld%zu%td%jd"), ["c_long"; 7]);
        assert_eq!(of("%n%hhn%ln"), ["*mut c_int", "*mut c_char", "*mut c_long"]);
        assert_eq!(of("%2$s %1$d"), ["c_long", "*const c_char"]);
        assert_eq!(of("%3$s"), ["?", "?", "*const c_char"]);
        assert_eq!(of("%1$s %1$s"), ["*const c_char"]);
        assert_eq!(of("%p%m%c"), ["*const c_void", "c_long"]);
        assert_eq!(of("%ls"), ["*const wchar_t"]);
        // Neither a `long double` nor a conversion of somebody's own is understood.
        assert_eq!(of("%d %Lf %s"), ["c_long"]);
        assert_eq!(of("%d %k %s"), ["c_long"]);
        assert_eq!(of("%d %"), ["c_long"]);
        assert_eq!(of("%1$s %1$d"), ["*const c_char"]);
    }

    #[test]
    fn sqlites_has_conversions_of_its_own() {
        let of = |text| printf(text, Dialect::Sqlite);
        assert_eq!(of("%q %Q %w %z %!f %,d"), [&["*const c_char"; 4][..], &["c_double", "c_long"]].concat());
        assert_eq!(of("'%.3q'"), ["*const c_char"]);
        assert_eq!(of("%lld"), ["c_long"]);
    }

    #[test]
    fn a_format_of_scanf_asks_for_pointers() {
        let of = |text| printf(text, Dialect::Scanf);
        assert_eq!(of("%d %ld %hhu"), ["*mut c_int", "*mut c_long", "*mut c_char"]);
        assert_eq!(of("%f %lf"), ["*mut c_float", "*mut c_double"]);
        assert_eq!(of("%*d %9s %[^]a] %c"), ["*mut c_char"; 3]);
        assert_eq!(of("%ms %p"), ["*mut *mut c_void"; 2]);
        assert_eq!(of("%[a"), [""; 0]);
    }

    #[test]
    fn no_format_makes_it_panic() {
        // Texts of all orders of the bytes that mean something.
        let bytes = b"%*.$ls1[]9hn";
        for seed in 0..20_000_usize {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let text: Vec<u8> = (0..seed % 24)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    bytes[(state >> 33) % bytes.len()]
                })
                .collect();
            for dialect in [Dialect::Printf, Dialect::Sqlite, Dialect::Scanf] {
                printf(std::str::from_utf8(&text).unwrap(), dialect);
            }
        }
    }
}
