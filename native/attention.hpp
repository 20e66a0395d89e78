// Attention over a ragged batch: every sequence by itself, in blocks of keys with an online softmax, so that
// memory grows with the length and not with its square.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"
#include "rope.hpp"
#include "threads.hpp"

namespace samesay {

// One sequence of a batch, and which of its positions ask.
struct Span {
    int64_t first_row;    // its first row among the rows of keys and values
    int64_t length;       // number of keys
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
};

// What happens to a query or key before they meet: a norm over the head, a rotation. Both may be absent.
struct HeadTransform {
    const float* norm_weight = nullptr;
    float norm_epsilon = 0;
    const Rope* rope = nullptr;
};

class Attention {
   public:
    Attention(const Kernels& kernels, const AttentionShape& shape, int threads);

    // Lays out the work for these sequences; allocates, so one thread calls it before the team does the rest.
    void plan(const std::vector<Span>& spans);
    // The same sequences with other asking positions.
    void ask(const std::vector<Span>& spans);

    // Transforms and packs the keys and values of `key_values`, rows of all keys then all values. A barrier
    // follows in the caller.
    void pack_keys(Team& team, const float* key_values, const HeadTransform& transform);
    // out[query row] = attention of `queries` over the packed keys and values.
    void attend(Team& team, const float* queries, const HeadTransform& transform, float* out);

   private:
    struct KeyTask {
        int64_t first_row;
        int64_t position;
        int64_t count;
        int64_t head;
        int64_t block;
    };
    struct QueryTask {
        Span span;
        int64_t head;
        int64_t first_block;
        int64_t begin;
        int64_t end;
    };

    void pack_block(const KeyTask& task, const float* key_values, const HeadTransform& transform, float* scratch);
    void attend_chunk(const QueryTask& task, const float* queries, const HeadTransform& transform, float* out,
                      float* scratch) const;
    void attend_tile(const QueryTask& task, int64_t begin, int rows, const float* queries,
                     const HeadTransform& transform, float* out, float* scratch) const;
    void transform_head(const HeadTransform& transform, int64_t position, float factor, float* head) const;
    int64_t block_floats() const { return shape_.head_size * block_keys + block_keys * value_stride_; }

    static constexpr int64_t block_keys = 64;

    const Kernels& kernels_;
    AttentionShape shape_;
    int64_t group_;         // query heads that share a key head
    int64_t value_stride_;  // head_size rounded up to whole vectors
    std::vector<KeyTask> key_tasks_;
    std::vector<QueryTask> query_tasks_;
    Buffer<float> blocks_;  // per (sequence, key head, block): keys as [panel][dimension][key], values as rows
    std::vector<Buffer<float>> scratch_;
};

}  // namespace samesay
