//! Facts of `stale_handle`, made by hand.

use super::facts::{argument, found};
use super::ffi::Site;
use super::listener;
use crate::facts::{Call, Facts, Finding, Life, ParkedType, StaleReason, Staleness, Through, Tombstone};
use crate::handle::stale::{CALLBACK, WITH};
use crate::heap::trace::TraceId;

const HANDLE: usize = 0x8040_0000_0600_0012;

fn stale(site: Site, through: Through, why: StaleReason) -> Facts {
    let function = if through == Through::Callback { &CALLBACK } else { &WITH };
    let called = if through == Through::Callback { TraceId(u32::MAX - 20) } else { TraceId::default() };
    let wanted =
        if matches!(why, StaleReason::OtherType(_)) { "app::session::Session" } else { "app::session::Listener" };
    let raw = if matches!(why, StaleReason::NoHandle) { 0x7f3a_5c00_1040 } else { HANDLE };
    found(
        Finding::StaleHandle(Box::new(Staleness { raw, wanted, through, why, thread: 1, called })),
        Some(Call { function, parameter: Some(0), site, thread: 1, thread_name: Some("main".into()) }),
        argument(raw, 0, "core::ffi::c_void"),
        None,
    )
}

fn life(made: Site) -> Life {
    static KIND: ParkedType = ParkedType { name: || "app::session::Listener", drop: |_| () };
    Life { kind: &KIND, made, made_by: 1 }
}

fn of_released(made: Site, released: Option<Site>) -> StaleReason {
    let trace = if released.is_none() { TraceId(u32::MAX - 3) } else { TraceId::default() };
    StaleReason::Released(Some(Tombstone { raw: HANDLE, life: life(made), released, trace, released_by: 2 }))
}

pub(super) fn released() -> Facts {
    let why = of_released(listener::listen(), Some(listener::taken()));
    stale(listener::came_back(0), Through::With, why)
}

pub(super) fn dropped() -> Facts {
    stale(listener::came_back(0), Through::With, of_released(listener::listen(), None))
}

pub(super) fn forgotten() -> Facts {
    stale(listener::came_back(0), Through::With, StaleReason::Released(None))
}

pub(super) fn never_made() -> Facts {
    stale(listener::came_back(0), Through::With, StaleReason::NeverMade)
}

pub(super) fn no_handle() -> Facts {
    stale(listener::came_back(0), Through::With, StaleReason::NoHandle)
}

pub(super) fn other_type() -> Facts {
    stale(listener::came_back(0), Through::With, StaleReason::OtherType(life(listener::listen())))
}

pub(super) fn other_thread() -> Facts {
    stale(listener::came_back(0), Through::With, StaleReason::OtherThread(life(listener::listen())))
}

pub(super) fn callback() -> Facts {
    stale(listener::on_event(), Through::Callback, of_released(listener::on_event(), None))
}

pub(super) fn callback_other_thread() -> Facts {
    stale(listener::on_event(), Through::Callback, StaleReason::OtherThread(life(listener::on_event())))
}
