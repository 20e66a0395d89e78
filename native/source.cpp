#include "source.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace samesay {

namespace {

constexpr float largest_quantised = 127.0f;
// Outputs of a matrix by which the smoothing of its inputs is judged.
constexpr int64_t judged_outputs = 24;

std::string shape_text(const Tensor& tensor) {
    return std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns);
}

uint16_t to_bfloat(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);  // to nearest, ties to even
}

float scale_of(const float* values, int64_t count) {
    float largest = 0;
    for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
    return largest > 1e-30f ? largest / largest_quantised : 1e-30f;
}

// A row of the embedding whose largest value is so many times its root mean square keeps its rest.
constexpr float uneven_ratio = 8.0f;

bool is_uneven(const std::vector<float>& row) {
    double squares = 0;
    float largest = 0;
    for (float value : row) {
        squares += double(value) * double(value);
        largest = std::max(largest, std::fabs(value));
    }
    return double(largest) * double(largest) * double(row.size()) > double(uneven_ratio * uneven_ratio) * squares;
}

// What rounding leaves is at most half a step.
float rest_scale(float scale) { return scale / (2 * largest_quantised); }

void quantise_row(const std::vector<float>& row, float scale, int8_t* out) {
    for (size_t i = 0; i < row.size(); ++i) {
        out[i] = int8_t(std::clamp(std::lrintf(row[i] / scale), -127L, 127L));
    }
}

// One matrix after another into the panels of a layer.
class Packer {
   public:
    Packer(const Kernels& kernels, Precision precision, const LinearPlan& plan, const TensorMap& tensors)
        : kernels_(kernels), precision_(precision), plan_(plan), tensors_(tensors) {}

    // Evens out the inputs before they are quantised, where that leaves less error.
    void smooth(const InputSample& sample) {
        std::vector<float> largest(size_t(plan_.inputs)), row(size_t(plan_.inputs));
        std::vector<std::vector<float>> judged;
        for (const auto& part : plan_.parts) {
            for (const MatrixPlan& matrix : part) {
                const Tensor& tensor = tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
                const int64_t step = std::max<int64_t>(1, matrix.outputs / judged_outputs);
                for (int64_t output = 0; output < matrix.outputs; ++output) {
                    tensor.row_to_float(output, row.data());
                    for (size_t k = 0; k < row.size(); ++k) largest[k] = std::max(largest[k], std::fabs(row[k]));
                    if (output % step == 0) judged.push_back(row);
                }
            }
        }
        scales_ = choose_scales(sample, judged, largest);
    }

    LinearWeights pack() {
        int64_t panels = 0;
        for (const auto& part : plan_.parts) {
            // Shapes first: a config may state sizes for which there is no memory, let alone a tensor.
            for (const MatrixPlan& matrix : part) tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
            panels += Linear::panels_of(part, plan_.gated, width());
        }
        weights_.panels = Array<uint8_t>(panels * panel_bytes());
        if (precision_ == Precision::int8) weights_.column_scale = Array<float>(panels * width());
        // Columns that fill up the last panel of a part: with the offset they hold, their product is zero.
        if (kernels_.weight_offset && precision_ == Precision::int8) {
            std::memset(weights_.panels.mutable_data(), kernels_.weight_offset, size_t(weights_.panels.count()));
        }
        if (has_bias()) weights_.bias = Array<float>(panels * width());
        int64_t first_panel = 0;
        for (const auto& part : plan_.parts) {
            int64_t output = 0;
            for (size_t m = 0; m < part.size(); ++m) {
                const std::vector<float> bias = read_bias(part[m]);
                for (int64_t i = 0; i < part[m].outputs; ++i) {
                    const int64_t column = plan_.gated ? gated_column(m, i) : first_panel * width() + output + i;
                    pack_row(part[m], i, column);
                    if (!bias.empty()) weights_.bias.mutable_data()[column] = bias[size_t(i)];
                }
                output += part[m].outputs;
            }
            first_panel += Linear::panels_of(part, plan_.gated, width());
        }
        if (!scales_.empty()) {
            weights_.channel_scale = Array<float>(plan_.inputs);
            std::transform(scales_.begin(), scales_.end(), weights_.channel_scale.mutable_data(),
                           [](float scale) { return 1.0f / scale; });
        }
        return std::move(weights_);
    }

