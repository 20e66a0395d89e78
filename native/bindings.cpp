// The Python module samesay._native: networks built from mapped tensors, run with the GIL released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "checksum.hpp"
#include "faults.hpp"
#include "isa.hpp"
#include "network.hpp"
#include "rows.hpp"

namespace nb = nanobind;

namespace {

using namespace samesay;
using TokenIds = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Offsets = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Vectors = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<nb::numpy, const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using FloatRows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatsOut = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Allowed = nb::ndarray<const bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// How often a running pass looks for Ctrl-C.
constexpr auto signal_interval = std::chrono::milliseconds(100);

// For arrays that are looked at after the call: a copy made to convert one would be gone by then.
constexpr bool in_place = false;

class Model {
   public:
    // From packed memory, as `sections` gave it.
    static Model* from_packed(const std::string& kind, const nb::dict& settings, const std::string& precision,
                              const std::string& isa, const nb::dict& memory) {
        auto model = std::make_unique<Model>(memory);
        std::vector<Section> sections;
        for (auto [name, bytes] : memory) {
            sections.push_back(read_section(nb::cast<std::string>(name), nb::cast<Bytes>(bytes, in_place)));
        }
        const Kernels& kernels = kernels_for(choose_isa(isa));
        const Precision chosen = read_precision(precision);
        const auto source = packed_source(kernels, chosen, sections);
        model->network_ = make_network(kind, read_settings(settings, chosen, kernels), kernels, *source);
        return model.release();
    }

    // From a checkpoint's tensors. In int8 the given token ids, if any, pass through the network once so that
    // its inputs can be evened out.
    static Model* from_tensors(const std::string& kind, const nb::dict& settings, const std::string& precision,
                               const std::string& isa, const nb::dict& memory, const TokenIds& sample_ids,
                               const Offsets& sample_offsets) {
        auto model = std::make_unique<Model>(memory);
        TensorMap tensors;
        for (auto [name, entry] : memory) {
            tensors.add(read_tensor(nb::cast<std::string>(name), nb::cast<nb::tuple>(entry)));
        }
        const Kernels& kernels = kernels_for(choose_isa(isa));
        const Precision chosen = read_precision(precision);
        const Settings read = read_settings(settings, chosen, kernels);
        const Batch batch = read_batch(sample_ids, sample_offsets);
        nb::gil_scoped_release release;
        InputSamples samples;
        if (chosen == Precision::int8 && batch.sequences > 0) {
            const auto source = sampling_source(kernels, tensors, samples);
            // All at once: a sample knows rows by their number in the batch.
            Settings whole = read;
            whole.rows_together = batch.rows();
            whole.rows_apart = 0;
            const auto network = make_network(kind, whole, kernels, *source);
            std::vector<float> unused(size_t(batch.sequences * read.hidden_size));
            network->forward(batch, {}, read.hidden_size, unused.data(), [](double) { return false; });
        }
        const auto source = packing_source(kernels, chosen, tensors, samples, &model->made_);
        model->network_ = make_network(kind, read, kernels, *source);
        return model.release();
    }

    explicit Model(const nb::dict& memory) : memory_(memory) {}

    int64_t prefix_hits() const { return network_->prefix_hits(); }

    nb::dict phases() const {
        nb::dict times;
        for (size_t i = 0; i < phase_count; ++i) times[phase_names[i]] = network_->milliseconds(Phase(i));
        return times;
    }

    // The packed memory, to be written to a file; valid while the model lives.
    nb::list sections(nb::handle self) const {
        nb::list list;
        for (const Section& section : made_) {
            const size_t bytes = size_t(section.bytes);
            list.append(nb::make_tuple(section.name, Bytes(section.data, {bytes}, self).cast()));
        }
        return list;
    }

