"""How fast, and with how much memory: beside a fixed operation that is timed in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pdfgc.avatar import Avatar
from pdfgc.avatar.clip import Clip
from pdfgc.errors import InputError
from pdfgc.evaluation.shots import SHOTS
from pdfgc.model import LandmarkEncoders
from pdfgc.motion import code_width
from pdfgc.weights import LoadedModel

_LEAST_S, _LEAST_RUNS = 1.0, 5
# After this long no further run is begun.
_MOST_S = 15.0

# Run by a fresh interpreter, so that its peak is that of one animation alone.
_ANIMATE = """
import json, sys, time
import numpy as np, torch
torch.set_num_threads(int(sys.argv[5]))
from pdfgc import Avatar
from pdfgc.evaluation.resident import peak_mb
start = time.perf_counter()
avatar = Avatar.from_images(sys.argv[1], weights=sys.argv[2], device=sys.argv[6])
samples = np.load(sys.argv[3])
avatar.animate(audio=samples, seed=0).save(sys.argv[4])
print(json.dumps({"peak_mb": peak_mb(), "seconds": time.perf_counter() - start}))
"""


@dataclass(frozen=True)
class Timing:
    """One measured time.

    Attributes:
        what: which work.
        ms: median time of one unit of it.
        best_ms: shortest time, the least touched by other load.
        ratio: the median over the fixed operation's.
        runs: how often it was timed.
    """

    what: str
    ms: float
    best_ms: float
    ratio: float
    runs: int


@dataclass(frozen=True)
class Memory:
    """Peak memory of one animation in a process of its own.

    Attributes:
        audio_s: length of the speech (seconds).
        peak_mb: largest resident memory (MiB), Python, libraries and weights included.
        seconds: time from the avatar's making to the finished file.
    """

    audio_s: float
    peak_mb: float
    seconds: float


def set_up(shots: int) -> str:
    """How the look at `shots` source images is called."""
    return f"set-up from {shots} images, ms, no tuning"


def time_ms(work: Callable[[], object], device: torch.device) -> NDArray[np.float64]:
    """Time a piece of work after one run to warm up, for at least a second and five runs.

    Long work is timed for 15 seconds, once at least.

    Args:
        work: called without arguments.
        device: where it runs; the clock waits for it.

    Returns:
        (n,) float64, time of each run (ms).
    """
    work()
    wait(device)
    times: list[float] = []
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < _LEAST_S or len(times) < _LEAST_RUNS:
        if times and spent > _MOST_S:
            break
        start = time.perf_counter()
        work()
        wait(device)
        times.append((time.perf_counter() - start) * 1000)
    return np.array(times)


def time_all(
    loaded: LoadedModel, image: NDArray[np.uint8], sound: NDArray[np.float32]
) -> Iterator[Timing]:
    """Time the model's parts, then the whole way from speech to the finished file.

    The fixed operation is a 3x3 convolution from 128 to 128 channels at 64x64 px on the same
    device. It is timed before and after each piece of work and the mean of both counts, so that
    other load on the machine falls on both.

    Args:
        loaded: the model; its `device` is the one that is timed.
        image: (H, W, 3) uint8 RGB source with one face.
        sound: (N,) float32 speech at the model's sample rate, a few seconds.

    Yields:
        One entry per piece of work, in ms per frame where its name says so.
    """
    device = loaded.device
    fixed = fixed_operation(device)
    for what, units, work in _pieces(loaded, image, sound):
        before = time_ms(fixed, device)
        took = time_ms(work, device) / units
        after = time_ms(fixed, device)
        yield timing(what, took, (np.median(before) + np.median(after)) / 2)
    took = time_ms(fixed, device)
    yield timing("fixed operation: 3x3 convolution 128 to 128 at 64x64", took, np.median(took))


def peak_memory(
    image: Path, weights: str, sound: NDArray[np.float32], audio_s: float, *, device: str
) -> Memory:
    """Animate an image with speech of a given length in a process of its own.

    Args:
        image: file with one face.
        weights: file or packaged name.
        sound: (N,) float32 speech at 16 kHz, repeated up to the length.
        audio_s: that length (seconds).
        device: `cpu`, `cuda` or `mps`; memory on an accelerator is not counted.

    Raises:
        InputError: the process failed; the message holds its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "speech.npy"
        np.save(samples, np.resize(sound, round(audio_s * 16_000)).astype(np.float32))
        done = subprocess.run(
            [
                *(sys.executable, "-c", _ANIMATE, str(image), weights, str(samples)),
                *(str(Path(folder) / "out.mp4"), str(torch.get_num_threads()), device),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{image}: animating it for {audio_s:g} s failed ({last}).")
    values = json.loads(done.stdout.strip().splitlines()[-1])
    return Memory(audio_s=audio_s, **values)


def as_lines(entries: Iterator[Any], about: dict[str, Any]) -> Iterator[str]:
    """One line of JSON for each entry, a dataclass, with what it hangs on beside it."""
    for entry in entries:
        values = {
            key: float(f"{value:.5g}") if isinstance(value, float) else value
            for key, value in asdict(entry).items()
        }
        yield json.dumps(values | about)


def processor(device: torch.device) -> dict[str, Any]:
    """What the work ran on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return {
        "device": device.type,
        "processor": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def _cpu_name() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    import platform

    return platform.processor() or platform.machine()


def timing(what: str, took: NDArray[np.float64], fixed_ms: float | np.floating) -> Timing:
    """Times of one unit of work (n,) in ms, beside the fixed operation's."""
    middle = float(np.median(took))
    return Timing(what, middle, float(took.min()), middle / float(fixed_ms), len(took))


def fixed_operation(device: torch.device) -> Callable[[], Tensor]:
    """The convolution that everything is timed against."""
    maps = torch.randn(1, 128, 64, 64, device=device)
    weight = torch.randn(128, 128, 3, 3, device=device)

    @torch.inference_mode()
    def convolve() -> Tensor:
        return F.conv2d(maps, weight, padding=1)

    return convolve


def _pieces(
    loaded: LoadedModel, image: NDArray[np.uint8], sound: NDArray[np.float32]
) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Name of a piece of work, how many units one run of it does, and the work."""
    model, device = loaded.model, loaded.device
    config = model.config
    side = config.generator.image_size
    picture = torch.zeros(1, 1, 3, side, side, device=device)
    width = code_width(config.encoders.lip_width)
    # Codes near rest: what draws landmarks draws a face.
    codes = 0.1 * torch.randn(8, 1, width, device=device)
    with torch.inference_mode():
        look = model.look(picture, codes[:1])
    for batch in (1, 8):
        yield (
            f"generator, ms per frame, batch {batch}, {side} px",
            batch,
            _quietly(model.generator, look.expand(batch), codes[:batch], codes[:batch, 0]),
        )
    for shots in SHOTS:
        pictures = picture.expand(-1, shots, -1, -1, -1)
        seen_codes = codes[:1].expand(-1, shots, -1)
        yield set_up(shots), 1, _quietly(model.look, pictures, seen_codes)
    yield from _encoders(loaded)
    yield from _driven(loaded, image, sound)


def _encoders(loaded: LoadedModel) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """The same for what reads motion, and sources one by one."""
    model, device = loaded.model, loaded.device
    config, encoders = model.config, model.encoders
    seen = torch.randn(8, 3, *[config.encoders.image_size] * 2, device=device)
    if isinstance(encoders, LandmarkEncoders):
        apart = torch.randn(8, *encoders.landmarks.mean.shape, device=device)
        work = _quietly(encoders.transformer, seen, apart)
        yield "landmark transformer, ms per frame, batch 8", 8, work
        return
    picture = torch.zeros(1, 1, 3, *[config.generator.image_size] * 2, device=device)
    windows = torch.randn(8, config.audio.n_mels, config.audio.window_mels, device=device)
    yield "appearance encoder, ms per source", 1, _quietly(encoders.appearance, picture)
    if config.official is None:
        yield "stage-1 trunk, ms per frame, batch 8", 8, _quietly(encoders.motion, seen)
        yield "lip encoder, ms per frame, batch 8", 8, _quietly(encoders.lip, seen)
        yield "eye encoder, ms per frame, batch 8", 8, _quietly(encoders.eye, seen)
        yield "pose encoder, ms per frame, batch 8", 8, _quietly(encoders.pose, seen)
    else:  # all factors are heads of one trunk
        yield "trunk with all heads, ms per frame, batch 8", 8, _quietly(encoders.read, seen)
    yield "speech encoder, ms per frame, batch 8", 8, _quietly(encoders.speech, windows)


def _driven(
    loaded: LoadedModel, image: NDArray[np.uint8], sound: NDArray[np.float32]
) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """The same for the whole way."""
    # Landmark models hear nothing: their heads sway as long.
    deaf = loaded.model.config.landmarks is not None
    length_s = len(sound) / loaded.model.config.audio.sample_rate

    def clip(avatar: Avatar, batch: int | None = None) -> Clip:
        if deaf:
            return avatar.animate(duration_s=length_s, batch=batch)
        return avatar.animate(audio=sound, batch=batch)

    def first_frame() -> object:
        avatar = Avatar.from_images(image, weights=loaded)
        return next(iter(clip(avatar, 1).frames()))

    yield "first frame of a new avatar, ms, weights loaded", 1, first_frame
    avatar = Avatar.from_images(image, weights=loaded)
    frames = len(clip(avatar))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mp4"

        def whole() -> None:
            clip(avatar).save(path)

        height, wide = image.shape[:2]
        given = "a swaying head" if deaf else "speech"
        yield f"{given} to mp4, ms per frame, {wide}x{height} px, pasted back", frames, whole


def _quietly(work: Callable[..., object], *given: object) -> Callable[[], object]:
    @torch.inference_mode()
    def run() -> object:
        return work(*given)

    return run


def wait(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
