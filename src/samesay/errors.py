"""Every error a user can meet. Each message says what is wrong and what to do about it."""

from __future__ import annotations


class SamesayError(Exception):
    """Base of all errors that samesay raises on purpose.

    The command line prints the message and exits with 1; a traceback of anything
    else is a bug of ours.
    """


class ModelNotFoundError(SamesayError):
    """No model of that name or path is on this machine."""


class CheckpointError(SamesayError):
    """A model folder is incomplete, damaged, or not of a supported kind."""


class UnsupportedModelError(CheckpointError):
    """A model folder is sound, but of a kind that samesay does not run."""


class TextError(SamesayError):
    """A text cannot be embedded: not valid Unicode, not a string, or without any token."""


class OverlengthError(TextError):
    """A text has more tokens than the model reads."""


class TokenError(SamesayError):
    """Ready-made token ids are outside the vocabulary, empty, or of the wrong type."""


class PromptError(SamesayError):
    """The prompt or task asked for is not one that this model takes."""


class DimensionsError(SamesayError):
    """The number of dimensions asked for is not one that this model gives."""


class PrecisionError(SamesayError):
    """The precision asked for is not one that the engine computes in."""


class EngineError(SamesayError):
    """The engine cannot run as asked: threads, instruction set, or the machine's limits."""


class InputFileError(SamesayError):
    """A file of texts or pairs cannot be read as what it should be."""


class OutputFileError(SamesayError):
    """A result cannot be written where it should go."""


class PullError(SamesayError):
    """A model could not be fetched; what had arrived is kept and the next pull goes on from there."""


class CollectionError(SamesayError):
    """A collection cannot be opened, read or written as asked."""


class CollectionBusyError(CollectionError):
    """Another process is writing this collection."""


class DamagedCollectionError(CollectionError):
    """Files of a collection are missing or do not hold what they should."""


class IdentityMismatchError(CollectionError):
    """A collection was made with another model than the one it is used with."""


class DocumentError(SamesayError):
    """A document is not one that a collection takes."""


class FilterError(SamesayError):
    """A filter over metadata is not written as filters are."""


class SearchError(SamesayError):
    """A search was asked for in a way that a collection does not know."""


class CalibrationError(SamesayError):
    """Labelled pairs or settings are not ones that a calibration can be made from."""


class CalibrationFileError(SamesayError):
    """A calibration file cannot be read, or does not hold what samesay wrote into it."""


class CalibrationKeyError(SamesayError):
    """A calibration is for another model, mode or task than the one it is used with."""


class ReasonsError(SamesayError):
    """Reasons were asked for in a way that samesay does not know."""


class DuplicatesError(SamesayError):
    """Duplicates or aligned pairs were asked for in a way that cannot be done."""


class IntentsError(SamesayError):
    """Examples or settings are not ones that intents can be matched with."""


class IntentsFileError(SamesayError):
    """A saved matcher cannot be read, or does not hold what samesay wrote into it."""


class IntentsModelError(SamesayError):
    """A matcher was made with another model than the one it is used with."""


class ServerError(SamesayError):
    """The server cannot start or go on as asked: its address, its keys, or its limits."""


class ComparisonError(SamesayError):
    """Models or data cannot be compared as asked."""


class RemoteError(SamesayError):
    """A model behind an endpoint cannot be used: how it is named, its key, or the way to it."""


class RemoteAnswerError(RemoteError):
    """An endpoint answered with something else than one sound vector for each text."""


class DistributedError(SamesayError):
    """Embedding in parts cannot go on as asked: the cluster, its nodes, or the folder of vectors."""


class MissingExtraError(SamesayError):
    """An optional package is needed for this.

    Args:
        what: What the user asked for.
        extra: The extra of samesay that brings the package.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'samesay[{extra}]'")
        self._arguments = (what, extra)

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return MissingExtraError, self._arguments  # workers in other processes hand it over


class ReplicaWarning(UserWarning):
    """A replica serves something else than the others, and is left out."""


class TruncationWarning(UserWarning):
    """Texts were cut to the model's limit because ``overlength="truncate"`` was asked for."""
