// The shape of a network, how it runs, and what it reads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels.hpp"

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
    // Rows that a thread computes by itself where there are many short sequences; 0: all threads always work together.
    int64_t rows_apart;

    int64_t key_value_width() const { return 2 * key_value_heads * head_size; }
};

// What serves best, by measurement, for each thread. Tiles compute so fast that reading the weights must serve more rows.
inline int64_t rows_of_thread(const Kernels& kernels) { return kernels.panel_int8 ? 256 : 128; }

// The same for a thread that works by itself. With tiles it was not measured; there it has as many rows either way.
inline int64_t rows_apart(const Kernels& kernels) { return kernels.panel_int8 ? 256 : 192; }

// Rows of the next piece where so many are left: about `together`, and as many as in the pieces to come, because a small
// rest would read every weight for a few rows.
inline int64_t rows_of_next_piece(int64_t left, int64_t together) {
    const int64_t pieces = std::max<int64_t>((left + together / 2) / together, 1);
    return (left + pieces - 1) / pieces;
}

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
    // Whether sequence `i` begins with the tokens and goes on after them.
    bool begins_with(int64_t i, const std::vector<int32_t>& tokens) const {
        const int32_t* first = token_ids + offsets[i];
        return length(i) > int64_t(tokens.size()) && std::equal(tokens.begin(), tokens.end(), first);
    }
};

}  // namespace samesay
