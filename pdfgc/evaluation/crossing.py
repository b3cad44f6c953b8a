"""Cross-person reenactment: the motion of one person, the face of another.

There is no real frame to compare with. The made frames are compared with the source's person by
the recogniser, and with the driving clip by what a face does, whoever it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.case import MODEL, REAL, STILL, Case, Protocol, Values
from pdfgc.evaluation.clips import ClipSet, TestClip, resized
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.evaluation.recognising import Identity
from pdfgc.evaluation.reenactment import Progress
from pdfgc.evaluation.rendering import Drive, Render
from pdfgc.evaluation.scoring import (
    FACES,
    correlations,
    encoded,
    measured,
    motion_errors,
    over_still,
    sample,
    series,
    sharp_mouth,
    steadiness,
)

_STILL_FRAMES = 6


def cross(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    *,
    identity: Identity | None = None,
    progress: Progress | None = None,
) -> list[Case]:
    """Drive each person's first frame with another person's clip.

    Args:
        clips: of persons that training has not seen.
        render: the system under test.
        judges: who measures.
        identity: for CSIM.
        progress: called with a sentence after each pair.

    Returns:
        A case per person, none where the system has nothing to show or there is a single person.
        Its real row is the driving clip itself: all of the motion, none of the person.
    """
    cases = []
    for number, (source, driver) in enumerate(pairs(list(clips)), 1):
        drive = Drive(source.frames[0], driver.frames, name=f"cross/{source.key}+{driver.key}")
        made = render(drive)
        if made is not None:
            cases.append(_one(source, driver, drive, made, judges, identity))
        if progress:
            progress(f"{number} pairs done, the last was {source.key} by {driver.key}")
    return cases


def pairs(clips: Sequence[TestClip]) -> list[tuple[TestClip, TestClip]]:
    """The first clip of each person, and as its driver that of the person half a list on."""
    first: dict[str, TestClip] = {}
    for clip in clips:
        first.setdefault(clip.person, clip)
    if len(first) < 2:
        return []
    ordered = [first[person] for person in sorted(first)]
    away = len(ordered) // 2
    return [(clip, ordered[(n + away) % len(ordered)]) for n, clip in enumerate(ordered)]


def _one(
    source: TestClip,
    driver: TestClip,
    drive: Drive,
    made: NDArray[np.uint8],
    judges: Judges,
    identity: Identity | None,
) -> Case:
    side, fps = made.shape[1], driver.fps
    own = resized(source.frames[:1], side)
    real = driver.real
    still_frames = encoded(np.repeat(own, _STILL_FRAMES, axis=0), fps)
    found = measure(still_frames, fps, judges.tracker)
    still = (found or source.real.part(0, 1)).held(len(real))
    pictures = {
        REAL: encoded(resized(driver.frames, side), fps),
        STILL: np.repeat(still_frames[-1:], len(real), axis=0),
        MODEL: encoded(made, fps),
    }
    seen = {STILL: still} | {
        row: measured(pictures[row], fps, judges.tracker, still) for row in (REAL, MODEL)
    }
    eyes = {
        row: (driver if row == REAL else source).real.open_eye().astype(np.float64)
        for row in pictures
    }
    known = real.found
    wrong = {
        row: motion_errors(seen[row].take(known), real.take(known), eyes[row]) for row in pictures
    }
    rows = {
        row: {name: float(each.mean()) for name, each in wrong[row].items()}
        | correlations(seen[row].take(known), real.take(known), eyes[row], fps)
        | {"mouth_sharpness": _sharp(shown, seen[row], source, side)}
        | steadiness(seen[row])
        for row, shown in pictures.items()
    }
    if identity is not None:
        likenesses = _likenesses(source, driver, pictures, seen, identity)
        rows = {row: values | likenesses[row] for row, values in rows.items()}
    return Case(
        protocol=Protocol.CROSS,
        name=drive.name.partition("/")[2],
        person=source.person,
        frames=len(real),
        rows=rows,
        ratios=over_still(wrong),
        series={
            REAL: series(real, eyes[REAL]),
            MODEL: series(seen[MODEL], eyes[MODEL]),
        },
        sample=sample(own[0], resized(driver.frames, side), pictures[MODEL], fps),
    )


def _sharp(shown: NDArray[np.uint8], seen: Measured, source: TestClip, side: int) -> float:
    return sharp_mouth(shown, seen, resized(source.frames, side), source.real)


def _likenesses(
    source: TestClip,
    driver: TestClip,
    pictures: dict[str, NDArray[np.uint8]],
    seen: dict[str, Measured],
    identity: Identity,
) -> dict[str, Values]:
    """How like the source's person, and how like the driver, each row is."""
    out: dict[str, Values] = {row: {} for row in pictures}
    made = {
        row: identity.vectors(shown, seen[row].landmarks, FACES) for row, shown in pictures.items()
    }
    for name, clip in (("csim", source), ("driver_csim", driver)):
        own, *_ = identity.vectors(clip.frames[:1], clip.real.landmarks[:1], 1)
        genuine = identity.vectors(clip.frames[1:], clip.real.landmarks[1:], FACES)
        for row, faces in made.items():
            out[row][name] = identity.score(clip.person, own, genuine, faces)
    return out
