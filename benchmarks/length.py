"""Whether memory stays flat however long the sound is: `pdfgc animate` from 10 s to half an hour.

    python benchmarks/length.py --out RESULTS

The sound is a file of given length (the bundled recording again and again), each run a process of
its own. `--fps` thins the picture out, so that half an hour is affordable: sound, speech encoder
and codes are those of the whole length. Prints one JSON line for each length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np
import torch

from pdfgc import Avatar
from pdfgc.evaluation.resident import peak_mb
from pdfgc.media import probe, read_audio
from pdfgc.weights import DEFAULT

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SAMPLE_RATE = 48_000


def main() -> None:
    """Measure every length in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60, 600, 1800])
    parser.add_argument("--fps", type=float, default=25.0, help="of the picture")
    parser.add_argument("--weights", default=DEFAULT, help="file or packaged name")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        made = measured(options.seconds[0], options.fps, options.weights)
        sys.stdout.write(json.dumps(made) + "\n")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "length.jsonl").open("a", encoding="utf-8") as file:
        for seconds in options.seconds:
            arguments = [f"--out={options.out}", "--one", f"--seconds={seconds}"]
            arguments += [f"--fps={options.fps}", f"--weights={options.weights}"]
            done = subprocess.run(
                [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
            )
            line = done.stdout.splitlines()[-1]
            file.write(line + "\n")
            sys.stdout.write(line + "\n")


def measured(seconds: int, fps: float, weights: str) -> dict[str, float | str]:
    """Animate the bundled portrait with so many seconds of speech."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sound, out = Path(folder) / "s.wav", Path(folder) / "o.mp4"
        write_speech(sound, seconds)
        began = time.perf_counter()
        clip = Avatar.from_images(EXAMPLES / "astronaut.jpg", weights=weights).animate(
            audio=sound, fps=fps, crop=True
        )
        read_mb = peak_mb()
        clip.save(out)
        return {
            "what": "animate",
            "weights": weights,
            "seconds": seconds,
            "fps": fps,
            "frames": len(clip),
            "picture_s": round(probe(out).duration_s, 3),
            "peak_mb": round(peak_mb(), 1),
            "peak_before_drawing_mb": round(read_mb, 1),
            "took_s": round(time.perf_counter() - began, 1),
        }


def write_speech(path: Path, seconds: int) -> None:
    """The bundled recording, again and again."""
    speech = read_audio(EXAMPLES / "speech.flac", sample_rate=SAMPLE_RATE)
    frames = (speech * 32767).astype("<i2")
    left = seconds * SAMPLE_RATE
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        while left > 0:
            piece = np.ascontiguousarray(frames[:left])
            file.writeframes(piece.tobytes())
            left -= len(piece)


if __name__ == "__main__":
    main()
