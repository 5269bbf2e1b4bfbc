/* Two functions of glibc's that its fortified headers call, for LLVM's unwinder over musl. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

int __vfprintf_chk(FILE *to, int flag, const char *format, va_list rest) {
    (void)flag;
    return vfprintf(to, format, rest);
}

int __vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list rest) {
    (void)flag;
    (void)room;
    return vsnprintf(to, size, format, rest);
}
