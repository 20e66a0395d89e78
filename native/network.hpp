// A network of any kind: a ragged batch in, one vector a text out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "flow.hpp"
#include "fork_guard.hpp"
#include "kernels.hpp"
#include "prefix_cache.hpp"
#include "settings.hpp"
#include "source.hpp"
#include "threads.hpp"

namespace samesay {

class Network {
   public:
    // Makes what a team of so many threads needs; all of them share the weights.
    using MakeFlow = std::function<std::unique_ptr<Flow>(const Settings& settings, int threads)>;

    Network(const Settings& settings, const Kernels& kernels, bool causal, const MakeFlow& make);

    // Writes one vector of length 1 and `dimensions` values for each sequence to `out`. What the sequences that
    // begin with `prefix` share is computed once and kept; their vectors are the same to the bit without it.
    // `ask` is told now and then, on the calling thread, what share is done. Returns false where it said to stop:
    // `out` is then not to be used. Throws TokenFault for ids outside the vocabulary and sequences that are empty or too
    // long, and EngineFault when called from within `ask`.
    bool forward(const Batch& batch, const std::vector<int32_t>& prefix, int64_t dimensions, float* out,
                 const std::function<bool(double)>& ask);

    // Sequences so far whose prefix was taken from memory.
    int64_t prefix_hits() const { return prefix_hits_; }

    // Gives up what the calling thread holds in tiles, before somebody else computes in it.
    void release_tiles() const {
        if (kernels_.release_tiles) kernels_.release_tiles();
    }

    // Where the time of the last pass went; that of threads that worked apart in their mean.
    double milliseconds(Phase phase) const;

   private:
    // Sequences [first, last) of a batch, which go through the layers together.
    struct Piece {
        int64_t first;
        int64_t last;
        int64_t rows;  // without those of a kept prefix
    };
    // One call of `forward`.
    struct Pass {
        const Batch& batch;
        int64_t dimensions;
        float* out;
        const std::function<bool(double)>& ask;
        const Prefix* prefix = nullptr;
        std::vector<int64_t> own_rows{};  // of each sequence, without those of the prefix
        std::atomic<bool> stopped{false};
        std::atomic<int64_t> tokens_done{0};
    };

    void check(const Batch& batch) const;
    const Prefix* find_prefix(Pass& pass, const std::vector<int32_t>& tokens);
    void run_in_pieces(Pass& pass);
    // All threads together, piece by piece.
    void run_together(Pass& pass, const std::vector<Piece>& pieces);
    // Each thread by itself, whoever is free takes the next piece.
    void run_apart(Pass& pass, const std::vector<Piece>& pieces);
    void run_piece(Pass& pass, const Piece& piece, Flow& flow, const std::function<void(Pulse&)>& run);
    // Cuts sequences [first, last); `aim` gives the rows of the next piece where so many are left.
    static std::vector<Piece> cut(const Pass& pass, int64_t first, int64_t last,
                                  const std::function<int64_t(int64_t)>& aim);
    std::vector<Piece> cut_together(const Pass& pass, int64_t first, int64_t last) const;
    // Pieces for threads that work apart, each thread as many; none where that would be no gain.
    std::vector<Piece> cut_apart(const Pass& pass, int64_t first, int64_t last) const;

    void make_flows();
    void recover_from_fork();

    const Settings settings_;
    const Kernels& kernels_;
    ThreadPool pool_;
    const MakeFlow make_;
    std::unique_ptr<Flow> together_;
    std::vector<std::unique_ptr<Flow>> apart_;  // of each thread
    ForkGuard forks_;
    std::mutex mutex_;
    std::atomic<std::thread::id> runner_{};  // who holds the lock
    const bool keeps_prefixes_;
    PrefixCache prefixes_;
    std::atomic<int64_t> prefix_hits_{0};  // read while a pass runs
};

std::unique_ptr<Network> make_decoder(const Settings& settings, const Kernels& kernels, Source& source);
std::unique_ptr<Network> make_encoder(const Settings& settings, const Kernels& kernels, Source& source);

}  // namespace samesay
