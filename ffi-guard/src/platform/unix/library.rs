//! Shared objects that tests load.

use std::ffi::{CString, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

/// A loaded shared object; unloaded when dropped.
pub(crate) struct Library(*mut c_void);

impl Library {
    /// Loads the file. Panics with the reason if that fails.
    pub(crate) fn open(path: &Path) -> Library {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: a C string; what the object's constructors do is the test's own.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "cannot load {}", path.display());
        Library(handle)
    }

    /// The address of the symbol that it exports under this name.
    pub(crate) fn address(&self, name: &str) -> usize {
        let name_c = CString::new(name).unwrap();
        // SAFETY: a live handle and a C string.
        let address = unsafe { libc::dlsym(self.0, name_c.as_ptr()) };
        assert!(!address.is_null(), "no {name}");
        address.expose_provenance()
    }

    /// Calls the function `void name(void *)`.
    pub(crate) fn call(&self, name: &str, argument: usize) {
        let address: *const () = ptr::with_exposed_provenance(self.address(name));
        // SAFETY: the tests' functions of these names have this type.
        let function: unsafe extern "C" fn(usize) = unsafe { std::mem::transmute(address) };
        // SAFETY: they store the argument and do nothing else.
        unsafe { function(argument) };
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: a live handle, dropped once.
        unsafe { libc::dlclose(self.0) };
    }
}
