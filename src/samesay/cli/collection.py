"""``samesay collection``: what is in a collection, and its upkeep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from samesay.cli import output
from samesay.cli.opened import name_of
from samesay.cli.options import (
    DeviceOption,
    DimensionsOption,
    JsonOption,
    PrecisionOption,
    ProgressOption,
    SegmentTokensOption,
    ThreadsOption,
    loaded_model,
)
from samesay.cli.progress import text_progress

collection_app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
_Folder = Annotated[Path, typer.Argument(metavar="KB", help="The collection.")]


@collection_app.command("info")
def info_command(collection: _Folder, json: JsonOption = False) -> None:
    """Say what a collection is and has; needs no model."""
    from samesay.cli.opened import opened

    with opened(collection) as knowledge:
        info = knowledge.info()
    manifest = info.manifest
    facts: dict[str, object] = {
        "documents": info.documents,
        "segments": info.segments,
        "dead_segments": info.dead_segments,
        "size_bytes": info.size_bytes,
        "model": manifest.identity.model,
        "identity": str(manifest.identity),
        "dimensions": manifest.dimensions,
        "store": manifest.store,
        "storage": manifest.storage,
        "weighting": manifest.weighting,
        "fields": list(info.fields),
    }
    if json:
        output.print_json(facts | {"manifest": asdict(manifest)})
        return
    for name, value in facts.items():
        output.print_tsv_row([name, ", ".join(value) if isinstance(value, list) else value])


@collection_app.command("remove")
def remove_command(
    collection: _Folder,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Documents, as hits name them.")],
) -> None:
    """Remove documents."""
    from samesay.cli.opened import opened
    from samesay.cli.options import checked_argument

    wanted = list(dict.fromkeys(checked_argument(one, "an id") for one in ids))
    with opened(collection) as knowledge:
        missing = [one for one in wanted if one not in knowledge]
        removed = knowledge.delete(wanted)
        left = len(knowledge)
    for one in missing:
        output.say(f"there is no document {one!r}")
    output.say(f"{name_of(collection)}: {removed} removed, {left} documents left")
    if missing:
        raise typer.Exit(1)


@collection_app.command("compact")
def compact_command(collection: _Folder) -> None:
    """Give back the space of removed documents, and bring indexes up to date."""
    from samesay.cli.opened import opened

    with opened(collection) as knowledge:
        before = knowledge.info().size_bytes
        knowledge.compact()
        after = knowledge.info().size_bytes
    output.say(f"{name_of(collection)}: {before:,} bytes before, {after:,} now")


@collection_app.command("check")
def check_command(
    collection: _Folder,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Stored vectors to search for, to measure the index.")
    ] = 100,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write a damaged manifest anew from the copy in the collection.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Verify that every document is whole, and measure what the index finds.

    The exit code is 1 where something is wrong.
    """
    from samesay.cli.opened import opened

    if repair:
        _repair(collection)
    with opened(collection) as knowledge:
        report = knowledge.check(samples=samples)
    if json:
        output.print_json(asdict(report))
    else:
        for line in (*report.problems, *report.notes):
            output.say(line)
        found = (
            "" if report.recall is None else f", recall@10 {report.recall:.3f} of {report.samples} samples"
        )
        state = f"{len(report.problems)} problems" if report.problems else "all is well"
        output.say(
            f"{name_of(collection)}: {state}; {report.documents} documents, {report.segments} segments, "
            f"search {report.searching}{found}"
        )
    if report.problems:
        raise typer.Exit(1)


@collection_app.command("upgrade")
def upgrade_command(
    collection: _Folder,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="The model to go over to.")
    ] = None,
    dimensions: DimensionsOption = None,
    storage: Annotated[str | None, typer.Option(metavar="KIND", help="f32, f16 or int8.")] = None,
    segment_tokens: SegmentTokensOption = None,
    weighting: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of segments in a document: uniform, position, tfidf.")
    ] = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    progress: ProgressOption = None,
) -> None:
    """Embed all documents anew, with another model or other settings.

    The collection is searched as it was until all is done, then switched at once.
    After Ctrl-C or a crash it is as it was, and the same command goes on.
    """
    from samesay.cli.opened import opened
    from samesay.collection.storage import STORAGES

    if storage is not None and storage not in STORAGES:
        raise typer.BadParameter(f"{storage!r} is not one of {', '.join(STORAGES)}", param_hint="--storage")
    with opened(collection, threads) as knowledge:
        identity = knowledge.manifest.identity
        another = not (model is None and precision is None and device is None)
        loaded = (
            loaded_model(model or knowledge.manifest.reference, precision, threads, device)
            if another
            else knowledge.model
        )
        width = dimensions or (identity.dimensions if model is None else None)
        with text_progress(len(knowledge), 0, progress, "documents") as show:
            report = knowledge.upgrade(
                loaded,
                dimensions=width,
                storage=storage,
                segment_tokens=segment_tokens,
                weighting=weighting,
                progress=lambda done, _: show(done),
            )
        now = knowledge.manifest.identity
    output.say(f"{name_of(collection)}: {report.added + report.unchanged} documents, {now}")


def _repair(folder: Path) -> None:
    from samesay.collection.locking import one_writer
    from samesay.collection.manifest import read_manifest
    from samesay.collection.shared.address import shared_address
    from samesay.collection.upgrading import repair_manifest
    from samesay.errors import CollectionError, DamagedCollectionError

    if shared_address(folder) is not None:
        raise CollectionError(
            f"{name_of(folder)} has its manifest in every version; there is nothing that --repair could mend"
        )
    try:
        if read_manifest(folder) is not None:
            return
    except DamagedCollectionError as error:
        output.say(str(error))
    with one_writer(folder):
        manifest = repair_manifest(folder)
    output.say(f"{folder}: manifest written anew; {manifest.identity}")
