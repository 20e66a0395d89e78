// Finds out that this process is a child of the one that made an object, and lets it recover once.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace samesay {

class ForkGuard {
   public:
    // In a child of a fork, runs `recover` before anything else there: whoever comes meanwhile waits for it. `recover`
    // must not throw.
    template <class Recover>
    void check(Recover&& recover) {
        const pid_t self = getpid(), recovering = -self;
        pid_t owner = owner_.load(std::memory_order_acquire);
        while (owner != self) {
            if (owner != recovering && owner_.compare_exchange_strong(owner, recovering, std::memory_order_acq_rel)) {
                recover();
                owner_.store(self, std::memory_order_release);
                return;
            }
            std::this_thread::yield();
            owner = owner_.load(std::memory_order_acquire);
        }
    }

   private:
    std::atomic<pid_t> owner_{getpid()};
};

}  // namespace samesay
