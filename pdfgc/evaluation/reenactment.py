"""Self-reenactment: a person's own clip drives its first frame; and then its own speech does.

Of each packed clip, frame 0 is the source and every later frame drives. Three rows are measured in
the same way, all after the same video codec, by the default tracker: the real frames at the
system's size, the source held still, and what the system made. Where the sound fits the lips, the
clip is asked for again with its lips driven by the sound, and by another clip's sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.case import LOUDNESS, MODEL, REAL, SHUFFLED, STILL, Case, Protocol, Values
from pdfgc.evaluation.clips import SAMPLE_RATE, ClipSet, Sound, TestClip, resized
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.evaluation.recognising import Identity
from pdfgc.evaluation.rendering import Drive, Render
from pdfgc.evaluation.scoring import (
    EVERY,
    FACES,
    correlations,
    encoded,
    errors,
    likeness,
    measured,
    over_still,
    sample,
    seam,
    series,
    sharp_mouth,
    steadiness,
)
from pdfgc.metrics import (
    correlation,
    envelope,
    lagged_correlation,
    loudness_db,
    mouth_distance,
    silence_opening,
    silent_frames,
)

SPEECH_FRAMES = 75
"""Clips with speech count from this length on: 3 s at 25 fps."""
MAX_LAG = 6
"""Frames by which a mouth may be early or late in the search for the best correlation."""

# Encoded copies of a still; the last one is clean.
_STILL_FRAMES = 6

Progress = Callable[[str], None]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Reference:
    """One clip at the system's size, and what its still and real rows look like."""

    clip: TestClip
    source: Pictures
    driven: Pictures
    real: Measured
    still: Measured
    still_frame: Pictures


def reenact(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    *,
    protocols: Sequence[Protocol] = (Protocol.SELF, Protocol.AUDIO),
    identity: Identity | None = None,
    progress: Progress | None = None,
) -> list[Case]:
    """Run self-reenactment and speech over clips.

    Args:
        clips: of persons that training has not seen.
        render: the system under test.
        judges: who measures.
        protocols: which of the two.
        identity: for CSIM.
        progress: called with a sentence after each clip.

    Returns:
        For each clip a case of self-reenactment, and one of speech where its sound fits the lips;
        none where the system has nothing to show.

    Raises:
        InputError: the clips cannot be read.
    """
    sounds = clips.sounds(SPEECH_FRAMES) if Protocol.AUDIO in protocols else {}
    cases = []
    for number, clip in enumerate(clips, 1):
        heard = sounds.get(clip.key)
        drives = {}
        if Protocol.SELF in protocols:
            drives[MODEL] = Drive(clip.frames[0], clip.frames, name=f"self/{clip.key}")
        voices = {}
        if heard is not None:
            for row, wave, folder in (
                (MODEL, heard.wave, "audio"),
                (SHUFFLED, _other(clip.key, sounds), "shuffled"),
            ):
                name = f"{folder}/{clip.key}"
                voices[row] = Drive(clip.frames[0], clip.frames, wave, name=name)
        made = {row: render(drive) for row, drive in drives.items()}
        spoken = {row: render(drive) for row, drive in voices.items()}
        if any(each is not None for each in (*made.values(), *spoken.values())):
            reference = _reference(clip, render.side, judges)
            if made.get(MODEL) is not None:
                cases.append(_self(reference, made[MODEL], judges, identity))
            if heard is not None and spoken.get(MODEL) is not None:
                cases.append(_speech(reference, heard.wave, spoken, judges))
        if progress:
            progress(f"{number} clips done, the last was {clip.key}")
    return cases


def _reference(clip: TestClip, side: int, judges: Judges) -> _Reference:
    target = resized(clip.frames, side)
    still_frames = encoded(np.repeat(target[:1], _STILL_FRAMES, axis=0), clip.fps)
    found = measure(still_frames, clip.fps, judges.tracker)
    return _Reference(
        clip=clip,
        source=target[0],
        driven=target[1:],
        real=clip.real.part(1, len(clip.real)),
        # At the smallest sizes the tracker may lose even the real face; the pack's label stands in.
        still=(found or clip.real.part(0, 1)).held(len(target) - 1),
        still_frame=still_frames[-1:],
    )


