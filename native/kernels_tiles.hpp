// Products in tile registers (AMX): panels of 8-bit weights, panels of bfloat16 pairs, and attention. Part of
// kernels_body.hpp.
//
// A tile holds 16 rows of 64 bytes. One step multiplies 16 rows of 64 bytes of inputs by 16 columns of 64 bytes of
// weights, which lie in panels and in blocks of keys as such a tile wants them. What becomes of a row depends on its own
// bytes and the order of the steps alone.
#pragma once

#include "kernels_int8.hpp"
#include "kernels_pairs.hpp"
#include "simd.hpp"

namespace {

using samesay::PairBlocks;

constexpr int tile_height = 16;
constexpr int step_bytes = 64;
// Rows that two tiles of inputs hold; four tiles of sums then take every tile that is loaded twice.
constexpr int tiled_rows = 2 * tile_height;
// Pairs of bfloat16 values in one step.
constexpr int tiled_pairs = step_bytes / 4;

// As assembly, because gcc 11 and 12 do not tell the optimiser what their intrinsics read.
template <int Tile>
inline void load_tile(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile));
}

template <int Tile>
inline void store_tile(void* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
}

template <int Tile>
inline void clear_tile() {
    asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
}

struct BytesBySigned {
    template <int Sums, int Inputs, int Weights>
    static void multiply() {
        asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sums), "i"(Inputs), "i"(Weights));
    }
};

struct PairsOfHalves {
    template <int Sums, int Inputs, int Weights>
    static void multiply() {
        asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sums), "i"(Inputs), "i"(Weights));
    }
};

// Tiles 0 to 3 are sums, 4 and 5 inputs, 6 and 7 weights. With up to 16 rows all sums belong to the first tile of inputs;
// with more, 0 and 1 belong to the first, 2 and 3 to the second.
struct alignas(64) TileShapes {
    uint8_t palette = 1;
    uint8_t start = 0;
    uint8_t reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
};

// Rows of the two tiles of inputs that this thread's tiles are shaped for, 0 for none. Shaping them takes as long as a dozen
// products, so they keep their shape from one product to the next, until the thread gives them up.
thread_local int shaped_rows = 0;

inline void shape_tiles(int rows) {
    if (rows == shaped_rows) return;
    shaped_rows = rows;
    const int first = rows < tile_height ? rows : tile_height;
    const int second = rows > tile_height ? rows - tile_height : first;
    TileShapes shapes;
    for (int tile = 0; tile < 8; ++tile) shapes.bytes[tile] = step_bytes;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = uint8_t(first);
    shapes.rows[2] = shapes.rows[3] = shapes.rows[5] = uint8_t(second);
    shapes.rows[6] = shapes.rows[7] = tile_height;
    asm volatile("ldtilecfg %0" ::"m"(shapes) : "memory");
}

// What a thread holds in tiles is saved whenever it leaves the core, and others who compute in it shape them anew.
void release_tiles_of_thread() {
    if (shaped_rows > 0) asm volatile("tilerelease");
    shaped_rows = 0;
}

// Reads on in the weights that come next, in several places at once: the memory gives more when asked for several pages
// together. Its lines are shared out over the steps of the work beside it.
class FetchingBeside {
   public:
    FetchingBeside(const void* ahead, int64_t lines, int64_t steps)
        : ahead_(static_cast<const char*>(ahead)), stream_(lines / streams * 64), due_(ahead ? lines / streams : 0),
          steps_(steps) {}

    void step() {
        for (owed_ += due_; owed_ >= steps_; owed_ -= steps_) {
#pragma GCC unroll 8
            for (int i = 0; i < streams; ++i) __builtin_prefetch(ahead_ + i * stream_, 0, 2);
            ahead_ += 64;
        }
    }

   private:
    static constexpr int streams = 8;
    const char* ahead_;
    int64_t stream_;
    int64_t due_;
    int64_t steps_;
    int64_t owed_ = 0;
};

// Weights in memory: where a tile's next row is, the next tile of columns, and the tile of the next step.
struct WeightTiles {
    const char* first;
    int64_t row;
    int64_t columns;
    int64_t step;
};

// Products of up to 16 rows with `Columns` tiles of columns: into tiles 0 to 3.
template <class Product, int Columns, class Beside>
inline void multiply_one(int64_t steps, const char* a, int64_t a_stride, const WeightTiles& weights, Beside&& beside) {
    const char* b = weights.first;
    for (int64_t s = 0; s < steps; ++s, a += step_bytes, b += weights.step) {
        load_tile<4>(a, a_stride);
        load_tile<6>(b, weights.row);
        Product::template multiply<0, 4, 6>();
        if constexpr (Columns > 1) {
            load_tile<7>(b + weights.columns, weights.row);
            Product::template multiply<1, 4, 7>();
        }
        if constexpr (Columns > 2) {
            load_tile<6>(b + 2 * weights.columns, weights.row);
            Product::template multiply<2, 4, 6>();
        }
        if constexpr (Columns > 3) {
            load_tile<7>(b + 3 * weights.columns, weights.row);
            Product::template multiply<3, 4, 7>();
        }
        beside();
    }
}

