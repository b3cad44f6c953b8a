"""A portrait says the first two seconds of a recording.

Run: python examples/talk.py
"""

from __future__ import annotations

from pathlib import Path

from pdfgc import Avatar
from pdfgc.media import read_audio

HERE = Path(__file__).parent


def main() -> None:
    """Write talk.mp4 and talk.motion.safetensors."""
    avatar = Avatar.from_images([HERE / "astronaut.jpg"])
    voice = read_audio(HERE / "speech.flac")[: 2 * 16_000]  # a file's name does, for all of it
    clip = avatar.animate(audio=voice, seed=1)
    clip.save("talk.mp4")
    clip.motion.save("talk.motion.safetensors")
    print(f"talk.mp4: {len(clip)} frames of {clip.size[0]} x {clip.size[1]}")


if __name__ == "__main__":
    main()
