//! The C library itself, declared as its manual says: no false alarm.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use ffi_guard_tests::process::at_checked_levels;
use libc::{DIR, addrinfo, dirent, passwd, pthread_mutex_t, pthread_mutexattr_t, regex_t, regmatch_t, size_t, tm};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    fn qsort(#[guard(sized_by = n * size)] base: *mut c_void, n: size_t, size: size_t, compare: Compare);
    fn bsearch(
        key: *const c_void,
        #[guard(sized_by = n * size)] base: *const c_void,
        n: size_t,
        size: size_t,
        compare: Compare,
    ) -> *mut c_void;
    fn getaddrinfo(
        #[guard(cstr)] node: *const c_char,
        #[guard(cstr)] service: *const c_char,
        hints: *const addrinfo,
        #[guard(out)] result: *mut *mut addrinfo,
    ) -> c_int;
    fn freeaddrinfo(result: *mut addrinfo);
    fn strtol(#[guard(cstr, nonnull)] text: *const c_char, #[guard(out)] end: *mut *mut c_char, base: c_int) -> c_long;
    fn snprintf(text: *mut c_char, n: size_t, format: *const c_char, ...) -> c_int;
    fn regcomp(#[guard(out)] regex: *mut regex_t, #[guard(cstr)] pattern: *const c_char, flags: c_int) -> c_int;
    fn regexec(
        regex: *const regex_t,
        #[guard(cstr)] text: *const c_char,
        n: size_t,
        #[guard(out, counted_by = n)] matches: *mut regmatch_t,
        flags: c_int,
    ) -> c_int;
    fn regfree(regex: *mut regex_t);
    fn getpwuid_r(
        uid: u32,
        #[guard(out)] entry: *mut passwd,
        #[guard(out, sized_by = n)] buffer: *mut c_char,
        n: size_t,
        #[guard(out)] result: *mut *mut passwd,
    ) -> c_int;
    fn pthread_mutex_init(#[guard(out)] mutex: *mut pthread_mutex_t, attributes: *const pthread_mutexattr_t) -> c_int;
    fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int;
    fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int;
    fn pthread_mutex_destroy(mutex: *mut pthread_mutex_t) -> c_int;
    fn opendir(#[guard(cstr)] name: *const c_char) -> *mut DIR;
    fn readdir(dir: *mut DIR) -> *mut dirent;
    fn closedir(dir: *mut DIR) -> c_int;
    #[guard(allow(nested_pointer))]
    fn strtok_r(text: *mut c_char, delimiters: *const c_char, rest: *mut *mut c_char) -> *mut c_char;
    fn time(#[guard(out)] seconds: *mut i64) -> i64;
    fn localtime_r(seconds: *const i64, #[guard(out)] result: *mut tm) -> *mut tm;
    fn strftime(
        #[guard(out, sized_by = n)] text: *mut c_char,
        n: size_t,
        #[guard(cstr)] format: *const c_char,
        time: *const tm,
    ) -> size_t;
    fn setlocale(category: c_int, #[guard(cstr)] locale: *const c_char) -> *mut c_char;
    fn iconv_open(#[guard(cstr)] to: *const c_char, #[guard(cstr)] from: *const c_char) -> *mut c_void;
    // The converter's own record keeps where the call stopped, until the next call: seen with
    // c-heap.
    #[guard(allow(nested_pointer, retained_pointer))]
    fn iconv(
        converter: *mut c_void,
        input: *mut *mut c_char,
        left: *mut size_t,
        output: *mut *mut c_char,
        room: *mut size_t,
    ) -> size_t;
    fn iconv_close(converter: *mut c_void) -> c_int;
    fn getline(line: *mut *mut c_char, n: *mut size_t, file: *mut libc::FILE) -> isize;
    fn fopen(#[guard(cstr)] path: *const c_char, #[guard(cstr)] mode: *const c_char) -> *mut libc::FILE;
    fn fclose(file: *mut libc::FILE) -> c_int;
    fn realpath(#[guard(cstr)] path: *const c_char, resolved: *mut c_char) -> *mut c_char;
    fn free(block: *mut c_void);
    // At its end the C library still holds the end of the last argument that it looked at, and does
    // not read it any more.
    #[guard(allow(nested_pointer, freed_while_retained))]
    fn getopt(
        n: c_int,
        #[guard(counted_by = n, retained)] arguments: *const *mut c_char,
        #[guard(cstr)] options: *const c_char,
    ) -> c_int;
    fn putenv(#[guard(retained)] text: *mut c_char) -> c_int;
    fn unsetenv(#[guard(cstr)] name: *const c_char) -> c_int;
}

fn string(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: two elements of the test's array.
    let (a, b) = unsafe { (&*a.cast::<Box<i32>>(), &*b.cast::<Box<i32>>()) };
    a.cmp(b) as c_int
}

unsafe extern "C" fn compare_numbers(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: two elements of the test's array.
    unsafe { *a.cast::<i32>() - *b.cast::<i32>() }
}

#[test]
fn sorting_and_searching() {
    at_checked_levels("sorting_and_searching", || {
        let mut numbers: Vec<i32> = (0..300).rev().collect();
        let key = Box::new(5);
        // SAFETY: the sizes are the vector's own.
        unsafe {
            qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, compare_numbers);
            let found = bsearch((&raw const *key).cast(), numbers.as_ptr().cast(), numbers.len(), 4, compare_numbers);
            assert_eq!(found.cast_const(), (&raw const numbers[5]).cast());
        }
        assert!(numbers.is_sorted());
        let _ = compare as Compare;
    });
}

#[test]
fn text() {
    at_checked_levels("text", || {
        let number = string("123rest");
        let mut end = ptr::null_mut();
        let mut line = vec![0 as c_char; 64];
        // SAFETY: as the manual says, each.
        unsafe {
            assert_eq!(strtol(number.as_ptr(), &raw mut end, 10), 123);
            assert_eq!(CStr::from_ptr(end), c"rest");
            assert_eq!(snprintf(line.as_mut_ptr(), 64, c"%s %d".as_ptr(), number.as_ptr(), 5), 9);
            assert!(!setlocale(libc::LC_ALL, string("C").as_ptr()).is_null());
            let mut text = string("a b c").into_bytes_with_nul();
            let mut rest = ptr::null_mut();
            let mut words = 0;
            let mut word = strtok_r(text.as_mut_ptr().cast(), c" ".as_ptr(), &raw mut rest);
            while !word.is_null() {
                words += 1;
                word = strtok_r(ptr::null_mut(), c" ".as_ptr(), &raw mut rest);
            }
            assert_eq!(words, 3);
            let mut regex = Box::new(MaybeUninit::<regex_t>::zeroed());
            let mut matches = vec![MaybeUninit::<regmatch_t>::uninit(); 2];
            assert_eq!(regcomp(regex.as_mut_ptr(), string("(b+)").as_ptr(), libc::REG_EXTENDED), 0);
            let text = string("abbc");
            assert_eq!(regexec(regex.as_ptr(), text.as_ptr(), 2, matches.as_mut_ptr().cast(), 0), 0);
            assert_eq!(matches[1].assume_init().rm_eo, 3);
            regfree(regex.as_mut_ptr());
            let converter = iconv_open(string("UTF-16LE").as_ptr(), string("UTF-8").as_ptr());
            assert_ne!(converter.addr(), usize::MAX);
            let (mut from, mut to) = (vec![b'x'; 10], vec![0_u8; 40]);
            let (mut input, mut left): (*mut c_char, _) = (from.as_mut_ptr().cast(), 10);
            let (mut output, mut room): (*mut c_char, _) = (to.as_mut_ptr().cast(), 40);
            assert_eq!(iconv(converter, &raw mut input, &raw mut left, &raw mut output, &raw mut room), 0);
            assert_eq!((left, room), (0, 20));
            iconv_close(converter);
        }
    });
}

#[test]
fn files_users_and_hosts() {
    at_checked_levels("files_users_and_hosts", || {
        // SAFETY: as the manual says, each.
        unsafe {
            let dir = opendir(string("/").as_ptr());
            let mut entries = 0;
            while !readdir(dir).is_null() {
                entries += 1;
            }
            assert!(entries > 2);
            closedir(dir);
            let path = realpath(string("/proc/../etc/passwd").as_ptr(), ptr::null_mut());
            let file = fopen(path, string("r").as_ptr());
            assert!(!file.is_null());
            let (mut line, mut n) = (ptr::null_mut(), 0);
            assert!(getline(&raw mut line, &raw mut n, file) > 0);
            assert!(getline(&raw mut line, &raw mut n, file) > 0);
            fclose(file);
            free(line.cast());
            free(path.cast());
            let mut entry = Box::new(MaybeUninit::<passwd>::uninit());
            let mut buffer = vec![0 as c_char; 4096];
            let mut result = ptr::null_mut();
            assert_eq!(getpwuid_r(0, entry.as_mut_ptr(), buffer.as_mut_ptr(), 4096, &raw mut result), 0);
            assert_eq!(CStr::from_ptr((*result).pw_name), c"root");
            let mut hints = Box::new(std::mem::zeroed::<addrinfo>());
            hints.ai_flags = libc::AI_NUMERICHOST;
            let mut found = ptr::null_mut();
            let status = getaddrinfo(string("127.0.0.1").as_ptr(), ptr::null(), &raw const *hints, &raw mut found);
            assert_eq!(status, 0);
            freeaddrinfo(found);
        }
    });
}

#[test]
fn time_and_mutexes() {
    at_checked_levels("time_and_mutexes", || {
        let mut mutex = Box::new(MaybeUninit::<pthread_mutex_t>::uninit());
        let mut seconds = Box::new(0);
        let mut broken_down = Box::new(MaybeUninit::<tm>::uninit());
        let mut text = vec![0 as c_char; 100];
        // SAFETY: as the manual says, each.
        unsafe {
            pthread_mutex_init(mutex.as_mut_ptr(), ptr::null());
            for _ in 0..10 {
                assert_eq!(pthread_mutex_lock(mutex.as_mut_ptr()), 0);
                assert_eq!(pthread_mutex_unlock(mutex.as_mut_ptr()), 0);
            }
            assert_eq!(pthread_mutex_destroy(mutex.as_mut_ptr()), 0);
            assert!(time(&raw mut *seconds) > 0);
            assert!(!localtime_r(&raw const *seconds, broken_down.as_mut_ptr()).is_null());
            let wrote = strftime(text.as_mut_ptr(), 100, string("%Y %Z").as_ptr(), broken_down.as_ptr());
            assert!(wrote >= 4);
        }
    });
}

/// These two keep what they get, and say so in their manual.
#[test]
fn what_keeps_by_contract() {
    at_checked_levels("what_keeps_by_contract", || {
        let mut owned = ["program", "-a", "value", "-b"].map(|text| string(text).into_bytes_with_nul());
        let mut arguments: Vec<*mut c_char> = owned.iter_mut().map(|text| text.as_mut_ptr().cast()).collect();
        arguments.push(ptr::null_mut());
        let options = string("a:b");
        // SAFETY: as the manual says, each; the variable is unset before its text is freed.
        unsafe {
            assert_eq!(getopt(4, arguments.as_ptr(), options.as_ptr()), c_int::from(b'a'));
            assert_eq!(getopt(4, arguments.as_ptr(), options.as_ptr()), c_int::from(b'b'));
            assert_eq!(getopt(4, arguments.as_ptr(), options.as_ptr()), -1);
            let variable = string("FFG_ROBUST=1").into_raw();
            assert_eq!(putenv(variable), 0);
            assert_eq!(unsetenv(string("FFG_ROBUST").as_ptr()), 0);
            drop(CString::from_raw(variable));
        }
    });
}
