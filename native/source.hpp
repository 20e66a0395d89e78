// Where a network's memory comes from: a checkpoint's tensors, packed now, or a packed file, mapped.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "linear.hpp"
#include "tensor.hpp"

namespace samesay {

// 8-bit rows with a scale each. A row ruled by a few huge values keeps its rest in a second 8-bit row; columns that
// are far larger than the rest in all rows are kept in float.
struct QuantisedEmbedding {
    Array<int8_t> rows;
    Array<float> scales;
    Array<int32_t> rest_of_row;  // where in `rests` the rest of a row is, or -1; empty where no row has one
    Array<int8_t> rests;
    Array<int32_t> kept;         // the columns kept, ascending; zeros in `rows`
    Array<float> kept_values;    // [row][kept column]
    int64_t columns = 0;

    void row(int64_t index, float* out) const;
};

// The token embedding: rows in the checkpoint's own type, bfloat16 or 8 bits.
class Embedding {
   public:
    explicit Embedding(Tensor tensor) : tensor_(std::move(tensor)) {}
    Embedding(Array<uint16_t> rows, int64_t columns)
        : halves_(std::move(rows)),
          tensor_{"", Storage::bf16, halves_.data(), halves_.count() / columns, columns} {}
    explicit Embedding(QuantisedEmbedding quantised) : quantised_(std::move(quantised)) {}

    void row(int64_t index, float* out) const;

   private:
    Array<uint16_t> halves_;
    Tensor tensor_{};
    QuantisedEmbedding quantised_;
};

class Source {
   public:
    virtual ~Source() = default;
    virtual Linear linear(const LinearPlan& plan) = 0;
    virtual Array<float> vector(const std::string& name, int64_t count) = 0;
    // As `vector`, empty where the checkpoint has no tensor of that name.
    virtual Array<float> optional_vector(const std::string& name, int64_t count) = 0;
    virtual Array<float> matrix(const std::string& name, int64_t rows, int64_t columns) = 0;
    virtual Embedding embedding(const std::string& name, int64_t rows, int64_t columns) = 0;
};

// A piece of packed memory by name.
struct Section {
    std::string name;
    const void* data;
    int64_t bytes;
};

// The tensors of a checkpoint by name. Asking for one checks its shape and throws CheckpointFault.
class TensorMap {
   public:
    void add(Tensor tensor) { tensors_.insert_or_assign(tensor.name, std::move(tensor)); }
    bool contains(const std::string& name) const { return tensors_.contains(name); }
    const Tensor& matrix(const std::string& name, int64_t rows, int64_t columns) const;

   private:
    std::map<std::string, Tensor> tensors_;
};

// Packs the tensors of a checkpoint. They must outlive what is made of them in fp32: the embedding stays there.
// `made` (may be null) lists the packed memory; it is valid while the network that keeps the memory lives.
// `samples`: what the layers read, to smooth 8-bit inputs by (may be empty).
std::unique_ptr<Source> packing_source(const Kernels& kernels, Precision precision, const TensorMap& tensors,
                                       const InputSamples& samples, std::vector<Section>* made);
// Packs in bfloat16 a network that is to be run once, and keeps what its layers read in `samples`.
std::unique_ptr<Source> sampling_source(const Kernels& kernels, const TensorMap& tensors, InputSamples& samples);
// Reads sections that a packing source made on the same instruction set. Throws CheckpointFault where one is
// missing or of another size.
std::unique_ptr<Source> packed_source(const Kernels& kernels, Precision precision,
                                      const std::vector<Section>& sections);

}  // namespace samesay
