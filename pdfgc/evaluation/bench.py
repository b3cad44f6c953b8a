"""The benchmark: what a preset costs and how fast it is here, as ratio to one fixed operation.

Speed of the parts, end to end and first frame, and memory over length, come from
`pdfgc.evaluation.speed`; here are arithmetic and parameters, training and packing.
"""

from __future__ import annotations

import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pdfgc.avatar import Avatar
from pdfgc.config import PRESETS
from pdfgc.cost import cost_of
from pdfgc.encoders.landmarks import shapes_of
from pdfgc.errors import InputError
from pdfgc.evaluation.clips import SAMPLE_RATE
from pdfgc.evaluation.method_tables import PAPER_TIMES, Took, time_table
from pdfgc.evaluation.report import origin
from pdfgc.evaluation.shots import SHOTS
from pdfgc.evaluation.speed import (
    Memory,
    Timing,
    as_lines,
    fixed_operation,
    peak_memory,
    processor,
    set_up,
    time_all,
    time_ms,
    timing,
    wait,
)
from pdfgc.evaluation.tables import table
from pdfgc.media import read_audio, read_image, write_video
from pdfgc.model import LandmarkEncoders, build_model
from pdfgc.tracking.canonical import canonical_face
from pdfgc.training.finetuning import TuningPlan
from pdfgc.training.pack import PackItem, pack
from pdfgc.training.stages import STAGES
from pdfgc.training.trainer import train
from pdfgc.weights import LoadedModel, find_device, load_model, save_model

_PACK_FRAMES, _PACK_CLIPS = 50, 3
_STEPS, _BATCH = 4, 4
_FACES, _SHAKE = 100, 0.01
_STAGE = "appearance"
_FRAME = "generator, ms per frame, batch 1"
_TUNING = f"tuning, ms per step, batch {TuningPlan.batch_size}"
_MACHINE = ("device", "processor", "threads", "torch")
_SIZE = re.compile(r", \d+ px$")


def run_bench(
    source: Path,
    audio: Path,
    *,
    weights: Sequence[str],
    presets: Sequence[str],
    seconds: float = 4.0,
    memory: Sequence[float] = (),
    work: bool = True,
    device: str = "auto",
) -> Iterator[str]:
    """Measure weights and presets.

    Args:
        source: an image with one face.
        audio: a recording of speech.
        weights: files or packaged names.
        presets: with random weights.
        seconds: of speech, end to end.
        memory: lengths of speech (s) whose peak memory is measured, of `weights` alone: presets at
            full size would draw for half an hour.
        work: time tuning, training and packing too, but for networks that are imported.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Yields:
        One line of JSON per number, with what it hangs on beside it.

    Raises:
        InputError: a file cannot be read, a number is out of range, or there is no such preset.
    """
    for what, values in (("seconds", [seconds]), ("memory", memory)):
        if not all(0 < value < math.inf for value in values):
            raise InputError(f"{what} is {values[0]:g}; give a length in seconds above 0.")
    image, sound = read_image(source), read_audio(audio)
    with tempfile.TemporaryDirectory() as folder:
        models = [(name, load_model(name, device)) for name in weights]
        for name in presets:
            if name not in PRESETS:
                raise InputError(
                    f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}."
                )
            loaded = random_model(name, device, Path(folder))
            models.append((str(loaded.path), loaded))
        for name, loaded in models:
            preset = loaded.model.config.preset
            made = origin(loaded)
            about = processor(loaded.device) | {
                "preset": preset,
                "model_id": loaded.model_id,
                "torch": made["versions"]["torch"],
                "pdfgc": made["versions"]["pdfgc"],
            }

            def entries(
                name: str = name, loaded: LoadedModel = loaded, preset: str = preset
            ) -> Iterator[Timing | Memory | Size]:
                yield from sizes(preset)
                yield from time_all(loaded, image, sound[: int(seconds * SAMPLE_RATE)])
                # Imported networks are not trained, and packs are for training.
                if work and loaded.model.config.official is None:
                    yield _tuning(loaded, image)
                    yield from work_rates(image, preset, loaded.device.type)
                for length in memory if name in weights else ():
                    yield peak_memory(source, name, sound, length, device=loaded.device.type)

            yield from as_lines(entries(), about)


