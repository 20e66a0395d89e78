#define SAMESAY_KERNELS avx2_kernels
#include "kernels_body.hpp"
