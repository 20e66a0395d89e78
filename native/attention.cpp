#include "attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace samesay {

namespace {

// Asking positions of one task: enough to be worth handing out, few enough to share a long sequence.
constexpr int64_t chunk_positions = 96;
// Below every score, and finite, so that the difference of two of them is a number.
constexpr float no_maximum = -1e30f;

int64_t blocks_of(int64_t keys, int64_t block) { return (keys + block - 1) / block; }

}  // namespace

Attention::Attention(const Kernels& kernels, const AttentionShape& shape, int threads)
    : kernels_(kernels),
      shape_(shape),
      group_(shape.heads / shape.key_value_heads),
      value_stride_((shape.head_size + kernels.lanes - 1) / kernels.lanes * kernels.lanes),
      scratch_(size_t(threads)) {
    const int64_t rows = kernels.tile_rows;
    for (Buffer<float>& buffer : scratch_) buffer.reserve(rows * (shape.head_size + block_keys + value_stride_ + 2));
}

void Attention::plan(const std::vector<Span>& spans) {
    key_tasks_.clear();
    int64_t block = 0;
    for (const Span& span : spans) {
        for (int64_t head = 0; head < shape_.key_value_heads; ++head) {
            for (int64_t position = 0; position < span.length; position += block_keys) {
                const int64_t count = std::min(block_keys, span.length - position);
                key_tasks_.push_back({span.first_row, position, count, head, block++});
            }
        }
    }
    blocks_.reserve(block * block_floats());
    ask(spans);
}

void Attention::ask(const std::vector<Span>& spans) {
    query_tasks_.clear();
    int64_t block = 0;
    for (const Span& span : spans) {
        for (int64_t head = 0; head < shape_.key_value_heads; ++head) {
            for (int64_t begin = span.query_begin; begin < span.query_end; begin += chunk_positions) {
                query_tasks_.push_back({span, head, block, begin, std::min(begin + chunk_positions, span.query_end)});
            }
            block += blocks_of(span.length, block_keys);
        }
    }
}

void Attention::transform_head(const HeadTransform& transform, int64_t position, float factor, float* head) const {
    if (transform.norm_weight) {
        kernels_.rms_norm(head, transform.norm_weight, transform.norm_epsilon, shape_.head_size, head);
    }
    if (transform.rope) {
        kernels_.rotate(head, transform.rope->cosine(position), transform.rope->sine(position),
                        transform.rope->half(), factor);
    } else if (factor != 1.0f) {
        kernels_.scale(head, factor, shape_.head_size);
    }
}

void Attention::pack_keys(Team& team, const float* key_values, const HeadTransform& transform) {
    float* scratch = scratch_[size_t(team.id())].data();
    team.spread(int64_t(key_tasks_.size()),
                [&](int64_t i) { pack_block(key_tasks_[size_t(i)], key_values, transform, scratch); });
}

void Attention::pack_block(const KeyTask& task, const float* key_values, const HeadTransform& transform,
                           float* scratch) {
    const int64_t size = shape_.head_size, width = kernels_.panel_columns;
    const int64_t stride = 2 * shape_.key_value_heads * size;
    float* keys = blocks_.data() + task.block * block_floats();
    float* values = keys + size * block_keys;
    for (int64_t i = 0; i < block_keys; ++i) {
        float* column = keys + i / width * width * size + i % width;
        float* value = values + i * value_stride_;
        if (i >= task.count) {
            // What no key fills must be finite: it is multiplied by a weight of zero.
            for (int64_t d = 0; d < size; ++d) column[d * width] = 0;
            std::memset(value, 0, size_t(value_stride_) * sizeof(float));
            continue;
        }
        const float* row = key_values + (task.first_row + task.position + i) * stride + task.head * size;
        std::memcpy(scratch, row, size_t(size) * sizeof(float));
        transform_head(transform, task.position + i, 1.0f, scratch);
        for (int64_t d = 0; d < size; ++d) column[d * width] = scratch[d];
        std::memcpy(value, row + shape_.key_value_heads * size, size_t(size) * sizeof(float));
        std::memset(value + size, 0, size_t(value_stride_ - size) * sizeof(float));
    }
}

