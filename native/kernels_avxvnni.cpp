#define SAMESAY_KERNELS avxvnni_kernels
#include "kernels_body.hpp"
