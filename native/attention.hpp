// Attention over a ragged batch: every sequence by itself, in blocks of keys with an online softmax, so that
// memory grows with the length and not with its square.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"
#include "rope.hpp"
#include "threads.hpp"

namespace samesay {

// One sequence of a batch, and which of its positions ask.
struct Span {
    int64_t first_row;    // row of its first own position among the rows of keys and values
    int64_t prefix;       // positions before that, whose keys and values are kept elsewhere
    int64_t length;       // number of keys, prefix included
    int64_t query_row;    // row of the first asking position among the rows of queries
    int64_t query_begin;  // asking positions, [begin, end)
    int64_t query_end;
};

struct AttentionShape {
    int64_t heads;
    int64_t key_value_heads;
    int64_t head_size;
    bool causal;
    int64_t window;  // a causal position sees this many, itself included; 0 for all
    bool halves;     // keys, values, queries and weights in bfloat16, sums in float, where the machine can
};

// What happens to a query or key before they meet: a norm over the head, a rotation. Both may be absent.
struct HeadTransform {
    const float* norm_weight = nullptr;
    float norm_epsilon = 0;
    const Rope* rope = nullptr;
};

// Rows of all keys then all values, as the linear layer gives them: of the batch, and of a shared prefix.
struct KeyValues {
    const float* rows;
    const float* prefix_rows;
};

class Attention {
   public:
    Attention(const Kernels& kernels, const AttentionShape& shape, int threads);

    // Lays out the work for these sequences; allocates, so one thread calls it before the team does the rest.
    void plan(const std::vector<Span>& spans);
    // The same sequences with other asking positions.
    void ask(const std::vector<Span>& spans);

    // Whether keys and values are packed before attention begins: those of long sequences, which many tasks
    // share. Short sequences have theirs packed by the one task that reads them, and they stay in its cache.
    bool packs_keys() const { return !key_tasks_.empty(); }
    // Transforms and packs keys and values. A barrier follows in the caller.
    void pack_keys(Team& team, const KeyValues& key_values, const HeadTransform& transform);
    // out[query row] = attention of `queries` over the keys and values. `stopping` is told now and then what
    // share is done; once it says so the rest is left out.
    void attend(Team& team, const float* queries, const HeadTransform& query_transform, const KeyValues& key_values,
                const HeadTransform& key_transform, float* out, const std::function<bool(double)>& stopping);

   private:
    static constexpr int64_t block_keys = 64;
    // Blocks that one step of the softmax takes where products are tiles: what a step costs beside them, more keys share.
    // Each doubling up to this has gained, the last one little.
    static constexpr int64_t tiled_blocks = 8;
    // Sequences of up to so many keys are short.
    static constexpr int64_t short_keys = 2 * block_keys;

    // One block of keys and values.
    struct KeyTask {
        Span span;
        int64_t position;
        int64_t count;
        int64_t head;
        int64_t block;
    };
    struct QueryTask {
        Span span;
        int64_t head;
        int64_t first_block;  // where its packed keys begin; -1: it packs them itself
        int64_t begin;
        int64_t end;
    };
    // Memory of one thread for the tiles of queries that pass over the keys together.
    struct Scratch {
        Buffer<float> query;
        Buffer<float> scores;
        Buffer<float> sums;
        Buffer<float> maxima;
        Buffer<float> totals;
        Buffer<float> blocks;
        Buffer<uint16_t> query_halves;
        Buffer<uint16_t> weight_halves;
    };
    // Rows of a task on their way: (position, head of the group) pairs that share the keys. A tile's rows begin
    // at row `slot` of the scratch memory.
    struct Tile {
        const QueryTask& task;
        const float* blocks;
        int64_t begin;
        int rows;
        Scratch& scratch;
        int64_t slot;
    };

    void pack_block(const KeyTask& task, const KeyValues& key_values, const HeadTransform& transform,
                    Scratch& scratch, float* block) const;
    void pack_values(const KeyTask& task, const KeyValues& key_values, float* values) const;
    void attend_rows(const Tile& rows, const float* queries, const HeadTransform& transform, float* out) const;
    void load_queries(const Tile& tile, const float* queries, const HeadTransform& transform) const;
    void attend_keys(const Tile& tile, int64_t first_key, int64_t last_key, bool first_step) const;
    void score_block(const Tile& tile, int64_t first_key, int64_t count, float* scores) const;
    void add_values(const Tile& tile, int64_t first_key, int64_t count, bool first_step) const;
    void transform_head(const HeadTransform& transform, int64_t position, float factor, const float* from,
                        float* head) const;
    const float* row_of(const KeyTask& task, const KeyValues& key_values, int64_t position) const;

    int64_t position_of(const Tile& tile, int64_t row) const { return tile.task.begin + (tile.begin + row) / group_; }
    int64_t offset_of(const Tile& tile, int64_t row) const;
    int64_t visible_begin(int64_t position) const {
        return shape_.window > 0 && position >= shape_.window ? position - shape_.window + 1 : 0;
    }
    int64_t visible_end(const Span& span, int64_t position) const {
        return shape_.causal ? position + 1 : span.length;
    }
    const float* block_of(const Tile& tile, int64_t key) const { return tile.blocks + key / block_keys * block_words(); }
    // Columns of a block of so many keys: whole steps.
    int64_t columns_of(int64_t keys) const { return (keys + key_step_ - 1) / key_step_ * key_step_; }
    // Words of 32 bits of one block's keys, and of keys and values, when it is full.
    int64_t key_words() const { return shape_.head_size * block_keys / (halves_ ? 2 : 1); }
    int64_t block_words() const { return key_words() + block_keys * value_stride_ / (halves_ ? 2 : 1); }

    const Kernels& kernels_;
    AttentionShape shape_;
    bool halves_;
    bool tiled_;            // products in tile registers
    int64_t rows_at_once_;  // of one tile of queries
    int64_t keys_at_once_;  // of one step of the softmax, whole blocks
    int64_t key_step_;      // keys of a block are filled up to a multiple of these
    int64_t group_;         // query heads that share a key head
    int64_t value_stride_;  // head_size rounded up to whole vectors
    std::vector<KeyTask> key_tasks_;
    std::vector<QueryTask> query_tasks_;
    // Per (sequence, key head, block): keys as [dimension][key], values as [key][dimension]; in halves two
    // dimensions of a key, or two keys of a dimension, share a word.
    Buffer<float> blocks_;
    std::vector<Scratch> scratch_;
};

}  // namespace samesay