void Attention::attend(Team& team, const float* queries, const HeadTransform& transform, float* out) {
    float* scratch = scratch_[size_t(team.id())].data();
    team.spread(int64_t(query_tasks_.size()),
                [&](int64_t i) { attend_chunk(query_tasks_[size_t(i)], queries, transform, out, scratch); });
}

void Attention::attend_chunk(const QueryTask& task, const float* queries, const HeadTransform& transform, float* out,
                             float* scratch) const {
    // A tile's rows are (position, head of the group) pairs: they share the keys, so they share the tile.
    const int64_t rows = (task.end - task.begin) * group_;
    for (int64_t row = 0; row < rows; row += kernels_.tile_rows) {
        const int count = int(std::min<int64_t>(kernels_.tile_rows, rows - row));
        attend_tile(task, row, count, queries, transform, out, scratch);
    }
}

void Attention::attend_tile(const QueryTask& task, int64_t begin, int rows, const float* queries,
                            const HeadTransform& transform, float* out, float* scratch) const {
    const int64_t size = shape_.head_size, width = kernels_.panel_columns, max_rows = kernels_.tile_rows;
    const int64_t stride = shape_.heads * size;
    float* query = scratch;
    float* scores = query + max_rows * size;
    float* sums = scores + max_rows * block_keys;
    float* maxima = sums + max_rows * value_stride_;
    float* totals = maxima + max_rows;

    const auto position_of = [&](int64_t row) { return task.begin + (begin + row) / group_; };
    const auto offset_of = [&](int64_t row) {
        const int64_t query_row = task.span.query_row + position_of(row) - task.span.query_begin;
        return query_row * stride + (task.head * group_ + (begin + row) % group_) * size;
    };
    const auto visible_begin = [&](int64_t position) {
        return shape_.window > 0 ? std::max<int64_t>(0, position - shape_.window + 1) : 0;
    };
    const auto visible_end = [&](int64_t position) { return shape_.causal ? position + 1 : task.span.length; };

    const float factor = 1.0f / std::sqrt(float(size));
    for (int row = 0; row < rows; ++row) {
        std::memcpy(query + row * size, queries + offset_of(row), size_t(size) * sizeof(float));
        transform_head(transform, position_of(row), factor, query + row * size);
        maxima[row] = no_maximum;
        totals[row] = 0;
    }
    std::memset(sums, 0, size_t(rows * value_stride_) * sizeof(float));

    const int64_t first_key = visible_begin(position_of(0)) / block_keys * block_keys;
    const int64_t last_key = visible_end(position_of(rows - 1));
    for (int64_t key = first_key; key < last_key; key += block_keys) {
        const float* keys = blocks_.data() + (task.first_block + key / block_keys) * block_floats();
        const float* values = keys + size * block_keys;
        const int64_t count = std::min(block_keys, last_key - key);
        for (int64_t panel = 0; panel < count; panel += width) {
            kernels_.tile(rows, int(width), size, query, size, keys + panel * size, width, nullptr, false,
                          scores + panel, block_keys);
        }
        const int64_t scored = (count + width - 1) / width * width;
        for (int row = 0; row < rows; ++row) {
            const int64_t position = position_of(row);
            const int64_t from = std::clamp<int64_t>(visible_begin(position) - key, 0, scored);
            const int64_t to = std::clamp<int64_t>(visible_end(position) - key, 0, scored);
            const float shrink =
                kernels_.softmax_block(scores + row * block_keys, from, to, scored, maxima + row, totals + row);
            if (shrink != 1.0f) kernels_.scale(sums + row * value_stride_, shrink, value_stride_);
        }
        for (int64_t d = 0; d < size; d += width) {
            kernels_.tile(rows, int(std::min(width, size - d)), count, scores, block_keys, values + d, value_stride_,
                          nullptr, true, sums + d, value_stride_);
        }
    }
    for (int row = 0; row < rows; ++row) {
        kernels_.scale(sums + row * value_stride_, 1.0f / totals[row], size);
        std::memcpy(out + offset_of(row), sums + row * value_stride_, size_t(size) * sizeof(float));
    }
}

}  // namespace samesay
