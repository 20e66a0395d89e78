// What decoders and encoders have in common: a ragged batch in, one vector a text out.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "attention.hpp"
#include "buffer.hpp"
#include "faults.hpp"
#include "fork_guard.hpp"
#include "kernels.hpp"
#include "linear.hpp"
#include "phases.hpp"
#include "prefix_cache.hpp"
#include "pulse.hpp"
#include "source.hpp"
#include "threads.hpp"

namespace samesay {

enum class Pooling { cls, mean, last };

struct Settings {
    int64_t hidden_size;
    int64_t layers;
    int64_t heads;
    int64_t key_value_heads;
    int64_t head_size;
    int64_t intermediate_size;
    int64_t vocabulary_size;
    int64_t positions;
    int64_t position_offset;
    int64_t token_types;
    int64_t window;
    float norm_epsilon;
    double rope_theta;
    Pooling pooling;
    int threads;
    int64_t prefix_cache_bytes;  // 0: no prefix is kept
    bool halves;                 // attention may compute in bfloat16
    // Rows to compute at a time: what they become between two layers then stays in the caches, and reading all
    // weights for so many takes a small part of computing with them.
    int64_t rows_together;
};

// What serves best, by measurement, for each thread. Tiles compute so fast that reading the weights must serve more rows.
inline int64_t rows_of_thread(const Kernels& kernels) { return kernels.panel_int8 ? 256 : 128; }

// Token ids laid end to end; sequence i is [offsets[i], offsets[i + 1]).
struct Batch {
    const int32_t* token_ids;
    const int64_t* offsets;
    int64_t sequences;

    int64_t rows() const { return offsets[sequences]; }
    int64_t length(int64_t i) const { return offsets[i + 1] - offsets[i]; }
    int64_t longest() const {
        int64_t most = 0;
        for (int64_t i = 0; i < sequences; ++i) most = std::max(most, length(i));
        return most;
    }
};

class Network {
   public:
    Network(const Settings& settings, const Kernels& kernels, bool causal);
    virtual ~Network() = default;

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

    // Where the time of the last pass went.
    const Phases& phases() const { return phases_; }

   protected:
    // Rows that flow through the layers: all tokens, and in the last layer only those that are pooled.
    struct Stream {
        float* residual;
        int64_t rows;
    };

    // The parts in which the networks differ. `layer` is run by the whole team; it ends with a barrier.
    virtual void embed(int32_t token, int64_t position, float* out) const = 0;
    virtual void layer(Team& team, int64_t index, Stream& stream, Pulse& pulse) = 0;
    virtual void finish(float* row) const = 0;
    virtual void prepare(int64_t rows, int64_t longest) = 0;

    // Rows of the next piece, of a batch or of a text on its way through the feed-forward layer, whose inner width is several
    // times the hidden size: a text of 32,768 tokens must not need all of it at once. Where so many are left: about
    // `rows_together`, and as many as in the pieces to come, because a small rest would read every weight for a few rows.
    int64_t next_rows(int64_t left) const {
        const int64_t together = settings_.rows_together, pieces = std::max<int64_t>((left + together / 2) / together, 1);
        return (left + pieces - 1) / pieces;
    }
    // The most that next_rows gives for so many rows or fewer.
    int64_t most_rows(int64_t rows) const { return std::min(rows, settings_.rows_together * 3 / 2); }

    // In the last layer, when one token of each text is pooled, keeps only the rows of those tokens.
    bool picks_rows(int64_t layer) const {
        return layer + 1 == settings_.layers && settings_.pooling != Pooling::mean;
    }
    // Rows of queries, or of keys and values, as a linear layer gave them, and what becomes of each head.
    struct Heads {
        const float* rows;
        HeadTransform transform;
    };
    // Attention of layer `index`, with a barrier at its end; where the pass is to stop, some of it is left out.
    void attend(Team& team, int64_t index, const Heads& queries, const Heads& key_values, float* out, Pulse& pulse);
    // Copies the rows into the prefix that is being computed, if one is; the team shares the work.
    void keep_key_values(const Team& team, int64_t index, const float* rows);

    // Keeps only the pooled tokens' rows of the stream. The team shares the work; barriers are inside.
    void pick_rows(Team& team, Stream& stream);

    const Settings settings_;
    const Kernels& kernels_;
    ThreadPool pool_;
    Attention attention_;
    Phases phases_;

   private:
    void check(const Batch& batch) const;
    const Prefix* find_prefix(const Batch& batch, const std::vector<int32_t>& tokens,
                              const std::function<bool(double)>& ask);
    void lay_out(const Batch& batch, const Prefix* prefix);
    // Takes as many sequences at a time as fit the caches.
    bool run_in_pieces(const Batch& batch, const Prefix* prefix, int64_t dimensions, float* out,
                       const std::function<bool(double)>& ask);
    bool run(const Batch& batch, const Prefix* prefix, int64_t dimensions, float* out,
             const std::function<bool(double)>& ask);
    void embed_rows(const Team& team, const Batch& batch, const Stream& stream) const;
    void pool_sequence(const Stream& stream, int64_t sequence, float* sum) const;
    int64_t key_value_width() const { return 2 * settings_.key_value_heads * settings_.head_size; }

    void recover_from_fork();

    ForkGuard forks_;
    std::mutex mutex_;
    std::atomic<std::thread::id> runner_{};  // who holds the lock
    const bool keeps_prefixes_;
    PrefixCache prefixes_;
    std::atomic<int64_t> prefix_hits_{0};  // read while a pass runs
    const Prefix* prefix_ = nullptr;  // shared by sequences of the running batch
    Prefix* computed_ = nullptr;      // the prefix that the running batch is
    int64_t rows_ = 0;
    std::vector<Span> spans_;
    std::vector<Span> picked_spans_;
    Buffer<float> residual_;
    Buffer<float> sums_;
};

std::unique_ptr<Network> make_decoder(const Settings& settings, const Kernels& kernels, Source& source);
std::unique_ptr<Network> make_encoder(const Settings& settings, const Kernels& kernels, Source& source);

}  // namespace samesay
