"""A dubbed video: what changes, what does not, and what is said about it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc import Avatar, InputError, dub
from pdfgc.avatar.official import reader_for
from pdfgc.cli import main
from pdfgc.dubbing import Done, Dubbing, Footage, Length, Region, Speaker
from pdfgc.dubbing.person import Seeing
from pdfgc.media import VideoWriter, probe, read_audio, read_video
from pdfgc.tracking import FaceChoice
from pdfgc.weights import load_model
from tests.dubbing.conftest import first_second


def drawn(
    video: Path,
    weights: Path | str,
    speakers: list[Speaker],
    region: Region,
    recogniser: Seeing | None = None,
) -> Dubbing:
    loaded = load_model(weights, "cpu")
    return Dubbing(
        Footage(video, Length.VIDEO, 0.0),
        speakers,
        [speaker.speech(16_000) for speaker in speakers],
        reader_for(loaded),
        region=region,
        references=2,
        gate=True,
        recogniser=recogniser,
    )


def test_faces_are_dubbed_and_cutaways_are_not(
    cutaway: Path, speech: Path, tiny_weights: Path
) -> None:
    dubbing = drawn(cutaway, tiny_weights, [Speaker(speech)], Region.LIPS)
    before, after = list(read_video(cutaway)), list(dubbing.frames())
    assert [frame.time_s for frame in after] == [frame.time_s for frame in before]
    apart = [(old.image != new.image).any(-1) for old, new in zip(before, after, strict=True)]
    assert all(each.any() for each in apart[:8] + apart[14:])
    assert not any(each.any() for each in apart[8:14])
    # The mouth of the portrait, and nothing far from it.
    rows, columns = np.nonzero(np.any(apart[:8], axis=0))
    assert rows.min() > 60
    assert rows.max() < 120
    assert 80 < columns.min() < columns.max() < 150
    assert [(s.first, s.frames, s.shot, s.done) for s in dubbing.segments] == [
        (0, 8, 0, Done.DUBBED),
        (8, 6, 1, Done.NO_FACE),
        (14, 8, 2, Done.DUBBED),
    ]
    assert all(14 <= index < 22 for index in dubbing.segments[2].references)
    assert dubbing.shots == 3


def test_times_size_and_sound_of_the_file(
    cutaway: Path, speech: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    report = dub(cutaway, speech, out, weights=tiny_weights, region=Region.JAW)
    before, after = ([f.time_s for f in read_video(path)] for path in (cutaway, out))
    np.testing.assert_allclose(after, before, atol=1 / 90_000)
    assert (report.frames, report.width, report.height) == (22, 256, 256)
    sound = read_audio(out)
    assert abs(len(sound) / 16_000 - report.duration_s) < 0.04
    own = read_audio(speech)[: len(sound)]
    assert np.corrcoef(own, sound[: len(own)])[0, 1] > 0.98
    assert report.facts()["segments"][1]["done"] == "passed through: no face"
    assert "shot 1  speaker 0  passed through: no face" in report.text()


def test_who_speaks(cutaway: Path, speech: Path, tiny_weights: Path) -> None:
    box = (0.0, 150.0, 60.0, 256.0)  # nobody is there
    dubbing = drawn(cutaway, tiny_weights, [Speaker(speech, box)], Region.LIPS)
    before = [frame.image for frame in read_video(cutaway)]
    for old, new in zip(before, dubbing.frames(), strict=True):
        np.testing.assert_array_equal(old, new.image)
    assert dubbing.segments[0].done is Done.OTHER_PERSON


@pytest.fixture(scope="module")
def pair(portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One face at the left, its mirror image at the right, 8 frames."""
    path = tmp_path_factory.mktemp("pair") / "pair.mp4"
    both = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    with VideoWriter(path, fps=30, crf=10) as writer:
        for _ in range(8):
            writer.write(both)
    return path


