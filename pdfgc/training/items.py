"""Raw clips: what they are called, who is seen, and what is known about them."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pdfgc.errors import InputError
from pdfgc.training.raw import IMAGE_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class PackItem:
    """One raw clip.

    Attributes:
        id: its name; letters, digits, `_`, `-`.
        path: the video or image file.
        person: who is seen.
        split: which part of the data it belongs to.
        speech_sync: what is known about sound and lips ("yes", "weak", ...).
        lag_to_apply_ms: by how much the sound is later than the lips; None = do not train lips.
        licence: of the recording.
        licence_class: of the recording, as the data set names it.
        rights: whom to name.
        sound: file with the sound, where the video has none.
    """

    id: str
    path: Path
    person: str
    split: str = "train"
    speech_sync: str = ""
    lag_to_apply_ms: float | None = None
    licence: str = ""
    licence_class: str = ""
    rights: str = ""
    sound: Path | None = None


def items_from_manifest(
    manifest: str | os.PathLike[str], splits: Sequence[str] | None = None
) -> list[PackItem]:
    """Video and image rows of a manifest.

    Args:
        manifest: CSV with the columns `id`, `file` (relative to the manifest) and `person` (an
            image without one shows somebody of its own); `split`, `speech_sync`,
            `lag_to_apply_ms`, `licence`, `licence_class` and `rights` are optional.
        splits: which splits to take, by default all.

    Raises:
        InputError: the file or a column is missing, or no row is left.
    """
    path = Path(manifest)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a manifest in CSV.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if rows and (absent := {"id", "file", "person"} - set(rows[0])):
        raise InputError(f"{path}: has no column {', '.join(sorted(absent))}; add it.")
    items = [
        _item(row, path.parent)
        for row in rows
        if Path(row["file"]).suffix.lower() in VIDEO_SUFFIXES + IMAGE_SUFFIXES
        and (splits is None or row.get("split") in splits)
    ]
    if not items:
        known = sorted({row.get("split") or "" for row in rows})
        raise InputError(f"{path}: no video or image in the splits {splits}; it has {known}.")
    return items


def _item(row: Mapping[str, str], folder: Path) -> PackItem:
    split = row.get("split") or "train"
    # Such clips are in the data for their picture alone.
    lag = "" if split.endswith("video-only") else row.get("lag_to_apply_ms") or ""
    return PackItem(
        id=key_of(row["id"]),
        path=folder / row["file"],
        person=row["person"] or key_of(row["id"]),
        split=split,
        speech_sync=row.get("speech_sync") or "",
        lag_to_apply_ms=float(lag) if lag else None,
        licence=row.get("licence") or "",
        licence_class=row.get("licence_class") or "",
        rights=row.get("rights") or "",
    )


def items_from_folder(folder: str | os.PathLike[str]) -> list[PackItem]:
    """All videos below a folder; the person is the sub-folder, or else the file's own name.

    Sound is taken as synchronous: lag 0.

    Raises:
        InputError: there is no such folder, or no video in it.
    """
    root = Path(folder)
    items = []
    for path in videos_below(root):
        inside = path.relative_to(root)
        person = inside.parts[0] if len(inside.parts) > 1 else path.stem
        name = key_of(str(inside.with_suffix("")))
        items.append(PackItem(id=name, path=path, person=person, lag_to_apply_ms=0.0))
    return items


def videos_below(root: Path) -> list[Path]:
    """All video files below a folder, sorted.

    Raises:
        InputError: there is no such folder, or no video in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is no folder; give a folder of videos or a manifest.")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise InputError(f"{root}: holds no video ({', '.join(VIDEO_SUFFIXES)}).")
    return paths


def key_of(name: str) -> str:
    """A name as a key of the pack: letters, digits, `_`, `-`; different names stay apart."""
    key = re.sub(r"[^A-Za-z0-9_\-]+", "-", name).strip("-")
    if key == name:
        return key
    # Names that differ only in what was replaced must stay apart.
    return f"{key}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def held_out(items: Sequence[PackItem], share: float) -> list[PackItem]:
    """The same items with splits by person: about `share` of the persons are `validation`.

    Which ones hangs on their names alone: new clips of a known person never change sides.

    Args:
        items: raw clips.
        share: of the persons, in (0, 1).

    Raises:
        InputError: nobody would be left on one side.
    """
    persons = sorted({item.person for item in items}, key=_lot)
    count = min(len(persons) - 1, max(1, round(share * len(persons))))
    if not 0 < share < 1 or count < 1:
        raise InputError(
            f"{share:g} of {len(persons)} persons cannot be held out; give a share between 0 and "
            "1, and clips of two persons or more."
        )
    chosen = set(persons[:count])
    return [
        replace(item, split="validation" if item.person in chosen else "train") for item in items
    ]


def _lot(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()