def as_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines of measurements as Markdown, a part for each preset and machine.

    Args:
        lines: read back from JSON.
    """
    text = _beside(lines) + _paper_times(lines)
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for line in lines:
        about = ("preset", *_MACHINE)
        groups.setdefault(tuple(str(line[key]) for key in about), []).append(line)
    for (preset, device, processor_name, threads, version), own in groups.items():
        where = f"{device}, {processor_name}, {threads} threads, torch {version}"
        text += f"**{preset}** ({where})\n\n"
        timings = [line for line in own if "ratio" in line]
        text += table(
            ["", "ms", "shortest", "per second", "ratio"],
            [
                [
                    each["what"],
                    *(f"{value:.2f}" for value in (each["ms"], each["best_ms"])),
                    f"{1000 / each['ms']:.1f}",
                    f"{each['ratio']:.2f}",
                ]
                for each in timings
            ],
        )
        parts = [line for line in own if "gflops" in line]
        if parts:
            text += "\n" + table(
                ["part", "GFLOPs", "parameters", "per"],
                [
                    [each["what"], f"{each['gflops']:.3f}", f"{each['parameters']:,}", each["per"]]
                    for each in parts
                ],
            )
        weighed = [line for line in own if "peak_mb" in line]
        if weighed:
            text += "\n" + table(
                ["speech (s)", "peak memory (MiB)", "seconds"],
                [
                    [*(f"{each[key]:.0f}" for key in ("audio_s", "peak_mb", "seconds"))]
                    for each in weighed
                ],
            )
        text += "\n"
    return text


def _beside(lines: Sequence[Mapping[str, Any]]) -> str:
    """Frames per second and ratios of several presets in one table, for each machine."""
    text = ""
    machines: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}
    for line in lines:
        if "ratio" in line:
            own = machines.setdefault(tuple(str(line[key]) for key in _MACHINE), {})
            cell = f"{1000 / line['ms']:.2f} ({line['ratio']:.2f})"
            # What is the same work at another size has a name without the size.
            what = _SIZE.sub("", line["what"])
            own.setdefault(what, {})[line["preset"]] = cell
    for machine, rows in machines.items():
        presets = list(dict.fromkeys(preset for cells in rows.values() for preset in cells))
        if len(presets) > 1:
            device, processor_name, threads, version = machine
            where = f"{device}, {processor_name}, {threads} threads, torch {version}"
            text += f"**Per second, and in brackets the ratio** ({where})\n\n"
            body = [[what, *(cells.get(each, "") for each in presets)]
                    for what, cells in rows.items()]  # fmt: skip
            text += table(["", *presets], body) + "\n"
    return text


def _paper_times(lines: Sequence[Mapping[str, Any]]) -> str:
    """Set-up from T images and time per frame in the few-shot paper's layout, beside its own."""
    groups: dict[str, list[Took]] = {}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for line in (each for each in lines if "ratio" in each):
        where = f"{line['processor']}, {line['threads']} threads"
        if line["device"] != "cpu":
            where = str(line["processor"])
        own = found.setdefault((where, str(line["preset"])), {})
        own[_SIZE.sub("", line["what"])] = line["ms"] / 1000
    for (where, preset), seconds in found.items():
        rows = groups.setdefault(where, [])
        for shots in SHOTS:
            if set_up(shots) in seconds:
                rows.append(Took(f"{preset}-FF", seconds[set_up(shots)], shots))
                if _TUNING in seconds:
                    steps = TuningPlan.budget(shots, TuningPlan.batch_size)
                    whole = seconds[set_up(shots)] + steps * seconds[_TUNING]
                    rows.append(Took(f"{preset}-FT", whole, shots))
        if rows and _FRAME in seconds:
            rows.append(Took(preset, seconds[_FRAME]))
    if not any(groups.values()):
        return ""
    text = (
        "**Time, as the few-shot paper has it** (FF: the images are embedded; FT: and tuned on in\n"
    )
    text += "40 passes, reckoned from the time of a step; without search for the face)\n\n"
    return text + time_table(groups | {"NVIDIA P40, the paper's": PAPER_TIMES}) + "\n"


@dataclass(frozen=True)
class Size:
    """Arithmetic and parameters of one part.

    Attributes:
        what: the part.
        gflops: 2 x multiply-adds, for one unit of `per`.
        parameters: numbers that were learned.
        per: image, frame or window.
    """

    what: str
    gflops: float
    parameters: int
    per: str