def test_two_people_two_speeches(
    pair: Path, speech: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    quiet = np.zeros(8_000, np.float32)
    waveform = read_audio(speech)[8_000:]
    speakers = [Speaker(waveform, 0), Speaker(quiet, 1)]
    dubbing = drawn(pair, tiny_weights, speakers, Region.LIPS)
    images = [frame.image for frame in read_video(pair)]
    both = [frame.image for frame in dubbing.frames()]
    changed = [(a != b).any(-1) for a, b in zip(images, both, strict=True)]
    assert all(c[:, :256].any() and c[:, 256:].any() for c in changed)
    one = [frame.image for frame in drawn(pair, tiny_weights, speakers[1:], Region.LIPS).frames()]
    for alone, together, image in zip(one, both, images, strict=True):
        np.testing.assert_array_equal(alone[:, :256], image[:, :256])
        np.testing.assert_array_equal(alone[:, 256:], together[:, 256:])
    out = tmp_path / "two.mp4"
    assert {s.speaker for s in dub(pair, speakers, out, weights=tiny_weights).segments} == {0, 1}
    assert np.abs(read_audio(out)).max() > 0.01


@pytest.fixture
def hearing_ctrl_c() -> Iterator[None]:
    """Jobs that a shell starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_what_was_done_or_nothing(
    cutaway: Path,
    speech: Path,
    tiny_weights: Path,
    tmp_path: Path,
    hearing_ctrl_c: None,
) -> None:
    def stop(what: str, done: int, total: int | None) -> None:
        if what == "dubbing" and done == 10:
            signal.raise_signal(signal.SIGINT)

    out = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        dub(cutaway, speech, out, weights=tiny_weights, progress=stop)
    assert list(tmp_path.iterdir()) == []
    report = dub(cutaway, speech, out, weights=tiny_weights, progress=stop, keep_partial=True)
    assert report.stopped
    assert report.frames == len(list(read_video(out))) == 10
    assert abs(len(read_audio(out)) / 16_000 - report.duration_s) < 0.04


def test_command(
    cutaway: Path, speech: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, told = tmp_path / "out.mp4", tmp_path / "report.json"
    arguments = ["dub", cutaway, "--audio", speech, "-o", out, "--weights", tiny_weights]
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in [*arguments, "--report", told, "--json"]])
    assert ended.value.code == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads(told.read_text())
    assert facts["frames"] == 22
    assert probe(out).has_audio
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in [*arguments, "--audio", speech]])
    assert ended.value.code == 2
    assert "one --face for each --audio" in capsys.readouterr().err


def test_faults_are_named(cutaway: Path, speech: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(InputError, match=r"nothing\.mp4"):
        dub(tmp_path / "nothing.mp4", speech, out, weights=tiny_weights)
    with pytest.raises(InputError, match="has no sound"):
        dub(cutaway, cutaway, out, weights=tiny_weights)
    with pytest.raises(InputError, match="references"):
        dub(cutaway, speech, out, weights=tiny_weights, references=0)
    with pytest.raises(InputError, match="loop"):
        dub(cutaway, speech, out, weights=tiny_weights, length=Length.AUDIO)
    assert list(tmp_path.iterdir()) == []


def test_avatar_of_a_video(face_clip: Path, tiny_weights: Path) -> None:
    avatar = Avatar.from_video(face_clip, count=2, weights=tiny_weights)
    assert len(avatar.source) == 2
    assert avatar.animate(duration_s=0.08).size == (512, 512)
    with pytest.raises(InputError, match="count"):
        Avatar.from_video(face_clip, count=0, weights=tiny_weights)


@pytest.mark.realdata
def test_a_real_person_says_other_words(shared_data: Path, speech: Path, tmp_path: Path) -> None:
    clip = first_second(shared_data / "clips" / "A1161.mp4", tmp_path / "clip.mp4", 20)
    dubbing = drawn(clip, "default", [Speaker(speech, FaceChoice.LARGEST)], Region.LIPS)
    before = np.stack([frame.image for frame in read_video(clip)]).astype(int)
    after = np.stack([frame.image for frame in dubbing.frames()]).astype(int)
    assert [segment.done for segment in dubbing.segments] == [Done.DUBBED]
    changed = (before != after).any(-1)
    assert 0.002 < changed.mean() < 0.05
    # What is pasted looks like what was there: no seam, no other colour.
    assert np.abs((before - after)[changed]).mean() < 20
    assert np.abs((before - after)[changed].mean(0)).max() < 12
