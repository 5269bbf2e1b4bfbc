//! The function that stands for a variadic one: it saves the argument registers, has them checked,
//! and jumps to C with the registers and the stack as the caller left them.
//!
//! Written in the crate that declares the function, in which its name is unique. It is `hidden`: it
//! is no part of what a shared library offers. The `.cfi` lines let a panic of the check through.

/// Writes the trampoline `$symbol` of the function `$bare`, whose arguments `$check` checks.
#[doc(hidden)]
#[macro_export]
macro_rules! __trampoline {
    ($symbol:literal, $bare:path, $check:path) => {
        // A static that refers to it makes the compiler write it, and the linker keep it. So its
        // own code is one instruction, and the trampoline is in a section that nothing but a call
        // refers to: the linker drops it, with its reference to C's function, which need not exist
        // then.
        #[used]
        static __FFI_GUARD_TRAMPOLINE: unsafe extern "C" fn() = __ffi_guard_trampoline;
        /// Never called by this name.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        unsafe extern "C" fn __ffi_guard_trampoline() {
            ::core::arch::naked_asm!(
                "ud2",
                concat!(".pushsection .text.", $symbol, ",\"ax\",@progbits"),
                ".p2align 4",
                concat!(".globl ", $symbol),
                concat!(".hidden ", $symbol),
                concat!(".type ", $symbol, ",@function"),
                concat!($symbol, ":"),
                ".cfi_startproc",
                "movq {checked}@GOTPCREL(%rip), %r11",
                "cmpb $0, (%r11)",
                "jne 2f",
                "jmpq *{bare}@GOTPCREL(%rip)",
                "2:",
                "pushq %rbp",
                ".cfi_def_cfa_offset 16",
                ".cfi_offset %rbp, -16",
                "movq %rsp, %rbp",
                ".cfi_def_cfa_register %rbp",
                "subq $208, %rsp",
                "movq %rdi, 0(%rsp)",
                "movq %rsi, 8(%rsp)",
                "movq %rdx, 16(%rsp)",
                "movq %rcx, 24(%rsp)",
                "movq %r8, 32(%rsp)",
                "movq %r9, 40(%rsp)",
                "movq %rax, 48(%rsp)",
                "leaq 16(%rbp), %r11",
                "movq %r11, 56(%rsp)",
                "movaps %xmm0, 64(%rsp)",
                "movaps %xmm1, 80(%rsp)",
                "movaps %xmm2, 96(%rsp)",
                "movaps %xmm3, 112(%rsp)",
                "movaps %xmm4, 128(%rsp)",
                "movaps %xmm5, 144(%rsp)",
                "movaps %xmm6, 160(%rsp)",
                "movaps %xmm7, 176(%rsp)",
                "movq 8(%rbp), %r11",
                "movq %r11, 192(%rsp)",
                "movq %rsp, %rdi",
                "callq *{check}@GOTPCREL(%rip)",
                "movq 0(%rsp), %rdi",
                "movq 8(%rsp), %rsi",
                "movq 16(%rsp), %rdx",
                "movq 24(%rsp), %rcx",
                "movq 32(%rsp), %r8",
                "movq 40(%rsp), %r9",
                "movq 48(%rsp), %rax",
                "movaps 64(%rsp), %xmm0",
                "movaps 80(%rsp), %xmm1",
                "movaps 96(%rsp), %xmm2",
                "movaps 112(%rsp), %xmm3",
                "movaps 128(%rsp), %xmm4",
                "movaps 144(%rsp), %xmm5",
                "movaps 160(%rsp), %xmm6",
                "movaps 176(%rsp), %xmm7",
                "leave",
                ".cfi_def_cfa %rsp, 8",
                "jmpq *{bare}@GOTPCREL(%rip)",
                ".cfi_endproc",
                concat!(".size ", $symbol, ", . - ", $symbol),
                ".popsection",
                checked = sym $crate::__private::CHECKED,
                bare = sym $bare,
                check = sym $check,
                options(att_syntax),
            );
        }
        /// Never called by this name.
        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        unsafe extern "C" fn __ffi_guard_trampoline() {
            ::core::arch::naked_asm!(
                "brk #1",
                concat!(".pushsection .text.", $symbol, ",\"ax\",@progbits"),
                ".p2align 4",
                concat!(".globl ", $symbol),
                concat!(".hidden ", $symbol),
                concat!(".type ", $symbol, ",%function"),
                concat!($symbol, ":"),
                ".cfi_startproc",
                "hint #34", // bti c
                "adrp x16, :got:{checked}",
                "ldr x16, [x16, :got_lo12:{checked}]",
                "ldrb w16, [x16]",
                "cbnz w16, 2f",
                "adrp x16, :got:{bare}",
                "ldr x16, [x16, :got_lo12:{bare}]",
                "br x16",
                "2:",
                "stp x29, x30, [sp, #-16]!",
                ".cfi_def_cfa_offset 16",
                ".cfi_offset w29, -16",
                ".cfi_offset w30, -8",
                "mov x29, sp",
                ".cfi_def_cfa w29, 16",
                "sub sp, sp, #224",
                "stp x0, x1, [sp, #0]",
                "stp x2, x3, [sp, #16]",
                "stp x4, x5, [sp, #32]",
                "stp x6, x7, [sp, #48]",
                "add x16, x29, #16",
                "stp x8, x16, [sp, #64]",
                "stp x30, xzr, [sp, #80]",
                "stp q0, q1, [sp, #96]",
                "stp q2, q3, [sp, #128]",
                "stp q4, q5, [sp, #160]",
                "stp q6, q7, [sp, #192]",
                "mov x0, sp",
                "adrp x16, :got:{check}",
                "ldr x16, [x16, :got_lo12:{check}]",
                "blr x16",
                "ldp x0, x1, [sp, #0]",
                "ldp x2, x3, [sp, #16]",
                "ldp x4, x5, [sp, #32]",
                "ldp x6, x7, [sp, #48]",
                "ldr x8, [sp, #64]",
                "ldp q0, q1, [sp, #96]",
                "ldp q2, q3, [sp, #128]",
                "ldp q4, q5, [sp, #160]",
                "ldp q6, q7, [sp, #192]",
                "mov sp, x29",
                ".cfi_def_cfa wsp, 16",
                "ldp x29, x30, [sp], #16",
                ".cfi_def_cfa_offset 0",
                ".cfi_restore w29",
                ".cfi_restore w30",
                "adrp x16, :got:{bare}",
                "ldr x16, [x16, :got_lo12:{bare}]",
                "br x16",
                ".cfi_endproc",
                concat!(".size ", $symbol, ", . - ", $symbol),
                ".popsection",
                checked = sym $crate::__private::CHECKED,
                bare = sym $bare,
                check = sym $check,
            );
        }
    };
}
