// Qwen3 and Mistral: RMSNorm before each part, rotary positions, grouped heads, a gated feed-forward layer.
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

struct DecoderLayer {
    Array<float> input_norm;
    Array<float> query_norm;
    Array<float> key_norm;
    Array<float> middle_norm;
    Linear query_key_value;
    Linear output;
    Linear gate_up;
    Linear down;
};

// What is lost in the first layers grows on the way through all others. Their attention, a hundredth of the weights,
// is held in bfloat16: on random weights of the 0.6B shape that takes away 28 % of the error. Where the stream has
// outlier channels, so are the layers as a whole. Measured, a second one adds little.
constexpr int64_t careful_layers = 1;

DecoderLayer read_layer(const Settings& s, Source& source, int64_t index) {
    const std::string name = "layers." + std::to_string(index) + ".";
    const std::string attention = name + "self_attn.", feed_forward = name + "mlp.";
    const int64_t queries = s.heads * s.head_size, keys = s.key_value_heads * s.head_size;
    const auto matrix = [](const std::string& tensor, int64_t outputs) {
        return MatrixPlan{tensor + ".weight", tensor + ".bias", outputs, false};
    };
    const bool careful = index < careful_layers;
    const std::string careful_with = careful ? attention + "o" : "";
    // First, because its outputs decide how the others are held.
    Linear output = source.linear({.name = attention + "o",
                                   .inputs = queries,
                                   .parts = {{matrix(attention + "o_proj", s.hidden_size)}},
                                   .to_stream = true,
                                   .careful = careful});
    return {
        source.vector(name + "input_layernorm.weight", s.hidden_size),
        source.optional_vector(attention + "q_norm.weight", s.head_size),
        source.optional_vector(attention + "k_norm.weight", s.head_size),
        source.vector(name + "post_attention_layernorm.weight", s.hidden_size),
        source.linear({.name = attention + "qkv",
                       .inputs = s.hidden_size,
                       .parts = {{matrix(attention + "q_proj", queries)},
                                 {matrix(attention + "k_proj", keys), matrix(attention + "v_proj", keys)}},
                       .careful = careful}),
        std::move(output),
        source.linear({.name = feed_forward + "gate_up",
                       .inputs = s.hidden_size,
                       .parts = {{matrix(feed_forward + "gate_proj", s.intermediate_size),
                                  matrix(feed_forward + "up_proj", s.intermediate_size)}},
                       .gated = true,
                       .careful_with = careful_with}),
        source.linear({.name = feed_forward + "down",
                       .inputs = s.intermediate_size,
                       .parts = {{matrix(feed_forward + "down_proj", s.hidden_size)}},
                       .mixed = true,
                       .to_stream = true,
                       .careful_with = careful_with}),
    };
}

struct DecoderWeights {
    Embedding embedding;
    Array<float> final_norm;
    std::vector<DecoderLayer> layers;
};

std::shared_ptr<const DecoderWeights> read_weights(const Settings& settings, Source& source) {
    auto weights = std::make_shared<DecoderWeights>(DecoderWeights{
        source.embedding("embed_tokens.weight", settings.vocabulary_size, settings.hidden_size),
        source.vector("norm.weight", settings.hidden_size),
        {},
    });
    for (int64_t i = 0; i < settings.layers; ++i) weights->layers.push_back(read_layer(settings, source, i));
    return weights;
}

class Decoder final : public Flow {
   public:
    Decoder(const Settings& settings, const Kernels& kernels, std::shared_ptr<const DecoderWeights> weights, int threads)
        : Flow(settings, kernels, true, threads),
          weights_(std::move(weights)),
          rope_(settings.head_size, settings.rope_theta),
          inputs_(kernels, threads) {}

   private:
    void embed(int32_t token, int64_t, float* out) const override { weights_->embedding.row(token, out); }

    void finish(float* row) const override {
        kernels_.rms_norm(row, weights_->final_norm.data(), settings_.norm_epsilon, settings_.hidden_size, row);
    }

    void prepare(int64_t rows, int64_t longest) override {
        const Settings& s = settings_;
        rope_.reserve(longest);
        queries_.reserve(rows * s.heads * s.head_size);
        attended_.reserve(rows * s.heads * s.head_size);
        key_values_.reserve(rows * 2 * s.key_value_heads * s.head_size);
        inner_.reserve(most_rows(rows) * s.intermediate_size);
        // The first and the last may be held in different precisions.
        for (const DecoderLayer* layer : {&weights_->layers.front(), &weights_->layers.back()}) {
            inputs_.reserve(layer->query_key_value, rows);
            inputs_.reserve(layer->output, rows);
            inputs_.reserve(layer->gate_up, most_rows(rows));
            inputs_.reserve(layer->down, most_rows(rows));
        }
    }

