#define SAMESAY_KERNELS avx512bf16_kernels
#include "kernels_body.hpp"
