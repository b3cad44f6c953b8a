"""`pdfgc pack`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pdfgc.cli.options import Json, Out
from pdfgc.cli.printing import tell
from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.training.pack import PackItem


def pack(
    raw: Path,
    /,
    *,
    out: Out,
    manifest: Path | None = None,
    splits: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    hold_out: float | None = None,
    workers: int = 1,
    as_json: Json = False,
) -> None:
    """Track, crop and pack raw clips into shards for training.

    The layouts of VoxCeleb2, HDTF, MEAD and GRID are recognised; in any other folder a person is a
    sub-folder, or else a file. OUT/report.html shows what was left out, and why.

    Args:
        raw: a folder of videos.
        out: folder for the shards; an unfinished run goes on.
        manifest: CSV that says what the clips are, here or inside the folder of videos.
        splits: which splits of the manifest, or of the layout, to take, by default all.
        hold_out: share of the persons that are packed apart, into OUT/validation, the rest into
            OUT/train.
        workers: processes.
        as_json: print one JSON object on stdout.
    """
    import logging

    from pdfgc.training.items import held_out
    from pdfgc.training.pack import pack as pack_clips

    if not raw.is_dir():
        raise InputError(f"{raw}: is no folder; give a folder of videos.")
    if sys.stderr.isatty():
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    layout, items = _items(raw, manifest, splits)
    parts = {out: items}
    if hold_out is not None:
        items = held_out(items, hold_out)
        parts = {
            out / split: [item for item in items if item.split == split]
            for split in ("train", "validation")
        }
    facts, lines = [], []
    for folder, some in parts.items():
        report = pack_clips(some, folder, workers=workers)
        dropped = "".join(f"\n  dropped {n}: {why}" for why, n in report.reasons().items())
        facts.append(
            {k: v for k, v in asdict(report).items() if k != "dropped"}
            | {
                "out": str(folder),
                "layout": layout,
                "reasons": report.reasons(),
                "dropped": [
                    {k: v for k, v in asdict(drop).items() if k != "picture"}
                    for drop in report.dropped
                ],
            }
        )
        lines.append(
            f"{folder}: {report.n_samples} samples, {report.n_frames} frames of "
            f"{report.n_clips} clips ({layout}){dropped}"
        )
    tell(facts[0] if hold_out is None else {"parts": facts}, "\n".join(lines), as_json=as_json)


def _items(
    raw: Path, manifest: Path | None, splits: list[str] | None
) -> tuple[str, list[PackItem]]:
    from pdfgc.training.layouts import recognise
    from pdfgc.training.pack import items_from_manifest

    if manifest is not None:
        inside = raw / manifest
        return "manifest", items_from_manifest(inside if inside.is_file() else manifest, splits)
    found = recognise(raw)
    items = [item for item in found.items if splits is None or item.split in splits]
    if not items:
        known = sorted({item.split for item in found.items})
        raise InputError(f"{raw}: no video in the splits {splits}; it has {known}.")
    return found.layout, items
