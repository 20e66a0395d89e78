"""From texts to intents: the public door."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from samesay.decision.intents.evaluating import IntentsReport, evaluate_matches
from samesay.decision.intents.examples import IntentExample, as_examples
from samesay.decision.intents.fitted import FittedIntents
from samesay.decision.intents.fitting import fit_intents
from samesay.decision.intents.matching import IntentMatch
from samesay.decision.intents.settings import IntentSettings
from samesay.decision.key import Key, key_of
from samesay.errors import DimensionsError, IntentsModelError, PromptError, TruncationWarning
from samesay.identity import Identity

if TYPE_CHECKING:
    from samesay.text_model import TextModel

Example = IntentExample | tuple[str | None, str]
Overlength = Literal["error", "truncate"]


class IntentMatcher:
    """Says which of several intents a text has, or none.

    Args:
        model: The model.
        fitted: What was made of examples with it.

    Raises:
        IntentsModelError: It was made with another model; both are named.
    """

    def __init__(self, model: TextModel, fitted: FittedIntents) -> None:
        require_model(fitted.key, model)
        self.model = model
        self.fitted = fitted

    @classmethod
    def fit(
        cls,
        model: TextModel,
        examples: Iterable[Example],
        *,
        held_out: Iterable[Example] | None = None,
        settings: IntentSettings | None = None,
        task: str | None = None,
        dimensions: int | None = None,
        overlength: Overlength = "error",
        progress: Callable[[float, int], object] | None = None,
    ) -> IntentMatcher:
        """Make a matcher of examples.

        Args:
            model: The model whose vectors are compared.
            examples: (intent, text) or ``IntentExample``; an intent of None says that a text is out of scope.
            held_out: Labelled texts as they come, for a precision; none of them is matched against.
            settings: How to match, and what is to be promised.
            task: As for ``TextModel.similarity``, in symmetric mode.
            dimensions: As for ``TextModel.similarity``.
            overlength: As for ``TextModel.similarity``.
            progress: Called with (texts done, n).

        Raises:
            IntentsError: There are no examples of an intent, or one is no example.
            MissingExtraError: Something is to be certified, and scipy is not installed.
            SamesayError: As for ``TextModel.encode``.
        """
        key = key_of(model, task=task, dimensions=dimensions)

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            return _vectors(model, key, texts, overlength, progress)

        return cls(model, fit_intents(encode, key, examples, settings, held_out))

    @classmethod
    def load(cls, path: str | Path, model: TextModel) -> IntentMatcher:
        """Read a saved matcher.

        Raises:
            IntentsFileError: It cannot be read, was changed, or is of a newer samesay.
            IntentsModelError: It was made with another model; both are named.
        """
        from samesay.decision.intents.file import read_intents

        return cls(model, read_intents(Path(path)))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the matcher into a file, whole or not at all; the model is not in it, its identity is.

        Raises:
            OutputFileError: The name does not end in ``.intents``, the file exists, or it cannot be written.
        """
        from samesay.decision.intents.file import write_intents

        write_intents(self.fitted, Path(path), overwrite=overwrite)

    @property
    def intents(self) -> tuple[str, ...]:
        """The names of the intents, in the order of the examples."""
        return self.fitted.intents

    @overload
    def match(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        top: int = 3,
        overlength: Overlength = "error",
        progress: Callable[[float, int], object] | None = None,
    ) -> IntentMatch: ...

    @overload
    def match(
        self,
        texts: Sequence[str],
        *,
        top: int = 3,
        overlength: Overlength = "error",
        progress: Callable[[float, int], object] | None = None,
    ) -> list[IntentMatch]: ...

    def match(
        self,
        texts: str | Sequence[str],
        *,
        top: int = 3,
        overlength: Overlength = "error",
        progress: Callable[[float, int], object] | None = None,
    ) -> IntentMatch | list[IntentMatch]:
        """Give the answer about a text, or about each of several; it does not depend on the others.

        Args:
            texts: One text, or n of them.
            top: How many candidates are named.
            overlength: As for ``TextModel.encode``.
            progress: As for ``TextModel.encode``.

        Raises:
            SamesayError: As for ``TextModel.encode``.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
        vectors = _vectors(self.model, self.fitted.key, several, overlength, progress)
        found = self.fitted.match_vectors(vectors, top)
        return found[0] if isinstance(texts, str) else found

    def evaluate(
        self,
        labelled: Iterable[Example],
        *,
        overlength: Overlength = "error",
        progress: Callable[[float, int], object] | None = None,
    ) -> IntentsReport:
        """Compare the answers with labels.

        Args:
            labelled: As ``examples`` of ``fit``.
            overlength: As for ``TextModel.encode``.
            progress: As for ``TextModel.encode``.

        Raises:
            IntentsError: There are no texts, or one has an intent that is not known here.
            SamesayError: As for ``TextModel.encode``.
        """
        texts = as_examples(labelled)
        matches = self.match([one.text for one in texts], top=1, overlength=overlength, progress=progress)
        return evaluate_matches(texts, matches, self.intents, self.fitted.bank.texts)


def require_model(key: Key, model: TextModel) -> None:
    """Refuse a model whose vectors are others.

    Raises:
        IntentsModelError: Both are named, and in what they differ.
    """
    used = _identity(key, model)
    if used.fingerprint == key.identity.fingerprint and _prefix(key, model) == key.left:
        return
    ours, theirs = asdict(key.identity), asdict(used)
    differing = [one.name for one in fields(Identity) if one.name != "model"]
    differing = [name for name in differing if ours[name] != theirs[name]] or ["what stands before the texts"]
    raise IntentsModelError(
        f"the matcher was made with {key.identity}; the model is {model.identity}. They differ in "
        f"{', '.join(differing)}: use the model it was made with, or make it again from its examples"
    )


def _identity(key: Key, model: TextModel) -> Identity:
    """Give the identity at the width of the matcher where the model gives it, or else at its own."""
    try:
        return model.identity_at(key.identity.dimensions)
    except DimensionsError:
        return model.identity


def _prefix(key: Key, model: TextModel) -> str | None:
    """Give what the model puts before texts for the task of the matcher; None where it takes no task."""
    try:
        return model.prompts.pair_prefixes(key.mode, key.task)[0]
    except PromptError:
        return None


def _vectors(
    model: TextModel,
    key: Key,
    texts: Sequence[str],
    overlength: Overlength,
    progress: Callable[[float, int], object] | None,
) -> NDArray[np.float32]:
    vectors, cut = model.embed_texts(
        texts,
        key.left,
        dimensions=key.identity.dimensions,
        overlength=overlength,
        progress=progress,
    )
    count = int(np.count_nonzero(cut))
    if count:
        message = f"{count} of {len(texts)} texts cut to {model.max_tokens} tokens"
        warnings.warn(message, TruncationWarning, stacklevel=3)
    return vectors