    void forward(const TokenIds& token_ids, const Offsets& offsets, const TokenIds& prefix, const Vectors& out,
                 const nb::object& progress) {
        const Batch batch = read_batch(token_ids, offsets);
        if (int64_t(out.shape(0)) != batch.sequences) throw TokenFault("out must have one row a sequence");
        const std::vector<int32_t> shared(prefix.data(), prefix.data() + prefix.shape(0));
        bool done;
        try {
            nb::gil_scoped_release release;
            auto next_look = std::chrono::steady_clock::now() + signal_interval;
            done = network_->forward(batch, shared, int64_t(out.shape(1)), out.data(), [&](double share) {
                if (std::chrono::steady_clock::now() < next_look) return false;
                next_look = std::chrono::steady_clock::now() + signal_interval;
                network_->release_tiles();
                nb::gil_scoped_acquire acquire;
                return should_stop(progress, share);
            });
        } catch (const std::bad_alloc&) {
            throw EngineFault("no memory for " + std::to_string(batch.rows()) + " tokens at once, " +
                              std::to_string(batch.longest()) + " of them one text");
        }
        if (!done) throw nb::python_error();
    }

   private:
    // Leaves a Python error set where it says yes: Ctrl-C, or what the progress function raised.
    static bool should_stop(const nb::object& progress, double share) {
        if (PyErr_CheckSignals() != 0) return true;
        if (progress.is_none()) return false;
        try {
            progress(share);
            return false;
        } catch (nb::python_error& error) {
            error.restore();
            return true;
        }
    }

    static std::unique_ptr<Network> make_network(const std::string& kind, const Settings& settings,
                                                 const Kernels& kernels, Source& source) {
        return kind == "decoder" ? make_decoder(settings, kernels, source) : make_encoder(settings, kernels, source);
    }

    static Batch read_batch(const TokenIds& token_ids, const Offsets& offsets) {
        if (offsets.shape(0) < 1) throw TokenFault("offsets must have at least one entry");
        const Batch batch{token_ids.data(), offsets.data(), int64_t(offsets.shape(0)) - 1};
        for (int64_t i = 0; i < batch.sequences; ++i) {
            if (batch.length(i) < 0) throw TokenFault("offsets must not decrease");
        }
        if (batch.offsets[0] != 0) throw TokenFault("offsets must begin with 0");
        if (batch.rows() != int64_t(token_ids.shape(0))) {
            throw TokenFault("the last offset must be the number of token ids");
        }
        return batch;
    }

    static Tensor read_tensor(const std::string& name, const nb::tuple& entry) {
        const auto kind = nb::cast<std::string>(entry[0]);
        const auto values = nb::cast<Values>(entry[1], in_place);
        const Storage storage = kind == "F32" ? Storage::f32 : kind == "F16" ? Storage::f16 : Storage::bf16;
        if (values.itemsize() != (storage == Storage::f32 ? 4u : 2u)) throw nb::value_error("wrong item size");
        if (values.ndim() < 1 || values.ndim() > 2) throw CheckpointFault("tensor '" + name + "' has " + std::to_string(values.ndim()) + " axes");
        const bool is_vector = values.ndim() == 1;
        return {name, storage, values.data(), is_vector ? 1 : int64_t(values.shape(0)),
                int64_t(values.shape(is_vector ? 0 : 1))};
    }

    static Section read_section(const std::string& name, const Bytes& bytes) {
        return {name, bytes.data(), int64_t(bytes.shape(0))};
    }

    static Precision read_precision(const std::string& name) {
        if (name == "int8") return Precision::int8;
        return name == "bf16" ? Precision::bf16 : Precision::fp32;
    }

