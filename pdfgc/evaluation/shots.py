"""Few-shot: T images of a person, and how near the person's other frames can be drawn.

The protocol and the table of Zakharov et al., "Few-Shot Adversarial Learning of Realistic Neural
Talking Head Models", ICCV 2019, section 4.1: of each clip T source frames are taken, up to 32
frames that are none of them drive, and FID, SSIM and CSIM are averaged. Data, recogniser and
features are ours: the numbers cannot stand beside those of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pdfgc.evaluation.case import REAL, Case, Protocol, Values
from pdfgc.evaluation.clips import ClipSet, TestClip, resized
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.recognising import Identity
from pdfgc.evaluation.reenactment import Progress
from pdfgc.evaluation.rendering import Drive, Render
from pdfgc.evaluation.scoring import FACES, sample
from pdfgc.metrics import ssim

SHOTS = (1, 8, 32)
"""Source images, as in the paper's tables."""
HELD_OUT = 32
"""Frames that drive, at most."""


def few_shot(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    *,
    counts: Sequence[int] = SHOTS,
    identity: Identity | None = None,
    progress: Progress | None = None,
) -> list[Case]:
    """Draw held-out frames of each clip from T of its other frames.

    Args:
        clips: of persons that training has not seen.
        render: the system under test.
        judges: who measures.
        counts: numbers of source images T.
        identity: for CSIM.
        progress: called with a sentence after each clip.

    Returns:
        A case for each clip and T whose clip is long enough; rows are `T=1` and so on.
    """
    cases = []
    for number, clip in enumerate(clips, 1):
        for count in counts:
            sources, targets = split(len(clip.frames), count)
            if len(targets) < 2:
                continue
            drive = Drive(clip.frames[sources], clip.frames[targets], name=_name(clip, count))
            made = render(drive)
            if made is not None:
                cases.append(_one(clip, targets, count, drive, made, judges, identity))
        if progress:
            progress(f"few-shot: {number} clips done")
    return cases


def split(frames: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the source frames and of the held-out frames.

    Args:
        frames: of the clip.
        count: T. Sources are evenly spaced over the clip; for one source it is the first frame.

    Returns:
        (T,) and (n,) int64, apart from each other; the second empty where the clip is too short.
    """
    if frames < 2 * count:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    sources = np.unique(np.linspace(0, frames - 1, count + 1).astype(np.int64)[:-1])
    rest = np.setdiff1d(np.arange(frames), sources)
    at = np.linspace(0, len(rest) - 1, min(HELD_OUT, len(rest))).round().astype(int)
    return sources, rest[at]


def _name(clip: TestClip, count: int) -> str:
    return f"shots/{clip.key}+{count}"


def _one(
    clip: TestClip,
    targets: np.ndarray,
    count: int,
    drive: Drive,
    made: np.ndarray,
    judges: Judges,
    identity: Identity | None,
) -> Case:
    real = resized(clip.frames[targets], made.shape[1])
    row = f"T={count}"
    values: Values = {"ssim": float(ssim(made, real).mean()), **judges.likeness(made, real)}
    if identity is not None:
        landmarks = clip.real.landmarks
        own, *_ = identity.vectors(drive.sources[:1], landmarks[:1], 1)
        genuine = identity.vectors(clip.frames[targets], landmarks[targets], FACES)
        # Where the real face is: a made one is not looked for.
        faces = identity.vectors(made, landmarks[targets], FACES)
        values["csim"] = identity.score(clip.person, own, genuine, faces)
    return Case(
        protocol=Protocol.SHOTS,
        name=f"{clip.key}+{count}",
        person=clip.person,
        frames=len(targets),
        rows={row: values},
        features={f"{REAL} {row}": judges.features(real), row: judges.features(made)},
        sample=sample(resized(drive.sources[:1], made.shape[1])[0], real, made, clip.fps),
    )
