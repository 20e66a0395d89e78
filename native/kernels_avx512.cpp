#define SAMESAY_KERNELS avx512_kernels
#include "kernels_body.hpp"
