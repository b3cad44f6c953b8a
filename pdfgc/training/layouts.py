"""The layouts of public data sets, recognised by their folders and names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pdfgc.training.items import PackItem, items_from_folder, key_of, videos_below

_ENOUGH = 0.9
"""Share of the videos that must fit a layout."""
_SOUNDS = (".m4a", ".wav", ".aac", ".flac", ".mp3")


@dataclass(frozen=True)
class Recognised:
    """A folder of videos and what it is.

    Attributes:
        layout: `VoxCeleb2`, `HDTF`, `MEAD`, `GRID` or `folder`.
        items: its clips.
    """

    layout: str
    items: list[PackItem]


@dataclass(frozen=True)
class _Found:
    person: str
    split: str = "train"
    sound: str | None = None
    # Pictures that are in the data set but show no whole face.
    wanted: bool = True


def recognise(folder: str | os.PathLike[str]) -> Recognised:
    """Find out what a folder of videos is.

    - VoxCeleb2: `dev/mp4/id00012/VIDEO/00001.mp4`; test persons are `validation`; sound may lie in
      `dev/aac/...m4a`.
    - HDTF: `WDA_BarackObama_000.mp4`, also `RD_` and `WRA_`.
    - MEAD: `M003/video/front/angry/level_1/001.mp4`, sound in `M003/audio/angry/level_1/001.m4a`;
      views of 60 degrees are left out.
    - GRID: `s1/bbaf2n.mpg`, with or without folders in between.
    - folder: anything else; see `items_from_folder`.

    Raises:
        InputError: there is no such folder, or no video in it.
    """
    root = Path(folder)
    paths = videos_below(root)
    inside = {path: PurePosixPath(path.relative_to(root).as_posix()) for path in paths}
    for layout, read in _LAYOUTS.items():
        found = {path: read(name) for path, name in inside.items()}
        fitting = {path: what for path, what in found.items() if what is not None}
        if len(fitting) >= _ENOUGH * len(paths):
            items = [
                _item(root, path, inside[path], what)
                for path, what in fitting.items()
                if what.wanted
            ]
            if items:
                return Recognised(layout, items)
    return Recognised("folder", items_from_folder(root))


def _item(root: Path, path: Path, name: PurePosixPath, found: _Found) -> PackItem:
    sound = None
    if found.sound is not None:
        beside = [(root / found.sound).with_suffix(suffix) for suffix in _SOUNDS]
        sound = next((each for each in beside if each.is_file()), None)
    return PackItem(
        id=key_of(str(name.with_suffix(""))),
        path=path,
        person=found.person,
        split=found.split,
        lag_to_apply_ms=0.0,
        sound=sound,
    )


def _voxceleb2(name: PurePosixPath) -> _Found | None:
    match = re.fullmatch(r"(.*/)?(id\d{5})/([^/]+)/(\d{5})\.\w+", str(name))
    if match is None:
        return None
    parts = (match[1] or "").split("/")
    sound = str(name).replace("mp4/", "aac/", 1) if "mp4" in parts else None
    return _Found(match[2], "validation" if "test" in parts else "train", sound)


def _hdtf(name: PurePosixPath) -> _Found | None:
    match = re.fullmatch(r"(RD|WDA|WRA)_(.+)_(\d{3})", name.stem)
    if match is None:
        return None
    # Numbers tell a politician's videos apart, and the speakers of the radio recordings.
    person = match[2] if match[1] == "RD" else match[2].rstrip("0123456789")
    return _Found(person)


def _mead(name: PurePosixPath) -> _Found | None:
    match = re.fullmatch(r"(.*/)?([MW]\d{3})/video/(\w+)/(\w+/level_\d)/(\d{3})\.\w+", str(name))
    if match is None:
        return None
    sound = f"{match[1] or ''}{match[2]}/audio/{match[4]}/{match[5]}.m4a"
    return _Found(match[2], sound=sound, wanted=not match[3].endswith("60"))


def _grid(name: PurePosixPath) -> _Found | None:
    # Command, colour, preposition, letter, digit, adverb: each sentence is six letters.
    fits = re.fullmatch(r"[blps][bgrw][abiw][a-z][0-9z][anps]", name.stem)
    person = next((part for part in name.parts if re.fullmatch(r"s\d{1,2}", part)), None)
    return _Found(person) if fits and person else None


_LAYOUTS: dict[str, Callable[[PurePosixPath], _Found | None]] = {
    "VoxCeleb2": _voxceleb2,
    "HDTF": _hdtf,
    "MEAD": _mead,
    "GRID": _grid,
}
