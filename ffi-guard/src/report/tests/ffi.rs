//! The C library in the golden reports: its declarations, as `#[guard]` would write them down.

use std::ffi::c_char;
use std::panic::Location;

use crate::call::declaration::{Contract, Declaration, Function, Parameter};
use crate::rule::Severities;

pub(super) type Site = &'static Location<'static>;

#[allow(dead_code)]
pub(super) struct SomeStruct {
    pub(super) a: i32,
    pub(super) b: i32,
    pub(super) c: i32,
}

#[allow(dead_code)]
pub(super) struct Table {
    pub(super) count: usize,
    pub(super) first: *const c_char,
}

#[allow(dead_code)]
pub(super) struct ComplexStruct {
    pub(super) x: *const SomeStruct,
    pub(super) y: *const SomeStruct,
}

/// Rust's own, which C calls.
pub(super) static ON_EVENT: Function = Function::new(&Declaration {
    module: "app::session",
    file: "src/session.rs",
    line: 70,
    column: 22,
    parameters: &[Parameter {
        name: "user",
        ty: "*mut c_void",
        extent: "",
        contract: Contract::NONE.opaque(),
        stale: &[],
        severities: Severities::NONE,
    }],
    callback: true,
    ..Declaration::internal("on_event")
});

macro_rules! declare {
    ($(fn $name:ident($($param:ident: $ty:ty = $shown:literal, $extent:literal, $contract:expr;)*) at $line:literal in $upper:ident;)*) => { $(
        pub(super) static $upper: Function = Function::new(&Declaration {
            module: "app::ffi",
            file: "src/ffi.rs",
            line: $line,
            column: 12,
            parameters: &[$(Parameter {
                name: stringify!($param),
                ty: $shown,
                extent: $extent,
                contract: $contract,
                stale: &[],
                severities: Severities::NONE,
            },)*],
            ..Declaration::internal(stringify!($name))
        });

        #[track_caller]
        #[allow(clippy::missing_safety_doc)]
        pub(super) unsafe fn $name($(_: $ty,)*) -> Site {
            Location::caller()
        }
    )* };
}

declare! {
    fn process_struct(s: *const ComplexStruct = "*const ComplexStruct", "", Contract::NONE;) at 12 in PROCESS_STRUCT;
    fn process_value(s: ComplexStruct = "ComplexStruct", "", Contract::NONE;) at 13 in PROCESS_VALUE;
    fn set_list(list: *mut u8 = "*mut c_void", "", Contract::NONE;) at 14 in SET_LIST;
    fn process_data(
        data: *const u32 = "*const u32", "len", Contract::NONE.stated();
        len: usize = "usize", "", Contract::NONE;
    ) at 15 in PROCESS_DATA;
    fn session_set_name(
        session: usize = "usize", "", Contract::NONE;
        name: *const c_char = "*const c_char", "", Contract::NONE.cstr().nonnull();
        len: usize = "usize", "", Contract::NONE;
    ) at 16 in SESSION_SET_NAME;
    fn store_reference(s: *const SomeStruct = "*const SomeStruct", "", Contract::NONE;) at 17 in STORE_REFERENCE;
    fn current_reference() at 18 in CURRENT;
    fn set_listener(user: *const SomeStruct = "*const SomeStruct", "", Contract::NONE.retained();) at 19 in SET_LISTENER;
    fn take_state(state: *const SomeStruct = "*const SomeStruct", "", Contract::NONE.owned();) at 20 in TAKE_STATE;
    fn table_add(
        table: *mut Table = "*mut Table", "", Contract::NONE;
        key: *const c_char = "*const c_char", "", Contract::NONE;
    ) at 21 in TABLE_ADD;
    fn session_label(
        out: *mut c_char = "*mut c_char", "len", Contract::NONE.stated();
        len: usize = "usize", "", Contract::NONE;
    ) at 22 in SESSION_LABEL;
    fn session_read(
        session: usize = "usize", "", Contract::NONE;
        out: *mut u8 = "*mut u8", "*len", Contract::NONE.stated();
        len: *mut usize = "*mut usize", "", Contract::NONE;
    ) at 23 in SESSION_READ;
}
