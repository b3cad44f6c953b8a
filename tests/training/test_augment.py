"""Jittered crops: pictures, landmarks and labels move together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pdfgc.config import AudioConfig
from pdfgc.media import log_mel
from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.geometry import rotation_from_angles
from pdfgc.tracking.measure import pose_of_normalised
from pdfgc.training.augment import (
    Jitter,
    change_look,
    change_room,
    change_shape,
    change_voice,
    reverberate,
)


@pytest.mark.parametrize("mirror", [False, True])
def test_pictures_and_landmarks_move_alike(mirror: bool) -> None:
    rng = np.random.default_rng(0)
    jitter = Jitter.draw(rng, np.full(16, mirror))
    points = np.zeros((16, 478, 3), np.float32)
    points[:, :, 0], points[:, :, 1] = 0.3, -0.2
    axis = (torch.arange(128) * 2 + 1) / 128 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    spot = torch.exp(-((x - 0.3) ** 2 + (y + 0.2) ** 2) / 0.005)
    moved = jitter.images(spot.expand(16, 3, -1, -1).contiguous(), 128)[:, 0]
    where = jitter.landmarks(points)[:, 0]
    for picture, point in zip(moved, where, strict=True):
        weight = picture / picture.sum()
        seen = [float((weight * x).sum()), float((weight * y).sum())]
        np.testing.assert_allclose(seen, point[:2], atol=0.02)


def test_labels_follow_the_crop() -> None:
    face = canonical_face()
    points = (face.points @ rotation_from_angles(0.3, 0.1, 0.0).T * 0.6)[None].astype(np.float32)
    one = np.ones(1, np.float32)
    jitter = Jitter(one * 1.2, one * 0.1, np.array([[0.1, -0.05]], np.float32), np.array([False]))
    before = pose_of_normalised(points)[0]
    after = jitter.pose(jitter.landmarks(points))[0]
    np.testing.assert_allclose(after[:2], before[:2], atol=0.02)
    np.testing.assert_allclose(after[2], before[2] - 0.1, atol=1e-4)
    np.testing.assert_allclose(after[5], before[5] - np.log(1.2), atol=1e-4)


def test_a_mirror_turns_the_head_the_other_way() -> None:
    face = canonical_face()
    points = (face.points @ rotation_from_angles(0.3, 0.1, 0.05).T * 0.6)[None].astype(np.float32)
    one = np.ones(1, np.float32)
    jitter = Jitter(one, one * 0, np.zeros((1, 2), np.float32), np.array([True]))
    before, after = pose_of_normalised(points)[0], jitter.pose(jitter.landmarks(points))[0]
    flip = np.array([-1, 1, -1, -1, 1, 1])
    template = canonical_face().template
    # x is an offset from the template's place, which need not be the middle.
    expected = before * flip
    expected[3] += 1 - 2 * template[0]
    np.testing.assert_allclose(after, expected, atol=2e-3)
    gaze, openness = jitter.eyes(np.array([[0.2, 0.1]]), np.array([[0.3, 0.9]]))
    np.testing.assert_allclose(gaze, [[-0.2, 0.1]])
    np.testing.assert_allclose(openness, [[0.9, 0.3]])


def test_looks_change_and_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    for changed in (change_look(images, rng), change_shape(images, rng)):
        assert changed.shape == images.shape
        assert changed.abs().max() <= 1.0
        assert (changed - images).abs().mean() > 0.02


def test_voices_change_but_silence_stays_below_speech() -> None:
    windows = torch.full((64, 80, 36), -1.0)
    windows[:, 20:40, 10:20] = 0.8
    changed = change_voice(windows, np.random.default_rng(0))
    assert changed.shape == windows.shape
    assert changed.min() >= -1.0
    loud = changed[:, 25:35, 12:18].mean(dim=(1, 2))
    quiet = changed[:, 50:, :5].mean(dim=(1, 2))
    assert (loud > quiet).all()


def test_a_room_adds_the_decaying_energy_of_what_was_before() -> None:
    rng = np.random.default_rng(1)
    windows = torch.from_numpy(rng.uniform(-1, 1.3, (3, 5, 20)).astype(np.float32))
    seconds, share = np.array([0.2, 0.5, 0.9]), np.array([0.1, 1.0, 2.0])
    energy = np.power(10, 4 * (windows.numpy().astype(np.float64) - 1))
    expected = energy.copy()
    for entry in range(3):
        # 60 dB in `seconds`, the tail's whole energy is `share`.
        fade = 10 ** (-6 / (seconds[entry] * 100))
        whole = sum(fade**k for k in range(1, 5000))
        for now in range(20):
            for before in range(now):
                tail = share[entry] * fade ** (now - before) / whole
                expected[entry, :, now] += tail * energy[entry, :, before]
    heard = reverberate(windows, torch.tensor(seconds).float(), torch.tensor(share).float())
    np.testing.assert_allclose(heard.numpy(), np.log10(expected) / 4 + 1, atol=2e-4)


def test_a_room_on_mels_is_close_to_one_on_the_waveform() -> None:
    config = AudioConfig()
    rng = np.random.default_rng(2)
    time = np.arange(8000) / 16_000
    noise = rng.normal(size=8000) * np.exp(-6.9 * time / 0.4)
    noise[:80] = 0
    noise *= np.sqrt(1.0 / np.square(noise).sum())
    burst = np.zeros(5760, np.float32)
    burst[1600:2400] = rng.normal(0, 0.1, 800)
    wet = np.convolve(burst, np.concatenate([[1.0], noise]))[:5760].astype(np.float32)
    dry_mel = log_mel(torch.from_numpy(burst), config)[None]
    wet_mel = log_mel(torch.from_numpy(wet), config)[None]
    guess = reverberate(dry_mel, torch.tensor([0.4]), torch.tensor([1.0]))
    after = slice(18, 34)
    gap = (guess - wet_mel)[0, :, after].mean(0)
    # A mel of 0.1 is 4 dB; the mean over bands is what a single noise tail lets one compare.
    assert gap.abs().max() < 0.1
    assert (dry_mel - wet_mel)[0, :, after].mean() < -0.5


def test_the_moments_of_a_voice_share_a_room() -> None:
    windows = torch.rand(1, 4, 10, 36)[:, :1].expand(6, 4, 10, 36)
    heard = change_room(windows, np.random.default_rng(0))
    assert torch.equal(heard[:, 0], heard[:, 3])
    changed = (heard - windows).abs().amax(dim=(1, 2, 3)) > 1e-4
    assert changed.any()
    assert not changed.all()
