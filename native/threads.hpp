// Resident worker threads that run one job together, with barriers inside it.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace samesay {

struct Rendezvous;

// One thread's place in a running job.
class Team {
   public:
    Team(Rendezvous& rendezvous, int id, int size, bool is_caller)
        : rendezvous_(rendezvous), id_(id), size_(size), is_caller_(is_caller) {}

    int id() const { return id_; }
    int size() const { return size_; }
    // Whether this is the thread that asked for the job.
    bool is_caller() const { return is_caller_; }

    // Waits until every thread of the team is here. What each wrote before is seen by all after.
    void barrier();

    // This thread's share [begin, end) of `count` items, the same on every call.
    std::pair<int64_t, int64_t> share(int64_t count) const { return share_of(id_, count); }

    // Runs `task(i)` for i in [0, count), each once in the team, whoever is free first. A barrier must
    // stand between two such loops; which thread runs a task must not change its result.
    template <class Task>
    void spread(int64_t count, Task&& task) {
        for (int64_t i = take(); i < count; i = take()) task(i);
    }

    // Runs `task(owner, i)` for i in [0, own_count of owner) of every thread, each once in the team. A thread does its
    // own in order; then it helps others, from their last one on, so that a core that is slow or has other work to do
    // holds nobody up. No barrier at either end; every thread calls it as often. What two such calls do between two
    // barriers must not depend on each other.
    template <class Task>
    void divide(int64_t own_count, Task&& task) {
        offer(own_count);
        for (int64_t i = take_own(); i >= 0; i = take_own()) task(id_, i);
        for (int other = (id_ + 1) % size_; other != id_; other = (other + 1) % size_) {
            for (int64_t i = take_from(other); i >= 0; i = take_from(other)) task(other, i);
        }
        ++divided_;
    }

    // Divides `count` items, a few together: `task(begin, end)`, each thread beginning with its share.
    template <class Task>
    void divide_items(int64_t count, Task&& task) {
        const auto [first, last] = share(count);
        divide((last - first + items_together - 1) / items_together, [&](int owner, int64_t i) {
            const auto [begin, end] = share_of(owner, count);
            const int64_t from = begin + i * items_together;
            task(from, std::min(from + items_together, end));
        });
    }

   private:
    // Enough work to be worth taking.
    static constexpr int64_t items_together = 4;

    std::pair<int64_t, int64_t> share_of(int id, int64_t count) const {
        return {count * id / size_, count * (id + 1) / size_};
    }
    int64_t take();
    void offer(int64_t count);
    int64_t take_own();
    int64_t take_from(int other);

    Rendezvous& rendezvous_;
    int id_;
    int size_;
    bool is_caller_;
    uint16_t divided_ = 0;  // calls of `divide` in this job, the same for all threads at the same call
};

// Threads are made on first use.
class ThreadPool {
   public:
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;

    int size() const { return threads_; }

    // In the child of a fork: gives up the parent's threads and a lock that may be held by one of them.
    void recover_from_fork();

    // Runs `job` once on each thread, the caller among them, and returns when all are done. The job must
    // not throw. One job at a time: further callers wait. Throws EngineFault where the system gives too few threads.
    void run(const std::function<void(Team&)>& job);

    // The same with each thread a team of its own; the job is told the thread's number too, 0 for the caller.
    void run_apart(const std::function<void(Team&, int)>& job);

   private:
    struct Workers;
    int threads_;
    pid_t owner_;
    std::mutex mutex_;
    std::unique_ptr<Workers> workers_;
};

}  // namespace samesay
