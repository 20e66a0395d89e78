// A fast checksum of mapped memory, against damage on disk.
#pragma once

#include <cstdint>

namespace samesay {

// 64 bits over `count` bytes, the same for any number of threads.
uint64_t checksum(const void* data, int64_t count, int threads);

}  // namespace samesay
