"""A pack of three clips with a face that the tracker sees."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from pdfgc.media import read_video, write_video
from pdfgc.tracking import MediaPipeBackend, crop_image, track_video
from pdfgc.training.shards import ShardWriter


@pytest.fixture(scope="session")
def backend() -> MediaPipeBackend:
    return MediaPipeBackend()


@pytest.fixture(scope="session")
def pack(
    face_clip: Path,
    speech: Path,
    backend: MediaPipeBackend,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The moved portrait three times over (90 frames): twice with sound, once without."""
    track = track_video(face_clip, backend=backend)
    pictures = [f.image for f in read_video(face_clip)]
    crops = [crop_image(p, c, 256) for p, c in zip(pictures, track.crop, strict=True)]
    order = np.tile(np.arange(30), 3)
    folder = tmp_path_factory.mktemp("evaluation-pack")
    video = folder / "clip.mp4"
    write_video(video, (crops[i] for i in order), fps=25)
    tensors = {
        "landmarks": track.crop_landmarks()[order],
        "gaze": track.gaze[order],
        "confidence": track.confidence[order],
    }
    files = {"mp4": video.read_bytes(), "safetensors": save(tensors)}
    video.unlink()
    meta = {"n_frames": len(order), "fps": 25.0}
    with ShardWriter(folder) as writer:
        for key, person, lag in (("a", "P1", 0.0), ("b", "P2", -40.0), ("c", "P2", None)):
            sound = {} if lag is None else {"flac": speech.read_bytes()}
            about = meta | {"person": person, "lag_to_apply_ms": lag}
            writer.write(key, files | sound | {"json": json.dumps(about).encode()})
    return folder