    static Settings read_settings(const nb::dict& from, Precision precision, const Kernels& kernels) {
        const auto whole = [&](const char* key) { return nb::cast<int64_t>(from[key]); };
        const auto pooling = nb::cast<std::string>(from["pooling"]);
        return {
            .hidden_size = whole("hidden_size"),
            .layers = whole("layers"),
            .heads = whole("heads"),
            .key_value_heads = whole("key_value_heads"),
            .head_size = whole("head_size"),
            .intermediate_size = whole("intermediate_size"),
            .vocabulary_size = whole("vocabulary_size"),
            .positions = whole("positions"),
            .position_offset = whole("position_offset"),
            .token_types = whole("token_types"),
            .window = whole("sliding_window"),
            .norm_epsilon = float(nb::cast<double>(from["norm_epsilon"])),
            .rope_theta = nb::cast<double>(from["rope_theta"]),
            .pooling = pooling == "cls" ? Pooling::cls : pooling == "mean" ? Pooling::mean : Pooling::last,
            .threads = int(whole("threads")),
            .prefix_cache_bytes = whole("prefix_cache_bytes"),
            .halves = precision != Precision::fp32,
            .rows_together = rows_of_thread(kernels) * whole("threads"),
            .rows_apart = rows_apart(kernels),
        };
    }

    nb::dict memory_;  // keeps the mapped files alive
    std::vector<Section> made_;
    std::unique_ptr<Network> network_;
};

uint64_t checksum_of(const Bytes& bytes, int threads) {
    nb::gil_scoped_release release;
    return checksum(bytes.data(), int64_t(bytes.shape(0)), threads);
}

RowKind kind_of(const Rows& rows) {
    if (rows.dtype() == nb::dtype<float>()) return RowKind::f32;
    if (rows.dtype() == nb::dtype<int8_t>()) return RowKind::int8;
    if (rows.dtype().code == uint8_t(nb::dlpack::dtype_code::Float) && rows.dtype().bits == 16) return RowKind::f16;
    throw nb::type_error("rows must be of float32, float16 or int8");
}

HeldRows held_rows(const Rows& rows, const std::optional<Floats>& scales, const Floats& query) {
    if (rows.shape(1) != query.shape(0)) throw nb::value_error("rows and query must be of one width");
    if (scales && scales->shape(0) != rows.shape(0)) throw nb::value_error("there must be one scale a row");
    return {kind_of(rows), rows.data(), scales ? scales->data() : nullptr, int64_t(rows.shape(0)),
            int64_t(rows.shape(1))};
}

template <class Value>
nb::ndarray<nb::numpy, Value, nb::ndim<1>> array_of(const std::vector<Near>& best, Value Near::*part) {
    auto* values = new Value[best.size()];
    for (size_t i = 0; i < best.size(); ++i) values[i] = best[i].*part;
    const nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<Value*>(p); });
    return {values, {best.size()}, owner};
}

void multiply_rows(RowProducts& products, const Rows& rows, const Floats& query, const FloatsOut& out) {
    const HeldRows held = held_rows(rows, std::nullopt, query);
    if (rows.shape(0) != out.shape(0)) throw nb::value_error("out must have one value a row");
    nb::gil_scoped_release release;
    products.compute(held, query.data(), out.data());
}

void multiply_pairs(RowProducts& products, const FloatRows& left, const FloatRows& right, const FloatsOut& out) {
    if (left.shape(0) != right.shape(0) || left.shape(1) != right.shape(1)) {
        throw nb::value_error("both sides must be of one shape");
    }
    if (left.shape(0) != out.shape(0)) throw nb::value_error("out must have one value a pair");
    nb::gil_scoped_release release;
    products.compute_pairs(left.data(), right.data(), int64_t(left.shape(0)), int64_t(left.shape(1)), out.data());
}

void multiply_table(RowProducts& products, const FloatRows& left, const FloatRows& right, const Vectors& out) {
    if (left.shape(1) != right.shape(1)) throw nb::value_error("both sides must be of one width");
    if (left.shape(0) != out.shape(0) || right.shape(0) != out.shape(1)) {
        throw nb::value_error("out must have one value for each row of one side with each of the other");
    }
    nb::gil_scoped_release release;
    products.compute_table(left.data(), int64_t(left.shape(0)), right.data(), int64_t(right.shape(0)),
                           int64_t(left.shape(1)), out.data());
}

