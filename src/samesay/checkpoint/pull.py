"""Models on this machine: fetched from a hub when asked to, found again without asking anyone.

Below the folder of models lies ``<owner>--<name>/<commit>/`` with the files and ``samesay.json``, and
beside the commits ``current.json``, which names the one to use. A commit's folder grows under the name
``<commit>.partial`` and is renamed when every file in it is complete and verified.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samesay.checkpoint.cache import locked, models_folder
from samesay.checkpoint.catalog import KNOWN_MODELS, find, similar
from samesay.errors import PullError

if TYPE_CHECKING:
    import httpx

    from samesay.checkpoint.download import Patience, Progress
    from samesay.checkpoint.hub import Listing, RemoteFile

_MANIFEST = "samesay.json"
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class PulledModel:
    """A complete model on this machine.

    Attributes:
        repository: Its id on the hub.
        source: ``"huggingface"`` or ``"modelscope"``.
        revision: The full commit.
        folder: Where its files lie.
        size_bytes: Of all files together.
    """

    repository: str
    source: str
    revision: str
    folder: Path
    size_bytes: int


def pull(
    name: str,
    *,
    source: str = "huggingface",
    revision: str | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
    patience: Patience | None = None,
) -> PulledModel:
    """Fetch a model, or what is missing of it, and make it the current one of its repository.

    Args:
        name: A short name of the catalog, or a repository ``owner/name``.
        source: ``"huggingface"`` or ``"modelscope"``.
        revision: A branch, a tag or a commit; by default the main branch. With a full commit that is
            here already, nothing is asked over the network.
        progress: Hears how far the pull is.
        cache: The folder of all that samesay stores, instead of the usual one.
        patience: How long to go on when the network fails.

    Raises:
        PullError: When there is no such model, it cannot be fetched, or it holds no safetensors.
    """
    from samesay.checkpoint.download import Patience, RefusedError, Silent
    from samesay.checkpoint.hub import FULL_REVISION, Requests, connect, explain, hub_for

    repository, progress, patience = _repository(name), progress or Silent(), patience or Patience()
    hub, home = hub_for(source), _home(repository, cache)
    try:
        if revision is not None and FULL_REVISION.fullmatch(revision):
            present = _read(home / revision)
            if present is not None:
                return _use(present, progress)
        with connect(hub) as client:
            listing = hub.listing(Requests(client, patience, progress), repository, revision)
            return _pull_listed(client, listing, hub.source, home / listing.revision, progress, patience)
    except RefusedError as refused:
        raise explain(refused, hub, repository, revision) from None
    except OSError as error:
        raise PullError(f"cannot keep models in {home}: {error.strerror or error}") from error


def pulled_models(cache: Path | None = None) -> list[PulledModel]:
    """All complete models on this machine, every revision of each, and no half-fetched or foreign folder."""
    models = _models(cache)
    manifests = sorted(models.glob(f"*/*/{_MANIFEST}")) if models.is_dir() else []
    read = (_read(manifest.parent) for manifest in manifests)
    return [model for model in read if model is not None]


def find_pulled(repository: str, cache: Path | None = None) -> PulledModel | None:
    """The current revision of a repository or short name, if it was pulled; else the newest that is there."""
    known = find(repository)
    wanted = known.repository if known else repository
    if not _REPOSITORY.fullmatch(wanted):
        return None
    home = _home(wanted, cache)
    current = _read_object(home / "current.json").get("revision")
    if isinstance(current, str) and (model := _read(home / current)) is not None:
        return model
    manifests = sorted(home.glob(f"*/{_MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((model for path in manifests if (model := _read(path.parent)) is not None), None)


def huggingface_cached(repository: str) -> Path | None:
    """The main revision of a repository or short name in the cache that Hugging Face's own tools keep.

    Only a snapshot with ``config.json`` and all its safetensors counts; nothing is asked over the network.
    """
    known = find(repository)
    wanted = known.repository if known else repository
    if not _REPOSITORY.fullmatch(wanted):
        return None
    home = _huggingface_cache() / f"models--{_folder_name(wanted)}"
    try:
        commit = (home / "refs" / "main").read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    snapshot = home / "snapshots" / commit
    if not re.fullmatch(r"[0-9a-f]+", commit) or not (snapshot / "config.json").is_file():
        return None
    if (snapshot / _WEIGHTS).is_file():
        return snapshot
    shards = _shards(snapshot / _INDEX)
    return snapshot if shards and all((snapshot / shard).is_file() for shard in shards) else None


def _huggingface_cache() -> Path:
    for variable, below in (
        ("HF_HUB_CACHE", "."),
        ("HUGGINGFACE_HUB_CACHE", "."),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser() / below
    return Path("~/.cache/huggingface/hub").expanduser()


def _repository(name: str) -> str:
    known = find(name)
    if known is not None:
        return known.repository
    if _REPOSITORY.fullmatch(name) and ".." not in name and "--" not in name:
        return name
    names = similar(name)
    guess = (
        f"Did you mean {' or '.join(names)}?"
        if names
        else f"It knows {', '.join(m.name for m in KNOWN_MODELS)}."
    )
    raise PullError(f"{name!r} is no model that samesay knows by name, and no repository owner/name. {guess}")


def _models(cache: Path | None) -> Path:
    return models_folder() if cache is None else cache / "models"


def _home(repository: str, cache: Path | None) -> Path:
    return _models(cache) / _folder_name(repository)


def _folder_name(repository: str) -> str:
    return repository.replace("/", "--")


def _use(model: PulledModel, progress: Progress) -> PulledModel:
    progress.note(f"{model.repository} is here already")
    _make_current(model)
    return model


def _make_current(model: PulledModel) -> None:
    current = {"revision": model.revision, "source": model.source}
    path = model.folder.parent / "current.json"
    if _read_object(path) != current:
        _write_object(path, current)


def _pull_listed(
    client: httpx.Client,
    listing: Listing,
    source: str,
    folder: Path,
    progress: Progress,
    patience: Patience,
) -> PulledModel:
    waiting = f"another process is pulling {listing.repository}; waiting for it"
    with locked(folder, waiting=lambda: progress.note(waiting)):
        present = _read(folder)
        if present is not None:
            return _use(present, progress)
        _check_loadable(listing, source)
        building = _building(folder)
        fetched = _fetch(client, listing, building, progress, patience)
        model = _finish(listing, source, fetched, building, folder)
        _make_current(model)
        return model


def _check_loadable(listing: Listing, source: str) -> None:
    root = {file.path for file in listing.files if "/" not in file.path}
    if not root & {_WEIGHTS, _INDEX}:
        others = sorted(
            path for path in root if path.endswith((".bin", ".pt", ".onnx", ".gguf", ".safetensors"))
        )
        found = f"; it has {', '.join(others[:5])}" if others else ""
        raise PullError(
            f"{listing.repository} has no {_WEIGHTS} at {listing.revision[:12]}{found}. samesay loads "
            f"safetensors only: other formats can run code. {_where_safetensors(listing.repository, source)}"
        )
    missing = sorted({"config.json", "tokenizer.json"} - root)
    if missing:
        raise PullError(
            f"{listing.repository} at {listing.revision[:12]} has no {' and no '.join(missing)}, which "
            "samesay needs; name a repository or a revision that has"
        )


def _where_safetensors(repository: str, source: str) -> str:
    known = find(repository)
    if known is not None and known.safetensors_revision is not None:
        return (
            f"People use `samesay pull {known.name} --revision {known.safetensors_revision}`: an unmerged "
            "proposal on Hugging Face to add the same weights as safetensors, which samesay has not checked"
        )
    if source == "huggingface":
        return (
            "Often somebody has proposed to add them: look for 'safetensors' among the repository's "
            "discussions and pull with --revision refs/pr/NUMBER, or pull a copy of the model that has them"
        )
    return "Pull a copy of the model that has them, or try --from huggingface"


def _fetch(
    client: httpx.Client, listing: Listing, folder: Path, progress: Progress, patience: Patience
) -> dict[str, tuple[int, str]]:
    """Fetch the small files, which tell what else is needed, and then that; sizes and sha256 by path."""
    from samesay.checkpoint.download import download

    root = [file for file in listing.files if "/" not in file.path and file.path != _MANIFEST]
    first = [file for file in root if file.path.endswith(".json")]
    likely = first + [file for file in root if file.path.endswith(".safetensors")]
    fetched: dict[str, tuple[int, str]] = {}

    def fetch(files: Iterable[RemoteFile]) -> None:
        for file in files:
            target = folder.joinpath(*file.path.split("/"))
            digest = download(client, file, target, progress=progress, patience=patience)
            fetched[file.path] = (file.size, digest)

    _expect(likely, folder, progress)
    fetch(first)
    needed = first + _second(listing, folder)
    _expect(needed, folder, progress)
    fetch(needed[len(first) :])
    return fetched


def _second(listing: Listing, folder: Path) -> list[RemoteFile]:
    """The weights, and the settings of the modules that ``modules.json`` names."""
    by_path = {file.path: file for file in listing.files}
    weights = [_WEIGHTS] if _WEIGHTS in by_path else _shards(folder / _INDEX)
    lost = [path for path in weights if path not in by_path]
    if lost or not weights:
        named = ", ".join(lost[:3]) or "no files"
        raise PullError(f"{_INDEX} of {listing.repository} names {named}, which the repository does not have")
    modules = {"1_Pooling"}
    if "modules.json" in by_path:
        entries = _read_json(folder / "modules.json")
        for entry in entries if isinstance(entries, list) else ():
            path = entry.get("path") if isinstance(entry, dict) else None
            if isinstance(path, str) and path:
                modules.add(path.rstrip("/"))
    settings = [p for p in by_path if p.endswith(".json") and p.rpartition("/")[0] in modules]
    return [by_path[path] for path in (*settings, *weights)]


def _expect(files: Iterable[RemoteFile], folder: Path, progress: Progress) -> None:
    """Tell how much there is to do, and stop at once when the disk cannot take it."""
    size = there = 0
    for file in files:
        target = folder.joinpath(*file.path.split("/"))
        size += file.size
        for path in (target, target.with_name(target.name + ".partial")):
            if path.is_file():
                there += path.stat().st_size if path.stat().st_size <= file.size else 0
                break
    free = shutil.disk_usage(folder).free
    if size - there > free:
        raise PullError(
            f"the model needs {size - there:,} more bytes and {folder} has {free:,} left. Make room, or set "
            "SAMESAY_CACHE to a folder on another disk"
        )
    progress.expect(size, there)


def _building(folder: Path) -> Path:
    """The folder in which ``folder`` grows; what is left of a damaged one is the beginning of it."""
    building = folder.with_name(folder.name + ".partial")
    if folder.exists() and not building.exists():
        folder.rename(building)
    elif folder.exists():
        shutil.rmtree(folder)
    building.mkdir(parents=True, exist_ok=True)
    return building


def _finish(
    listing: Listing, source: str, fetched: Mapping[str, tuple[int, str]], building: Path, folder: Path
) -> PulledModel:
    for path in building.rglob("*"):
        if path.is_file() and path.relative_to(building).as_posix() not in fetched:
            path.unlink()
    manifest = {
        "repository": listing.repository,
        "source": source,
        "revision": listing.revision,
        "files": {path: {"size": size, "sha256": digest} for path, (size, digest) in sorted(fetched.items())},
    }
    _write_object(building / _MANIFEST, manifest)
    building.rename(folder)
    model = _read(folder)
    if model is None:
        raise PullError(f"{folder} changed while it was being written; pull again")
    return model


def _read(folder: Path) -> PulledModel | None:
    """The model of a folder, when it was pulled and every file is there in its full size."""
    manifest = _read_object(folder / _MANIFEST)
    repository, source, files = (manifest.get(key) for key in ("repository", "source", "files"))
    if not isinstance(repository, str) or not isinstance(source, str) or not isinstance(files, dict):
        return None
    if not files or manifest.get("revision") != folder.name or _folder_name(repository) != folder.parent.name:
        return None
    size = 0
    for path, entry in files.items():
        try:
            present = (folder / path).stat().st_size
        except (OSError, ValueError):
            return None
        if not isinstance(entry, dict) or entry.get("size") != present:
            return None
        size += present
    return PulledModel(repository, source, folder.name, folder, size)


def _shards(index: Path) -> list[str]:
    """The files that an index of safetensors names; none when it is no such index."""
    by_tensor = _read_object(index).get("weight_map")
    return sorted({str(shard) for shard in by_tensor.values()}) if isinstance(by_tensor, dict) else []


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _read_object(path: Path) -> Mapping[str, Any]:
    value = _read_json(path)
    return value if isinstance(value, dict) else {}


def _write_object(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON beside ``path``, flush it to disk, and put it in place at once."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with beside.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