def sizes(preset: str) -> Iterator[Size]:
    """Every part of a preset, and all together."""
    cost = cost_of(PRESETS[preset])
    for part in cost.parts:
        yield Size(part.name, part.gflops, part.parameters, part.per)
    per_frame = sum(part.gflops for part in cost.parts if part.per.endswith("frame"))
    yield Size("all", per_frame, cost.parameters, "frame")


def random_model(preset: str, device: str, folder: Path) -> LoadedModel:
    """A preset with random weights: speed does not depend on what was learned.

    Args:
        preset: its name.
        device: where it runs.
        folder: for the weights' file.
    """
    torch.manual_seed(0)
    path = folder / f"{preset}.safetensors"
    model = build_model(PRESETS[preset])
    if isinstance(model.encoders, LandmarkEncoders):
        _fit_anything(model.encoders)
    save_model(model, path, {"random": True})
    return load_model(path, device)


def _fit_anything(encoders: LandmarkEncoders) -> None:
    """Bases of landmarks, of the canonical face shaken: without them nothing is drawn."""
    chance, number = np.random.default_rng(0), np.arange(_FACES)
    face = canonical_face().points
    points = face + _SHAKE * chance.standard_normal((_FACES, *face.shape))
    encoders.landmarks.fit(shapes_of(points, np.ones((_FACES, 2))), number // 10, number // 5)


def work_rates(image: NDArray[np.uint8], preset: str, device: str) -> Iterator[Timing]:
    """Time packing and training.

    Args:
        image: (H, W, 3) uint8 RGB with one face, from which clips are made.
        preset: what is trained.
        device: where.

    Yields:
        ms per raw frame packed, by one process, and ms per sample trained in stage 1, which
        landmark models do not have.
    """
    target = find_device(device)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        items = _raw_clips(image, work)
        before, start = _fixed_ms(target), time.perf_counter()
        report = pack(items, work / "packed")
        took = np.array([(time.perf_counter() - start) * 1000 / report.n_frames_seen])
        fixed = (before + _fixed_ms(target)) / 2
        yield timing("packing, ms per raw frame, one process", took, fixed)
        if PRESETS[preset].landmarks is None:
            yield _training(work, preset, target)


def _tuning(loaded: LoadedModel, image: NDArray[np.uint8]) -> Timing:
    marks: list[float] = []

    def report(what: str, done: int, total: int | None) -> None:
        del done, total
        if what.startswith("tuning"):
            wait(loaded.device)
            marks.append(time.perf_counter())

    avatar = Avatar.from_images(image, weights=loaded)
    before = _fixed_ms(loaded.device)
    avatar.finetune(image, steps=_STEPS + 1, progress=report)
    fixed = (before + _fixed_ms(loaded.device)) / 2
    return timing(_TUNING, np.diff(marks) * 1000, fixed)


def _raw_clips(image: NDArray[np.uint8], folder: Path) -> list[PackItem]:
    """The picture, shifted to and fro."""
    items = []
    for number in range(_PACK_CLIPS):
        path = folder / f"clip{number}.mp4"
        shifts = (np.sin(np.arange(_PACK_FRAMES) / (5 + number)) * 12).round().astype(int)
        write_video(path, (np.roll(image, shift, axis=1) for shift in shifts), 25)
        items.append(PackItem(f"clip{number}", path, person=f"P{number}", lag_to_apply_ms=None))
    return items


def _training(work: Path, preset: str, device: torch.device) -> Timing:
    marks: list[float] = []

    def report(step: int, total: int, scalars: dict[str, float]) -> None:
        del step, total, scalars
        wait(device)
        marks.append(time.perf_counter())

    defaults = STAGES[_STAGE].defaults
    config = replace(defaults, steps=_STEPS, batch_size=_BATCH, log_every=1)
    before = _fixed_ms(device)
    train(_STAGE, work / "packed", work / "run", PRESETS[preset], config,
          device=device.type, report=report)  # fmt: skip
    took = np.diff(marks) * 1000 / _BATCH
    fixed = (before + _fixed_ms(device)) / 2
    return timing(f"training, stage {_STAGE}, ms per sample, batch {_BATCH}", took, fixed)


def _fixed_ms(device: torch.device) -> float:
    return float(np.median(time_ms(fixed_operation(device), device)))
