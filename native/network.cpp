#include "network.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace samesay {

Network::Network(const Settings& settings, const Kernels& kernels, bool causal)
    : settings_(settings),
      kernels_(kernels),
      pool_(settings.threads),
      attention_(kernels,
                 AttentionShape{settings.heads, settings.key_value_heads, settings.head_size, causal, settings.window},
                 settings.threads) {}

void Network::check(const Batch& batch) const {
    if (batch.sequences < 0 || batch.offsets[0] != 0) throw std::invalid_argument("offsets must begin with 0");
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t length = batch.length(i);
        if (length <= 0) throw std::invalid_argument("sequence " + std::to_string(i) + " has no tokens");
        if (length > settings_.positions) {
            throw std::invalid_argument("sequence " + std::to_string(i) + " has " + std::to_string(length) +
                                        " tokens; the model reads " + std::to_string(settings_.positions));
        }
        for (int64_t j = batch.offsets[i]; j < batch.offsets[i + 1]; ++j) {
            const int32_t token = batch.token_ids[j];
            if (token < 0 || token >= settings_.vocabulary_size) {
                throw std::invalid_argument("sequence " + std::to_string(i) + " has token id " +
                                            std::to_string(token) + "; the vocabulary is 0 to " +
                                            std::to_string(settings_.vocabulary_size - 1));
            }
        }
    }
}

void Network::lay_out(const Batch& batch) {
    spans_.clear();
    picked_spans_.clear();
    int64_t longest = 0;
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t first = batch.offsets[i], length = batch.length(i);
        const int64_t picked = settings_.pooling == Pooling::cls ? 0 : length - 1;
        spans_.push_back({first, length, first, 0, length});
        picked_spans_.push_back({first, length, i, picked, picked + 1});
        longest = std::max(longest, length);
    }
    attention_.plan(spans_);
    residual_.reserve((batch.rows() + batch.sequences) * settings_.hidden_size);
    sums_.reserve(batch.sequences * settings_.hidden_size);
    prepare(batch.rows(), longest);
}

void Network::pick_rows(Team& team, Stream& stream) {
    const int64_t width = settings_.hidden_size, picked = int64_t(picked_spans_.size());
    // The rows after the last token are free: `lay_out` made room for one a sequence.
    float* kept = stream.residual + stream.rows * width;
    const auto [begin, end] = team.share(picked);
    for (int64_t i = begin; i < end; ++i) {
        const Span& span = picked_spans_[size_t(i)];
        std::memcpy(kept + i * width, stream.residual + (span.first_row + span.query_begin) * width,
                    size_t(width) * sizeof(float));
    }
    if (team.id() == 0) attention_.ask(picked_spans_);
    stream = {kept, picked};
    team.barrier();
}

void Network::pool_sequence(const Batch& batch, const Stream& stream, int64_t sequence, float* sum) const {
    const int64_t width = settings_.hidden_size;
    if (settings_.pooling != Pooling::mean) {
        std::memcpy(sum, stream.residual + sequence * width, size_t(width) * sizeof(float));
        finish(sum);
        return;
    }
    std::memset(sum, 0, size_t(width) * sizeof(float));
    for (int64_t row = batch.offsets[sequence]; row < batch.offsets[sequence + 1]; ++row) {
        finish(stream.residual + row * width);
        kernels_.add(sum, stream.residual + row * width, width);
    }
    kernels_.scale(sum, 1.0f / float(batch.length(sequence)), width);
}

bool Network::forward(const Batch& batch, int64_t dimensions, float* out, const std::function<bool()>& interrupted) {
    if (dimensions < 1 || dimensions > settings_.hidden_size) {
        throw std::invalid_argument("dimensions must be 1 to " + std::to_string(settings_.hidden_size));
    }
    check(batch);
    if (batch.sequences == 0) return true;
    const std::lock_guard lock(mutex_);
    lay_out(batch);
    const int64_t width = settings_.hidden_size;
    bool stopped = false;
    pool_.run([&](Team& team) {
        Stream stream{residual_.data(), batch.rows()};
        for (int64_t i = 0; i < batch.sequences; ++i) {
            const auto [begin, end] = team.share(batch.length(i));
            for (int64_t position = begin; position < end; ++position) {
                const int64_t row = batch.offsets[i] + position;
                embed(batch.token_ids[row], position, stream.residual + row * width);
            }
        }
        for (int64_t index = 0; index < settings_.layers; ++index) {
            if (team.id() == 0) stopped = interrupted();
            team.barrier();
            if (stopped) return;
            layer(team, index, stream);
        }
        const auto [begin, end] = team.share(batch.sequences);
        for (int64_t i = begin; i < end; ++i) {
            float* sum = sums_.data() + i * width;
            pool_sequence(batch, stream, i, sum);
            kernels_.normalise(sum, dimensions);
            std::memcpy(out + i * dimensions, sum, size_t(dimensions) * sizeof(float));
        }
    });
    return !stopped;
}

}  // namespace samesay
