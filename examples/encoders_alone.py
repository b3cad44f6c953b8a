"""The encoders without the generator: what a picture and a sound are, as codes.

Run: python examples/encoders_alone.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pdfgc.media import log_mel, mel_windows, read_audio, read_image
from pdfgc.tracking import crop_image, track_image
from pdfgc.weights import load_model

HERE = Path(__file__).parent


@torch.inference_mode()
def main() -> None:
    """Write codes.npz."""
    model = load_model("default", "cpu").model
    image = read_image(HERE / "astronaut.jpg")
    track = track_image(image, crop=model.config.crop)
    face = crop_image(image, track.crop[0], model.config.encoders.image_size)
    picture = torch.from_numpy(face.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    pose, eye = model.encoders.pose(picture)[0], model.encoders.eye(picture)[0]
    print("yaw, pitch, roll (degrees):", np.degrees(pose[:3].numpy()).round(1))
    print("tracker says:              ", np.degrees(track.pose[0, :3]).round(1))
    sound = torch.from_numpy(read_audio(HERE / "speech.flac"))
    windows = mel_windows(log_mel(sound, model.config.audio), 100, model.config.audio)
    lip = model.encoders.speech(windows.contiguous())
    np.savez("codes.npz", pose=pose.numpy(), eye=eye.numpy(), lip=lip.numpy())


if __name__ == "__main__":
    main()
