//! C++'s `new` calls C's `malloc`, and so our heap, also in a library loaded by `dlopen`.

use std::ffi::CString;
use std::path::PathBuf;
use std::process::Command;

use c_fixtures::retained_places as c;
use ffi_guard::{Place, Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::at_level;

const SOURCE: &str = r#"
#include <string>
#include <vector>

struct Node { const int *value; };
static Node *kept;

extern "C" void keep(const int *value) {
    std::vector<std::string> churn;
    for (int i = 0; i < 500; i++) churn.push_back(std::string(i, 'x'));
    kept = new Node{value};
}
extern "C" const int *see() { return kept ? kept->value : nullptr; }
"#;

/// The library; `None` with a message if there is no C++ compiler.
fn library() -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("ffi-guard-cplusplus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (source, made) = (folder.join("keep.cc"), folder.join("libkeep.so"));
    std::fs::write(&source, SOURCE).expect("a file");
    match Command::new("c++").args(["-g", "-shared", "-fPIC", "-o"]).arg(&made).arg(&source).status() {
        Ok(status) => {
            assert!(status.success());
            Some(made)
        }
        Err(error) => {
            eprintln!("skipped: no C++ compiler: {error}");
            None
        }
    }
}

#[test]
fn what_a_new_object_keeps_is_found() {
    at_level("cplusplus::what_a_new_object_keeps_is_found", "2", || {
        let Some(path) = library() else { return };
        let name = CString::new(path.to_str().expect("a plain path")).expect("no NUL");
        let value = Box::new(7);
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a library whose functions are as declared; the value outlives what it keeps.
            unsafe { c::bad_keep_in_library(name.as_ptr(), &raw const *value) };
        });
        assert!(matches!(violation.place(), Some(Place::CHeap { size: 8, offset: 0, .. })), "{violation}");
        // SAFETY: the value still lives.
        assert_eq!(unsafe { c::read_library() }, 7);
        catch(checkpoint).expect("told once");
        c::forget_library();
        std::fs::remove_dir_all(path.parent().expect("its folder")).expect("removes");
    });
}