def _self(
    given: _Reference, made: Pictures | None, judges: Judges, identity: Identity | None
) -> Case:
    assert made is not None
    clip, driven, reference = given.clip, given.driven, given.real
    open_eye = reference.open_eye().astype(np.float64)
    pictures = {
        REAL: encoded(driven, clip.fps),
        STILL: np.repeat(given.still_frame, len(driven), axis=0),
        MODEL: encoded(made[1:], clip.fps),
    }
    seen = {STILL: given.still} | {
        row: measured(pictures[row], clip.fps, judges.tracker, given.still) for row in (REAL, MODEL)
    }
    known = reference.found
    wrong = {
        row: errors(shown[known], driven[known], seen[row].take(known), reference.take(known))
        for row, shown in pictures.items()
    }
    rows = {
        row: {name: float(each.mean()) for name, each in wrong[row].items()}
        | likeness(shown[::EVERY], driven[::EVERY])
        | judges.likeness(shown[::EVERY], driven[::EVERY])
        | correlations(seen[row].take(known), reference.take(known), open_eye, clip.fps)
        | {"mouth_sharpness": sharp_mouth(shown, seen[row], driven, reference)}
        | {"seam": seam(shown, given.source)}
        | steadiness(seen[row])
        for row, shown in pictures.items()
    }
    if identity is not None:
        source, *_ = identity.vectors(clip.frames[:1], clip.real.landmarks[:1], 1)
        genuine = identity.vectors(clip.frames[1:], reference.landmarks, FACES)
        for row, shown in pictures.items():
            faces = identity.vectors(shown, seen[row].landmarks, FACES)
            rows[row]["csim"] = identity.score(clip.person, source, genuine, faces)
    return Case(
        protocol=Protocol.SELF,
        name=clip.key,
        person=clip.person,
        frames=len(driven),
        rows=rows,
        ratios=over_still(wrong),
        series={
            row: series(each, open_eye) for row, each in ((REAL, reference), (MODEL, seen[MODEL]))
        },
        features={
            "": judges.features(driven[::EVERY]),
            **{row: judges.features(shown[::EVERY]) for row, shown in pictures.items()},
        },
        sample=sample(given.source, pictures[REAL], pictures[MODEL], clip.fps),
    )


def _speech(
    given: _Reference,
    wave: NDArray[np.float32],
    made: dict[str, Pictures | None],
    judges: Judges,
) -> Case:
    clip, driven, reference = given.clip, given.driven, given.real
    fps = clip.fps
    # The source's frame has sound too.
    loudness = loudness_db(wave, len(reference) + 1, round(SAMPLE_RATE / fps))[1:]
    spoken = wave[round(SAMPLE_RATE / fps) :]
    voice, silent = envelope(loudness), silent_frames(loudness, fps)
    pictures = {
        REAL: encoded(driven, fps),
        STILL: np.repeat(given.still_frame, len(driven), axis=0),
        **{row: encoded(each[1:], fps) for row, each in made.items() if each is not None},
    }
    rows: dict[str, Values] = {LOUDNESS: _mouth(voice, reference.mouth)}
    seen = {}
    for row, shown in pictures.items():
        still = row == STILL
        seen[row] = given.still if still else measured(shown, fps, judges.tracker, given.still)
        mouth = seen[row].mouth
        rows[row] = _mouth(mouth, reference.mouth) | {
            "voice_r": lagged_correlation(mouth, voice, MAX_LAG).value,
            "mouth": float(mouth_distance(seen[row].landmarks, reference.landmarks).mean()),
            "silence": silence_opening(mouth, silent),
            "silence_moves": float(np.std(mouth[silent])) if silent.any() else float("nan"),
        }
        if not still:
            rows[row] |= judges.synchrony(shown, spoken, seen[row].landmarks)
    open_eye = reference.open_eye().astype(np.float64)
    return Case(
        protocol=Protocol.AUDIO,
        name=clip.key,
        person=clip.person,
        frames=len(driven),
        rows=rows,
        series={REAL: series(reference, open_eye), MODEL: series(seen[MODEL], open_eye)},
        sample=sample(given.source, driven, pictures[MODEL], fps, spoken),
    )


def _mouth(opening: NDArray[np.floating], real: NDArray[np.floating]) -> Values:
    best = lagged_correlation(opening, real, MAX_LAG)
    return {
        "mouth_r": best.value,
        "lag": float(best.lag) if best.value > 0 else float("nan"),
        "mouth_r_at_0": correlation(opening, real),
    }


def _other(key: str, sounds: dict[str, Sound]) -> NDArray[np.float32]:
    """Another clip's sound at this one's length, of another person where there is one."""
    keys = sorted(sounds)
    at = keys.index(key)
    others = [sounds[each] for each in (*keys[at + 1 :], *keys[:at])]
    others.sort(key=lambda other: other.person == sounds[key].person)
    # Alone in the pack, a clip meets its own sound half a length later.
    wave, length = sounds[key].wave, len(sounds[key].wave)
    return np.resize(others[0].wave, length) if others else np.roll(wave, length // 2)
