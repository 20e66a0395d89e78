#include "source.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <utility>

namespace samesay {

namespace {

// Where in a panel of 8-bit weights that of an input and a column lies: the sum of what each of the two decides.
int64_t byte_of_input(const Kernels& kernels, int64_t input) {
    const int64_t group = kernels.group, inputs = kernels.tile_inputs;
    return input / inputs * inputs * kernels.panel_columns + input % inputs / group * group * kernels.tile_columns +
           input % group;
}

int64_t byte_of_column(const Kernels& kernels, int64_t column) {
    const int64_t columns = kernels.tile_columns;
    return column / columns * columns * kernels.tile_inputs + column % columns * kernels.group;
}

constexpr float largest_quantised = 127.0f;
constexpr float largest_byte = 255.0f;
// Outputs of a matrix by which the smoothing of its inputs is judged.
constexpr int64_t judged_outputs = 24;
// An output to the residual stream whose weights are so many times as large as the median is kept in float, and so
// is a column of the embedding. In trained models that were measured, no output is 8 times as large.
constexpr float outlying_times = 12.0f;
// Rows by which the columns of an embedding are measured.
constexpr int64_t measured_rows = 4096;

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

double length_of(const std::vector<float>& row) {
    double squares = 0;
    for (float value : row) squares += double(value) * double(value);
    return std::sqrt(squares);
}

bool is_uneven(const std::vector<float>& row) {
    const double largest = double(scale_of(row.data(), int64_t(row.size())) * largest_quantised);
    return largest * std::sqrt(double(row.size())) > double(uneven_ratio) * length_of(row);
}

Array<int32_t> copy_of(const std::vector<int32_t>& values) {
    Array<int32_t> array(int64_t(values.size()));
    std::copy(values.begin(), values.end(), array.mutable_data());
    return array;
}

// The columns of an embedding that are far larger than the rest.
std::vector<int32_t> outlying_columns(const Tensor& tensor) {
    std::vector<float> sizes(size_t(tensor.columns)), row(size_t(tensor.columns));
    const int64_t step = std::max<int64_t>(1, tensor.rows / measured_rows);
    for (int64_t i = 0; i < tensor.rows; i += step) {
        tensor.row_to_float(i, row.data());
        // Not squares: one massive token does not make its columns outliers.
        for (size_t k = 0; k < row.size(); ++k) sizes[k] += std::fabs(row[k]);
    }
    return far_above(sizes, outlying_times);
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
        : kernels_(kernels), precision_(precision), plan_(plan), tensors_(tensors) {
        if (precision != Precision::int8) return;
        for (int64_t input = 0; input < plan.inputs; ++input) bytes_of_inputs_.push_back(byte_of_input(kernels, input));
    }

    // Chooses the outputs that are kept in float; says whether there are any.
    bool keep_outputs() {
        const MatrixPlan& matrix = plan_.parts.front().front();
        const Tensor& tensor = tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
        std::vector<float> sizes(size_t(matrix.outputs)), row(size_t(plan_.inputs));
        for (int64_t output = 0; output < matrix.outputs; ++output) {
            tensor.row_to_float(output, row.data());
            sizes[size_t(output)] = float(length_of(row));
        }
        kept_outputs_ = far_above(sizes, outlying_times);
        return !kept_outputs_.empty();
    }

    // Evens out the inputs before they are quantised, or keeps some in float, where that leaves less error.
    void smooth(const InputSample& sample) {
        std::vector<float> largest(size_t(plan_.inputs)), row(size_t(plan_.inputs));
        std::vector<std::vector<float>> judged;
        for (const auto& part : plan_.parts) {
            for (const MatrixPlan& matrix : part) {
                const Tensor& tensor = tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
                const int64_t step = std::max<int64_t>(1, matrix.outputs / judged_outputs);
                for (int64_t output = 0; output < matrix.outputs; ++output) {
                    tensor.row_to_float(output, row.data());
                    if (is_kept(output)) continue;
                    for (size_t k = 0; k < row.size(); ++k) largest[k] = std::max(largest[k], std::fabs(row[k]));
                    if (output % step == 0) judged.push_back(row);
                }
            }
        }
        scales_ = choose_scales(sample, judged, largest);
        for (size_t k = 0; k < scales_.size(); ++k) {
            if (scales_[k] == 0) kept_inputs_.push_back(int32_t(k));
        }
    }

    LinearWeights pack() {
        int64_t panels = 0;
        for (const auto& part : plan_.parts) {
            // Shapes first: a config may state sizes for which there is no memory, let alone a tensor.
            for (const MatrixPlan& matrix : part) tensors_.matrix(matrix.weight, matrix.outputs, plan_.inputs);
            panels += Linear::panels_of(part, plan_.gated, width());
        }
        weights_.panels = Array<uint8_t>(panels * panel_bytes());
        if (precision_ == Precision::int8) {
            for (Array<float>* of_columns : {&weights_.column_scale, &weights_.column_zero, &weights_.column_sum}) {
                *of_columns = Array<float>(panels * width());
            }
        }
        if (has_bias()) weights_.bias = Array<float>(panels * width());
        weights_.kept.inputs = copy_of(kept_inputs_);
        weights_.kept.columns = Array<float>(panels * width() * int64_t(kept_inputs_.size()));
        weights_.kept.outputs = copy_of(kept_outputs_);
        weights_.kept.rows = Array<float>(int64_t(kept_outputs_.size()) * plan_.inputs);
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
                           [](float scale) { return scale > 0 ? 1.0f / scale : 0; });
        }
        return std::move(weights_);
    }

