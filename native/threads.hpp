// Resident worker threads that run one job together, with barriers inside it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace samesay {

struct Rendezvous;

// One thread's place in a running job.
class Team {
   public:
    Team(Rendezvous& rendezvous, int id, int size) : rendezvous_(rendezvous), id_(id), size_(size) {}

    int id() const { return id_; }
    int size() const { return size_; }

    // Waits until every thread of the team is here. What each wrote before is seen by all after.
    void barrier();

    // This thread's share [begin, end) of `count` items, the same on every call.
    std::pair<int64_t, int64_t> share(int64_t count) const {
        return {count * id_ / size_, count * (id_ + 1) / size_};
    }

    // Runs `task(i)` for i in [0, count), each once in the team, whoever is free first. A barrier must
    // stand between two such loops; which thread runs a task must not change its result.
    template <class Task>
    void spread(int64_t count, Task&& task) {
        for (int64_t i = take(); i < count; i = take()) task(i);
    }

   private:
    int64_t take();
    Rendezvous& rendezvous_;
    int id_;
    int size_;
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
    // not throw. One job at a time: further callers wait.
    void run(const std::function<void(Team&)>& job);

   private:
    struct Workers;
    int threads_;
    pid_t owner_;
    std::mutex mutex_;
    std::unique_ptr<Workers> workers_;
};

}  // namespace samesay
