#include "attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace samesay {

namespace {

// Asking positions of one task: enough to be worth handing out, few enough to share a long sequence.
constexpr int64_t chunk_positions = 96;
// Tiles of queries that pass over the keys together: a block of keys then serves all of them from the cache.
constexpr int64_t tiles_together = 8;
// Heads are fetched so many rows before they are read.
constexpr int64_t rows_ahead = 4;
// Below every score, and finite, so that the difference of two of them is a number.
constexpr float no_maximum = -1e30f;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// A head of a row lies far from the same head of the next row, where no core reads on by itself.
void fetch_head(const float* head, int64_t size) {
    constexpr int64_t line = 16;
    for (int64_t i = 0; i < size; i += line) __builtin_prefetch(head + i);
}

int64_t blocks_of(int64_t keys, int64_t block) { return (keys + block - 1) / block; }

}  // namespace

Attention::Attention(const Kernels& kernels, const AttentionShape& shape, int threads)
    : kernels_(kernels),
      shape_(shape),
      halves_(shape.halves && kernels.tile_pairs && shape.head_size % 2 == 0),
      tiled_(halves_ && kernels.tiled_product && shape.head_size % (2 * kernels.tiled_pairs) == 0),
      rows_at_once_(tiled_ ? kernels.tiled_rows : kernels.tile_rows),
      keys_at_once_(tiled_ ? tiled_blocks * block_keys : block_keys),
      key_step_(tiled_ ? 2 * kernels.tiled_pairs : kernels.lanes),
      group_(shape.heads / shape.key_value_heads),
      value_stride_(round_up(shape.head_size, kernels.lanes)),
      scratch_(size_t(threads)) {
    const int64_t rows = rows_at_once_ * tiles_together;
    for (Scratch& scratch : scratch_) {
        // Also holds the keys of one vector while they are packed.
        scratch.query.reserve(std::max<int64_t>(rows, kernels.lanes) * shape.head_size);
        scratch.scores.reserve(rows_at_once_ * keys_at_once_);
        scratch.sums.reserve(rows * value_stride_);
        scratch.maxima.reserve(rows);
        scratch.totals.reserve(rows);
        scratch.blocks.reserve(short_keys / block_keys * block_words());
        scratch.query_halves.reserve(std::max<int64_t>(rows, kernels.lanes) * shape.head_size);
        scratch.weight_halves.reserve(rows_at_once_ * keys_at_once_);
    }
}

void Attention::plan(const std::vector<Span>& spans) {
    key_tasks_.clear();
    int64_t block = 0;
    for (const Span& span : spans) {
        if (span.length <= short_keys) continue;
        for (int64_t head = 0; head < shape_.key_value_heads; ++head) {
            for (int64_t position = 0; position < span.length; position += block_keys) {
                key_tasks_.push_back({span, position, std::min(block_keys, span.length - position), head, block++});
            }
        }
    }
    blocks_.reserve(block * block_words());
    ask(spans);
}

void Attention::ask(const std::vector<Span>& spans) {
    query_tasks_.clear();
    int64_t block = 0;
    for (const Span& span : spans) {
        for (int64_t head = 0; head < shape_.key_value_heads; ++head) {
            if (span.length <= short_keys) {
                query_tasks_.push_back({span, head, -1, span.query_begin, span.query_end});
                continue;
            }
            for (int64_t begin = span.query_begin; begin < span.query_end; begin += chunk_positions) {
                query_tasks_.push_back({span, head, block, begin, std::min(begin + chunk_positions, span.query_end)});
            }
            block += blocks_of(span.length, block_keys);
        }
    }
}

void Attention::transform_head(const HeadTransform& transform, int64_t position, float factor, const float* from,
                               float* head) const {
    if (transform.norm_weight) {
        kernels_.rms_norm(from, transform.norm_weight, transform.norm_epsilon, shape_.head_size, head);
    } else {
        kernels_.scale(from, transform.rope ? 1.0f : factor, shape_.head_size, head);
    }
    if (transform.rope) {
        kernels_.rotate(head, transform.rope->cosine(position), transform.rope->sine(position),
                        transform.rope->half(), factor);
    }
}

