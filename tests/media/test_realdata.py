"""A small sample of real files, of every codec, rate and fault among them."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from pdfgc.media import probe, read_audio, read_image, read_video, resample_frames

pytestmark = pytest.mark.realdata


def _rows(shared_data: Path, kind: str, split: str | None = None) -> list[dict[str, str]]:
    with (shared_data / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if kind in row["kind"] and split in (None, row["split"])]


def _one_of_each(rows: list[dict[str, str]], *keys: str) -> list[dict[str, str]]:
    """The first row for every combination of values; of a file's name the suffix counts."""

    def group(row: dict[str, str]) -> tuple[str, ...]:
        return (Path(row["file"]).suffix, *(row[key] for key in keys))

    ordered = sorted(rows, key=group)
    return [next(members) for _, members in itertools.groupby(ordered, key=group)]


@pytest.mark.slow
def test_clips(shared_data: Path) -> None:
    clips = _one_of_each(_rows(shared_data, "real"), "fps", "width")
    short = sorted(clips, key=lambda row: float(row["duration_s"]) * int(row["width"]))[:25]
    assert len(short) == 25
    for row in short:
        path = shared_data / row["file"]
        info = probe(path)
        frames = 0
        last_s = -1.0
        for frame in read_video(path):
            assert frame.image.shape == (info.height, info.width, 3), path
            assert frame.time_s > last_s, path
            last_s = frame.time_s
            frames += 1
        assert info.n_frames in (None, frames), path
        # Headers leave out frames that are shown after their neighbours, hence five frames.
        assert last_s + 1 / info.fps == pytest.approx(info.duration_s, abs=5.5 / info.fps), path
        assert abs(info.width - int(row["width"])) <= 0.08 * info.width, path


def test_a_clip_and_its_sound_are_equally_long(shared_data: Path) -> None:
    rows = _rows(shared_data, "with audio", "validation")
    paths = [shared_data / row["file"] for row in rows]
    for path in [path for path in paths if probe(path).has_audio][:3]:
        n_frames = sum(1 for _ in resample_frames(read_video(path), 25))
        assert n_frames / 25 == pytest.approx(len(read_audio(path)) / 16_000, abs=0.15)


def test_odd_recordings(shared_data: Path) -> None:
    rows = _rows(shared_data, "speech", "robustness")
    assert rows
    for row in rows:
        waveform = read_audio(shared_data / row["file"])
        assert len(waveform) / 16_000 == pytest.approx(float(row["duration_s"]), abs=0.02)
        assert np.isfinite(waveform).all()
        assert np.abs(waveform).max() <= 1


def test_portraits(shared_data: Path) -> None:
    for row in _rows(shared_data, "portrait")[::6]:
        image = read_image(shared_data / row["file"])
        ratio = int(row["height"]) / int(row["width"])  # of the original; stored smaller
        assert image.shape[0] / image.shape[1] == pytest.approx(ratio, rel=0.01)