nb::tuple nearest_rows(RowProducts& products, const Rows& rows, const std::optional<Floats>& scales,
                       const Floats& query, const Allowed& allowed, int64_t count) {
    const HeldRows held = held_rows(rows, scales, query);
    if (rows.shape(0) != allowed.shape(0)) throw nb::value_error("allowed must have one value a row");
    std::vector<Near> best;
    {
        nb::gil_scoped_release release;
        best = products.nearest(held, query.data(), allowed.data(), count);
    }
    return nb::make_tuple(array_of(best, &Near::row), array_of(best, &Near::score));
}

}  // namespace

NB_MODULE(_native, module) {
    // A model that a frame or a thread still holds when the interpreter ends is no news to whoever ran a server.
    nb::set_leak_warnings(false);
    module.doc() = "The C++ core of samesay.";
    nb::exception<CheckpointFault>(module, "CheckpointFault", PyExc_ValueError);
    nb::exception<TokenFault>(module, "TokenFault", PyExc_ValueError);
    nb::exception<EngineFault>(module, "EngineFault", PyExc_RuntimeError);
    module.def("choose_isa", [](const std::string& name) { return std::string(isa_name(choose_isa(name))); },
               nb::arg("name"), "The instruction set of that name, or the best of this machine for an empty name.");
    module.def("checksum", &checksum_of, nb::arg("data"), nb::arg("threads"),
               "64 bits that change when any byte changes by accident; no protection against intent.");
    nb::class_<RowProducts>(module, "RowProducts")
        .def("__init__", [](RowProducts* self, const std::string& isa, int threads) {
            new (self) RowProducts(kernels_for(choose_isa(isa)), threads);
        }, nb::arg("isa"), nb::arg("threads"))
        .def("multiply", &multiply_rows, nb::arg("rows").noconvert(), nb::arg("query").noconvert(),
             nb::arg("out").noconvert(), "Write the product of each row with the query into `out`.")
        .def("multiply_pairs", &multiply_pairs, nb::arg("left").noconvert(), nb::arg("right").noconvert(),
             nb::arg("out").noconvert(), "Write the product of left[i] and right[i] into out[i].")
        .def("multiply_table", &multiply_table, nb::arg("left").noconvert(), nb::arg("right").noconvert(),
             nb::arg("out").noconvert(), "Write the product of left[i] and right[j] into out[i][j].")
        .def("nearest", &nearest_rows, nb::arg("rows").noconvert(), nb::arg("scales").noconvert().none(),
             nb::arg("query").noconvert(), nb::arg("allowed").noconvert(), nb::arg("count"),
             "The places of the `count` allowed rows with the highest products, best first, and these.");
    nb::class_<Model>(module, "Model")
        .def_static("from_packed", &Model::from_packed, nb::rv_policy::take_ownership, nb::arg("kind"),
                    nb::arg("settings"), nb::arg("precision"), nb::arg("isa"), nb::arg("memory"),
                    "A network over packed memory, which stays where it is.")
        .def_static("from_tensors", &Model::from_tensors, nb::rv_policy::take_ownership, nb::arg("kind"),
                    nb::arg("settings"), nb::arg("precision"), nb::arg("isa"), nb::arg("memory"),
                    nb::arg("sample_ids"), nb::arg("sample_offsets"), "A network packed from a checkpoint's tensors.")
        .def_prop_ro("prefix_hits", &Model::prefix_hits, "Sequences so far whose prefix was taken from memory.")
        .def_prop_ro("phases", &Model::phases, "Milliseconds of the last pass by phase.")
        .def("sections", [](nb::handle self) { return nb::cast<const Model&>(self).sections(self); },
             "The packed memory as (name, bytes) pairs.")
        .def("forward", &Model::forward, nb::arg("token_ids"), nb::arg("offsets"), nb::arg("prefix"),
             nb::arg("out").noconvert(), nb::arg("progress").none(),
             "Write one vector of length 1 per sequence into `out`, cut to its columns.");
}
