#include "network.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>

namespace samesay {

namespace {

// Whether sequence `i` begins with the tokens and goes on after them.
bool begins_with(const Batch& batch, int64_t i, const std::vector<int32_t>& tokens) {
    const int32_t* first = batch.token_ids + batch.offsets[i];
    return batch.length(i) > int64_t(tokens.size()) && std::equal(tokens.begin(), tokens.end(), first);
}

}  // namespace

Network::Network(const Settings& settings, const Kernels& kernels, bool causal)
    : settings_(settings),
      kernels_(kernels),
      pool_(settings.threads),
      attention_(kernels,
                 AttentionShape{settings.heads, settings.key_value_heads, settings.head_size, causal, settings.window,
                                settings.halves},
                 settings.threads),
      // A mean needs the last states of the prefix too, which are not kept.
      keeps_prefixes_(causal && settings.pooling == Pooling::last && settings.prefix_cache_bytes > 0),
      prefixes_(settings.prefix_cache_bytes) {}

void Network::check(const Batch& batch) const {
    if (batch.sequences < 0 || batch.offsets[0] != 0) throw TokenFault("offsets must begin with 0");
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t length = batch.length(i);
        if (length <= 0) throw TokenFault("sequence " + std::to_string(i) + " has no tokens");
        if (length > settings_.positions) {
            throw TokenFault("sequence " + std::to_string(i) + " has " + std::to_string(length) +
                                        " tokens; the model reads " + std::to_string(settings_.positions));
        }
        for (int64_t j = batch.offsets[i]; j < batch.offsets[i + 1]; ++j) {
            const int32_t token = batch.token_ids[j];
            if (token < 0 || token >= settings_.vocabulary_size) {
                throw TokenFault("sequence " + std::to_string(i) + " has token id " +
                                            std::to_string(token) + "; the vocabulary is 0 to " +
                                            std::to_string(settings_.vocabulary_size - 1));
            }
        }
    }
}

const Prefix* Network::find_prefix(const Batch& batch, const std::vector<int32_t>& tokens,
                                   const std::function<bool(double)>& ask) {
    const int64_t length = int64_t(tokens.size());
    if (!keeps_prefixes_ || length == 0) return nullptr;
    bool shared = false;
    for (int64_t i = 0; i < batch.sequences && !shared; ++i) shared = begins_with(batch, i, tokens);
    if (!shared) return nullptr;
    if (const Prefix* kept = prefixes_.find(tokens)) return kept;
    Prefix prefix;
    prefix.tokens = tokens;
    prefix.bytes = settings_.layers * length * key_value_width() * int64_t(sizeof(float));
    if (prefix.bytes > prefixes_.most_bytes()) return nullptr;
    for (int64_t i = 0; i < settings_.layers; ++i) prefix.layers.emplace_back(length * key_value_width());
    const int64_t offsets[] = {0, length};
    std::vector<float> unused(size_t(settings_.hidden_size));
    const auto forget = [this](Prefix*) { computed_ = nullptr; };
    const std::unique_ptr<Prefix, decltype(forget)> computing(&prefix, forget);
    computed_ = &prefix;
    const bool done = run({tokens.data(), offsets, 1}, nullptr, settings_.hidden_size, unused.data(), ask);
    return done ? prefixes_.keep(std::move(prefix)) : nullptr;
}

void Network::lay_out(const Batch& batch, const Prefix* prefix) {
    prefix_ = prefix;
    spans_.clear();
    picked_spans_.clear();
    rows_ = 0;
    int64_t longest = 0;
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const int64_t length = batch.length(i);
        const bool shares = prefix && begins_with(batch, i, prefix->tokens);
        const int64_t before = shares ? int64_t(prefix->tokens.size()) : 0;
        const int64_t picked = settings_.pooling == Pooling::cls ? 0 : length - 1;
        spans_.push_back({rows_, before, length, rows_, before, length});
        picked_spans_.push_back({rows_, before, length, i, picked, picked + 1});
        rows_ += length - before;
        prefix_hits_ += shares;
        longest = std::max(longest, length);
    }
    attention_.plan(spans_);
    residual_.reserve((rows_ + batch.sequences) * settings_.hidden_size);
    sums_.reserve(batch.sequences * settings_.hidden_size);
    prepare(rows_, longest);
}

