#include "isa.hpp"

#include <stdexcept>

#if defined(SAMESAY_X86)
#include <cpuid.h>
#endif
#if defined(SAMESAY_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace samesay {

namespace {

#if defined(SAMESAY_X86) && defined(__linux__)

// Whether the machine multiplies tiles of bytes and of bfloat16, and Linux lets this process do so: it keeps the large
// state of tiles only for processes that ask, from then on for all their threads and forks.
bool may_use_tiles() {
    constexpr unsigned bf16 = 1u << 22, tile = 1u << 24, int8 = 1u << 25, all = bf16 | tile | int8;
    constexpr int request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & all) != all) return false;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

#elif defined(SAMESAY_X86)

bool may_use_tiles() { return false; }

#endif

}  // namespace

const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::amx: return "amx";
        case Isa::avx512bf16: return "avx512bf16";
        case Isa::avx512: return "avx512";
        case Isa::avx2: return "avx2";
        case Isa::portable: break;
    }
    return "portable";
}

Isa best_isa() {
#ifdef SAMESAY_X86
    // The compiler's check asks the operating system too, whether it saves the wide registers.
    __builtin_cpu_init();
    // A machine behind a hypervisor may lack parts that its kind has, so each that a file is compiled for is asked for.
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::portable;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
        if (!__builtin_cpu_supports("avx512bf16")) return Isa::avx512;
        static const bool tiles = may_use_tiles();
        return tiles ? Isa::amx : Isa::avx512bf16;
    }
    return Isa::avx2;
#else
    return Isa::portable;
#endif
}

Isa choose_isa(const std::string& name) {
    const Isa best = best_isa();
    if (name.empty()) return best;
    for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx}) {
        if (name != isa_name(isa)) continue;
        if (isa > best) throw std::invalid_argument("this machine cannot run " + name + "; it runs " + isa_name(best));
        return isa;
    }
    throw std::invalid_argument("unknown instruction set '" + name + "'; choose portable, avx2, avx512, avx512bf16 or amx");
}

}  // namespace samesay
