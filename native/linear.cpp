#include "linear.hpp"

#include <algorithm>
#include <cstring>

namespace samesay {

namespace {

// Rows of inputs that stay in the second-level cache while the panels pass by; processors with tiles have a larger one.
constexpr int64_t cached_input_bytes = 384 << 10;
constexpr int64_t cached_input_bytes_of_tiles = 1 << 20;
constexpr int64_t most_rows_of_block = 384;
constexpr int64_t largest_mix_block = 128;
// A row whose values span twice so many times its root mean square keeps its rest in a second 8-bit row.
constexpr float outlier_ratio = 8.0f;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// The next panel, fetched while this one is at work, a share of it beside each of the first tiles.
class Fetching {
   public:
    Fetching(const uint8_t* ahead, int64_t bytes) : ahead_(ahead), bytes_(bytes), quarters_(ahead ? 4 : 0) {}

    // Lines to fetch at every step of the next of `left` tiles: all that is left beside the last tile, half beside
    // one of the last two or three, else a quarter.
    int lines(int64_t left) const {
        const bool hurries = left <= 3 && quarters_ == 4;
        return left == 1 ? quarters_ : hurries ? 2 : std::min(quarters_, 1);
    }

    const uint8_t* take(int lines) {
        const uint8_t* from = ahead_;
        if (lines > 0) ahead_ += lines * bytes_ / 4;
        quarters_ -= lines;
        return from;
    }