void Network::attend(Team& team, int64_t index, const Heads& queries, const Heads& key_values, float* out,
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

void Network::keep_key_values(const Team& team, int64_t index, const float* rows) {
    if (!computed_) return;
    const auto [begin, end] = team.share(rows_);
    const int64_t width = key_value_width();
    std::copy(rows + begin * width, rows + end * width, computed_->layers[size_t(index)].data() + begin * width);
}

void Network::pick_rows(Team& team, Stream& stream) {
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

void Network::embed_rows(const Team& team, const Batch& batch, const Stream& stream) const {
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const Span& span = spans_[size_t(i)];
        const auto [begin, end] = team.share(span.length - span.prefix);
        for (int64_t own = begin; own < end; ++own) {
            const int64_t position = span.prefix + own;
            embed(batch.token_ids[batch.offsets[i] + position], position,
                  stream.residual + (span.first_row + own) * settings_.hidden_size);
        }
    }
}

void Network::pool_sequence(const Stream& stream, int64_t sequence, float* sum) const {
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

bool Network::forward(const Batch& batch, const std::vector<int32_t>& prefix, int64_t dimensions, float* out,
                      const std::function<bool(double)>& ask) {
    if (dimensions < 1 || dimensions > settings_.hidden_size) {
        throw TokenFault("dimensions must be 1 to " + std::to_string(settings_.hidden_size));
    }
    check(batch);
    if (batch.sequences == 0) return true;
    forks_.check([this] { recover_from_fork(); });
    // `ask` runs on this thread while the lock is held: a second pass from within it would wait for itself.
    if (runner_ == std::this_thread::get_id()) {
        throw EngineFault("this model is at work in this very call: what is told its progress cannot ask it for vectors");
    }
    const std::lock_guard lock(mutex_);
    const auto leave = [](std::atomic<std::thread::id>* runner) { *runner = std::thread::id(); };
    runner_ = std::this_thread::get_id();
    const std::unique_ptr<std::atomic<std::thread::id>, decltype(leave)> running(&runner_, leave);
    bool stopped = false;
    const Prefix* shared = find_prefix(batch, prefix, [&](double) { return stopped = stopped || ask(0); });
    return !stopped && run_in_pieces(batch, shared, dimensions, out, ask);
}

bool Network::run_in_pieces(const Batch& batch, const Prefix* prefix, int64_t dimensions, float* out,
                            const std::function<bool(double)>& ask) {
    phases_.forget();
    std::vector<int64_t> own_rows;
    for (int64_t i = 0; i < batch.sequences; ++i) {
        const bool shares = prefix && begins_with(batch, i, prefix->tokens);
        own_rows.push_back(batch.length(i) - (shares ? int64_t(prefix->tokens.size()) : 0));
    }
    int64_t left = std::accumulate(own_rows.begin(), own_rows.end(), int64_t(0));
    std::vector<int64_t> offsets;
    for (int64_t first = 0, last = 0; first < batch.sequences; first = last) {
        const int64_t aim = next_rows(left);
        int64_t rows = 0;
        offsets.assign(1, 0);
        do {
            rows += own_rows[size_t(last)];
            offsets.push_back(batch.offsets[++last] - batch.offsets[first]);
        } while (last < batch.sequences && rows + own_rows[size_t(last)] / 2 <= aim);
        left -= rows;
        const int64_t before = batch.offsets[first], tokens = offsets.back(), all = batch.rows();
        const auto ask_of_all = [&](double done) {
            return ask((double(before) + done * double(tokens)) / double(all));
        };
        const Batch piece{batch.token_ids + before, offsets.data(), last - first};
        if (!run(piece, prefix, dimensions, out + first * dimensions, ask_of_all)) return false;
    }
    return true;
}

void Network::recover_from_fork() {
    // A fork copies locks as they are, held by threads that the child does not have, and memory that such a
    // thread may have left half changed. Both are made anew; what they held is given up, not destroyed.
    std::construct_at(&mutex_);
    runner_ = std::thread::id();
    std::construct_at(&prefixes_, settings_.prefix_cache_bytes);
    pool_.recover_from_fork();
    computed_ = nullptr;
    prefix_ = nullptr;
}

bool Network::run(const Batch& batch, const Prefix* prefix, int64_t dimensions, float* out,
                  const std::function<bool(double)>& ask) {
    lay_out(batch, prefix);
    const int64_t width = settings_.hidden_size;
    Pulse pulse(ask);
    bool stopped = false;
    phases_.start();
    pool_.run([&](Team& team) {
        Stream stream{residual_.data(), rows_};
        embed_rows(team, batch, stream);
        bool leaves = false;
        for (int64_t index = 0; index < settings_.layers && !leaves; ++index) {
            // One thread decides for all: they must leave at the same barrier.
            if (team.id() == 0) stopped = pulse.stopping(team, double(index) / double(settings_.layers));
            phases_.end(team, index == 0 ? Phase::embed : Phase::inputs);
            leaves = stopped;
            if (!leaves) layer(team, index, stream, pulse);
        }
        release_tiles();
        if (leaves) return;
        if (team.id() == 0) stopped = pulse.stopping(team, 1.0);
        const auto [begin, end] = team.share(batch.sequences);
        for (int64_t i = begin; i < end; ++i) {
            float* sum = sums_.data() + i * width;
            pool_sequence(stream, i, sum);
            kernels_.normalise(sum, dimensions);
            std::memcpy(out + i * dimensions, sum, size_t(dimensions) * sizeof(float));
        }
        phases_.end(team, Phase::pool);
    });
    return !stopped;
}

}  // namespace samesay
