"""Streams: the same as clips for the same sound, whatever its chunks; idle, cut short, threads."""

from __future__ import annotations

import threading
import time
from itertools import cycle, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc import Avatar, InputError, Motion
from pdfgc.avatar import Control, Controls, Stream, StreamFrame
from pdfgc.media import read_audio

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def voice(speech: object) -> Samples:
    return read_audio(str(speech))[8_000:18_000]


def chunks(samples: Samples, sizes: list[int]) -> list[Samples]:
    made, at, each = [], 0, cycle(sizes)
    while at < len(samples):
        size = next(each)
        made.append(samples[at : at + size])
        at += size
    return made


def images(frames: list[StreamFrame]) -> NDArray[np.uint8]:
    return np.stack([frame.image for frame in frames])


def lips(stream: Stream, frames: int) -> Samples:
    """Lip codes of the next frames, which are drawn, too."""
    rows = []
    for _ in range(frames):
        assert stream.pull(0) is not None
        assert stream._shown is not None
        rows.append(stream._shown)
    return np.stack(rows)


@pytest.fixture(scope="module")
def whole(avatar: Avatar, voice: Samples) -> list[StreamFrame]:
    return list(avatar.stream([voice], crop=True, seed=3))


def test_a_stream_is_the_clip(avatar: Avatar, voice: Samples, whole: list[StreamFrame]) -> None:
    clip = avatar.animate(audio=voice, crop=True, seed=3)
    assert len(whole) == len(clip) == 16
    drawn = np.stack(list(clip.frames()))
    # Batches of other sizes round otherwise.
    assert np.abs(images(whole).astype(int) - drawn).max() <= 1
    assert [frame.index for frame in whole] == list(range(16))
    assert [frame.time_s for frame in whole] == [n / 25 for n in range(16)]
    heard = np.concatenate([frame.audio for frame in whole])
    assert np.array_equal(heard[: len(voice)], voice)
    assert not heard[len(voice) :].any()


@pytest.mark.parametrize("sizes", [[1], [640], [3_000, 1, 17, 0, 901]])
def test_sizes_of_chunks_change_no_pixel(
    avatar: Avatar, voice: Samples, whole: list[StreamFrame], sizes: list[int]
) -> None:
    made = list(avatar.stream(chunks(voice, sizes), crop=True, seed=3))
    assert np.array_equal(images(made), images(whole))


def test_codes_are_the_clips(avatar: Avatar, voice: Samples) -> None:
    controls = Controls(lip=Control(strength=1.3), lip_lead_s=0.08)
    wanted = avatar.motion(audio=voice, controls=controls).lip
    stream = avatar.stream(controls=controls)
    for chunk in chunks(voice, [333]):
        stream.push(chunk)
    stream.finish()
    assert np.allclose(lips(stream, len(wanted)), wanted, atol=1e-5)
    assert stream.pull() is None
    assert stream.latency.algorithmic_ms == pytest.approx(200)


def test_every_other_factor_is_the_clips(avatar: Avatar, driven: Motion, voice: Samples) -> None:
    sixteen = voice[:10_240]
    smooth = Control(smooth_s=0.2)
    controls = Controls(
        pose=smooth,
        gaze=smooth,
        relative_place=False,
        relative_openness=False,
        relative_brows=False,
        zoom=1.1,
    )
    for drivers in (
        {"pose": [(0.0, (0.0, 0.0, 0.0)), (0.4, (0.3, 0.0, 0.0))], "gaze": "camera"},
        {"pose": driven, "gaze": "auto", "blink": driven, "expression": "auto"},
        {"motion": driven},
        {"gaze": driven, "lip": driven},
    ):
        wanted = avatar.motion(audio=sixteen, controls=controls, seed=5, **drivers)
        stream = avatar.stream([sixteen], controls=controls, seed=5, **drivers)
        made = stream._composer.stretch(stream._found, stream._base, 5, 6)
        for factor in ("pose", "gaze", "blink", "expression"):
            rows, own = made.rows(factor), wanted.rows(factor)[5:11]
            assert np.allclose(rows, own, atol=1e-6), (drivers, factor)
    assert np.allclose(made.lip, wanted.lip[5:11])


