"""A toy pack: three painted persons whose heads turn, eyes look and lips follow a sound."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.numpy import save

from pdfgc.config import AudioConfig
from pdfgc.generator.shape import own_shape
from pdfgc.media import read_image
from pdfgc.media.output import write_video
from pdfgc.tracking import MediaPipeBackend, crop_image, normalise, track_image
from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.geometry import rotation_from_angles
from pdfgc.tracking.measure import face_shape_of, pose_of_normalised
from pdfgc.training.batches import View
from pdfgc.training.clips import load_clips
from pdfgc.training.sampler import Sampler
from pdfgc.training.shards import ShardWriter

FRAMES = 40


def _face(rng: np.random.Generator, colour: np.ndarray, scratch: Path) -> dict[str, bytes]:
    face = canonical_face()
    time = np.arange(FRAMES) / 25
    yaw = 0.3 * np.sin(2 * time + rng.random() * 6)
    rotation = rotation_from_angles(yaw, 0.1 * np.cos(time), 0 * time)
    openness = np.where(np.arange(FRAMES) % 15 < 3, 0.1, 1.0)
    voice = np.abs(np.sin(7 * time + rng.random() * 6))
    points = face.points @ rotation.transpose(0, 2, 1) * 0.6
    points[..., 0] += 0.05 * np.sin(time)[:, None]
    upper, lower = face.topology.lip_gap
    points[:, upper, 1] -= 0.05 * voice
    points[:, lower, 1] += 0.05 * voice
    axis = (np.arange(64) * 2 + 1) / 64 - 1
    x, y = np.meshgrid(axis, axis)
    frames = []
    for at in range(FRAMES):
        picture = np.full((64, 64, 3), 60.0) + 40 * x[..., None]
        middle = points[at].mean(0)
        head = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2 * 0.7) < 0.4
        picture[head] = colour
        for spot, size, shade in (
            (face.topology.left_eye.contour, 0.08 * openness[at] + 0.02, 20),
            (face.topology.right_eye.contour, 0.08 * openness[at] + 0.02, 20),
            (face.topology.outer_lips, 0.04 + 0.1 * voice[at], 90),
        ):
            centre = points[at][spot].mean(0)
            picture[((x - centre[0]) ** 2 + ((y - centre[1]) * 1.5) ** 2) < size**2] = shade
        frames.append(picture.clip(0, 255).astype(np.uint8))
    video = scratch / "clip.mp4"
    write_video(video, iter(frames), fps=25)
    sound = np.repeat(voice, 640) * np.sin(np.arange(FRAMES * 640) * 0.2) * 0.3
    flac = io.BytesIO()
    soundfile.write(flac, sound.astype(np.float32), 16_000, format="FLAC")
    gaze = np.stack([0.3 * np.sin(3 * time), 0.1 * np.cos(3 * time)], axis=1)
    track = {
        "landmarks": points.astype(np.float32),
        "pose": pose_of_normalised(points),
        "gaze": gaze.astype(np.float32),
        "openness": np.stack([openness, openness], axis=1).astype(np.float32),
        "mouth": (0.1 * voice).astype(np.float32),
        "confidence": np.ones(FRAMES, np.float32),
    }
    return {"mp4": video.read_bytes(), "flac": flac.getvalue(), "safetensors": save(track)}


@pytest.fixture(scope="session")
def toy_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of six clips of three persons, 40 frames each, 64 px."""
    folder = tmp_path_factory.mktemp("pack")
    scratch = tmp_path_factory.mktemp("scratch")
    rng = np.random.default_rng(0)
    with ShardWriter(folder) as writer:
        for number in range(6):
            person = number // 2
            colour = np.array([220 - 40 * person, 150 + 20 * person, 120 + 50 * person])
            meta = {"person": f"T{person}", "n_frames": FRAMES, "lag_to_apply_ms": 0}
            files = _face(rng, colour, scratch)
            writer.write(f"clip{number}", files | {"json": json.dumps(meta).encode()})
    return folder


@pytest.fixture(scope="session")
def toy_sampler(toy_pack: Path) -> Sampler:
    """Draws from the toy pack, pictures of 64 px."""
    return Sampler(load_clips(toy_pack, 80, AudioConfig()), 64, seed=0)


@pytest.fixture(scope="session")
def backend() -> MediaPipeBackend:
    return MediaPipeBackend()


@pytest.fixture(scope="session")
def view(face_image: Path, backend: MediaPipeBackend) -> View:
    """The bundled portrait's crop as the trainer sees it, but larger."""
    side = 512
    image = read_image(face_image)
    crop = crop_image(image, track_image(image, backend=backend).crop[0], side)
    track = track_image(crop, backend=backend)
    points = normalise(track.landmarks, np.array([[side / 2, side / 2, side]]))
    face = torch.from_numpy(face_shape_of(points) - face_shape_of(canonical_face().points))
    return View(
        image=torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1,
        points=torch.from_numpy(points.astype(np.float32)),
        pose=torch.from_numpy(pose_of_normalised(points)),
        eye=torch.from_numpy(np.concatenate([track.gaze, track.openness], axis=1)),
        mouth=torch.from_numpy(track.mouth),
        brow=face[:, 0],
        widening=face[:, 1],
        shape=own_shape(points, track.openness)[None],
        row=torch.zeros(1, dtype=torch.int64),
    )