void Attention::pack_keys(Team& team, const KeyValues& key_values, const HeadTransform& transform) {
    Scratch& scratch = scratch_[size_t(team.id())];
    team.spread(int64_t(key_tasks_.size()), [&](int64_t i) {
        const KeyTask& task = key_tasks_[size_t(i)];
        pack_block(task, key_values, transform, scratch, blocks_.data() + task.block * block_words());
    });
}

const float* Attention::row_of(const KeyTask& task, const KeyValues& key_values, int64_t position) const {
    const Span& span = task.span;
    const int64_t stride = 2 * shape_.key_value_heads * shape_.head_size;
    const float* row = position < span.prefix ? key_values.prefix_rows + position * stride
                                              : key_values.rows + (span.first_row + position - span.prefix) * stride;
    return row + task.head * shape_.head_size;
}

void Attention::pack_block(const KeyTask& task, const KeyValues& key_values, const HeadTransform& transform,
                           Scratch& scratch, float* block) const {
    const int64_t size = shape_.head_size, columns = columns_of(task.count);
    float* heads = scratch.query.data();
    uint16_t* halves = scratch.query_halves.data();
    // Columns that fill up a step of keys are zero: their scores are masked, but must not be made of garbage.
    for (int64_t first = 0; first < columns; first += kernels_.lanes) {
        const int count = int(std::clamp<int64_t>(task.count - first, 0, kernels_.lanes));
        for (int i = 0; i < count; ++i) {
            const int64_t position = task.position + first + i;
            if (first + i + rows_ahead < task.count) {
                fetch_head(row_of(task, key_values, position + rows_ahead), size);
            }
            transform_head(transform, position, 1.0f, row_of(task, key_values, position), heads + i * size);
        }
        auto* to = reinterpret_cast<uint32_t*>(block) + first;
        if (halves_) {
            kernels_.to_bf16(heads, count * size, halves);
            kernels_.transpose(reinterpret_cast<const uint32_t*>(halves), size / 2, count, size / 2, to, columns);
        } else {
            kernels_.transpose(reinterpret_cast<const uint32_t*>(heads), size, count, size, to, columns);
        }
    }
    pack_values(task, key_values, block + key_words());
}

void Attention::pack_values(const KeyTask& task, const KeyValues& key_values, float* values) const {
    const int64_t size = shape_.head_size, offset = shape_.key_value_heads * size;
    const int64_t step = halves_ ? 2 : 1;
    for (int64_t i = 0; i < task.count; i += step) {
        const float* row = row_of(task, key_values, task.position + i) + offset;
        for (int64_t ahead = i + rows_ahead; ahead < std::min(i + rows_ahead + step, task.count); ++ahead) {
            fetch_head(row_of(task, key_values, task.position + ahead) + offset, size);
        }
        float* to = values + i / step * value_stride_;
        if (halves_) {
            const bool paired = i + 1 < task.count;
            const float* next = paired ? row_of(task, key_values, task.position + i + 1) + offset : nullptr;
            kernels_.pair_bf16(row, next, size, reinterpret_cast<uint32_t*>(to));
        } else {
            std::memcpy(to, row, size_t(size) * sizeof(float));
        }
        std::fill(to + size, to + value_stride_, 0.0f);
    }
    // Their weights are zero too, which takes nothing away from garbage that is no number.
    if (tiled_) {
        std::fill(values + (task.count + 1) / 2 * value_stride_, values + columns_of(task.count) / 2 * value_stride_, 0.0f);
    }
}