// Products of 17 to 32 rows with one or two tiles of columns.
template <class Product, int Columns, class Beside>
inline void multiply_two(int64_t steps, const char* a, int64_t a_stride, const WeightTiles& weights, Beside&& beside) {
    const char* second = a + tile_height * a_stride;
    const char* b = weights.first;
    for (int64_t s = 0; s < steps; ++s, a += step_bytes, second += step_bytes, b += weights.step) {
        load_tile<6>(b, weights.row);
        load_tile<4>(a, a_stride);
        Product::template multiply<0, 4, 6>();
        if constexpr (Columns > 1) {
            load_tile<7>(b + weights.columns, weights.row);
            Product::template multiply<1, 4, 7>();
        }
        load_tile<5>(second, a_stride);
        Product::template multiply<2, 5, 6>();
        if constexpr (Columns > 1) Product::template multiply<3, 5, 7>();
        beside();
    }
}

inline void clear_sums() {
    clear_tile<0>();
    clear_tile<1>();
    clear_tile<2>();
    clear_tile<3>();
}

// All rows of a block times a panel of 64 columns. `finish` takes over the sums of a row, some
// vectors at a time: it runs beside the products of the rows that follow, which leave the other units of the core idle.
template <class Product, class Finish>
inline void multiply_block(int64_t rows, int64_t steps, const char* a, int64_t a_stride, WeightTiles panel,
                           const void* ahead, Finish finish) {
    constexpr int half = panel_vectors / 2;
    alignas(64) float sums[2][tiled_rows * panel_columns];
    const int64_t blocks = (rows + tiled_rows - 1) / tiled_rows;
    asm volatile("" ::: "memory");
    const bool narrow = rows <= tile_height;
    FetchingBeside fetching(ahead, 16 * steps * 4, narrow ? steps : 2 * blocks * steps);
    // What waits to be finished: `count` rows from `first` on, at vector `vector`.
    int64_t first = 0, done = 0, count = 0;
    int vector = 0, side = 0;
    const auto finish_rows = [&](int64_t some) {
        for (; some > 0 && done < count; --some, ++done) {
            finish.template finish<half>(first + done, vector, sums[side ^ 1] + done * half * lanes);
        }
    };
    if (narrow) {
        shape_tiles(int(rows));
        clear_sums();
        multiply_one<Product, 4>(steps, a, a_stride, panel, [&] { fetching.step(); });
        float* out = sums[0];
        constexpr int64_t stride = 4 * panel_columns;
        store_tile<0>(out, stride);
        store_tile<1>(out + lanes, stride);
        store_tile<2>(out + 2 * lanes, stride);
        store_tile<3>(out + 3 * lanes, stride);
        for (int64_t row = 0; row < rows; ++row) finish.template finish<panel_vectors>(row, 0, out + row * panel_columns);
        return;
    }
    for (int64_t block = 0; block < blocks; ++block) {
        const int64_t begin = block * tiled_rows, height = rows - begin < tiled_rows ? rows - begin : tiled_rows;
        const int64_t each = (tiled_rows + steps - 1) / steps;
        shape_tiles(int(height));
        for (int v = 0; v < panel_vectors; v += half, side ^= 1) {
            const char* from = a + begin * a_stride;
            WeightTiles weights = panel;
            weights.first += v * panel.columns;
            clear_sums();
            const auto beside = [&] {
                fetching.step();
                finish_rows(each);
            };
            constexpr int64_t stride = 4 * half * lanes;
            if (height <= tile_height) {
                multiply_one<Product, half>(steps, from, a_stride, weights, beside);
            } else {
                multiply_two<Product, half>(steps, from, a_stride, weights, beside);
            }
            finish_rows(count);
            float* out = sums[side];
            store_tile<0>(out, stride);
            store_tile<1>(out + lanes, stride);
            if (height > tile_height) {
                store_tile<2>(out + tile_height * half * lanes, stride);
                store_tile<3>(out + tile_height * half * lanes + lanes, stride);
            }
            first = begin;
            count = height;
            done = 0;
            vector = v;
        }
    }
    finish_rows(count);
}

// Two vectors of a row's sums become outputs, or four. Everything is read before anything is written, which the compiler
// could not know to be somewhere else.
struct FinishInt8 {
    PanelColumns held;
    const QuantisedRow* rows;
    int columns;
    bool accumulate;
    float* c;
    int64_t c_stride;

    template <int Vectors>
    void finish(int64_t row, int vector, const float* sums) const {
        const int column = vector * lanes;
        float* out = c + row * c_stride + column;
        if (columns < column + Vectors * lanes) {
            for (int v = 0; v < Vectors; ++v) {
                Whole products;
                __builtin_memcpy(&products, sums + v * lanes, sizeof products);
                finish_int8(products, rows[row], vector + v, columns, held, accumulate, c + row * c_stride);
            }
            return;
        }
        const RowFactors factors(rows[row]);
        Floats results[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            Whole products;
            __builtin_memcpy(&products, sums + v * lanes, sizeof products);
            results[v] = value_of(products, factors, column + v * lanes, held);
        }
        if (held.bias) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) results[v] += load(held.bias + column + v * lanes);
        }
        if (accumulate) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) results[v] += load(out + v * lanes);
        }
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) store(out + v * lanes, results[v]);
    }
};

