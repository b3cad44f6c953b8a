"""Whether dubbed files stay in step, and how much memory they take, however long they are.

    python benchmarks/dubbing.py --out RESULTS

A clapper of given length is made: a face, beside it a patch that flashes white at the start, at the
end and every 10 seconds, and a sound with clicks at the same moments. `pdfgc.dub` joins them: the
face is tracked, drawn and pasted back. Flashes and clicks are found again in the decoded result.
`--fps` thins the picture out, `--no-face` leaves the face away, so that long files are affordable;
with `--video` the frames are those of a clip to and fro. Peak memory is that of a process of its
own. Prints one JSON line for each length.
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
from PIL import Image

from pdfgc.config import PRESETS
from pdfgc.dubbing import Length, dub
from pdfgc.evaluation.resident import peak_mb
from pdfgc.media import VideoWriter, read_audio, read_video
from pdfgc.model import build_model
from pdfgc.weights import save_model

SAMPLE_RATE, EVERY_S, SIZE, PATCH = 48_000, 10, 192, 32
PORTRAIT = Path(__file__).resolve().parents[1] / "examples" / "astronaut.jpg"


def main() -> None:
    """Measure every length in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60, 600])
    parser.add_argument("--video", type=Path, help="a clip that is played to and fro instead")
    parser.add_argument("--fps", type=int, default=25, help="of the clapper's picture")
    parser.add_argument("--face", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--weights", help="file or packaged name; by default an untrained model")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measured(options)) + "\n")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "dubbing.jsonl").open("a", encoding="utf-8") as file:
        for seconds in options.seconds:
            arguments = [f"--out={options.out}", "--one", f"--seconds={seconds}"]
            arguments += [f"--fps={options.fps}", "--face" if options.face else "--no-face"]
            if options.video:
                arguments += [f"--video={options.video}"]
            if options.weights:
                arguments += [f"--weights={options.weights}"]
            done = subprocess.run(
                [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
            )
            line = done.stdout.splitlines()[-1]
            file.write(line + "\n")
            sys.stdout.write(line + "\n")


def measured(options: argparse.Namespace) -> dict[str, float | str]:
    """Dub one video of so many seconds; what came out."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seconds, fps = options.seconds[0], options.fps
    with tempfile.TemporaryDirectory() as folder:
        sound, out = (Path(folder) / name for name in ("s.wav", "o.mp4"))
        weights = options.weights
        if weights is None:
            weights = Path(folder) / "t.safetensors"
            save_model(build_model(PRESETS["tiny"]), weights, {})
        write_clicks(sound, seconds)
        video, length = options.video, Length.PINGPONG
        if video is None:
            video, length = Path(folder) / "v.mp4", Length.VIDEO
            write_flashes(video, seconds, fps, face=options.face)
        before_mb, began = peak_mb(), time.perf_counter()
        report = dub(video, sound, out, weights=weights, length=length)
        facts: dict[str, float | str] = {
            "what": "dub",
            "seconds": seconds,
            "frames": report.frames,
            "dubbed": report.dubbed,
            "peak_mb": round(peak_mb(), 1),
            "peak_before_mb": round(before_mb, 1),
            "took_s": round(time.perf_counter() - began, 1),
        }
        if options.video is None:
            facts |= apart(out, fps)
        return facts


def write_flashes(path: Path, seconds: int, fps: int, *, face: bool) -> None:
    """A face or nothing, and a patch that is white at 1 s, 11 s, ... and in the last second."""
    dark = np.zeros((SIZE, SIZE, 3), np.uint8)
    if face:
        with Image.open(PORTRAIT) as portrait:
            dark = np.array(portrait.convert("RGB").resize((SIZE, SIZE)))
    dark[:PATCH, :PATCH] = 0
    white = dark.copy()
    white[:PATCH, :PATCH] = 255
    with VideoWriter(path, fps=None) as writer:
        for number in range(seconds * fps):
            writer.write(white if number / fps in moments(seconds) else dark, number / fps)


def write_clicks(path: Path, seconds: int) -> None:
    """10 ms of a tone at the same moments."""
    tone = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE // 100) / SAMPLE_RATE)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        for second in range(seconds):
            piece = np.zeros(SAMPLE_RATE)
            if float(second) in moments(seconds):
                piece[: len(tone)] = tone
            file.writeframes((piece * 32767).astype("<i2").tobytes())


def moments(seconds: int) -> set[float]:
    """When it flashes and clicks."""
    return {1.0, *map(float, range(1, seconds, EVERY_S)), float(seconds - 1)}


def apart(path: Path, fps: int) -> dict[str, float]:
    """Milliseconds by which clicks come after flashes in a decoded file."""
    flashes, last_s = list[float](), 0.0
    for frame in read_video(path):
        last_s = frame.time_s
        if frame.image[:PATCH, :PATCH].mean() > 128:
            flashes.append(frame.time_s)
    waveform = np.abs(read_audio(path, sample_rate=SAMPLE_RATE))
    loud = np.flatnonzero(waveform > 0.2) / SAMPLE_RATE
    clicks = loud[np.diff(loud, prepend=-1.0) > 0.5]
    late_ms = (clicks - np.array(flashes)) * 1000
    return {
        "events": len(flashes),
        "first_ms": round(float(late_ms[0]), 2),
        "last_ms": round(float(late_ms[-1]), 2),
        "most_ms": round(float(np.abs(late_ms).max()), 2),
        "sound_minus_picture_ms": round(1000 * (len(waveform) / SAMPLE_RATE - last_s - 1 / fps), 2),
    }


if __name__ == "__main__":
    main()
