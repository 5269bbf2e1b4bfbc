//! The attribute and the derives of [ffi-guard](https://docs.rs/ffi-guard), re-exported from there.
//!
//! The way of a block through this crate: `ast` parses it, `attr` parses the arguments of
//! `#[guard(..)]`, `cfg` lists the cases of its conditions, `settings`, `block` and `valid` refuse
//! what cannot apply (all errors at once), `contracts` adds what is known of the functions in C,
//! `expand` decides what is wrapped, `wrapper` and `fast_path` write the functions, `descriptor`
//! writes the statics that describe them, and `test` stands apart. On an error `fallback` still
//! emits the block, bare, so that one error stays one error.

use proc_macro::TokenStream;

mod aligned;
mod ast;
mod attr;
mod block;
mod bytes;
mod callback;
mod cfg;
mod contracts;
mod crossing;
mod derive;
mod descriptor;
mod expand;
mod extent;
mod fallback;
mod fast_path;
mod filled;
mod followed;
mod guard_fn;
mod kept;
mod message;
mod outside;
mod promised;
mod reads;
mod record;
mod registry;
mod settings;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod valid;
mod variadic;
mod version;
mod wrapper;

/// Checks every call to the functions of an `extern` block, or each call of a Rust function that C
/// makes.
///
/// Each `fn` becomes a Rust function of the same name, visibility, safety, docs and attributes,
/// which checks the arguments and the result and calls C. A variadic function keeps its type, and
/// is checked on entry. Statics, types and macros inside the block stay as they are.
///
/// ```ignore
/// #[ffi_guard::guard]
/// unsafe extern "C" {
///     pub fn process_data(#[guard(counted_by = len)] data: *const u8, len: usize) -> c_int;
///     #[guard(allow(nested_pointer))]
///     pub fn open(#[guard(cstr)] path: *const c_char, flags: c_int) -> c_int;
/// }
/// ```
///
/// On a Rust `extern "C" fn`, which keeps its type, the attribute checks the arguments that C
/// passes and the result. A panic in it is parked, C gets a neutral value, and the panic goes on
/// when the outermost guarded call of the thread returns.
///
/// ```ignore
/// #[ffi_guard::guard(on_panic = 1)]
/// unsafe extern "C" fn row(#[guard(opaque)] user: *mut c_void, n: c_int, columns: *mut *mut c_char) -> c_int {
///     // ..
/// }
/// ```
///
/// # On the block
///
/// | argument | meaning |
/// | --- | --- |
/// | `crate = path` | where `ffi_guard` is found, if not at `::ffi_guard` |
/// | `keep_abi`, `keep_abi(f, ..)` | the wrappers of all functions, or of these, keep C's ABI, so that they may be passed on as C function pointers; a violation aborts |
/// | `skip`, `skip(f, ..)` | leave the block, or these functions, bare |
/// | `version = "lib_version() == 3"` | what has to hold of the library, asked once at the first call of a function of the block |
/// | `contracts = "zlib, mine.toml"` | what is known of the functions in C: a library's name, or a file |
/// | `retained` | C may keep each pointer that it gets, as if every parameter said so |
/// | `allow(rule, ..)`, `warn(..)`, `deny(..)` | severity of rules |
///
/// # On a function: `#[guard(..)]`
///
/// `skip`, `keep_abi`, `returns(owned)` (Rust has to free the result),
/// `returns(thread_bound)` (it belongs to the calling thread), `ok = result == 0` (with such a
/// result C has filled its `out` parameters), `allow(..)`, `warn(..)`, `deny(..)`.
///
/// # On a Rust function that C calls
///
/// `contract = "sqlite3_module.xOpen"` (what is known of the type as which C gets it, in the files
/// that `contracts = ".."` names or in those of ffi-guard), `on_panic = value` (what C gets if it
/// panics; the default of the return type if not given), `returns(owned)` and `returns(retained)`
/// (the result is C's, or C may keep it), `lends` (C may use the result for a while),
/// `returns(cstr)` (it ends in NUL), `skip`, `crate = path`, `allow(..)`, `warn(..)`, `deny(..)`.
/// On its parameters: `counted_by`, `sized_by`, `cstr`, `nonnull`, `out`, `lends` (C may use for a
/// while what is stored there), `opaque`, `thread_bound`, `owned` (C gives it back), and
/// severities.
///
/// # On a parameter: `#[guard(..)]`
///
/// | argument | meaning |
/// | --- | --- |
/// | `counted_by = n`, `sized_by = n` | C may touch `n` elements, or bytes, from here |
/// | `text_by = n` | a text of `n` bytes, or up to its NUL if `n` is negative |
/// | `text_within = n` | a text up to its NUL, or `n` bytes of it |
/// | `cstr` | NUL-terminated string |
/// | `nonnull` | null is a violation |
/// | `aligned = n` | the address is a multiple of `n`, a constant |
/// | `out` | C fills it in |
/// | `opaque` | user data that C only hands back |
/// | `copied` | C works on a copy between guard pages |
/// | `thread_bound` | belongs to the thread that got it from C |
/// | `retained` | C may keep it after the call |
/// | `retained_unless = (p == -1)` | C may keep it, unless the parameter `p` has this value |
/// | `held_by = p` | C keeps it by this handle |
/// | `lets_go` | C no longer reads what it keeps by this handle |
/// | `remembered` | C may remember the address, and never reads there |
/// | `stale(field, ..)` | these fields may lead to what is gone |
/// | `owned` | ownership goes to C |
/// | `printf`, `printf(sqlite)`, `scanf` | a format, which says what the arguments in `...` are |
/// | `followed_by(value => [argument, ..], ..)` | what the arguments in `...` are after these values |
/// | `allow(..)`, `warn(..)`, `deny(..)` | severity of rules |
///
/// `n` is an expression over the parameters, evaluated before the call, outside any `unsafe` block:
/// to read a length through a raw pointer, write `counted_by = unsafe { (*v).len }`.
///
/// All of them may stand under `cfg_attr`: a crate whose ffi-guard is optional writes
/// `#[cfg_attr(feature = "ffi-guard", ffi_guard::guard)]` on the block and
/// `#[cfg_attr(feature = "ffi-guard", guard(cstr))]` on a parameter. A function may have up to
/// three different conditions on its parameters and guard attributes: it is generated once for each
/// combination.
///
/// # Limits
///
/// - A wrapper's parameter is a binding, a foreign function's is not, and in Rust no binding may
///   shadow a static, a constant or a tuple struct. Parameters named like a static or a type that
///   the block mentions, and all of them under `keep_abi` on the block, are renamed (`__name`) in
///   the wrapper. A parameter named like a static or a constant that is declared elsewhere in the
///   module is error E0530 or E0005: rename it then.
/// - The wrapper takes the place of the foreign function in the module: a glob import or a doc link
///   finds it as before, but its type is a Rust function's. If the function itself is passed to C,
///   use `keep_abi`.
#[proc_macro_attribute]
pub fn guard(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::guard(arguments.into(), item.into()).into()
}

