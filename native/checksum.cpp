#include "checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

namespace samesay {

namespace {

constexpr int64_t chunk_bytes = 1 << 20;
constexpr int streams = 8;  // independent, so that their multiplications overlap
constexpr uint64_t prime = 0x9e3779b97f4a7c15u;

uint64_t step(uint64_t state, uint64_t word) { return std::rotl((state ^ word) * prime, 29); }

uint64_t chunk_checksum(const char* data, int64_t count) {
    uint64_t state[streams];
    for (int i = 0; i < streams; ++i) state[i] = uint64_t(i + 1) * prime;
    int64_t at = 0;
    for (; at + 8 * streams <= count; at += 8 * streams) {
        uint64_t words[streams];
        std::memcpy(words, data + at, sizeof words);
        for (int i = 0; i < streams; ++i) state[i] = step(state[i], words[i]);
    }
    for (; at < count; ++at) state[0] = step(state[0], uint64_t(uint8_t(data[at])));
    uint64_t all = uint64_t(count);
    for (uint64_t one : state) all = step(all, one);
    return all;
}

}  // namespace

uint64_t checksum(const void* data, int64_t count, int threads) {
    const char* bytes = static_cast<const char*>(data);
    const int64_t chunks = (count + chunk_bytes - 1) / chunk_bytes;
    std::vector<uint64_t> sums(static_cast<size_t>(chunks));
    const int64_t workers = std::clamp<int64_t>(threads, 1, std::max<int64_t>(chunks, 1));
    const auto work = [&](int64_t worker) {
        for (int64_t i = chunks * worker / workers; i < chunks * (worker + 1) / workers; ++i) {
            sums[size_t(i)] = chunk_checksum(bytes + i * chunk_bytes, std::min(chunk_bytes, count - i * chunk_bytes));
        }
    };
    std::vector<std::jthread> pool;
    int64_t begun = 1;
    try {
        for (; begun < workers; ++begun) pool.emplace_back(work, begun);
    } catch (const std::system_error&) {
        // The system gives no more threads: this one does their part.
    }
    work(0);
    for (int64_t worker = begun; worker < workers; ++worker) work(worker);
    pool.clear();
    uint64_t all = uint64_t(count);
    for (uint64_t sum : sums) all = step(all, sum);
    return all;
}

}  // namespace samesay