void Attention::attend(Team& team, const float* queries, const HeadTransform& query_transform,
                       const KeyValues& key_values, const HeadTransform& key_transform, float* out,
                       const std::function<bool(double)>& stopping) {
    Scratch& scratch = scratch_[size_t(team.id())];
    const int64_t tasks = int64_t(query_tasks_.size());
    team.spread(tasks, [&](int64_t i) {
        const QueryTask& task = query_tasks_[size_t(i)];
        if (stopping(double(i) / double(tasks))) return;
        const bool packed = task.first_block >= 0;
        const float* blocks = packed ? blocks_.data() + task.first_block * block_words() : scratch.blocks.data();
        if (!packed) {
            for (int64_t key = 0; key < task.span.length; key += block_keys) {
                const int64_t block = key / block_keys;
                pack_block({task.span, key, std::min(block_keys, task.span.length - key), task.head, block}, key_values,
                           key_transform, scratch, scratch.blocks.data() + block * block_words());
            }
        }
        const int64_t rows = (task.end - task.begin) * group_;
        const int64_t together = rows_at_once_ * tiles_together;
        for (int64_t row = 0; row < rows; row += together) {
            attend_rows({task, blocks, row, int(std::min(together, rows - row)), scratch, 0}, queries, query_transform,
                        out);
        }
    });
}

int64_t Attention::offset_of(const Tile& tile, int64_t row) const {
    const Span& span = tile.task.span;
    const int64_t query_row = span.query_row + position_of(tile, row) - span.query_begin;
    const int64_t head = tile.task.head * group_ + (tile.begin + row) % group_;
    return (query_row * shape_.heads + head) * shape_.head_size;
}

void Attention::attend_rows(const Tile& rows, const float* queries, const HeadTransform& transform,
                            float* out) const {
    Scratch& scratch = rows.scratch;
    load_queries(rows, queries, transform);
    std::fill_n(scratch.maxima.data(), rows.rows, no_maximum);
    std::fill_n(scratch.totals.data(), rows.rows, 0.0f);
    // Steps begin at multiples of their size from the first key on: a row's sums are taken in the same order
    // whichever rows share its tile and whether its prefix was computed now or kept.
    const int64_t first = visible_begin(position_of(rows, 0)) / keys_at_once_ * keys_at_once_;
    const int64_t last = visible_end(rows.task.span, position_of(rows, rows.rows - 1));
    for (int64_t key = first; key < last; key += keys_at_once_) {
        for (int64_t slot = 0; slot < rows.rows; slot += rows_at_once_) {
            const int count = int(std::min<int64_t>(rows_at_once_, rows.rows - slot));
            const Tile tile{rows.task, rows.blocks, rows.begin + slot, count, scratch, slot};
            const int64_t end = visible_end(rows.task.span, position_of(tile, count - 1));
            if (key < end) attend_keys(tile, key, std::min(end, key + keys_at_once_), key == first);
        }
    }
    for (int row = 0; row < rows.rows; ++row) {
        kernels_.scale(scratch.sums.data() + row * value_stride_, 1.0f / scratch.totals.data()[row], shape_.head_size,
                       out + offset_of(rows, row));
    }
}

void Attention::load_queries(const Tile& tile, const float* queries, const HeadTransform& transform) const {
    const int64_t size = shape_.head_size;
    // Scores are exponents of 2, which takes less to compute than a power of e.
    const float factor = std::numbers::log2e_v<float> / std::sqrt(float(size));
    for (int row = 0; row < tile.rows; ++row) {
        if (row + rows_ahead < tile.rows) fetch_head(queries + offset_of(tile, row + rows_ahead), size);
        transform_head(transform, position_of(tile, row), factor, queries + offset_of(tile, row),
                       tile.scratch.query.data() + row * size);
    }
    if (halves_) kernels_.to_bf16(tile.scratch.query.data(), tile.rows * size, tile.scratch.query_halves.data());
}