    void layer(Team& team, int64_t index, Stream& stream, Pulse& pulse) override {
        const DecoderLayer& layer = weights_->layers[size_t(index)];
        attend_layer(team, index, layer, stream, pulse);
        const int64_t rows = stream.rows;
        for (int64_t row = 0, count = 0; row < rows; row += count) {
            count = next_rows(rows - row);
            const int64_t left = rows - row - count;
            const uint8_t* following = nullptr;
            if (left > 0) {
                following = layer.gate_up.first_weights(team, next_rows(left), 0);
            } else if (index + 1 < settings_.layers) {
                following = weights_->layers[size_t(index + 1)].query_key_value.first_weights(team, rows, key_value_part);
            }
            feed_forward(team, layer, stream.residual + row * settings_.hidden_size, count, following);
        }
    }

    void attend_layer(Team& team, int64_t index, const DecoderLayer& layer, Stream& stream, Pulse& pulse) {
        const int64_t query_width = settings_.heads * settings_.head_size;
        const int64_t key_value_width = 2 * settings_.key_value_heads * settings_.head_size;
        const bool picks = picks_rows(index);
        norm_rows(team, layer.query_key_value, layer.input_norm, stream.residual, stream.rows);
        phases_.end(team, Phase::inputs);
        layer.query_key_value.multiply(
            team, inputs_, stream.rows, key_value_part, Store::replace, key_values_.data(), key_value_width,
            picks ? nullptr : layer.query_key_value.first_weights(team, stream.rows, query_part));
        if (picks) {
            pick_rows(team, stream);
            norm_rows(team, layer.query_key_value, layer.input_norm, stream.residual, stream.rows);
            phases_.end(team, Phase::inputs);
        }
        layer.query_key_value.multiply(team, inputs_, stream.rows, query_part, Store::replace, queries_.data(),
                                       query_width, layer.output.first_weights(team, stream.rows, 0));
        phases_.end(team, Phase::query_key_value);
        keep_key_values(team, index, key_values_.data());
        attend(team, index, {queries_.data(), transform(layer.query_norm)},
               {key_values_.data(), transform(layer.key_norm)}, attended_.data(), pulse);
        inputs_.set_rows(team, layer.output, attended_.data(), stream.rows);
        phases_.end(team, Phase::inputs);
        layer.output.multiply(team, inputs_, stream.rows, 0, Store::add, stream.residual, settings_.hidden_size,
                              layer.gate_up.first_weights(team, next_rows(stream.rows), 0));
        phases_.end(team, Phase::output);
    }

    void feed_forward(Team& team, const DecoderLayer& layer, float* residual, int64_t rows, const uint8_t* following) {
        norm_rows(team, layer.gate_up, layer.middle_norm, residual, rows);
        phases_.end(team, Phase::inputs);
        layer.gate_up.multiply(team, inputs_, rows, 0, Store::gated, inner_.data(), settings_.intermediate_size,
                               layer.down.first_weights(team, rows, 0));
        phases_.end(team, Phase::feed_forward_in);
        inputs_.set_rows(team, layer.down, inner_.data(), rows);
        phases_.end(team, Phase::inputs);
        layer.down.multiply(team, inputs_, rows, 0, Store::add, residual, settings_.hidden_size, following);
        phases_.end(team, Phase::feed_forward_out);
    }

    // The rows' norms become the inputs of `next`.
    void norm_rows(Team& team, const Linear& next, const Array<float>& weight, const float* from, int64_t rows) {
        const int64_t width = settings_.hidden_size;
        team.divide_items(rows, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
                kernels_.rms_norm(from + row * width, weight.data(), settings_.norm_epsilon, width,
                                  inputs_.place(team, next, row));
                inputs_.set(team, next, row);
            }
        });
    }

    HeadTransform transform(const Array<float>& norm) const {
        return {norm.empty() ? nullptr : norm.data(), settings_.norm_epsilon, &rope_};
    }

    const std::shared_ptr<const DecoderWeights> weights_;
    Rope rope_;
    Inputs inputs_;
    Buffer<float> queries_;
    Buffer<float> key_values_;
    Buffer<float> attended_;
    Buffer<float> inner_;
};

}  // namespace

std::unique_ptr<Network> make_decoder(const Settings& settings, const Kernels& kernels, Source& source) {
    const auto make = [&kernels, weights = read_weights(settings, source)](const Settings& of_flow, int threads) {
        return std::make_unique<Decoder>(of_flow, kernels, weights, threads);
    };
    return std::make_unique<Network>(settings, kernels, true, make);
}

}  // namespace samesay
