#include "flow.hpp"

#include <algorithm>
#include <cstring>

namespace samesay {

Flow::Flow(const Settings& settings, const Kernels& kernels, bool causal, int threads)
    : settings_(settings),
      kernels_(kernels),
      attention_(kernels,
                 AttentionShape{settings.heads, settings.key_value_heads, settings.head_size, causal, settings.window,
                                settings.halves},
                 threads) {}

int64_t Flow::lay_out(const Batch& batch, const Prefix* prefix, Prefix* computed) {
    batch_ = batch;
    prefix_ = prefix;
    computed_ = computed;
    stopped_ = false;
    spans_.clear();
    picked_spans_.clear();
    rows_ = 0;
    int64_t longest = 0, hits = 0;
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t length = batch.length(i);
        const bool shares = prefix && batch.begins_with(i, prefix->tokens);
        const int64_t before = shares ? int64_t(prefix->tokens.size()) : 0;
        const int64_t picked = settings_.pooling == Pooling::cls ? 0 : length - 1;
        spans_.push_back({rows_, before, length, rows_, before, length});
        picked_spans_.push_back({rows_, before, length, i, picked, picked + 1});
        rows_ += length - before;
        hits += shares;
        longest = std::max(longest, length);
    }
    attention_.plan(spans_);
    residual_.reserve((rows_ + batch.sequences) * settings_.hidden_size);
    sums_.reserve(batch.sequences * settings_.hidden_size);
    prepare(rows_, longest);
    return hits;
}

void Flow::attend(Team& team, int64_t index, const Heads& queries, const Heads& key_values, float* out,
                     Pulse& pulse) {
    const KeyValues rows{key_values.rows, prefix_ ? prefix_->layers[size_t(index)].data() : nullptr};
    if (attention_.packs_keys()) {
        attention_.pack_keys(team, rows, key_values.transform);
        phases_.end(team, Phase::keys);
    }
    const double layers = double(settings_.layers);
    attention_.attend(team, queries.rows, queries.transform, rows, key_values.transform, out,
                      [&](double share) { return pulse.stopping(team, (double(index) + share) / layers); });
    phases_.end(team, Phase::attention);
}

void Flow::keep_key_values(const Team& team, int64_t index, const float* rows) {
    if (!computed_) return;
    const auto [begin, end] = team.share(rows_);
    const int64_t width = settings_.key_value_width();
    std::copy(rows + begin * width, rows + end * width, computed_->layers[size_t(index)].data() + begin * width);
}

void Flow::pick_rows(Team& team, Stream& stream) {
    const int64_t width = settings_.hidden_size, picked = int64_t(picked_spans_.size());
    // The rows after the last token are free: `lay_out` made room for one a sequence.
    float* kept = stream.residual + stream.rows * width;
    const auto [begin, end] = team.share(picked);
    for (int64_t i = begin; i < end; ++i) {
        const Span& span = picked_spans_[size_t(i)];
        std::memcpy(kept + i * width, stream.residual + (span.first_row + span.query_begin - span.prefix) * width,
                    size_t(width) * sizeof(float));
    }
    if (team.id() == 0) attention_.ask(picked_spans_);
    stream = {kept, picked};
    phases_.end(team, Phase::query_key_value);
}

void Flow::embed_rows(const Team& team, const Stream& stream) const {
    for (int64_t i = 0; i < batch_.sequences; ++i) {
        const Span& span = spans_[size_t(i)];
        const auto [begin, end] = team.share(span.length - span.prefix);
        for (int64_t own = begin; own < end; ++own) {
            const int64_t position = span.prefix + own;
            embed(batch_.token_ids[batch_.offsets[i] + position], position,
                  stream.residual + (span.first_row + own) * settings_.hidden_size);
        }
    }
}

void Flow::pool_sequence(const Stream& stream, int64_t sequence, float* sum) const {
    const int64_t width = settings_.hidden_size;
    if (settings_.pooling != Pooling::mean) {
        std::memcpy(sum, stream.residual + sequence * width, size_t(width) * sizeof(float));
        finish(sum);
        return;
    }
    const Span& span = spans_[size_t(sequence)];
    std::memset(sum, 0, size_t(width) * sizeof(float));
    for (int64_t row = span.first_row; row < span.first_row + span.length; ++row) {
        finish(stream.residual + row * width);
        kernels_.add(sum, stream.residual + row * width, width);
    }
    kernels_.scale(sum, 1.0f / float(span.length), width, sum);
}

void Flow::run(Team& team, int64_t dimensions, float* out, Pulse& pulse) {
    const int64_t width = settings_.hidden_size;
    if (team.id() == 0) phases_.start();
    Stream stream{residual_.data(), rows_};
    embed_rows(team, stream);
    bool leaves = false;
    for (int64_t index = 0; index < settings_.layers && !leaves; ++index) {
        // One thread decides for all: they must leave at the same barrier.
        if (team.id() == 0) stopped_ = pulse.stopping(team, double(index) / double(settings_.layers));
        phases_.end(team, index == 0 ? Phase::embed : Phase::inputs);
        leaves = stopped_;
        if (!leaves) layer(team, index, stream, pulse);
    }
    if (kernels_.release_tiles) kernels_.release_tiles();
    if (leaves) return;
    if (team.id() == 0) pulse.stopping(team, 1.0);
    const auto [begin, end] = team.share(batch_.sequences);
    for (int64_t i = begin; i < end; ++i) {
        float* sum = sums_.data() + i * width;
        pool_sequence(stream, i, sum);
        kernels_.normalise(sum, dimensions);
        std::memcpy(out + i * dimensions, sum, size_t(dimensions) * sizeof(float));
    }
    phases_.end(team, Phase::pool);
}

}  // namespace samesay