   private:
    const uint8_t* ahead_;
    int64_t bytes_;
    int quarters_;
};

}  // namespace

int64_t Linear::panels_of(const std::vector<MatrixPlan>& part, bool gated, int64_t width) {
    int64_t outputs = 0, padded = 0;
    for (const MatrixPlan& matrix : part) {
        outputs += matrix.outputs;
        padded += round_up(matrix.outputs, width);
    }
    return (gated ? padded : round_up(outputs, width)) / width;
}

int64_t Linear::bytes_per_panel(const Kernels& kernels, Precision precision, int64_t inputs) {
    const int64_t columns = kernels.panel_columns;
    if (precision == Precision::int8) return round_up(inputs, kernels.tile_inputs) * columns;
    return inputs * columns * (precision == Precision::fp32 ? 4 : 2);
}

int64_t Linear::mix_block_of(const LinearPlan& plan, Precision precision) {
    if (!plan.mixed || precision != Precision::int8) return 1;
    int64_t block = 1;
    while (block < largest_mix_block && plan.inputs % (2 * block) == 0) block *= 2;
    return block;
}

bool Linear::pairs(const Kernels& kernels, Precision precision, int64_t inputs) {
    return precision == Precision::bf16 && kernels.tile_panel_pairs && inputs % 2 == 0;
}

Linear::Linear(const Kernels& kernels, Precision precision, const LinearPlan& plan, LinearWeights weights)
    : kernels_(kernels),
      precision_(precision),
      inputs_(plan.inputs),
      panel_bytes_(bytes_per_panel(kernels, precision, plan.inputs)),
      mix_block_(mix_block_of(plan, precision)),
      panels_of_unit_(plan.gated ? 2 : 1),
      paired_(pairs(kernels, precision, plan.inputs)),
      weights_(std::move(weights)) {
    int64_t panel = 0;
    for (const std::vector<MatrixPlan>& part : plan.parts) {
        const int64_t panels = panels_of(part, plan.gated, kernels.panel_columns);
        int64_t outputs = 0;
        for (const MatrixPlan& matrix : part) outputs += matrix.outputs;
        parts_.push_back({panel, panels, plan.gated ? outputs / 2 : outputs});
        panel += panels;
    }
}

Linear::Share Linear::share_of(int id, int threads, int64_t rows, size_t part) const {
    // Few rows: each thread takes panels, so that every weight is read by one. Many rows: each takes rows, the same
    // that it has taken before, which are then still in its cache. Between the two, the team is a grid.
    int64_t row_shares = 1;
    for (int64_t divisor = 2; divisor <= threads; ++divisor) {
        if (threads % divisor == 0 && rows / divisor >= fewest_own_rows) row_shares = divisor;
    }
    const int64_t panel_shares = threads / row_shares;
    const int64_t r = id / panel_shares, p = id % panel_shares;
    const int64_t units = parts_[part].panels / panels_of_unit_;
    return {{rows * r / row_shares, rows * (r + 1) / row_shares},
            units * p / panel_shares,
            units * (p + 1) / panel_shares};
}

const uint8_t* Linear::first_weights(const Team& team, int64_t rows, size_t part) const {
    const Share share = share_of(team.id(), team.size(), rows, part);
    return weights_of(parts_[part].first_panel + panels_of_unit_ * share.first_unit);
}

void Linear::multiply(Team& team, Inputs& inputs, int64_t rows, size_t part, Store store, float* out,
                      int64_t out_stride, const uint8_t* following) const {
    const int64_t row_bytes = precision_ == Precision::int8 ? inputs_ * kernels_.quantised_bytes : inputs_ * 4;
    const int64_t cached = kernels_.panel_int8 ? cached_input_bytes_of_tiles : cached_input_bytes;
    const int64_t fitting = cached / row_bytes / kernels_.tile_rows * kernels_.tile_rows;
    const int64_t most = std::clamp<int64_t>(fitting, kernels_.tile_rows, most_rows_of_block);
    const auto blocks_of = [&](const Share& share) { return (share.rows.end - share.rows.begin + most - 1) / most; };
    const Share own = share_of(team.id(), team.size(), rows, part);
    const int64_t own_tasks = blocks_of(own) * (own.last_unit - own.first_unit);
    float* scratch = inputs.scratch_[size_t(team.id())].gated.data();
    team.divide(own_tasks, [&](int owner, int64_t task) {
        const Share share = owner == team.id() ? own : share_of(owner, team.size(), rows, part);
        const int64_t units = share.last_unit - share.first_unit, count = share.rows.end - share.rows.begin;
        const int64_t blocks = blocks_of(share), b = task / units, unit = share.first_unit + task % units;
        const Block block{share.rows.begin + count * b / blocks, share.rows.begin + count * (b + 1) / blocks};
        const uint8_t* ahead = nullptr;
        if (owner == team.id()) {
            const int64_t next = share.first_unit + (task + 1) % units;
            ahead = task + 1 == own_tasks ? following
                                          : weights_of(parts_[part].first_panel + panels_of_unit_ * next);
        }
        multiply_unit(inputs, block, part, unit, store, scratch, out, out_stride, ahead);
    });
}

void Linear::multiply_unit(Inputs& inputs, const Block& rows, size_t part, int64_t unit, Store store, float* scratch,
                           float* out, int64_t out_stride, const uint8_t* ahead) const {
    const Part& chosen = parts_[part];
    const int64_t width = kernels_.panel_columns, first = chosen.first_panel + panels_of_unit_ * unit;
    const int columns = int(std::min(width, chosen.outputs - unit * width));
    float* target = out + unit * width;
    if (store == Store::gated) {
        multiply_gated(inputs, rows, first, columns, scratch, target, out_stride, ahead);
        return;
    }
    multiply_panel(inputs, rows, first, columns, store == Store::add, target, out_stride, ahead);
    if (store != Store::gelu) return;
    for (int64_t row = rows.begin; row < rows.end; ++row) kernels_.gelu(target + row * out_stride, columns);
}

void Linear::multiply_gated(Inputs& inputs, const Block& rows, int64_t pair, int columns, float* scratch, float* out,
                            int64_t out_stride, const uint8_t* ahead) const {
    const int64_t width = kernels_.panel_columns;
    float* gate = scratch - rows.begin * 2 * width;
    multiply_panel(inputs, rows, pair, columns, false, gate, 2 * width, weights_of(pair + 1));
    multiply_panel(inputs, rows, pair + 1, columns, false, gate + width, 2 * width, ahead);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const float* values = gate + row * 2 * width;
        kernels_.silu_multiply(values, values + width, columns, out + row * out_stride);
    }
}

