// What decoders and encoders have in common: a piece of a batch on its way through the layers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "attention.hpp"
#include "buffer.hpp"
#include "kernels.hpp"
#include "phases.hpp"
#include "prefix_cache.hpp"
#include "pulse.hpp"
#include "settings.hpp"
#include "threads.hpp"

namespace samesay {

// Holds what one piece needs on its way: a team works on one at a time, and others on theirs.
class Flow {
   public:
    // `threads`: of the team.
    Flow(const Settings& settings, const Kernels& kernels, bool causal, int threads);
    virtual ~Flow() = default;

    // Makes room for these sequences, which stay where they are until they have run. What they share with `prefix` (may
    // be null) is taken from there; where `computed` is not null, they are that prefix, and it is filled.
    // Returns how many begin with the prefix. One thread calls it before the team runs.
    int64_t lay_out(const Batch& batch, const Prefix* prefix, Prefix* computed = nullptr);
    // Writes a vector for each sequence, unless the pulse stops; called by every thread of the team.
    void run(Team& team, int64_t dimensions, float* out, Pulse& pulse);

    // Where the time went since they were forgotten.
    Phases& phases() { return phases_; }

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

    // Rows that go through the feed-forward layer next, whose inner width is several times the hidden size: a text of
    // 32,768 tokens must not need all of it at once.
    int64_t next_rows(int64_t left) const { return rows_of_next_piece(left, settings_.rows_together); }
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
    Attention attention_;
    Phases phases_;

   private:
    void embed_rows(const Team& team, const Stream& stream) const;
    void pool_sequence(const Stream& stream, int64_t sequence, float* sum) const;

    Batch batch_{};
    const Prefix* prefix_ = nullptr;  // shared by sequences of the piece
    Prefix* computed_ = nullptr;      // the prefix that the piece is
    int64_t rows_ = 0;
    bool stopped_ = false;
    std::vector<Span> spans_;
    std::vector<Span> picked_spans_;
    Buffer<float> residual_;
    Buffer<float> sums_;
};

}  // namespace samesay
