// BERT and XLM-RoBERTa: learned positions, attention in both directions, LayerNorm after each part, GELU.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "network.hpp"

namespace samesay {

namespace {

// Parts of the first linear layer.
constexpr size_t query_part = 0;
constexpr size_t key_value_part = 1;

struct LayerNorm {
    Array<float> weight;
    Array<float> bias;
};

LayerNorm read_norm(Source& source, const std::string& name, int64_t width) {
    return {source.vector(name + ".weight", width), source.vector(name + ".bias", width)};
}

struct EncoderLayer {
    Linear query_key_value;
    Linear output;
    LayerNorm attention_norm;
    Linear inner;
    Linear outer;
    LayerNorm output_norm;
};

EncoderLayer read_layer(const Settings& s, Source& source, int64_t index) {
    const std::string name = "encoder.layer." + std::to_string(index) + ".";
    const std::string self = name + "attention.self.";
    const int64_t width = s.hidden_size;
    const auto matrix = [](const std::string& tensor, int64_t outputs) {
        return MatrixPlan{tensor + ".weight", tensor + ".bias", outputs, true};
    };
    return {
        source.linear({.name = self + "qkv",
                       .inputs = width,
                       .parts = {{matrix(self + "query", width)},
                                 {matrix(self + "key", width), matrix(self + "value", width)}}}),
        source.linear({.name = name + "attention.o",
                       .inputs = width,
                       .parts = {{matrix(name + "attention.output.dense", width)}},
                       .to_stream = true}),
        read_norm(source, name + "attention.output.LayerNorm", width),
        source.linear({.name = name + "inner",
                       .inputs = width,
                       .parts = {{matrix(name + "intermediate.dense", s.intermediate_size)}}}),
        source.linear({.name = name + "outer",
                       .inputs = s.intermediate_size,
                       .parts = {{matrix(name + "output.dense", width)}},
                       .mixed = true,
                       .to_stream = true}),
        read_norm(source, name + "output.LayerNorm", width),
    };
}

struct EncoderWeights {
    Embedding words;
    Array<float> positions;
    Array<float> types;
    LayerNorm norm;
    std::vector<EncoderLayer> layers;
};

std::shared_ptr<const EncoderWeights> read_weights(const Settings& s, Source& source) {
    auto weights = std::make_shared<EncoderWeights>(EncoderWeights{
        source.embedding("embeddings.word_embeddings.weight", s.vocabulary_size, s.hidden_size),
        source.matrix("embeddings.position_embeddings.weight", s.positions + s.position_offset, s.hidden_size),
        source.matrix("embeddings.token_type_embeddings.weight", s.token_types, s.hidden_size),
        read_norm(source, "embeddings.LayerNorm", s.hidden_size),
        {},
    });
    for (int64_t i = 0; i < s.layers; ++i) weights->layers.push_back(read_layer(s, source, i));
    return weights;
}

class Encoder final : public Flow {
   public:
    Encoder(const Settings& settings, const Kernels& kernels, std::shared_ptr<const EncoderWeights> weights, int threads)
        : Flow(settings, kernels, false, threads), weights_(std::move(weights)), inputs_(kernels, threads) {}

   private:
    void embed(int32_t token, int64_t position, float* out) const override {
        const int64_t width = settings_.hidden_size;
        weights_->words.row(token, out);
        // All tokens of a text are of type 0.
        kernels_.add(out, weights_->types.data(), width);
        kernels_.add(out, weights_->positions.data() + (settings_.position_offset + position) * width, width);
        norm_row(weights_->norm, out);
    }

    void finish(float*) const override {}

    void prepare(int64_t rows, int64_t) override {
        const Settings& s = settings_;
        queries_.reserve(rows * s.hidden_size);
        attended_.reserve(rows * s.hidden_size);
        key_values_.reserve(rows * 2 * s.hidden_size);
        inner_.reserve(most_rows(rows) * s.intermediate_size);
        const EncoderLayer& layer = weights_->layers.front();
        inputs_.reserve(layer.query_key_value, rows);
        inputs_.reserve(layer.output, rows);
        inputs_.reserve(layer.inner, most_rows(rows));
        inputs_.reserve(layer.outer, most_rows(rows));
    }

    void layer(Team& team, int64_t index, Stream& stream, Pulse& pulse) override {
        const EncoderLayer& layer = weights_->layers[size_t(index)];
        const int64_t width = settings_.hidden_size;
        inputs_.set_rows(team, layer.query_key_value, stream.residual, stream.rows);
        phases_.end(team, Phase::inputs);
        layer.query_key_value.multiply(team, inputs_, stream.rows, key_value_part, Store::replace, key_values_.data(),
                                       2 * width);
        if (picks_rows(index)) {
            pick_rows(team, stream);
            inputs_.set_rows(team, layer.query_key_value, stream.residual, stream.rows);
            phases_.end(team, Phase::inputs);
        }
        layer.query_key_value.multiply(team, inputs_, stream.rows, query_part, Store::replace, queries_.data(), width);
        phases_.end(team, Phase::query_key_value);
        attend(team, index, {queries_.data(), {}}, {key_values_.data(), {}}, attended_.data(), pulse);
        inputs_.set_rows(team, layer.output, attended_.data(), stream.rows);
        phases_.end(team, Phase::inputs);
        layer.output.multiply(team, inputs_, stream.rows, 0, Store::add, stream.residual, width);
        phases_.end(team, Phase::output);
        for (int64_t row = 0, count = 0; row < stream.rows; row += count) {
            count = next_rows(stream.rows - row);
            feed_forward(team, layer, stream.residual + row * width, count);
        }
    }

    void feed_forward(Team& team, const EncoderLayer& layer, float* residual, int64_t rows) {
        const int64_t width = settings_.hidden_size;
        team.divide_items(rows, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) norm_row(layer.attention_norm, residual + row * width);
            inputs_.set_some(team, layer.inner, residual, begin, end);
        });
        phases_.end(team, Phase::inputs);
        layer.inner.multiply(team, inputs_, rows, 0, Store::gelu, inner_.data(), settings_.intermediate_size);
        phases_.end(team, Phase::feed_forward_in);
        inputs_.set_rows(team, layer.outer, inner_.data(), rows);
        phases_.end(team, Phase::inputs);
        layer.outer.multiply(team, inputs_, rows, 0, Store::add, residual, settings_.hidden_size);
        phases_.end(team, Phase::feed_forward_out);
        team.divide_items(rows, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) norm_row(layer.output_norm, residual + row * width);
        });
        phases_.end(team, Phase::inputs);
    }

    void norm_row(const LayerNorm& norm, float* row) const {
        kernels_.layer_norm(row, norm.weight.data(), norm.bias.data(), settings_.norm_epsilon, settings_.hidden_size,
                            row);
    }

    const std::shared_ptr<const EncoderWeights> weights_;
    Inputs inputs_;
    Buffer<float> queries_;
    Buffer<float> key_values_;
    Buffer<float> attended_;
    Buffer<float> inner_;
};

}  // namespace

std::unique_ptr<Network> make_encoder(const Settings& settings, const Kernels& kernels, Source& source) {
    const auto make = [&kernels, weights = read_weights(settings, source)](const Settings& of_flow, int threads) {
        return std::make_unique<Encoder>(of_flow, kernels, weights, threads);
    };
    return std::make_unique<Network>(settings, kernels, false, make);
}

}  // namespace samesay
