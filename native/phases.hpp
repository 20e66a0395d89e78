// Where the time of a pass goes: one clock, read by the calling thread when the team ends a phase together.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>

#include "threads.hpp"

namespace samesay {

// What a pass consists of. Inputs are norms, transforms and quantising before a linear layer.
enum class Phase { embed, inputs, query_key_value, keys, attention, output, feed_forward_in, feed_forward_out, pool };
constexpr size_t phase_count = 9;
constexpr std::array<const char*, phase_count> phase_names = {
    "embed", "inputs", "query_key_value", "keys", "attention", "output", "feed_forward_in", "feed_forward_out", "pool"};

class Phases {
   public:
    void forget() {
        for (std::atomic<double>& phase : milliseconds_) phase.store(0, std::memory_order_relaxed);
    }
    // What passes from here on belongs to the phase that ends next.
    void start() { last_ = std::chrono::steady_clock::now(); }

    // A barrier; the time since the last one belongs to `phase`.
    void end(Team& team, Phase phase) {
        team.barrier();
        if (team.id() != 0) return;
        const auto now = std::chrono::steady_clock::now();
        std::atomic<double>& sum = milliseconds_[size_t(phase)];
        sum.store(sum.load(std::memory_order_relaxed) + std::chrono::duration<double, std::milli>(now - last_).count(),
                  std::memory_order_relaxed);
        last_ = now;
    }

    double milliseconds(Phase phase) const { return milliseconds_[size_t(phase)].load(std::memory_order_relaxed); }

   private:
    std::array<std::atomic<double>, phase_count> milliseconds_{};  // read while a pass runs
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace samesay
