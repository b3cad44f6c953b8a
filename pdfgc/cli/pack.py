"""`pdfgc pack`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pdfgc.cli.options import Json, Out
from pdfgc.cli.printing import tell
from pdfgc.errors import InputError


def pack(
    raw: Path,
    /,
    *,
    out: Out,
    manifest: Path | None = None,
    splits: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    workers: int = 1,
    as_json: Json = False,
) -> None:
    """Track, crop and pack raw clips into shards for training.

    Args:
        raw: a folder of videos.
        out: folder for the shards; an unfinished run goes on.
        manifest: CSV that says what the clips are, here or inside the folder of videos.
        splits: which splits of the manifest to take, by default all.
        workers: processes.
        as_json: print one JSON object on stdout.
    """
    import logging

    from pdfgc.training.pack import items_from_folder, items_from_manifest
    from pdfgc.training.pack import pack as pack_clips

    if not raw.is_dir():
        raise InputError(f"{raw}: is no folder; give a folder of videos.")
    if sys.stderr.isatty():
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if manifest is None:
        items = items_from_folder(raw)
    else:
        inside = raw / manifest
        items = items_from_manifest(inside if inside.is_file() else manifest, splits)
    report = pack_clips(items, out, workers=workers)
    dropped = "".join(f"\n  dropped {n}: {why}" for why, n in report.reasons().items())
    tell(
        asdict(report) | {"out": str(out)},
        f"{out}: {report.n_samples} samples, {report.n_frames} frames of {report.n_clips} clips"
        + dropped,
        as_json=as_json,
    )
