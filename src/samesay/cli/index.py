"""``samesay index``: files and folders into a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samesay.cli import output
from samesay.cli.filling import filled
from samesay.cli.opened import name_of
from samesay.cli.options import (
    DeviceOption,
    DimensionsOption,
    JsonOption,
    ModelOption,
    PrecisionOption,
    ProgressOption,
    SegmentTokensOption,
    ThreadsOption,
    loaded_model,
)
from samesay.cli.progress import text_progress

if TYPE_CHECKING:
    from samesay.collection.collection import Collection
    from samesay.collection.folders import Skipped
    from samesay.collection.writing import AddReport

_TOLD = 20


class StorageChoice(str, Enum):
    """What is kept of vectors."""

    f32 = "f32"
    f16 = "f16"
    int8 = "int8"


def index_command(
    collection: Annotated[
        Path,
        typer.Option(
            "--collection", "-c", metavar="KB", help="The collection: a folder or s3://BUCKET/PATH."
        ),
    ],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH…", help="Files and folders.", show_default=False)
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            "--vectors", metavar="PATH", help="Parquet files of samesay embed instead; nothing is embedded."
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files or rows below PATH are gone.")
    ] = False,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    storage: Annotated[
        StorageChoice | None,
        typer.Option("--storage", help="Bits kept of vectors; int8 searches 8 and scores with 16."),
    ] = None,
    segment_tokens: SegmentTokensOption = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Skip text files larger than this; 64 MiB.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Of texts that state none, such as en; 'path' takes it from docs/en/ or page.de.md.",
        ),
    ] = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
    progress: ProgressOption = None,
) -> None:
    """Put files into a collection; the same command brings it up to date.

    \b
    samesay index docs/ --collection kb/
    samesay index faq.jsonl --collection kb/ --prune
    samesay index --vectors vectors/ --collection s3://bucket/kb

    A text, Markdown or code file is one document; its id is its path. A row of
    .csv, .tsv, .jsonl or .parquet is one too: columns id, text, title, language,
    and all others as metadata. Markdown may state title and language in its front
    matter. What is unchanged is not embedded again. Files that cannot be used are
    listed; the exit code is 1 where one should have been.

    After Ctrl-C or a crash the same command goes on where it stopped.
    """  # noqa: D301
    from samesay.collection.folders import LARGEST_FILE, find_files, read_documents

    if vectors:
        if paths or prune or language or segment_tokens or max_bytes:
            raise typer.BadParameter("--vectors goes with --storage and the model's options only")
        report, count = filled(
            collection,
            vectors,
            None if storage is None else storage.value,
            threads,
            lambda: loaded_model(model, precision, threads, device),
            progress,
        )
        _tell(collection, [], report, count, json=json)
        return
    if not paths:
        raise typer.BadParameter("give files and folders, or --vectors", param_hint="PATH…")
    found = find_files(paths, without=collection)
    documents = read_documents(found, largest=max_bytes or LARGEST_FILE, language=language)
    with (
        _opened(
            collection, model, precision, threads, device, dimensions, storage, segment_tokens
        ) as knowledge,
        text_progress(len(found.files), 0, progress, "files") as show,
    ):
        try:
            report = knowledge.add(
                documents,
                prune_files=found.read_well if prune else None,
                progress=lambda _, __: show(found.read),
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "what was committed is kept; the same command goes on from there"
            ) from None
        count = len(knowledge)
    _tell(collection, found.skipped, report, count, json=json)
    if any(one.failed for one in found.skipped):
        raise typer.Exit(1)


def _opened(
    folder: Path,
    model: str | None,
    precision: str | None,
    threads: int | None,
    device: str | None,
    dimensions: int | None,
    storage: StorageChoice | None,
    segment_tokens: int | None,
) -> Collection:
    from samesay.cli.opened import model_of
    from samesay.collection.opening import manifest_at, open_collection

    manifest = manifest_at(folder)
    if manifest is not None and precision is None and device is None:
        loaded = model_of(manifest, threads, model)
    else:
        named = model or (manifest.reference if manifest else None)
        loaded = loaded_model(named, precision, threads, device)
    return open_collection(
        folder,
        loaded,
        dimensions=dimensions,
        storage=None if storage is None else storage.value,
        segment_tokens=segment_tokens,
    )


def _tell(folder: Path, left_out: Sequence[Skipped], report: AddReport, count: int, *, json: bool) -> None:
    if json:
        skipped = [asdict(one) for one in left_out]
        output.print_json(
            {"collection": name_of(folder), **asdict(report), "documents": count, "skipped": skipped}
        )
        return
    for one in left_out[:_TOLD]:
        output.say(
            f"skipped: {one.reason}"
            if one.reason.startswith(one.name)
            else f"skipped: {one.name} {one.reason}"
        )
    if len(left_out) > _TOLD:
        output.say(f"and {len(left_out) - _TOLD} more; --json lists all")
    changes = ", ".join(
        f"{number} {name}"
        for name, number in (
            ("added", report.added),
            ("changed", report.changed),
            ("unchanged", report.unchanged),
            ("removed", report.pruned),
        )
        if number
    )
    output.say(f"{name_of(folder)}: {count} documents ({changes or 'nothing to do'})")
    if report.cut_segments:
        output.say(f"{report.cut_segments} segments were cut to what the model reads")