void Linear::multiply_panel(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate, float* out,
                            int64_t out_stride, const uint8_t* ahead) const {
    if (precision_ == Precision::int8) {
        multiply_panel_int8(inputs, rows, panel, columns, accumulate, out, out_stride, ahead);
        return;
    }
    if (paired_) {
        multiply_panel_pairs(inputs, rows, panel, columns, accumulate, out, out_stride, ahead);
        return;
    }
    const int64_t width = kernels_.panel_columns;
    const uint8_t* weights = weights_of(panel);
    const float* bias = weights_.bias.empty() ? nullptr : weights_.bias.data() + panel * width;
    for (int64_t row = rows.begin; row < rows.end; row += kernels_.tile_rows) {
        const int count = int(std::min<int64_t>(kernels_.tile_rows, rows.end - row));
        const float* x = inputs.floats_.data() + row * inputs_;
        float* target = out + row * out_stride;
        if (precision_ == Precision::fp32) {
            kernels_.tile(count, columns, inputs_, x, inputs_, reinterpret_cast<const float*>(weights), width, bias,
                          accumulate, target, out_stride);
        } else {
            kernels_.tile_bf16(count, columns, inputs_, x, inputs_, reinterpret_cast<const uint16_t*>(weights), bias,
                               accumulate, target, out_stride);
        }
    }
}

void Linear::multiply_panel_pairs(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate,
                                  float* out, int64_t out_stride, const uint8_t* ahead) const {
    const int64_t width = kernels_.panel_columns, count = rows.end - rows.begin;
    const auto* weights = reinterpret_cast<const uint32_t*>(weights_of(panel));
    const float* bias = weights_.bias.empty() ? nullptr : weights_.bias.data() + panel * width;
    const uint16_t* halves = inputs.halves_.data() + rows.begin * inputs_;
    if (kernels_.panel_pairs && kernels_.panel_pairs(count, columns, inputs_ / 2, halves, inputs_, weights, bias,
                                                     accumulate, out + rows.begin * out_stride, out_stride, ahead)) {
        return;
    }
    const int64_t tiles = (count + kernels_.tile_rows - 1) / kernels_.tile_rows;
    Fetching fetching(ahead, panel_bytes_);
    for (int64_t t = 0; t < tiles; ++t) {
        const int64_t begin = rows.begin + count * t / tiles, end = rows.begin + count * (t + 1) / tiles;
        const int lines = fetching.lines(tiles - t);
        kernels_.tile_panel_pairs(int(end - begin), columns, inputs_ / 2, inputs.halves_.data() + begin * inputs_,
                                  inputs_, weights, bias, accumulate, out + begin * out_stride, out_stride,
                                  fetching.take(lines), lines);
    }
}

void Linear::multiply_panel_int8(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate,
                                 float* out, int64_t out_stride, const uint8_t* ahead) const {
    constexpr int most = 8;
    const int64_t width = kernels_.panel_columns;
    const uint8_t* weights = weights_of(panel);
    const int64_t column = panel * width;
    const float* bias = weights_.bias.empty() ? nullptr : weights_.bias.data() + column;
    const PanelColumns held{weights_.column_scale.data() + column, weights_.column_zero.data() + column,
                            weights_.column_sum.data() + column, bias};
    PanelColumns held_of_residuals = held;
    held_of_residuals.bias = nullptr;
    const QuantisedRow* a[most];
    float* c[most];
    const int64_t count = rows.end - rows.begin;
    const QuantisedRow* first = &inputs.rows_[size_t(rows.begin)];
    const bool done =
        kernels_.panel_int8 && kernels_.panel_int8(count, columns, inputs_, first, weights, held, accumulate,
                                                   out + rows.begin * out_stride, out_stride, ahead);
    const int64_t tiles = done ? 0 : (count + kernels_.tile_rows - 1) / kernels_.tile_rows;
    Fetching fetching(ahead, panel_bytes_);
    for (int64_t t = 0; t < tiles; ++t) {
        const int64_t begin = rows.begin + count * t / tiles, end = rows.begin + count * (t + 1) / tiles;
        for (int64_t row = begin; row < end; ++row) {
            a[row - begin] = &inputs.rows_[size_t(row)];
            c[row - begin] = out + row * out_stride;
        }
        const int lines = fetching.lines(tiles - t);
        kernels_.tile_int8(int(end - begin), columns, inputs_, a, weights, held, accumulate, c,
                           fetching.take(lines), lines);
    }
    int waiting = 0;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        if (inputs.has_residual_[size_t(row)]) {
            a[waiting] = &inputs.residuals_[size_t(row)];
            c[waiting++] = out + row * out_stride;
        }
        if (waiting == kernels_.tile_rows || (waiting > 0 && row + 1 == rows.end)) {
            kernels_.tile_int8(waiting, columns, inputs_, a, weights, held_of_residuals, true, c, weights, 0);
            waiting = 0;
        }
    }
    inputs.kept_.add(kernels_, weights_.kept, rows.begin, rows.end, panel, columns, out, out_stride);
}