   private:
    int64_t width() const { return kernels_.panel_columns; }
    int64_t panel_bytes() const { return Linear::bytes_per_panel(kernels_, precision_, plan_.inputs); }
    int64_t gated_column(size_t matrix, int64_t output) const {
        return (2 * (output / width()) + int64_t(matrix)) * width() + output % width();
    }

    // Outputs are kept only where the layer is one matrix, so that they are columns as packed.
    bool is_kept(int64_t output) const {
        return std::binary_search(kept_outputs_.begin(), kept_outputs_.end(), int32_t(output));
    }

    void keep_row(int64_t column) {
        const auto place = std::lower_bound(kept_outputs_.begin(), kept_outputs_.end(), int32_t(column));
        std::copy(row_.begin(), row_.end(),
                  weights_.kept.rows.mutable_data() + (place - kept_outputs_.begin()) * plan_.inputs);
        std::fill(row_.begin(), row_.end(), 0.0f);
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
        if (is_kept(column)) keep_row(column);
        const int64_t kept = int64_t(kept_inputs_.size());
        for (int64_t i = 0; i < kept; ++i) {
            weights_.kept.columns.mutable_data()[(column / width() * kept + i) * width() + j] =
                row_[size_t(kept_inputs_[size_t(i)])];
        }
        for (size_t k = 0; k < scales_.size(); ++k) row_[k] *= scales_[k];
        // The transform is its own inverse, so mixed weights meet mixed inputs in the same product.
        const int64_t block = Linear::mix_block_of(plan_, precision_);
        if (block > 1) kernels_.mix(row_.data(), plan_.inputs, block, row_.data());
        // The span holds zero, and zero is held exactly: a channel that is kept must add nothing.
        const float lowest = std::min(0.0f, *std::min_element(row_.begin(), row_.end()));
        const float highest = std::max(0.0f, *std::max_element(row_.begin(), row_.end()));
        const float scale = std::max((highest - lowest) / largest_byte, 1e-30f);
        const int zero = int(std::lrintf(-lowest / scale));
        int64_t sum = 0;
        uint8_t* of_column = panel + byte_of_column(kernels_, j);
        for (int64_t k = 0; k < plan_.inputs; ++k) {
            const int value = std::clamp(int(std::lrintf(row_[size_t(k)] / scale)) + zero, 0, int(largest_byte));
            sum += value - zero;
            of_column[bytes_of_inputs_[size_t(k)]] = uint8_t(value + kernels_.weight_shift);
        }
        weights_.column_scale.mutable_data()[column] = scale;
        weights_.column_zero.mutable_data()[column] = float(zero + kernels_.weight_shift);
        weights_.column_sum.mutable_data()[column] = scale * float(sum);
    }