/// Checks the calls of a foreign function that is known by a pointer alone: one from `dlsym` or
/// `libloading`, or one that C returned.
///
/// The function is written as in an extern block, with the same attributes. The value is `Copy`;
/// its method `call` checks as a declared function does, and `pointer` gives the pointer back.
///
/// ```ignore
/// let length = ffi_guard::guard_fn!(
///     unsafe extern "C" fn length(#[guard(cstr)] text: *const c_char) -> usize = pointer
/// );
/// unsafe { length.call(c"four".as_ptr()) };
/// ```
///
/// To keep such a value in a struct, declare its type, and make values by `new`:
///
/// ```ignore
/// ffi_guard::guard_fn!(pub type Length = unsafe extern "C" fn length(#[guard(cstr)] text: *const c_char) -> usize);
/// let length = Length::new(pointer);
/// ```
///
/// Without `unsafe` before `extern`, `call` is safe, and the pointer has to be one to a safe
/// function. `crate = path,` before all says where a renamed `ffi_guard` is found.
#[proc_macro]
pub fn guard_fn(input: TokenStream) -> TokenStream {
    guard_fn::guard_fn(input.into()).into()
}

/// A test that ends with a checkpoint: what C still holds of what it has lent fails it, and not the
/// next one. Stands in place of `#[test]`.
///
/// ```ignore
/// #[ffi_guard::test(level = 2, rules(deny(leaked_ownership), allow(nested_pointer)))]
/// fn a_session_lets_go() {
///     // ..
/// }
/// ```
///
/// | argument | meaning |
/// | --- | --- |
/// | `level = n` | the test is checked at this level, 0 to 3 |
/// | `look = "each"` | every call is looked after at once, as by `GUARD_LOOK=each` |
/// | `rules(allow(rule, ..), warn(..), deny(..))` | severity of rules, as the environment's, below that of declarations |
/// | `process` | the test has a process of its own in any case |
/// | `crate = path` | where `ffi_guard` is found, if not at `::ffi_guard` |
///
/// A process has one level, one way of looking and one set of severities. So a test that asks for
/// `rules`, or for another level or look than the process has, runs again in a process of its own.
///
/// Other attributes stay: `#[ignore]`, `#[should_panic]`, `#[serial]`. A test under
/// `#[should_panic]` that leaves something behind fails, unless the expected text is of that
/// report. The test may return a `Result`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    test::test(arguments.into(), item.into()).into()
}

/// Declares that a struct, union or enum holds no pointer: each field's type must be `Plain`
/// itself.
///
/// Type parameters get a `Plain` bound. `#[guard(crate = path)]` on the type says where a renamed
/// `ffi_guard` is found. A field under `#[guard(opaque)]` is user data, which C never looks at: it
/// may hold a pointer.
#[proc_macro_derive(Plain, attributes(guard))]
pub fn plain(item: TokenStream) -> TokenStream {
    derive::plain(item.into()).into()
}

/// Declares where a struct or union holds pointers: the offset and the type of every field.
///
/// A field whose type mentions a type parameter is searched word by word, because its type is not
/// concrete at the derive. A field under `#[guard(opaque)]` is user data, which C never looks at:
/// it is not searched. `#[guard(crate = path)]` on the type says where a renamed `ffi_guard` is
/// found.
#[proc_macro_derive(Pointee, attributes(guard))]
pub fn pointee(item: TokenStream) -> TokenStream {
    derive::pointee(item.into()).into()
}
