// AMX multiplies tiles of 16 rows; all else is as with AVX-512.
#define SAMESAY_KERNELS amx_kernels
#define SAMESAY_AMX
#include "kernels_body.hpp"