   private:
    int64_t width() const { return kernels_.panel_columns; }
    int64_t panel_bytes() const { return Linear::bytes_per_panel(kernels_, precision_, plan_.inputs); }
    int64_t gated_column(size_t matrix, int64_t output) const {
        return (2 * (output / width()) + int64_t(matrix)) * width() + output % width();
    }

    bool has_bias() const {
        for (const auto& part : plan_.parts) {
            for (const MatrixPlan& matrix : part) {
                if (!matrix.bias.empty() && (matrix.bias_required || tensors_.contains(matrix.bias))) return true;
            }
        }
        return false;
    }

    std::vector<float> read_bias(const MatrixPlan& matrix) const {
        if (matrix.bias.empty() || (!matrix.bias_required && !tensors_.contains(matrix.bias))) return {};
        return tensors_.matrix(matrix.bias, 1, matrix.outputs).to_floats();
    }

    void pack_row(const MatrixPlan& matrix, int64_t output, int64_t column) {
        const Tensor& tensor = tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
        row_.resize(size_t(plan_.inputs));
        tensor.row_to_float(output, row_.data());
        require_finite(tensor.name, row_.data(), plan_.inputs);
        uint8_t* panel = weights_.panels.mutable_data() + column / width() * panel_bytes();
        const int64_t j = column % width();
        if (precision_ == Precision::fp32) {
            float* to = reinterpret_cast<float*>(panel) + j;
            for (int64_t k = 0; k < plan_.inputs; ++k) to[k * width()] = row_[size_t(k)];
        } else if (precision_ == Precision::bf16) {
            auto* to = reinterpret_cast<uint16_t*>(panel);
            // Rows of columns; or of pairs, two inputs of a column side by side.
            const int64_t together = Linear::pairs(kernels_, precision_, plan_.inputs) ? 2 : 1;
            for (int64_t k = 0; k < plan_.inputs; ++k) {
                to[k / together * together * width() + j * together + k % together] = to_bfloat(row_[size_t(k)]);
            }
        } else {
            pack_quantised(panel, j, column);
        }
    }

    void pack_quantised(uint8_t* panel, int64_t j, int64_t column) {
        for (size_t k = 0; k < scales_.size(); ++k) row_[k] *= scales_[k];
        // The transform is its own inverse, so mixed weights meet mixed inputs in the same product.
        const int64_t block = Linear::mix_block_of(plan_, precision_);
        if (block > 1) kernels_.mix(row_.data(), plan_.inputs, block, row_.data());
        const float scale = scale_of(row_.data(), plan_.inputs);
        weights_.column_scale.mutable_data()[column] = scale;
        const int64_t group = kernels_.group;
        for (int64_t k = 0; k < plan_.inputs; ++k) {
            const int value = int(std::lrintf(row_[size_t(k)] / scale)) + kernels_.weight_offset;
            panel[k / group * group * width() + j * group + k % group] = uint8_t(value);
        }
    }

    const Kernels& kernels_;
    const Precision precision_;
    const LinearPlan& plan_;
    const TensorMap& tensors_;
    LinearWeights weights_;
    std::vector<float> scales_;  // of the input channels; empty for ones
    std::vector<float> row_;
};

template <class Value>
Section section(const std::string& name, const Array<Value>& array) {
    return {name, array.data(), array.count() * int64_t(sizeof(Value))};
}

class PackingSource final : public Source {
   public:
    PackingSource(const Kernels& kernels, Precision precision, const TensorMap& tensors, const InputSamples& samples,
                  std::vector<Section>* made)
        : kernels_(kernels), precision_(precision), tensors_(tensors), samples_(samples), made_(made) {}

    Linear linear(const LinearPlan& plan) override {
        Packer packer(kernels_, precision_, plan, tensors_);
        // Mixed inputs are even already, and a scale of theirs would belong to mixed channels.
        const auto sample = samples_.find(plan.name);
        if (sample != samples_.end() && !plan.mixed) packer.smooth(sample->second);
        Linear layer(kernels_, precision_, plan, packer.pack());
        const LinearWeights& weights = layer.weights();
        note(plan.name + ".panels", weights.panels);
        note(plan.name + ".column_scale", weights.column_scale);
        note(plan.name + ".bias", weights.bias);
        note(plan.name + ".channel_scale", weights.channel_scale);
        return layer;
    }

    Array<float> vector(const std::string& name, int64_t count) override { return matrix(name, 1, count); }