    const Kernels& kernels_;
    const Precision precision_;
    const LinearPlan& plan_;
    const TensorMap& tensors_;
    LinearWeights weights_;
    std::vector<float> scales_;  // of the input channels, 0 for those that are kept; empty for ones
    std::vector<int32_t> kept_inputs_;
    std::vector<int32_t> kept_outputs_;
    std::vector<int64_t> bytes_of_inputs_;  // int8: where in a panel the weights of an input begin
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
        if (precision_ == Precision::int8 && plan.to_stream && packer.keep_outputs()) keeping_.insert(plan.name);
        if (precision_ == Precision::int8 && (plan.careful || keeping_.contains(plan.careful_with))) {
            Packer careful(kernels_, Precision::bf16, plan, tensors_);
            return noted(plan, Linear(kernels_, Precision::bf16, plan, careful.pack()));
        }
        // Mixed inputs are even already, and a scale of theirs would belong to mixed channels.
        const auto sample = samples_.find(plan.name);
        if (sample != samples_.end() && !plan.mixed) packer.smooth(sample->second);
        return noted(plan, Linear(kernels_, precision_, plan, packer.pack()));
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
        QuantisedEmbedding made{Array<int8_t>(rows * columns), Array<float>(rows), {}, {},
                                copy_of(outlying_columns(tensor)), {}, columns};
        const int64_t kept = made.kept.count();
        made.kept_values = Array<float>(rows * kept);
        std::vector<int32_t> rest_of_row(size_t(rows), -1);
        int32_t uneven = 0;
        each_row([&](int64_t i) {
            for (int64_t k = 0; k < kept; ++k) {
                made.kept_values.mutable_data()[i * kept + k] = std::exchange(row[size_t(made.kept.data()[k])], 0.0f);
            }
            made.scales.mutable_data()[i] = scale_of(row.data(), columns);
            quantise_row(row, made.scales.data()[i], made.rows.mutable_data() + i * columns);
            if (is_uneven(row)) rest_of_row[size_t(i)] = uneven++;
        });
        if (uneven) {
            made.rest_of_row = copy_of(rest_of_row);
            made.rests = Array<int8_t>(uneven * columns);
        }
        for (int64_t i = 0; i < made.rest_of_row.count(); ++i) {
            const int32_t place = rest_of_row[size_t(i)];
            if (place < 0) continue;
            tensor.row_to_float(i, row.data());
            for (int64_t k = 0; k < kept; ++k) row[size_t(made.kept.data()[k])] = 0;
            const float scale = made.scales.data()[i];
            for (int64_t j = 0; j < columns; ++j) row[size_t(j)] -= float(made.rows.data()[i * columns + j]) * scale;
            quantise_row(row, rest_scale(scale), made.rests.mutable_data() + place * columns);
        }
        note(name + ".rows", made.rows);
        note(name + ".scales", made.scales);
        note(name + ".rest_of_row", made.rest_of_row);
        note(name + ".rests", made.rests);
        note(name + ".kept", made.kept);
        note(name + ".kept_values", made.kept_values);
        return Embedding(std::move(made));
    }

   private:
    Linear noted(const LinearPlan& plan, Linear layer) {
        const LinearWeights& weights = layer.weights();
        note(plan.name + ".panels", weights.panels);
        note(plan.name + ".column_scale", weights.column_scale);
        note(plan.name + ".column_zero", weights.column_zero);
        note(plan.name + ".column_sum", weights.column_sum);
        note(plan.name + ".bias", weights.bias);
        note(plan.name + ".channel_scale", weights.channel_scale);
        note(plan.name + ".kept_inputs", weights.kept.inputs);
        note(plan.name + ".kept_columns", weights.kept.columns);
        note(plan.name + ".kept_outputs", weights.kept.outputs);
        note(plan.name + ".kept_rows", weights.kept.rows);
        return layer;
    }

    template <class Value>
    void note(const std::string& name, const Array<Value>& array) {
        if (made_ && !array.empty()) made_->push_back(section(name, array));
    }

    const Kernels& kernels_;
    const Precision precision_;
    const TensorMap& tensors_;
    const InputSamples& samples_;
    std::vector<Section>* made_;
    std::set<std::string> keeping_;  // the layers so far that keep outputs in float
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
        // Some layers are held in bfloat16 where the others are in 8 bits; they have no scales.
        const bool has_scales = sections_.contains(plan.name + ".column_scale");
        const Precision precision = precision_ == Precision::int8 && !has_scales ? Precision::bf16 : precision_;
        LinearWeights weights;
        weights.panels = find<uint8_t>(plan.name + ".panels",
                                       panels * Linear::bytes_per_panel(kernels_, precision, plan.inputs));
        if (precision == Precision::int8) {
            weights.column_scale = find<float>(plan.name + ".column_scale", columns);
            weights.column_zero = find<float>(plan.name + ".column_zero", columns);
            weights.column_sum = find<float>(plan.name + ".column_sum", columns);
        }
        weights.bias = find_optional<float>(plan.name + ".bias", columns);
        weights.channel_scale = find_optional<float>(plan.name + ".channel_scale", plan.inputs);
        weights.kept.inputs = find_kept(plan.name + ".kept_inputs", plan.inputs);
        weights.kept.columns = find_some<float>(plan.name + ".kept_columns", columns * weights.kept.inputs.count());
        weights.kept.outputs = find_kept(plan.name + ".kept_outputs", columns);
        weights.kept.rows = find_some<float>(plan.name + ".kept_rows", plan.inputs * weights.kept.outputs.count());
        return Linear(kernels_, precision, plan, std::move(weights));
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
        QuantisedEmbedding found{find<int8_t>(name + ".rows", rows * columns),
                                 find<float>(name + ".scales", rows),
                                 std::move(places),
                                 find_optional<int8_t>(name + ".rests", uneven * columns),
                                 find_kept(name + ".kept", columns),
                                 {},
                                 columns};
        found.kept_values = find_some<float>(name + ".kept_values", rows * found.kept.count());
        return Embedding(std::move(found));
    }

   private:
    template <class Value>
    Array<Value> find_optional(const std::string& name, int64_t count) {
        return sections_.contains(name) ? find<Value>(name, count) : Array<Value>();
    }

    // Empty where nothing is asked for.
    template <class Value>
    Array<Value> find_some(const std::string& name, int64_t count) {
        return count > 0 ? find<Value>(name, count) : Array<Value>();
    }

    // Places below `limit`, at most as many as are ever kept.
    Array<int32_t> find_kept(const std::string& name, int64_t limit) {
        const auto found = sections_.find(name);
        if (found == sections_.end()) return {};
        const int64_t count = std::min(found->second.bytes / int64_t(sizeof(int32_t)), most_kept);
        Array<int32_t> places = find<int32_t>(name, count);
        for (int64_t i = 0; i < count; ++i) {
            if (places.data()[i] < 0 || places.data()[i] >= limit) {
                throw CheckpointFault("section '" + name + "' names " + std::to_string(places.data()[i]) + " of " +
                                      std::to_string(limit));
            }
        }
        return places;
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

void QuantisedEmbedding::row(int64_t index, float* out) const {
    const int8_t* values = rows.data() + index * columns;
    const float scale = scales.data()[index];
    for (int64_t i = 0; i < columns; ++i) out[i] = float(values[i]) * scale;
    const int32_t place = rest_of_row.empty() ? -1 : rest_of_row.data()[index];
    if (place >= 0) {
        const int8_t* rest = rests.data() + place * columns;
        for (int64_t i = 0; i < columns; ++i) out[i] += float(rest[i]) * rest_scale(scale);
    }
    for (int64_t k = 0; k < kept.count(); ++k) out[kept.data()[k]] = kept_values.data()[index * kept.count() + k];
}

void Embedding::row(int64_t index, float* out) const {
    if (quantised_.rows.empty()) {
        tensor_.row_to_float(index, out);
    } else {
        quantised_.row(index, out);
    }
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