bool panel_int8_tiled(int64_t rows, int columns, int64_t depth, const QuantisedRow* a, const uint8_t* panel,
                      const PanelColumns& held, bool accumulate, float* c, int64_t c_stride, const void* ahead) {
    if (depth % tile_inputs != 0) return false;
    const char* values = static_cast<const char*>(a[0].values);
    const int64_t a_stride = rows > 1 ? static_cast<const char*>(a[1].values) - values : 0;
    constexpr int64_t tile_bytes = tile_inputs * tile_columns;
    const WeightTiles weights{reinterpret_cast<const char*>(panel), step_bytes, tile_bytes, panel_vectors * tile_bytes};
    multiply_block<BytesBySigned>(rows, depth / tile_inputs, values, a_stride, weights, ahead,
                                  FinishInt8{held, a, columns, accumulate, c, c_stride});
    return true;
}

struct FinishPairs {
    const float* bias;
    int columns;
    bool accumulate;
    float* c;
    int64_t c_stride;

    template <int Vectors>
    void finish(int64_t row, int vector, const float* sums) const {
        for (int v = 0; v < Vectors; ++v) {
            put_outputs(load(sums + v * lanes), (vector + v) * lanes, columns, bias, accumulate, c + row * c_stride);
        }
    }
};

bool panel_pairs_tiled(int64_t rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride,
                       const uint32_t* panel, const float* bias, bool accumulate, float* c, int64_t c_stride,
                       const void* ahead) {
    if (pairs % tiled_pairs != 0) return false;
    constexpr int64_t row_bytes = 4 * panel_columns;
    const WeightTiles weights{reinterpret_cast<const char*>(panel), row_bytes, 4 * lanes, tiled_pairs * row_bytes};
    multiply_block<PairsOfHalves>(rows, pairs / tiled_pairs, reinterpret_cast<const char*>(a), 2 * a_stride, weights,
                                  ahead, FinishPairs{bias, columns, accumulate, c, c_stride});
    return true;
}

template <int Columns>
inline void begin_sums(const float* c, int64_t stride, bool accumulate, bool second) {
    if (!accumulate) {
        clear_sums();
        return;
    }
    const float* below = c + tile_height * stride;
    load_tile<0>(c, 4 * stride);
    if constexpr (Columns > 1) load_tile<1>(c + lanes, 4 * stride);
    if (second) load_tile<2>(below, 4 * stride);
    if (second && Columns > 1) load_tile<3>(below + lanes, 4 * stride);
}

template <int Columns>
inline void keep_sums(float* c, int64_t stride, bool second) {
    float* below = c + tile_height * stride;
    store_tile<0>(c, 4 * stride);
    if constexpr (Columns > 1) store_tile<1>(c + lanes, 4 * stride);
    if (second) store_tile<2>(below, 4 * stride);
    if (second && Columns > 1) store_tile<3>(below + lanes, 4 * stride);
}

template <int Columns>
inline void tile_of_pairs(int rows, const uint16_t* a, int64_t a_stride, const PairBlocks& b, int column, bool accumulate,
                          float* c, int64_t c_stride) {
    const bool second = rows > tile_height;
    const char* inputs = reinterpret_cast<const char*>(a);
    WeightTiles weights{reinterpret_cast<const char*>(b.first + column), 4 * b.stride, 4 * lanes,
                        tiled_pairs * 4 * b.stride};
    begin_sums<Columns>(c, c_stride, accumulate, second);
    for (int64_t pair = 0; pair < b.pairs; pair += b.pairs_of_block) {
        const int64_t left = b.pairs - pair, steps = (left < b.pairs_of_block ? left : b.pairs_of_block) / tiled_pairs;
        if (second) {
            multiply_two<PairsOfHalves, Columns>(steps, inputs, 2 * a_stride, weights, [] {});
        } else {
            multiply_one<PairsOfHalves, Columns>(steps, inputs, 2 * a_stride, weights, [] {});
        }
        inputs += steps * step_bytes;
        weights.first += 4 * b.next_block;
    }
    keep_sums<Columns>(c, c_stride, second);
}

// Whole tiles are multiplied and stored, whatever lies in the rows that fill them up.
void tile_pairs_tiled(int rows, int columns, const uint16_t* a, int64_t a_stride, const PairBlocks& b, bool accumulate,
                      float* c, int64_t c_stride) {
    asm volatile("" ::: "memory");
    shape_tiles(tiled_rows);
    int column = 0;
    for (; column + 2 * lanes <= columns; column += 2 * lanes) {
        tile_of_pairs<2>(rows, a, a_stride, b, column, accumulate, c + column, c_stride);
    }
    if (column < columns) tile_of_pairs<1>(rows, a, a_stride, b, column, accumulate, c + column, c_stride);
}

}  // namespace
