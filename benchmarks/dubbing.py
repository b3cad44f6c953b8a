"""Whether dubbed files stay in step, and how much memory they take, however long they are.

    python benchmarks/dubbing.py --out RESULTS

A video of given length is made with a white flash every 10 seconds, a sound with a click at the
same moments; `pdfgc.dub` joins them. Flashes and clicks are found again in the decoded result. With
`--video` the frames are those of a clip to and fro, so that faces are tracked and drawn, too. Peak
memory is that of a process of its own. Prints one JSON line for each length.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import torch

from pdfgc.config import PRESETS
from pdfgc.dubbing import Length, dub
from pdfgc.media import VideoWriter, read_audio, read_video
from pdfgc.model import build_model
from pdfgc.weights import save_model

FPS, SAMPLE_RATE, EVERY_S, SIZE = 25, 48_000, 10, 64


def main() -> None:
    """Measure every length in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60, 600])
    parser.add_argument("--video", type=Path, help="a clip that is played to and fro instead")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measured(options.seconds[0], options.video)) + "\n")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "dubbing.jsonl").open("a", encoding="utf-8") as file:
        for seconds in options.seconds:
            arguments = ["--out", str(options.out), "--one", "--seconds", str(seconds)]
            if options.video:
                arguments += ["--video", str(options.video)]
            done = subprocess.run(
                [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
            )
            line = done.stdout.splitlines()[-1]
            file.write(line + "\n")
            sys.stdout.write(line + "\n")


def measured(seconds: int, clip: Path | None) -> dict[str, float | str]:
    """Dub one video of so many seconds; what came out."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        weights, sound, out = (Path(folder) / name for name in ("t.safetensors", "s.wav", "o.mp4"))
        save_model(build_model(PRESETS["tiny"]), weights, {})
        write_clicks(sound, seconds)
        video, length = clip, Length.PINGPONG
        if video is None:
            video, length = Path(folder) / "v.mp4", Length.VIDEO
            write_flashes(video, seconds)
        before_mb = peak_mb()
        report = dub(video, sound, out, weights=weights, length=length)
        facts: dict[str, float | str] = {
            "seconds": seconds,
            "frames": report.frames,
            "dubbed": report.dubbed,
            "peak_mb": round(peak_mb()),
            "peak_before_mb": round(before_mb),
        }
        if clip is None:
            facts |= apart(out)
        return facts


def write_flashes(path: Path, seconds: int) -> None:
    """Dark frames, white ones at 1 s, 11 s, ... and in the last second."""
    dark, white = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 255, np.uint8)
    with VideoWriter(path, fps=None) as writer:
        for number in range(seconds * FPS):
            writer.write(white if number / FPS in moments(seconds) else dark, number / FPS)


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


def apart(path: Path) -> dict[str, float]:
    """Milliseconds by which clicks come after flashes in a decoded file."""
    flashes = np.array([f.time_s for f in read_video(path) if f.image.mean() > 128])
    waveform = np.abs(read_audio(path, sample_rate=SAMPLE_RATE))
    loud = np.flatnonzero(waveform > 0.2) / SAMPLE_RATE
    clicks = loud[np.diff(loud, prepend=-1.0) > 0.5]
    late_ms = (clicks - flashes) * 1000
    return {
        "events": len(flashes),
        "first_ms": round(float(late_ms[0]), 2),
        "last_ms": round(float(late_ms[-1]), 2),
        "most_ms": round(float(np.abs(late_ms).max()), 2),
        "sound_minus_picture_ms": round(1000 * (len(waveform) / SAMPLE_RATE - end_of(path)), 2),
    }


def end_of(path: Path) -> float:
    """When the last frame ends (s)."""
    return max(frame.time_s for frame in read_video(path)) + 1 / FPS


def peak_mb() -> float:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