void Inputs::reserve(const Linear& layer, int64_t rows) {
    for (Scratch& scratch : scratch_) {
        scratch.row.reserve(layer.inputs());
        scratch.gated.reserve(most_rows_of_block * 2 * kernels_.panel_columns);
    }
    if (layer.paired()) {
        halves_.reserve(rows * layer.inputs());
        return;
    }
    if (layer.precision() != Precision::int8) {
        floats_.reserve(rows * layer.inputs());
        return;
    }
    const int64_t bytes = std::max(block_bytes_, rows * round_up(layer.inputs() * kernels_.quantised_bytes, 64));
    quantised_.reserve(2 * bytes);
    block_bytes_ = bytes;
    const int64_t count = std::max(rows, int64_t(rows_.size()));
    kept_.reserve(count);
    rows_.resize(size_t(count));
    residuals_.resize(size_t(count));
    has_residual_.resize(size_t(count));
}

float* Inputs::place(const Team& team, const Linear& layer, int64_t row) {
    const bool as_it_is = layer.precision() != Precision::int8 && !layer.paired();
    return as_it_is ? floats_.data() + row * layer.inputs() : scratch_[size_t(team.id())].row.data();
}

void Inputs::set(const Team& team, const Linear& layer, int64_t row) {
    take(team, layer, row, place(team, layer, row));
}

void Inputs::set_rows(Team& team, const Linear& layer, const float* from, int64_t rows) {
    team.divide_items(rows, [&](int64_t begin, int64_t end) { set_some(team, layer, from, begin, end); });
}

void Inputs::set_some(const Team& team, const Linear& layer, const float* from, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) take(team, layer, row, from + row * layer.inputs());
}

void Inputs::take(const Team& team, const Linear& layer, int64_t row, const float* x) {
    const int64_t width = layer.inputs();
    if (layer.precision() == Precision::int8) {
        quantise(team, layer, row, x);
        return;
    }
    if (layer.sample()) layer.sample()->take(row, x);
    if (layer.paired()) {
        kernels_.to_bf16(x, width, halves_.data() + row * width);
    } else if (x != floats_.data() + row * width) {
        std::memcpy(floats_.data() + row * width, x, size_t(width) * sizeof(float));
    }
}

void Inputs::quantise(const Team& team, const Linear& layer, int64_t row, const float* x) {
    kept_.set(kernels_, layer.weights().kept, row, x, layer.inputs());
    if (layer.mix_block() > 1) {
        float* mixed = scratch_[size_t(team.id())].row.data();
        kernels_.mix(x, layer.inputs(), layer.mix_block(), mixed);
        x = mixed;
    }
    // Rows of a layer lie close together: fewer pages to find than with the longest row's distance.
    const int64_t stride = round_up(layer.inputs() * kernels_.quantised_bytes, 64);
    rows_[size_t(row)].values = quantised_.data() + row * stride;
    residuals_[size_t(row)].values = quantised_.data() + block_bytes_ + row * stride;
    const Array<float>& channel_scale = layer.weights().channel_scale;
    has_residual_[size_t(row)] =
        kernels_.quantise(x, channel_scale.empty() ? nullptr : channel_scale.data(), layer.inputs(), outlier_ratio,
                          &rows_[size_t(row)], &residuals_[size_t(row)]);
}

}  // namespace samesay
