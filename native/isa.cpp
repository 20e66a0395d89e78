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

constexpr Isa all[] = {Isa::portable, Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512bf16, Isa::amx};

#if defined(SAMESAY_X86)

// Features of leaf 7 that older compilers' checks do not know, in a register of a subleaf.
bool has_feature(unsigned subleaf, int reg, unsigned bits) {
    unsigned found[4] = {};
    if (!__get_cpuid_count(7, 0, &found[0], &found[1], &found[2], &found[3]) || found[0] < subleaf) return false;
    __get_cpuid_count(7, subleaf, &found[0], &found[1], &found[2], &found[3]);
    return (found[reg] & bits) == bits;
}

// Whether the machine multiplies tiles of bytes and of bfloat16, and Linux lets this process do so: it keeps the large
// state of tiles only for processes that ask, from then on for all their threads and forks.
bool may_use_tiles() {
#if defined(__linux__)
    constexpr unsigned bf16 = 1u << 22, tile = 1u << 24, int8 = 1u << 25;
    constexpr int edx = 3, request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return has_feature(0, edx, bf16 | tile | int8) && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}

// The compiler's check asks the operating system too, whether it saves the wide registers. A machine behind a hypervisor
// may lack parts that its kind has, so each that a file is compiled for is asked for.
bool can_run(Isa isa) {
    constexpr unsigned avxvnni = 1u << 4;
    constexpr int eax = 0;
    __builtin_cpu_init();
    switch (isa) {
        case Isa::portable: return true;
        case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        case Isa::avxvnni: return can_run(Isa::avx2) && has_feature(1, eax, avxvnni);
        case Isa::avx512:
            return can_run(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512vnni");
        case Isa::avx512bf16: return can_run(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
        case Isa::amx: break;
    }
    static const bool tiles = may_use_tiles();
    return can_run(Isa::avx512bf16) && tiles;
}

#else

bool can_run(Isa isa) { return isa == Isa::portable; }

#endif

}  // namespace

const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::amx: return "amx";
        case Isa::avx512bf16: return "avx512bf16";
        case Isa::avx512: return "avx512";
        case Isa::avxvnni: return "avxvnni";
        case Isa::avx2: return "avx2";
        case Isa::portable: break;
    }
    return "portable";
}

Isa best_isa() {
    Isa best = Isa::portable;
    for (Isa isa : all) {
        if (can_run(isa)) best = isa;
    }
    return best;
}

Isa choose_isa(const std::string& name) {
    if (name.empty()) return best_isa();
    for (Isa isa : all) {
        if (name != isa_name(isa)) continue;
        if (can_run(isa)) return isa;
        throw std::invalid_argument("this machine cannot run " + name + "; it runs " + isa_name(best_isa()));
    }
    throw std::invalid_argument("unknown instruction set '" + name +
                                "'; choose portable, avx2, avxvnni, avx512, avx512bf16 or amx");
}

}  // namespace samesay
