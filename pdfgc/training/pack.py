"""`pdfgc pack`: from raw video to training samples, and what was dropped on the way, and why.

A sample is `KEY.mp4` (the face crop, H.264, 25 fps), `KEY.flac` (16 kHz mono, sample 640 t is frame
t; absent without sound), `KEY.safetensors` (the track) and `KEY.json`.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path

from pdfgc.errors import InputError
from pdfgc.files import make_folder, writing, writing_folder
from pdfgc.training.clipping import Packed, process
from pdfgc.training.items import PackItem, items_from_folder, items_from_manifest
from pdfgc.training.layouts import recognise
from pdfgc.training.pack_config import PackConfig
from pdfgc.training.pack_report import REPORT, Dropped, PackReport, write_report
from pdfgc.training.raw import VIDEO_SUFFIXES
from pdfgc.training.shards import ShardWriter

__all__ = [
    "VIDEO_SUFFIXES",
    "Dropped",
    "PackConfig",
    "PackItem",
    "PackReport",
    "items_from_folder",
    "items_from_manifest",
    "pack",
]

log = logging.getLogger(__name__)

_STAGING = ".clips"
# A clip during which the process died this often is left out.
_MAX_ATTEMPTS = 2


def pack(
    raw: str | os.PathLike[str] | Sequence[PackItem],
    out: str | os.PathLike[str],
    config: PackConfig | None = None,
    *,
    workers: int = 1,
) -> PackReport:
    """Track, crop and pack raw clips.

    A run that was killed goes on where it was: a clip that is finished is not done again. A clip
    that fails is dropped with its reason and the run goes on.

    Args:
        raw: a folder of videos in any known layout (see `pdfgc.training.layouts`), or items (see
            `items_from_manifest`).
        out: folder for the shards; it may hold an unfinished run of the same configuration.
        config: sizes, rates and limits.
        workers: processes.

    Returns:
        What was made and dropped; also in `report.json`, `report.csv` and `report.html`.

    Raises:
        InputError: nothing to pack, two clips of one name, or `out` holds something else.
    """
    items = recognise(raw).items if isinstance(raw, str | os.PathLike) else list(raw)
    twice = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if twice or not items:
        raise InputError(f"{twice[0]}: is the name of two clips." if twice else "No clip to pack.")
    if workers < 1:
        raise InputError(f"workers is {workers}; give at least 1.")
    config = config or PackConfig()
    folder = Path(out)
    staging = _staging(folder, config)
    todo = [item for item in items if not (staging / item.id / REPORT).is_file()]
    log.info("packing %d clips, %d are done already", len(items), len(items) - len(todo))
    for done, item in enumerate(_run(todo, staging, config, workers), 1):
        log.info("%d/%d %s", done, len(todo), item.id)
    report = _assemble(items, staging, folder, config)
    shutil.rmtree(staging)
    return report


def _staging(folder: Path, config: PackConfig) -> Path:
    """The folder of finished clips; refuses one that another configuration began."""
    if any(folder.glob("shard-*")) and not (folder / _STAGING).is_dir():
        raise InputError(f"{folder}: is packed already; choose another folder or remove it.")
    staging = make_folder(folder / _STAGING)
    wanted = json.dumps(asdict(config), sort_keys=True)
    note = staging / "config.json"
    if note.is_file() and note.read_text() != wanted:
        raise InputError(f"{folder}: was begun with another configuration; remove it first.")
    with writing(note) as partial:
        partial.write_text(wanted)
    return staging


def _run(
    items: list[PackItem], staging: Path, config: PackConfig, workers: int
) -> Iterator[PackItem]:
    if workers == 1:
        for item in items:
            _pack_clip(item, staging, config)
            yield item
        return
    items = list(items)
    # Models and decoders do not survive a fork.
    context = multiprocessing.get_context("spawn")
    while items:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = {pool.submit(_pack_clip, item, staging, config): item for item in items}
            try:
                for future in as_completed(futures):
                    future.result()
                    items.remove(futures[future])
                    yield futures[future]
            except BrokenProcessPool:
                # A decoder or model crashed; attempts are counted, so this ends.
                log.warning("a worker process died; going on with the rest")
                items = [item for item in items if not (staging / item.id / REPORT).is_file()]


def _pack_clip(item: PackItem, staging: Path, config: PackConfig) -> None:
    """Do one clip, and leave its samples and its report in the staging folder."""
    attempts = staging / f"{item.id}.attempts"
    count = len(attempts.read_text()) if attempts.is_file() else 0
    clip = Packed()
    if count >= _MAX_ATTEMPTS:
        clip.dropped.append(Dropped(item.id, 0, 0, "crash: the process died on this clip twice"))
    else:
        with attempts.open("a") as file:
            file.write("x")
        try:
            process(item, config, clip)
        except InputError as error:
            clip.dropped.append(Dropped(item.id, 0, 0, f"unreadable or without face: {error}"))
        except Exception as error:  # one odd clip must not end a run of days
            log.exception("%s failed", item.path)
            clip.dropped.append(Dropped(item.id, 0, 0, f"failed: {error!r}"))
    summary = {
        "dropped": [asdict(drop) for drop in clip.dropped],
        "keys": list(clip.samples),
        "n_seen": clip.n_seen,
        "n_tracked": clip.n_tracked,
    }
    with writing_folder(staging / item.id) as partial:
        for key, files in clip.samples.items():
            for suffix, content in files.items():
                (partial / f"{key}.{suffix}").write_bytes(content)
        (partial / REPORT).write_text(json.dumps(summary))
    attempts.unlink(missing_ok=True)


def _assemble(
    items: Iterable[PackItem], staging: Path, folder: Path, config: PackConfig
) -> PackReport:
    """Put the finished clips into shards, in the order of `items`, and sum up."""
    n_clips = n_samples = n_frames = n_sound = n_tracked = n_seen = 0
    dropped: list[Dropped] = []
    for old in folder.glob("shard-*"):
        old.unlink()  # of a run that was killed right here
    with ShardWriter(folder, max_bytes=config.shard_bytes) as writer:
        for item in items:
            clip = staging / item.id
            summary = json.loads((clip / REPORT).read_text())
            n_clips += 1
            n_seen += summary["n_seen"]
            n_tracked += summary["n_tracked"]
            dropped += [Dropped(**drop) for drop in summary["dropped"]]
            for key in summary["keys"]:
                files = {p.suffix[1:]: p.read_bytes() for p in sorted(clip.glob(f"{key}.*"))}
                writer.write(key, files)
                meta = json.loads(files["json"])
                n_samples += 1
                n_frames += meta["n_frames"]
                n_sound += meta["n_frames"] if meta["has_sound"] else 0
    report = PackReport(n_clips, n_samples, n_frames, n_sound, n_tracked, n_seen, dropped)
    write_report(report, folder)
    return report
