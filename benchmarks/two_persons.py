"""A dubbed person, and two persons in one video dubbed with a speech each: clips, sheets, figures.

    python benchmarks/two_persons.py LEFT.mp4 RIGHT.mp4 --out RESULTS

Each clip is dubbed with the other one's sound (or `--audio`) in its full frame. Then both are set
side by side; halfway the picture is cut, and the persons change places. Everybody is dubbed with
the same sound as before. Figures: what was done to which frames, and for each person the
correlation of the mouth's opening with the loudness of the own and of the other one's speech, at
the best lag within 5 frames, before and after.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pdfgc.dubbing import Region, Speaker, dub
from pdfgc.evaluation.report import write_picture
from pdfgc.media import VideoFrame, VideoWriter, read_audio, read_video, resample_frames
from pdfgc.metrics import envelope, lagged_correlation, loudness_db
from pdfgc.tracking import track_frames

FPS, RATE, MOMENTS = 25, 16_000, 6
Picture = NDArray[np.uint8]


def main() -> None:
    """Make, dub, look and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs=2, metavar="CLIP")
    parser.add_argument("--audio", type=Path, nargs=2, help="for the left and the right one")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--side", type=int, default=384, help="of each person's square (px)")
    parser.add_argument("--region", choices=[each.value for each in Region], default="jaw")
    parser.add_argument("--weights", default="default", help="file or packaged name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    n_frames = round(given.seconds * FPS)
    audio = given.audio or given.clips[::-1]
    voices = [read_audio(path)[: round(given.seconds * RATE)] for path in audio]
    region, results = Region(given.region), dict[str, Any]()

    for name, clip, voice in zip(("left", "right"), given.clips, voices, strict=True):
        before, after = given.out / f"{name}.mp4", given.out / f"{name}-dubbed.mp4"
        written(before, first(clip, n_frames))
        report = dub(before, voice, after, region=region, weights=given.weights)
        write_picture(sheet(before, after), given.out / f"{name}.png")
        results[name] = report.facts()

    before, after = given.out / "two.mp4", given.out / "two-dubbed.mp4"
    left, right = (squares(first(clip, n_frames), given.side) for clip in given.clips)
    written(before, side_by_side(left, right, n_frames // 2))
    speakers = [Speaker(voice, number) for number, voice in enumerate(voices)]
    results["two"] = dub(before, speakers, after, region=region, weights=given.weights).facts()
    write_picture(sheet(before, after), given.out / "two.png")
    results["lips"] = [
        {
            f"{when}, {whose} speech": followed(path, number, n_frames // 2, voices[voice])
            for when, path in (("before", before), ("after", after))
            for whose, voice in (("own", number), ("other", 1 - number))
        }
        for number in range(2)
    ]
    text = json.dumps(results, indent=1)
    (given.out / "two_persons.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def first(clip: Path, n_frames: int) -> Iterator[Picture]:
    """Pictures of a clip's beginning at the rate of the result."""
    frames = resample_frames(read_video(clip), FPS)
    yield from (frame.image for frame in islice(frames, n_frames))


def squares(pictures: Iterable[Picture], side: int) -> Iterator[Picture]:
    """The upper middle of each picture, brought to a size."""
    for each in pictures:
        height, width = each.shape[:2]
        least = min(height, width)
        left = (width - least) // 2
        cut = Image.fromarray(each[:least, left : left + least])
        yield np.asarray(cut.resize((side, side), Image.Resampling.LANCZOS))


def side_by_side(left: Iterable[Picture], right: Iterable[Picture], cut: int) -> Iterator[Picture]:
    """Both in one picture; from frame `cut` on they have changed places."""
    for number, (one, other) in enumerate(zip(left, right, strict=False)):
        yield np.concatenate([one, other] if number < cut else [other, one], axis=1)


def written(path: Path, pictures: Iterable[Picture]) -> None:
    """Keep pictures as a video without sound."""
    with VideoWriter(path, fps=FPS, crf=12) as writer:
        for picture in pictures:
            writer.write(picture)


def followed(path: Path, person: int, cut: int, voice: NDArray[np.float32]) -> float:
    """How well the mouth of a person follows the loudness of a speech."""

    def half() -> Iterator[VideoFrame]:
        for frame in read_video(path):
            middle = frame.image.shape[1] // 2
            on_left = (person == 0) == (frame.index < cut)
            part = frame.image[:, :middle] if on_left else frame.image[:, middle:]
            yield VideoFrame(np.ascontiguousarray(part), frame.time_s, frame.index)

    mouth = track_frames(half(), fps=FPS).mouth
    loud = envelope(loudness_db(voice, len(mouth), RATE // FPS))
    return round(lagged_correlation(mouth, loud, 5).value, 3)


def sheet(before: Path, after: Path) -> Picture:
    """Some moments: above as they were, below as they are now."""
    rows = []
    for path in (before, after):
        pictures = [frame.image for frame in read_video(path)]
        at = np.linspace(0, len(pictures) - 1, MOMENTS).round().astype(int)
        rows.append(np.concatenate([pictures[n] for n in at], axis=1))
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    main()
