// Keys and values of token prefixes that many texts share, such as an instruction before every query.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <vector>

#include "buffer.hpp"

namespace samesay {

// In a causal network a token's keys and values depend on it and what stands before it alone, so those of a
// prefix are the same in every text that begins with it.
struct Prefix {
    std::vector<int32_t> tokens;
    std::vector<Buffer<float>> layers;  // rows of all keys then all values, as the linear layer gave them
    int64_t bytes = 0;
};

// The prefixes used last, within a bound on their memory.
class PrefixCache {
   public:
    explicit PrefixCache(int64_t most_bytes) : most_bytes_(most_bytes) {}

    int64_t most_bytes() const { return most_bytes_; }
    int64_t bytes() const { return bytes_; }

    // The kept prefix of exactly these tokens, now the one used last; null where it is not kept.
    const Prefix* find(const std::vector<int32_t>& tokens) {
        for (auto it = kept_.begin(); it != kept_.end(); ++it) {
            if (it->tokens != tokens) continue;
            kept_.splice(kept_.begin(), kept_, it);
            return &kept_.front();
        }
        return nullptr;
    }

    // Keeps a prefix, dropping those not used for longest until all fit; the new one always stays.
    const Prefix* keep(Prefix prefix) {
        bytes_ += prefix.bytes;
        kept_.push_front(std::move(prefix));
        while (bytes_ > most_bytes_ && kept_.size() > 1) {
            bytes_ -= kept_.back().bytes;
            kept_.pop_back();
        }
        return &kept_.front();
    }

   private:
    int64_t most_bytes_;
    std::atomic<int64_t> bytes_{0};  // read while a pass runs
    std::list<Prefix> kept_;
};

}  // namespace samesay
