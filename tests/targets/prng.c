/* The one function of Windows' `bcryptprimitives.dll` that Rust's standard library asks for. Wine before 9 has no such library. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *to, SIZE_T size) {
    return RtlGenRandom(to, (ULONG)size);
}