    Array<float> optional_vector(const std::string& name, int64_t count) override {
        return tensors_.contains(name) ? matrix(name, 1, count) : Array<float>();
    }

    Array<float> matrix(const std::string& name, int64_t rows, int64_t columns) override {
        const std::vector<float> values = tensors_.matrix(name, rows, columns).to_floats();
        Array<float> array(int64_t(values.size()));
        std::copy(values.begin(), values.end(), array.mutable_data());
        note(name, array);
        return array;
    }

    Embedding embedding(const std::string& name, int64_t rows, int64_t columns) override {
        const Tensor& tensor = tensors_.matrix(name, rows, columns);
        std::vector<float> row(static_cast<size_t>(columns));
        const auto each_row = [&](auto&& take) {
            for (int64_t i = 0; i < rows; ++i) {
                tensor.row_to_float(i, row.data());
                require_finite(name, row.data(), columns);
                take(i);
            }
        };
        if (precision_ == Precision::fp32) {
            each_row([](int64_t) {});
            return Embedding(tensor);
        }
        if (precision_ == Precision::bf16) {
            Array<uint16_t> halves(rows * columns);
            each_row([&](int64_t i) {
                std::transform(row.begin(), row.end(), halves.mutable_data() + i * columns, to_bfloat);
            });
            note(name + ".halves", halves);
            return Embedding(std::move(halves), columns);
        }
        Array<int8_t> quantised(rows * columns);
        Array<float> scales(rows);
        std::vector<int32_t> rest_of_row(size_t(rows), -1);
        int32_t uneven = 0;
        each_row([&](int64_t i) {
            scales.mutable_data()[i] = scale_of(row.data(), columns);
            quantise_row(row, scales.data()[i], quantised.mutable_data() + i * columns);
            if (is_uneven(row)) rest_of_row[size_t(i)] = uneven++;
        });
        Array<int32_t> places(uneven ? rows : 0);
        Array<int8_t> rests(uneven * columns);
        for (int64_t i = 0; i < places.count(); ++i) {
            const int32_t place = places.mutable_data()[i] = rest_of_row[size_t(i)];
            if (place < 0) continue;
            tensor.row_to_float(i, row.data());
            const float scale = scales.data()[i];
            for (int64_t j = 0; j < columns; ++j) row[size_t(j)] -= float(quantised.data()[i * columns + j]) * scale;
            quantise_row(row, rest_scale(scale), rests.mutable_data() + place * columns);
        }
        note(name + ".rows", quantised);
        note(name + ".scales", scales);
        note(name + ".rest_of_row", places);
        note(name + ".rests", rests);
        return Embedding(std::move(quantised), std::move(scales), std::move(places), std::move(rests), columns);
    }

   private:
    template <class Value>
    void note(const std::string& name, const Array<Value>& array) {
        if (made_ && !array.empty()) made_->push_back(section(name, array));
    }

    const Kernels& kernels_;
    const Precision precision_;
    const TensorMap& tensors_;
    const InputSamples& samples_;
    std::vector<Section>* made_;
};

class SamplingSource final : public Source {
   public:
    SamplingSource(const Kernels& kernels, const TensorMap& tensors, InputSamples& samples)
        : packing_(packing_source(kernels, Precision::bf16, tensors, none_, nullptr)), samples_(samples) {}

    Linear linear(const LinearPlan& plan) override {
        Linear layer = packing_->linear(plan);
        layer.record(&samples_.try_emplace(plan.name, plan.inputs).first->second);
        return layer;
    }
    Array<float> vector(const std::string& name, int64_t count) override { return packing_->vector(name, count); }
    Array<float> optional_vector(const std::string& name, int64_t count) override {
        return packing_->optional_vector(name, count);
    }
    Array<float> matrix(const std::string& name, int64_t rows, int64_t columns) override {
        return packing_->matrix(name, rows, columns);
    }
    Embedding embedding(const std::string& name, int64_t rows, int64_t columns) override {
        return packing_->embedding(name, rows, columns);
    }

   private:
    const InputSamples none_;
    const std::unique_ptr<Source> packing_;
    InputSamples& samples_;
};

class PackedSource final : public Source {
   public:
    PackedSource(const Kernels& kernels, Precision precision, const std::vector<Section>& sections)
        : kernels_(kernels), precision_(precision) {
        for (const Section& section : sections) sections_.insert_or_assign(section.name, section);
    }