def test_relative_to_the_first_second_of_a_driver(avatar: Avatar, driven: Motion) -> None:
    pose = driven.pose.copy()
    pose[25:, 3] += 1.0
    stream = avatar.stream(pose=driven.replace(pose=pose))
    made = stream._composer.stretch(stream._found, stream._base, 0, 25).pose[:, 3]
    wanted = avatar.source.pose[0, 3] + pose[:25, 3] - np.median(pose[:25, 3])
    assert np.allclose(made, wanted, atol=1e-6)


def test_long_streams_go_on_as_clips_do(avatar: Avatar) -> None:
    stream = avatar.stream(gaze="auto", expression="auto", seed=1)
    parts = [stream._composer.stretch(stream._found, None, n, 250) for n in (0, 250, 500)]
    wanted = avatar.motion(gaze="auto", expression="auto", seed=1, duration_s=30)
    for factor in ("pose", "gaze", "blink", "expression"):
        made = np.concatenate([part.rows(factor) for part in parts])
        assert np.allclose(made, wanted.rows(factor), atol=1e-6), factor


def test_frames_come_as_soon_as_they_can(avatar: Avatar, voice: Samples) -> None:
    stream = avatar.stream(crop=True)
    stream.push(voice[:1919])
    assert stream.pull(0) is None
    assert not stream.ended
    stream.push(voice[1919:1920])
    assert stream.pull(0) is not None
    assert stream.pull(0) is None
    assert stream.latency.algorithmic_ms == pytest.approx(120)
    assert 0 < stream.latency.first_ms == stream.latency.worst_ms
    assert stream.latency.n_frames == 1


def test_idle_frames_have_silence_and_what_was_shown_is_a_clip(
    avatar: Avatar, voice: Samples
) -> None:
    stream = avatar.stream(crop=True, seed=3)
    frames = [stream.idle() for _ in range(4)]
    stream.push(voice[:5_000])
    stream.pause()
    while (frame := stream.pull(0)) is not None:
        frames.append(frame)
    frames += [stream.idle() for _ in range(3)]
    rest = avatar.model.rest_lip.numpy()
    assert stream._shown is not None
    stream.push(voice[5_000:])
    stream.finish()
    frames += list(stream)
    heard = np.concatenate([frame.audio for frame in frames])
    assert np.abs(heard).sum() == pytest.approx(np.abs(voice).sum(), rel=1e-4)
    drawn = np.stack(list(avatar.animate(audio=heard, crop=True, seed=3).frames()))
    assert np.abs(images(frames).astype(int) - drawn).max() <= 1
    assert frames[0].waited_s is None
    assert not frames[0].audio.any()
    # Long silence rests the lips, while all else goes on.
    resting = avatar.stream(crop=True, seed=3)
    still = [resting.idle() for _ in range(12)]
    assert np.allclose(resting._shown, rest)
    assert not np.array_equal(still[-1].image, still[-6].image)


def test_interruption_drops_what_waits_and_fades(avatar: Avatar, voice: Samples) -> None:
    stream = avatar.stream(crop=True)
    stream.push(voice)
    last = lips(stream, 5)[-1]
    stream.interrupt(fade_s=0.16)
    assert stream.queued_s == 0
    faded = []
    for _ in range(6):
        frame = stream.idle()
        assert not frame.audio.any()
        faded.append(stream._shown)
    rest = avatar.model.rest_lip.numpy()
    away = [float(np.linalg.norm(each - rest)) for each in [last, *faded]]
    assert all(after < before for before, after in pairwise(away[:5]))
    assert away[4] > 0.01 * away[0]
    assert np.allclose(faded[-1], rest)
    # The next utterance is heard as if it were the first.
    stream.push(voice)
    stream.finish()
    assert [frame.index for frame in stream][-1] == 5 + 6 + 2 + 16 - 1


