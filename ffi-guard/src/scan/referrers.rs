//! Whose code refers to a variable.
//!
//! A function of x86-64 reaches a variable of its own module by a distance of 32 bits from the next instruction; loads
//! from the global offset table, the linker turns into such where it can. So the distances in the machine code tell
//! which functions refer to a variable, and the functions' names tell more than the variable's.

use std::ops::Range;

use super::elf::code::{Code, Function, slots};
use super::elf::{Elf, Table, Variable};
use super::names::{self, Language, Source};

/// C, where nothing but C's functions refers to the variable; never Rust. `None` where no function does,
/// where one of Rust's does, and where it cannot be told of one.
///
/// A reference from Rust settles nothing: Rust refers to C's variables by `extern { static }`, and C to Rust's
/// `#[no_mangle]` statics by `extern`. Who defines it, the code does not tell.
pub(super) fn language(elf: &Elf<'_>, table: &Table, variable: &Variable) -> Option<Language> {
    let code = Code::of(elf)?;
    // What a library written in Rust exports is `#[no_mangle]`.
    if variable.global && !code.is_program {
        return None;
    }
    let mut places = references(&code, &variable.range);
    for slot in slots(elf, &variable.range)? {
        places.extend(references(&code, &(slot..slot + 1)));
    }
    let mut found = None;
    let mut last = 0..0;
    places.sort_unstable();
    for place in places {
        if last.contains(&place) {
            continue;
        }
        for function in code.functions_at(place) {
            last = function.range.clone();
            if of_function(&code, table, function)? == Language::Rust {
                return None;
            }
            found = Some(Language::C);
        }
    }
    found
}

/// Whose a function is; `None` where link-time optimisation has mixed them.
fn of_function(code: &Code<'_>, table: &Table, function: &Function) -> Option<Language> {
    let name = code.name(function);
    if let Some(language) = names::language(&name) {
        return Some(language);
    }
    if let Some(file) = function.file {
        return of_file(table, file);
    }
    // What such a library does not export is C's.
    if !code.is_program {
        return Some(if function.global { Language::Rust } else { Language::C });
    }
    // A plain name in a program: C's function, or `#[no_mangle] extern "C" fn`. That one lies among the functions of
    // its codegen unit, and in all but the shortest something of Rust's is called.
    let rust = amid_rust(code, table, function) || calls_rust(code, table, function);
    Some(if rust { Language::Rust } else { Language::C })
}

fn of_file(table: &Table, file: usize) -> Option<Language> {
    match table.files.get(file)?.source {
        Source::C => Some(Language::C),
        Source::Rust | Source::Std => Some(Language::Rust),
        Source::Unknown => None,
    }
}

/// Whether the nearest functions to both sides with a known object file are of one codegen unit.
fn amid_rust(code: &Code<'_>, table: &Table, function: &Function) -> bool {
    let at = code.functions.partition_point(|other| other.range.start < function.range.start);
    let before = code.functions[..at].iter().rev().find_map(|other| other.file);
    let after = code.functions[at..].iter().find_map(|other| other.file);
    before.is_some() && before == after && before.and_then(|file| of_file(table, file)) == Some(Language::Rust)
}

/// Whether the function calls Rust's, or refers to its variables. C cannot: it does not know their names.
fn calls_rust(code: &Code<'_>, table: &Table, function: &Function) -> bool {
    let Range { start, end } = function.range;
    let Some((section, bytes)) = section_of(code, start) else { return false };
    let body = bytes.get(start - section..end - section).unwrap_or_default();
    body.windows(5).zip(start + 5..).any(|(window, next)| {
        let distance = i32::from_ne_bytes([window[1], window[2], window[3], window[4]]);
        let target = next.wrapping_add_signed(distance as isize);
        let is_jump = matches!(window[0], 0xe8 | 0xe9);
        if !is_jump && !is_relative(window[0]) {
            return false;
        }
        let mut functions = code.functions_at(target).filter(|callee| callee.range.start == target);
        functions.any(|callee| names::is_rust(&code.name(callee)))
            || !is_jump && table.variable(target).is_some_and(|variable| names::is_rust(&variable.name))
    })
}

fn section_of<'file>(code: &Code<'file>, address: usize) -> Option<(usize, &'file [u8])> {
    code.sections.iter().copied().find(|&(start, bytes)| (start..start + bytes.len()).contains(&address))
}

/// Whether a byte before a distance says that it is one from the next instruction: ModRM with `mod` 0 and `rm` 5.
fn is_relative(byte: u8) -> bool {
    byte & 0xc7 == 0x05
}

/// Bytes of what stands between the distance at `at` and the next instruction: an immediate operand. (To allow for
/// any would take what refers to the byte before a variable for what refers to it.)
fn immediate(bytes: &[u8], at: usize) -> usize {
    let before = |back: usize| at.checked_sub(back).map_or(0, |at| bytes[at]);
    let (modrm, opcode) = (before(1), before(2));
    // The second table of opcodes stands behind `0f`, or a VEX prefix; the third behind `0f 3a`.
    let third = before(4) == 0x0f && before(3) == 0x3a || before(5) == 0xc4 && before(4) & 0x1f == 3;
    let second = before(3) == 0x0f || before(4) == 0xc5 || before(5) == 0xc4 && before(4) & 0x1f == 1;
    let wide = if before(3) == 0x66 || before(4) == 0x66 && before(3) & 0xf0 == 0x40 { 2 } else { 4 };
    let tests = modrm >> 3 & 7 < 2;
    match opcode {
        _ if third => 1,
        0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 if second => 1,
        _ if second => 0,
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => 1,
        0xf6 if tests => 1,
        0x69 | 0x81 | 0xc7 => wide,
        0xf7 if tests => wide,
        _ => 0,
    }
}

/// Where in the code a distance leads into the range. One in a million bytes of code may by chance look like one.
fn references(code: &Code<'_>, wanted: &Range<usize>) -> Vec<usize> {
    let mut places = Vec::new();
    for &(section, bytes) in &code.sections {
        // From the distance's own place the target is 4 bytes and the immediate nearer.
        let near = Range { start: wanted.start.wrapping_sub(8), end: wanted.end.wrapping_sub(4) };
        let mut from = 1;
        while let Some(at) = next_distance(bytes, from, section, &near) {
            from = at + 1;
            let Some(&distance) = bytes[at..].first_chunk::<4>() else { break };
            let next = section + at + 4 + immediate(bytes, at);
            let target = next.wrapping_add_signed(i32::from_ne_bytes(distance) as isize);
            if is_relative(bytes[at - 1]) && wanted.contains(&target) {
                places.push(section + at);
            }
        }
    }
    places
}

/// The next place, from `from` on, whose address and the 32 bits at it add up to an address in the range.
fn next_distance(bytes: &[u8], from: usize, section: usize, near: &Range<usize>) -> Option<usize> {
    super::machine::next_distance(bytes, from, section.wrapping_sub(near.start), near.len())
}

#[cfg(test)]
mod tests;
