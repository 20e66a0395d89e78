"""What every engine does, whatever it runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Precision = Literal["int8", "bf16", "fp32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Engine(Protocol):
    """A network with its weights, ready to run."""

    @property
    def precision(self) -> Precision:
        """How weights and activations are held."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever the same token ids give other bits; part of a vector's identity."""
        ...

    def embed(
        self,
        token_ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        dimensions: int,
        prefix: NDArray[np.int32] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> NDArray[np.float32]:
        """Give one vector a sequence.

        Args:
            token_ids: The ids of all sequences laid end to end, shape (total,).
            offsets: Where each begins, and the end of the last, shape (n + 1,).
            dimensions: Leading values to keep before a vector is scaled to length 1.
            prefix: Ids that many sequences begin with, shape (p,): an engine may compute them once and keep
                them. It changes no bit of any vector.
            progress: Called now and then with the share that is done, 0 to 1; what it raises stops the pass.

        Returns:
            Shape (n, dimensions). A row depends on its own ids only, to the bit.

        Raises:
            TokenError: For an id outside the vocabulary, or a sequence that is empty or too long.
            EngineError: There is no memory for the pass, or ``progress`` asks the same engine for vectors.
        """
        ...
