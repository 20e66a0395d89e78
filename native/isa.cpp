#include "isa.hpp"

#include <stdexcept>

namespace samesay {

const char* isa_name(Isa isa) {
    switch (isa) {
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
        return __builtin_cpu_supports("avx512bf16") ? Isa::avx512bf16 : Isa::avx512;
    }
    return Isa::avx2;
#else
    return Isa::portable;
#endif
}

Isa choose_isa(const std::string& name) {
    const Isa best = best_isa();
    if (name.empty()) return best;
    for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
        if (name != isa_name(isa)) continue;
        if (isa > best) throw std::invalid_argument("this machine cannot run " + name + "; it runs " + isa_name(best));
        return isa;
    }
    throw std::invalid_argument("unknown instruction set '" + name + "'; choose portable, avx2, avx512 or avx512bf16");
}

}  // namespace samesay
