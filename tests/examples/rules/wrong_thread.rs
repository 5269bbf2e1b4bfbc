//! A window is drawn by a thread that did not open it.

use c_fixtures::wrong_thread::{Window, bad_window_draw, window_open};

struct Sent(*mut Window);
// SAFETY: wrong: C knows the window on the thread that opened it alone.
unsafe impl Send for Sent {}

pub(crate) fn run() {
    let opener = std::thread::Builder::new().name("opener".into());
    let window = opener.spawn(|| Sent(window_open())).expect("a thread").join().expect("a window");
    // SAFETY: an open window.
    unsafe { bad_window_draw(window.0) };
}
