#include "threads.hpp"

#include <unistd.h>

#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "faults.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace samesay {

namespace {

// Long enough to bridge the gap between two phases of a layer, short enough not to burn a core that the
// system has given to somebody else.
constexpr int spins_before_sleep = 4000;
// On a machine with more to do than cores, the thread waited for may need this very core.
constexpr int spins_before_yield = 64;

void relax() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

void wait_until_changed(std::atomic<uint32_t>& value, uint32_t old) {
    for (int i = 0; i < spins_before_sleep; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        relax();
        if (i % spins_before_yield == spins_before_yield - 1) std::this_thread::yield();
    }
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

namespace {

// What is left of a thread's own tasks, and for which call of `divide` they are: one word, so that taking is one step.
struct Left {
    uint64_t call, begin, end;

    static constexpr int bits = 24;
    static constexpr uint64_t most = (uint64_t(1) << bits) - 1;

    explicit Left(uint64_t word) : call(word >> 2 * bits), begin(word >> bits & most), end(word & most) {}
    Left(uint16_t call, int64_t count) : call(call), begin(0), end(uint64_t(count)) {}
    uint64_t word() const { return call << 2 * bits | begin << bits | end; }
};

}  // namespace

struct Rendezvous {
    explicit Rendezvous(int threads) : expected(threads), left(size_t(threads)) {}
    struct alignas(64) Tasks {
        std::atomic<uint64_t> word{0};
    };
    const int expected;
    alignas(64) std::atomic<int> arrived{0};
    alignas(64) std::atomic<uint32_t> round{0};
    alignas(64) std::atomic<int64_t> next_task{0};
    std::vector<Tasks> left;
};

void Team::barrier() {
    if (size_ == 1) {
        rendezvous_.next_task.store(0, std::memory_order_relaxed);
        return;
    }
    const uint32_t round = rendezvous_.round.load(std::memory_order_acquire);
    if (rendezvous_.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == rendezvous_.expected) {
        rendezvous_.arrived.store(0, std::memory_order_relaxed);
        rendezvous_.next_task.store(0, std::memory_order_relaxed);
        rendezvous_.round.fetch_add(1, std::memory_order_acq_rel);
        rendezvous_.round.notify_all();
    } else {
        wait_until_changed(rendezvous_.round, round);
    }
}

int64_t Team::take() { return rendezvous_.next_task.fetch_add(1, std::memory_order_relaxed); }

void Team::offer(int64_t count) {
    if (count > int64_t(Left::most)) throw std::logic_error("too many tasks at once");
    rendezvous_.left[size_t(id_)].word.store(Left(divided_, count).word(), std::memory_order_release);
}

int64_t Team::take_own() {
    std::atomic<uint64_t>& word = rendezvous_.left[size_t(id_)].word;
    uint64_t old = word.load(std::memory_order_relaxed);
    for (;;) {
        Left left(old);
        if (left.begin == left.end) return -1;
        const int64_t taken = int64_t(left.begin++);
        if (word.compare_exchange_weak(old, left.word(), std::memory_order_acq_rel)) return taken;
    }
}

int64_t Team::take_from(int other) {
    std::atomic<uint64_t>& word = rendezvous_.left[size_t(other)].word;
    uint64_t old = word.load(std::memory_order_acquire);
    for (;;) {
        Left left(old);
        // Who has not come to this call yet, or is past it, has nothing to give.
        if (left.call != divided_ || left.begin == left.end) return -1;
        const int64_t taken = int64_t(--left.end);
        if (word.compare_exchange_weak(old, left.word(), std::memory_order_acq_rel)) return taken;
    }
}

struct ThreadPool::Workers {
    explicit Workers(int count) : rendezvous(count) {
        try {
            for (int id = 1; id < count; ++id) threads.emplace_back([this, id, count] { work(id, count); });
        } catch (const std::system_error&) {
            const size_t begun = threads.size() + 1;
            end();
            throw EngineFault("this system allows " + std::to_string(begun) + " threads here, not " +
                              std::to_string(count) + "; choose fewer");
        }
    }

    ~Workers() { end(); }

    void end() {
        job = nullptr;
        start.fetch_add(1, std::memory_order_acq_rel);
        start.notify_all();
        for (std::thread& thread : threads) thread.join();
    }

    void work(int id, int count) {
        uint32_t seen = 0;
        for (;;) {
            wait_until_changed(start, seen);
            seen = start.load(std::memory_order_acquire);
            if (!job) return;
            Team team(rendezvous, id, count, false);
            (*job)(team);
            team.barrier();
        }
    }

    Rendezvous rendezvous;
    const std::function<void(Team&)>* job = nullptr;
    std::atomic<uint32_t> start{0};
    std::vector<std::thread> threads;
};

ThreadPool::ThreadPool(int threads) : threads_(threads < 1 ? 1 : threads), owner_(getpid()) {}

ThreadPool::~ThreadPool() {
    // The threads of a parent process exist there only: there is nothing to end or wait for here.
    if (owner_ != getpid()) (void)workers_.release();
}

void ThreadPool::recover_from_fork() {
    (void)workers_.release();
    std::construct_at(&mutex_);
    owner_ = getpid();
}

void ThreadPool::run(const std::function<void(Team&)>& job) {
    const std::lock_guard lock(mutex_);
    if (!workers_) workers_ = std::make_unique<Workers>(threads_);
    workers_->job = &job;
    workers_->start.fetch_add(1, std::memory_order_acq_rel);
    workers_->start.notify_all();
    Team team(workers_->rendezvous, 0, threads_, true);
    job(team);
    team.barrier();
}

void ThreadPool::run_apart(const std::function<void(Team&, int)>& job) {
    std::deque<Rendezvous> alone;
    for (int id = 0; id < threads_; ++id) alone.emplace_back(1);
    run([&](Team& all) {
        Team own(alone[size_t(all.id())], 0, 1, all.is_caller());
        job(own, all.id());
    });
}

}  // namespace samesay