void Attention::attend_keys(const Tile& tile, int64_t first_key, int64_t last_key, bool first_step) const {
    Scratch& scratch = tile.scratch;
    const int64_t count = last_key - first_key, scored = columns_of(count);
    for (int64_t key = 0; key < count; key += block_keys) {
        score_block(tile, first_key + key, std::min(block_keys, count - key), scratch.scores.data() + key);
    }
    for (int row = 0; row < tile.rows; ++row) {
        const int64_t position = position_of(tile, row);
        const int64_t from = std::clamp<int64_t>(visible_begin(position) - first_key, 0, scored);
        const int64_t to = std::clamp<int64_t>(visible_end(tile.task.span, position) - first_key, 0, scored);
        uint16_t* halves = halves_ ? scratch.weight_halves.data() + row * keys_at_once_ : nullptr;
        const float shrink = kernels_.softmax_block(scratch.scores.data() + row * keys_at_once_, from, to, scored,
                                                    scratch.maxima.data() + tile.slot + row,
                                                    scratch.totals.data() + tile.slot + row, halves);
        float* sum = scratch.sums.data() + (tile.slot + row) * value_stride_;
        if (!first_step && shrink != 1.0f) kernels_.scale(sum, shrink, value_stride_, sum);
    }
    add_values(tile, first_key, count, first_step);
}

void Attention::score_block(const Tile& tile, int64_t first_key, int64_t count, float* scores) const {
    const int64_t size = shape_.head_size, width = kernels_.panel_columns, scored = columns_of(count);
    const int64_t stride = columns_of(std::min(block_keys, tile.task.span.length - first_key));
    const float* keys = block_of(tile, first_key);
    const float* queries = tile.scratch.query.data() + tile.slot * size;
    const uint16_t* query_halves = tile.scratch.query_halves.data() + tile.slot * size;
    for (int64_t key = 0; key < scored; key += width) {
        const int columns = int(std::min(width, scored - key));
        const auto* halves = reinterpret_cast<const uint32_t*>(keys) + key;
        if (tiled_) {
            kernels_.tiled_product(tile.rows, columns, query_halves, size, {halves, stride, size / 2, size / 2, 0}, false,
                                   scores + key, keys_at_once_);
        } else if (halves_) {
            kernels_.tile_pairs(tile.rows, columns, size / 2, query_halves, size, halves, stride, false, scores + key,
                                keys_at_once_);
        } else {
            kernels_.tile(tile.rows, columns, size, queries, size, keys + key, stride, nullptr, false, scores + key,
                          keys_at_once_);
        }
    }
}

void Attention::add_values(const Tile& tile, int64_t first_key, int64_t count, bool first_step) const {
    const int64_t size = shape_.head_size, width = kernels_.panel_columns;
    const float* values = block_of(tile, first_key) + key_words();
    const uint16_t* weight_halves = tile.scratch.weight_halves.data();
    for (int64_t d = 0; d < size; d += width) {
        const int columns = int(std::min(width, size - d));
        float* sums = tile.scratch.sums.data() + tile.slot * value_stride_ + d;
        const auto* halves = reinterpret_cast<const uint32_t*>(values) + d;
        if (tiled_) {
            // Beyond the last key the weights of a whole step are zero.
            kernels_.tiled_product(tile.rows, columns, weight_halves, keys_at_once_,
                                   {halves, value_stride_, columns_of(count) / 2, block_keys / 2, block_words()},
                                   !first_step, sums, value_stride_);
        } else if (halves_) {
            // So that an odd count finds its partner.
            kernels_.tile_pairs(tile.rows, columns, (count + 1) / 2, weight_halves, keys_at_once_, halves, value_stride_,
                                !first_step, sums, value_stride_);
        } else {
            kernels_.tile(tile.rows, columns, count, tile.scratch.scores.data(), keys_at_once_, values + d, value_stride_,
                          nullptr, !first_step, sums, value_stride_);
        }
    }
}

}  // namespace samesay