def test_an_interruption_wakes_who_waits(avatar: Avatar, voice: Samples) -> None:
    stream = avatar.stream(crop=True)
    threading.Timer(0.05, stream.interrupt).start()
    threading.Timer(0.10, stream.push, [voice]).start()
    assert stream.pull(20) is not None


def test_pushing_waits_for_who_pulls(avatar: Avatar, voice: Samples) -> None:
    stream = avatar.stream(crop=True, most_queued_s=0.2)
    stream.push(voice[:3_200])
    with pytest.raises(InputError, match=r"0\.2 s of sound wait to be drawn"):
        stream.push(voice, timeout_s=0.01)
    parts = chunks(voice[3_200:], [700])

    def speak() -> None:
        for part in parts:
            stream.push(part)
        stream.finish()

    thread = threading.Thread(target=speak)
    thread.start()
    made = []
    while (frame := stream.pull()) is not None:
        made.append(frame)
        assert stream.queued_s < 0.2 + 0.05
    thread.join()
    assert np.array_equal(images(made), images(list(avatar.stream([voice], crop=True))))


def test_several_threads_pull_each_frame_once(avatar: Avatar, voice: Samples) -> None:
    stream = avatar.stream(crop=True)
    found: list[int] = []

    def watch() -> None:
        for frame in stream:
            found.append(frame.index)
            time.sleep(0.001)

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for chunk in chunks(voice, [900]):
        stream.push(chunk)
    stream.finish()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(16))


def test_other_rates_and_kinds(avatar: Avatar, voice: Samples, whole: list[StreamFrame]) -> None:
    ints = np.rint(voice * 32767).astype(np.int16)
    twice = np.repeat(ints, 2)[:, None].repeat(2, axis=1)  # 32 kHz stereo
    stream = avatar.stream(chunks(twice, [441]), sample_rate=32_000, crop=True, seed=3)
    made = list(stream)
    assert len(made) == 16
    assert np.abs(images(made).astype(int) - images(whole)).mean() < 2
    assert stream.latency.algorithmic_ms == pytest.approx(130)


def test_smoothed_lips_hear_the_past(avatar: Avatar, voice: Samples) -> None:
    plain = avatar.stream(crop=True)
    calm = avatar.stream(crop=True, controls=Controls(lip=Control(smooth_s=0.16)))
    for stream in (plain, calm):
        stream.push(voice)
    rows, smooth = lips(plain, 8), lips(calm, 8)
    assert np.allclose(rows[0], smooth[0])
    assert np.linalg.norm(np.diff(smooth, axis=0)) < np.linalg.norm(np.diff(rows, axis=0))
    assert np.allclose(np.linalg.norm(smooth, axis=1), 1, atol=1e-5)


def test_misuse_is_refused(avatar: Avatar, voice: Samples) -> None:
    with pytest.raises(InputError, match="most_queued_s is 0"):
        avatar.stream(most_queued_s=0)
    stream = avatar.stream(crop=True)
    with pytest.raises(InputError, match="Audio chunk 0 is int64"):
        stream.push(np.zeros(3, np.int64))
    with pytest.raises(InputError, match="fade_s is -1"):
        stream.interrupt(fade_s=-1)
    stream.push(voice[:1])
    stream.finish()
    assert len(list(stream)) == 1
    assert stream.ended
    with pytest.raises(InputError, match="is finished"):
        stream.push(voice)
    with pytest.raises(InputError, match="has ended"):
        stream.idle()
    assert list(avatar.stream([])) == []


def test_streams_paste_back(avatar: Avatar, voice: Samples, face_image: object) -> None:
    (frame, *_) = avatar.stream([voice[:640]])
    assert frame.image.shape == (512, 512, 3)
