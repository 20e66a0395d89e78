// The running pass's line to whoever started it: how far it is, and whether to stop.
#pragma once

#include <atomic>
#include <functional>

#include "threads.hpp"

namespace samesay {

class Pulse {
   public:
    // `ask` is told the share of the work that is done, on the thread that called for the pass, and says whether to stop;
    // `stopped` is common to all that do a part of the pass.
    Pulse(const std::function<bool(double)>& ask, std::atomic<bool>& stopped) : ask_(ask), stopped_(stopped) {}

    // Called by every thread, often: lets the caller's thread ask. True once the pass is to stop; threads may
    // learn of it at different times, so it only ever skips work between two barriers.
    bool stopping(const Team& team, double done) {
        if (team.is_caller() && !stopped_.load(std::memory_order_relaxed) && ask_(done)) {
            stopped_.store(true, std::memory_order_relaxed);
        }
        return stopped_.load(std::memory_order_relaxed);
    }

   private:
    const std::function<bool(double)>& ask_;
    std::atomic<bool>& stopped_;
};

}  // namespace samesay
