"""The whole evaluation: protocols over clips, summed up, with everything that a run hangs on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdfgc.errors import InputError
from pdfgc.evaluation.case import Case, Protocol
from pdfgc.evaluation.clips import MAX_FRAMES, ClipSet
from pdfgc.evaluation.crossing import cross
from pdfgc.evaluation.finished import TaskWriter
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.leakage import Leakage, leakage
from pdfgc.evaluation.recognising import Identity
from pdfgc.evaluation.reenactment import Progress, reenact
from pdfgc.evaluation.rendering import Render
from pdfgc.evaluation.report import as_markdown, plain
from pdfgc.evaluation.shots import SHOTS, few_shot
from pdfgc.evaluation.summary import summarise
from pdfgc.training.pack import pack

USUAL = (Protocol.SELF, Protocol.AUDIO, Protocol.CROSS, Protocol.FACTORS)
"""Protocols that are run when none are named."""


@dataclass(frozen=True)
class Settings:
    """How much is run.

    Attributes:
        protocols: which.
        frames: of each clip, at most.
        clips: at most; None = all.
        persons: sources of the leakage matrix.
        motions: driving clips of each of its factors.
        shots: numbers of source images of the few-shot protocol.
        seed: of the bootstrap.
    """

    protocols: tuple[Protocol, ...] = USUAL
    frames: int = MAX_FRAMES
    clips: int | None = None
    persons: int = 3
    motions: int = 2
    shots: tuple[int, ...] = SHOTS
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("frames", 3),
            ("clips", 1),
            ("persons", 1),
            ("motions", 1),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; it must be at least {least}.")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a run gives.

    Attributes:
        cases: of all protocols.
        summary: from `summarise`; the factors' with `coupling` and `spread` of real clips.
        about: data, judges and settings.
    """

    cases: list[Case]
    summary: dict[str, Any]
    about: dict[str, Any]

    def of(self, protocol: Protocol) -> list[Case]:
        """The cases of one protocol."""
        return [case for case in self.cases if case.protocol is protocol]

    def text(self, system: str) -> str:
        """The summary as tables, with what the system is called."""
        return as_markdown(self.summary, system)

    def plain(self) -> dict[str, Any]:
        """The summary as JSON values."""
        values: dict[str, Any] = plain(self.summary)
        return values


def open_clips(
    folder: str | os.PathLike[str], work: Path, frames: int, clips: int | None
) -> ClipSet:
    """Clips of a pack, or of a folder of raw videos, which is packed first.

    Args:
        folder: shards, or videos (a sub-folder's name is taken for the person's).
        work: a folder; a pack that is made stays there as `packed`.
        frames: of each clip, at most.
        clips: at most; None = all.

    Raises:
        InputError: there are no clips, or none is good enough.
    """
    given = Path(folder)
    if given.is_dir() and not any(given.glob("shard-*.json")):
        made = work / "packed"
        if not any(made.glob("shard-*.json")):
            report = pack(given, made)
            if not report.n_samples:
                why = ", ".join(f"{n} x {reason}" for reason, n in report.reasons().items())
                raise InputError(f"{given}: no video in it can be used ({why}).")
        given = made
    found = ClipSet(given, frames, clips)
    if not found.keys:
        raise InputError(f"{folder}: holds no clip.")
    return found


def evaluate(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    settings: Settings,
    progress: Progress | None = None,
) -> Evaluation:
    """Run protocols.

    Args:
        clips: of persons that training has not seen.
        render: the system under test.
        judges: who measures.
        settings: how much is run.
        progress: called with a sentence now and then.

    Raises:
        InputError: there is nothing to score.
    """
    identity = _identity(clips, judges)
    cases, leaking = _run(clips, render, judges, settings, identity, progress)
    if not cases:
        raise InputError(
            "There is nothing to score: no clip fits the protocols, or no video has the name of a "
            "task; write the list of names with --tasks."
        )
    summary = summarise(cases, seed=settings.seed)
    if leaking is not None and Protocol.FACTORS.value in summary:
        summary[Protocol.FACTORS.value] |= {
            "coupling": leaking.coupling,
            "spread": leaking.spread,
        }
    about = {
        "data": {
            "digest": clips.digest,
            "clips": len(clips),
            "keys": clips.keys,
            "persons": len({case.person for case in cases}),
            "frames": sum(case.frames for case in cases),
        },
        "judges": judges.about(),
        "settings": {
            "protocols": [each.value for each in settings.protocols],
            "frames_per_clip": settings.frames,
            "persons": settings.persons,
            "motions": settings.motions,
            "shots": list(settings.shots),
            "seed": settings.seed,
        },
    }
    return Evaluation(cases, summary, about)


def write_tasks(clips: ClipSet, folder: Path, judges: Judges, settings: Settings) -> int:
    """Write down what a foreign system must make; the number of videos.

    Args:
        clips: the clips.
        folder: an existing folder for the list and its inputs.
        judges: their tracker alone is used.
        settings: how much is run.
    """
    writer = TaskWriter(folder)
    _run(clips, writer, judges, settings, None, None)
    writer.finish()
    return len(writer.tasks)


def _run(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    settings: Settings,
    identity: Identity | None,
    progress: Progress | None,
) -> tuple[list[Case], Leakage | None]:
    wanted = settings.protocols
    cases: list[Case] = []
    own = [each for each in (Protocol.SELF, Protocol.AUDIO) if each in wanted]
    if own:
        cases += reenact(clips, render, judges, protocols=own, identity=identity, progress=progress)
    if Protocol.CROSS in wanted:
        cases += cross(clips, render, judges, identity=identity, progress=progress)
    leaking = None
    if Protocol.FACTORS in wanted:
        leaking = leakage(
            clips,
            render,
            judges,
            persons=settings.persons,
            motions=settings.motions,
            progress=progress,
        )
        cases += leaking.cases
    if Protocol.SHOTS in wanted:
        cases += few_shot(
            clips, render, judges, counts=settings.shots, identity=identity, progress=progress
        )
    return cases, leaking


def _identity(clips: ClipSet, judges: Judges) -> Identity | None:
    """One face of each person, for the level of impostors."""
    if judges.recogniser is None:
        return None
    faces = {}
    # All persons of the pack, however few of its clips are scored.
    for clip in ClipSet(clips.folder, 3):
        if clip.person not in faces:
            faces[clip.person] = judges.recogniser(clip.frames[0], clip.real.landmarks[0])
    return Identity(judges.recogniser, faces)
