#define SAMESAY_KERNELS portable_kernels
#include "isa.hpp"
#include "kernels_body.hpp"

namespace samesay {

const Kernels& kernels_for(Isa isa) {
#ifdef SAMESAY_X86
    if (isa == Isa::amx) return amx_kernels;
    if (isa == Isa::avx512bf16) return avx512bf16_kernels;
    if (isa == Isa::avx512) return avx512_kernels;
    if (isa == Isa::avxvnni) return avxvnni_kernels;
    if (isa == Isa::avx2) return avx2_kernels;
#endif
    (void)isa;
    return portable_kernels;
}

}  // namespace samesay
