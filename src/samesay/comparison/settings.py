"""How models are compared, and who is told how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Watcher(Protocol):
    """Who is told how far a comparison has come."""

    def begin(self, what: str, total: int) -> None:
        """A stage begins that has so many steps."""
        ...

    def advance(self, steps: int) -> None:
        """So many steps more are done."""
        ...


@dataclass(frozen=True)
class Settings:
    """How models are compared.

    Args:
        mode: What the two texts of a pair are to each other.
        task: An instruction for models that take one.
        precision: For engines of this machine; None for their default.
        threads: For engines of this machine; None for one a core.
        device: For engines of this machine, as ``samesay.load`` takes it.
        overlength: What to do with a text over a model's limit.
        alpha: The false-match rate to certify.
        seed: Of all draws.
        draws: Bootstrap draws for intervals.
        rounds: Turns of each model in timing; 0 for no timing.
        instructions: Whether to measure what prompts do: every set is embedded without them too.
        texts: Whether the report may show texts of the data.
    """

    mode: str = "symmetric"
    task: str | None = None
    precision: str | None = None
    threads: int | None = None
    device: str | None = None
    overlength: str = "truncate"
    alpha: float = 0.05
    seed: int = 0
    draws: int = 2000
    rounds: int = 5
    instructions: bool = True
    texts: bool = True

    def load_arguments(self, name: str) -> dict[str, object]:
        """Give what a child process is to load, and how."""
        return {
            "name": name,
            "precision": self.precision,
            "threads": self.threads,
            "device": self.device,
            "overlength": self.overlength,
        }