    Linear linear(const LinearPlan& plan) override {
        int64_t panels = 0;
        for (const auto& part : plan.parts) panels += Linear::panels_of(part, plan.gated, kernels_.panel_columns);
        const int64_t columns = panels * kernels_.panel_columns;
        LinearWeights weights;
        weights.panels = find<uint8_t>(plan.name + ".panels",
                                       panels * Linear::bytes_per_panel(kernels_, precision_, plan.inputs));
        if (precision_ == Precision::int8) weights.column_scale = find<float>(plan.name + ".column_scale", columns);
        weights.bias = find_optional<float>(plan.name + ".bias", columns);
        weights.channel_scale = find_optional<float>(plan.name + ".channel_scale", plan.inputs);
        return Linear(kernels_, precision_, plan, std::move(weights));
    }

    Array<float> vector(const std::string& name, int64_t count) override { return find<float>(name, count); }
    Array<float> optional_vector(const std::string& name, int64_t count) override {
        return find_optional<float>(name, count);
    }
    Array<float> matrix(const std::string& name, int64_t rows, int64_t columns) override {
        return find<float>(name, rows * columns);
    }
    Embedding embedding(const std::string& name, int64_t rows, int64_t columns) override {
        if (precision_ == Precision::bf16) return Embedding(find<uint16_t>(name + ".halves", rows * columns), columns);
        Array<int32_t> places = find_optional<int32_t>(name + ".rest_of_row", rows);
        int64_t uneven = 0;
        for (int64_t i = 0; i < places.count(); ++i) uneven = std::max<int64_t>(uneven, places.data()[i] + 1);
        return Embedding(find<int8_t>(name + ".rows", rows * columns), find<float>(name + ".scales", rows),
                         std::move(places), find_optional<int8_t>(name + ".rests", uneven * columns), columns);
    }

   private:
    template <class Value>
    Array<Value> find_optional(const std::string& name, int64_t count) {
        return sections_.contains(name) ? find<Value>(name, count) : Array<Value>();
    }

    template <class Value>
    Array<Value> find(const std::string& name, int64_t count) {
        const auto found = sections_.find(name);
        if (found == sections_.end()) throw CheckpointFault("section '" + name + "' is missing");
        const int64_t bytes = count * int64_t(sizeof(Value));
        if (found->second.bytes != bytes) {
            throw CheckpointFault("section '" + name + "' has " + std::to_string(found->second.bytes) + " bytes, not " +
                                  std::to_string(bytes));
        }
        return Array<Value>(static_cast<const Value*>(found->second.data), count);
    }

    const Kernels& kernels_;
    const Precision precision_;
    std::map<std::string, Section> sections_;
};

}  // namespace

void Embedding::row(int64_t index, float* out) const {
    if (rows_.empty()) {
        tensor_.row_to_float(index, out);
        return;
    }
    const int8_t* values = rows_.data() + index * columns_;
    const float scale = scales_.data()[index];
    for (int64_t i = 0; i < columns_; ++i) out[i] = float(values[i]) * scale;
    const int32_t place = rest_of_row_.empty() ? -1 : rest_of_row_.data()[index];
    if (place < 0) return;
    const int8_t* rest = rests_.data() + place * columns_;
    for (int64_t i = 0; i < columns_; ++i) out[i] += float(rest[i]) * rest_scale(scale);
}

const Tensor& TensorMap::matrix(const std::string& name, int64_t rows, int64_t columns) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw CheckpointFault("tensor '" + name + "' is missing");
    const Tensor& tensor = found->second;
    if (tensor.rows != rows || tensor.columns != columns) {
        throw CheckpointFault("tensor '" + name + "' is " + shape_text(tensor) + ", but config.json asks for " +
                              std::to_string(rows) + " x " + std::to_string(columns));
    }
    return tensor;
}

std::unique_ptr<Source> packing_source(const Kernels& kernels, Precision precision, const TensorMap& tensors,
                                       const InputSamples& samples, std::vector<Section>* made) {
    return std::make_unique<PackingSource>(kernels, precision, tensors, samples, made);
}

std::unique_ptr<Source> sampling_source(const Kernels& kernels, const TensorMap& tensors, InputSamples& samples) {
    return std::make_unique<SamplingSource>(kernels, tensors, samples);
}

std::unique_ptr<Source> packed_source(const Kernels& kernels, Precision precision,
                                      const std::vector<Section>& sections) {
    return std::make_unique<PackedSource>(kernels, precision, sections);
}

}  // namespace samesay
