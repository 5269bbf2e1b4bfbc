//! The locks of the C library on Linux, where each is a type of its own.

use super::super::locks::Lock;

impl Lock for libc::pthread_mutex_t {}
impl Lock for libc::pthread_cond_t {}
impl Lock for libc::pthread_rwlock_t {}
impl Lock for libc::pthread_barrier_t {}
impl Lock for libc::sem_t {}
