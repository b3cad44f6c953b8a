"""The commands: parsing and printing only. What is slow to import is imported where it is used."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.avatar import Avatar, Controls, Driver, Progress
    from pdfgc.check import Report
    from pdfgc.cost import Cost
    from pdfgc.tracking import Choice

INPUT_FAULT, INTERRUPTED = 2, 130
"""Exit statuses: the user's input cannot be used; Ctrl-C."""

_CONTROLLED = ("pose", "gaze", "blink", "expression", "lip")

Device = Literal["auto", "cpu", "cuda", "mps"]
Missing = Literal["hold", "interpolate", "pass", "error"]
Numbers = Parameter(allow_leading_hyphen=True)
Out = Annotated[Path, Parameter(name=["--out", "-o"])]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pdfgc")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


app = App(
    name="pdfgc",
    help="Talking heads whose lips, gaze, blink, head pose and expression are driven apart.",
    version=_version,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `run` answers it
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line, by default those of the process.

    Returns:
        0 if all went well, 2 if the input is at fault, 130 after Ctrl-C.
    """
    try:
        with _quiet_libraries():
            status = app(
                sys.argv[1:] if arguments is None else list(arguments),
                exit_on_error=False,
                print_error=False,
                result_action="return_value",
            )
    except InputError as error:
        _complain(str(error))
        return INPUT_FAULT
    except CycloptsError as error:
        _complain(f"{' '.join(str(error).split())} Try pdfgc --help.")
        return INPUT_FAULT
    except KeyboardInterrupt:
        _complain("stopped.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


@app.command
def animate(
    *,
    source: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    out: Out,
    audio: Path | None = None,
    pose_video: Path | None = None,
    gaze_video: Path | None = None,
    blink_video: Path | None = None,
    expression_video: Path | None = None,
    lip_video: Path | None = None,
    pose: Annotated[str | None, Numbers] = None,
    gaze: Annotated[str | None, Numbers] = None,
    blink: Annotated[str | None, Numbers] = None,
    expression: str | None = None,
    lip: str | None = None,
    motion: Path | None = None,
    strength: str = "",
    smooth: str = "",
    lip_lead: float = 0.0,
    crop: Annotated[bool, Parameter(negative="")] = False,
    fps: float | None = None,
    duration: float | None = None,
    face: str | None = None,
    seed: int = 0,
    device: Device = "auto",
    weights: str = "default",
    save_motion: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Animate a portrait: lips from speech, every other factor from its own driver.

    Without drivers, the head moves a little and the eyes blink, gaze and expression stay as in
    the portrait. The audio sets the length; shorter clips play to and fro.

    Args:
        source: one or more images of one person (the head goes back into the first), or a saved
            .avatar.safetensors.
        out: .mp4, .mkv or .mov, .gif, a pattern such as out/%05d.png, or a folder.
        audio: speech: any sound or video file.
        pose_video: video that drives the head.
        gaze_video: video that drives the eyes, and the lids unless blink has its own driver.
        blink_video: video that drives the lids.
        expression_video: video that drives the expression.
        lip_video: video that drives the lips, instead of the audio.
        pose: "YAW,PITCH,ROLL" in degrees (right, up and clockwise in the image are positive),
            keyframes "0:0,0,0; 1.5:20,0,0" (seconds:value), auto, keep, or a file.
        gaze: "YAW,PITCH" in degrees relative to the head, keyframes, keep, or a file.
        blink: openness of the eyes from 0 (closed) to 1 (open), or "LEFT,RIGHT", keyframes, auto,
            keep, or a file.
        expression: keep, or a video, image or saved motion.
        lip: keep, or a video, image or saved motion.
        motion: saved motion for all factors that have no driver.
        strength: how strongly factors act, e.g. "pose=0.5,lip=1.2"; 1 is the driver.
        smooth: seconds over which factors are averaged, e.g. "pose=0.3".
        lip_lead: seconds by which the lips run ahead of the sound; 0.08 as in the released PD-FGC.
        crop: write the model's square crop instead of the whole picture.
        fps: frames per second, by default 25.
        duration: length in seconds where there is no audio.
        face: which face of the source: its number from the left (0, 1, ...), a box
            "LEFT,TOP,RIGHT,BOTTOM" in px, or largest.
        seed: of natural motion.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        save_motion: also write the codes to this .motion.safetensors.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.motion import Motion

    began = time.perf_counter()
    avatar = _avatar(source, weights, device, face)
    ready_s = time.perf_counter() - began
    with _bars() as progress:
        clip = avatar.animate(
            audio=audio,
            pose=_driver(pose, degrees=3),
            gaze=_driver(gaze, degrees=2),
            blink=_driver(blink),
            expression=_driver(expression),
            lip=_driver(lip),
            pose_video=pose_video,
            gaze_video=gaze_video,
            blink_video=blink_video,
            expression_video=expression_video,
            lip_video=lip_video,
            motion=None if motion is None else Motion.load(motion),
            controls=_controls(strength, smooth, lip_lead),
            crop=crop,
            fps=fps,
            duration_s=duration,
            seed=seed,
            progress=progress,
        )
        if save_motion is not None:
            clip.motion.save(save_motion)
        read_s = time.perf_counter() - began - ready_s
        clip.save(out, progress=progress)
    drawn_s = time.perf_counter() - began - ready_s - read_s
    width, height = clip.size
    facts = {
        "out": str(out),
        "frames": len(clip),
        "fps": clip.fps,
        "width": width,
        "height": height,
        "duration_s": round(len(clip) / clip.fps, 3),
        "sound": audio is not None,
        "model_id": avatar.model_id,
        "source_s": round(ready_s, 2),
        "drivers_s": round(read_s, 2),
        "drawing_s": round(drawn_s, 2),
    }
    _tell(
        facts,
        f"{out}: {len(clip)} frames, {width} x {height}, {clip.fps:g} fps, "
        f"{len(clip) / drawn_s:.1f} frames per second drawn",
        as_json=as_json,
    )


@app.command
def track(
    clip: Path,
    /,
    *,
    out: Out,
    fps: float | None = None,
    missing: Missing = "interpolate",
    face: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Track one face: landmarks, crop, head pose, gaze and openness of every frame.

    Args:
        clip: a video or an image.
        out: a .track.safetensors file.
        fps: bring the frames to this rate by their times; by default every frame is kept.
        missing: what to do where no face is found.
        face: which face, as for animate; by default the largest.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.avatar.encoding import IMAGE_SUFFIXES
    from pdfgc.media import read_video, resample_frames
    from pdfgc.tracking import (
        GOOD_CONFIDENCE,
        FaceChoice,
        MissingPolicy,
        track_frames,
        track_image_file,
    )

    choice = FaceChoice.LARGEST if face is None else _face(face)
    if clip.suffix.lower() in IMAGE_SUFFIXES:
        found = track_image_file(clip, choose=choice)
    else:
        if fps is not None and not fps > 0:
            raise InputError(f"--fps is {fps}; give a number above 0.")
        frames = read_video(clip)
        with _bars() as progress:
            found = track_frames(
                _counted(
                    frames if fps is None else resample_frames(frames, fps), progress, "tracking"
                ),
                fps=fps,
                missing=MissingPolicy(missing),
                choose=choice,
                name=str(clip),
            )
    found.save(out)
    good = int((found.confidence > GOOD_CONFIDENCE).sum())
    facts = {
        "out": str(out),
        "frames": len(found),
        "fps": found.fps,
        "good_frames": good,
        "shots": int(found.shot.max()) + 1,
        "backend": found.backend,
    }
    _tell(
        facts,
        f"{out}: {good} of {len(found)} frames well tracked, {facts['shots']} shot(s)",
        as_json=as_json,
    )


@app.command
def pack(
    raw: Path,
    /,
    *,
    out: Out,
    manifest: Path | None = None,
    splits: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    workers: int = 1,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Track, crop and pack raw clips into shards for training.

    Args:
        raw: a folder of videos.
        out: folder for the shards; an unfinished run goes on.
        manifest: CSV that says what the clips are, here or inside the folder of videos.
        splits: which splits of the manifest to take, by default all.
        workers: processes.
        as_json: print one JSON object on stdout.
    """
    import logging

    from pdfgc.training.pack import items_from_folder, items_from_manifest
    from pdfgc.training.pack import pack as pack_clips

    if not raw.is_dir():
        raise InputError(f"{raw}: is no folder; give a folder of videos.")
    if sys.stderr.isatty():
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if manifest is None:
        items = items_from_folder(raw)
    else:
        inside = raw / manifest
        items = items_from_manifest(inside if inside.is_file() else manifest, splits)
    report = pack_clips(items, out, workers=workers)
    dropped = "".join(f"\n  dropped {n}: {why}" for why, n in report.reasons().items())
    _tell(
        asdict(report) | {"out": str(out)},
        f"{out}: {report.n_samples} samples, {report.n_frames} frames of {report.n_clips} clips"
        + dropped,
        as_json=as_json,
    )


@app.command
def train(
    stage: str,
    /,
    *,
    data: Path,
    out: Out,
    preset: str = "fast",
    steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    device: Device = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Run one stage of training, or go on with it where it stopped.

    The stages are appearance, lip, eye, pose and expression, in this order. What a finished stage
    leaves is also written as OUT/STAGE/weights.safetensors.

    Args:
        stage: name of the stage.
        data: folder that pdfgc pack made.
        out: folder of the run, the same for all stages.
        preset: the model.
        steps: optimizer steps, by default those of the stage, like all below.
        batch_size: samples per step.
        learning_rate: its peak.
        seed: of initialisation, sampling and augmentation.
        device: where to train.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.training.stages import find_stage
    from pdfgc.training.trainer import train as run_stage

    given = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    row = find_stage(stage)
    try:
        config = replace(row.defaults, **changes)
    except ValueError as error:
        raise InputError(
            f"The training cannot be run so: {' '.join(str(error).split())}"
        ) from error
    last: dict[str, float] = {}
    with _bars() as progress:

        def report(step: int, total: int, scalars: dict[str, float]) -> None:
            last.update(scalars)
            if progress:
                progress(f"{stage}: loss {scalars.get('loss', math.nan):.3f}", step, total)

        folder = run_stage(stage, data, out, _preset(preset), config, device=device, report=report)
    path = folder / "weights.safetensors"
    _tell(
        {"out": str(folder), "weights": str(path), "steps": config.steps, "scalars": last},
        f"{path}: stage {stage} after {config.steps} steps",
        as_json=as_json,
    )


importing = App(
    name="import",
    help="Bring in networks that others have released.\n\n"
    "pd-fgc takes four files, --appearance, --motion, --audio and --generator.",
)
app.command(importing)


@importing.command(name="pd-fgc")
def import_official(
    *,
    appearance: Path,
    motion: Path,
    audio: Path,
    generator: Path,
    out: Out,
    noise_seed: int = 0,
    half: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Bring in the four checkpoint files that the authors of PD-FGC released.

    Every key and shape is checked; what the networks do not need to run is left out and named.
    Neither files nor weights come with this package: check their licence before you use them.

    Args:
        appearance: appearance_model.pth.
        motion: motion_model.pth.
        audio: audio_model.pth.
        generator: generator_model.pth.
        out: a .safetensors file, for animate --weights.
        noise_seed: of the generator's noise, which no file holds.
        half: write half precision, half the size.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.importers import Checkpoints, import_pd_fgc
    from pdfgc.weights import save_model

    found = import_pd_fgc(Checkpoints(appearance, motion, audio, generator), noise_seed=noise_seed)
    origin = {
        "origin": "checkpoints of Dorniwang/PD-FGC-inference, given by the user",
        "licence": "that of the checkpoints; not checked by pdfgc",
        "sha256": found.sha256,
        "noise_seed": noise_seed,
    }
    model_id = save_model(found.model, out, origin, half=half)
    counts = {
        network: {reason: len(keys) for reason, keys in reasons.items()}
        for network, reasons in found.left.items()
    }
    lines = [f"{out}: model {model_id}, {out.stat().st_size / 1e6:.0f} MB"]
    for network, taken in found.taken.items():
        lines.append(f"  {network}: {taken} tensors taken")
        lines += [f"    {n} left: {reason}" for reason, n in counts[network].items()]
    _tell(
        {"out": str(out), "model_id": model_id, "taken": found.taken, "left": counts} | origin,
        "\n".join(lines),
        as_json=as_json,
    )


@app.command
def info(
    *,
    preset: str | None = None,
    weights: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Say what is here: versions, devices and weights, or the cost of a preset's every part.

    Args:
        preset: print parameters and GFLOPs (2 x multiply-adds) of this model's parts.
        weights: say what this weights file, or packaged name, holds.
        as_json: print one JSON object on stdout.
    """
    if preset is not None:
        from pdfgc.cost import cost_of

        cost = cost_of(_preset(preset))
        _tell(
            asdict(cost) | {"within_budget": cost.within_budget}, _cost_table(cost), as_json=as_json
        )
    elif weights is not None:
        from pdfgc.config import to_json
        from pdfgc.weights import load_model

        loaded = load_model(weights, "cpu")
        facts = {
            "path": str(loaded.path),
            "bytes": loaded.path.stat().st_size,
            "model_id": loaded.model_id,
            "config": to_json(loaded.model.config),
            "training": loaded.training,
        }
        lines = [f"{name}: {json.dumps(value)}" for name, value in facts.items()]
        _tell(facts, "\n".join(lines), as_json=as_json)
    else:
        facts = _installation()
        lines = [f"{name}: {json.dumps(value)}" for name, value in facts.items()]
        _tell(facts, "\n".join(lines), as_json=as_json)


@app.command
def check(
    files: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Say what is wrong with images, clips and recordings, before work begins.

    The exit status is 2 if a file cannot be used, 0 otherwise.

    Args:
        files: images, videos or sound files.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.check import check as check_file
    from pdfgc.tracking import MediaPipeBackend

    backend = MediaPipeBackend()
    with _bars() as progress:
        reports = []
        for done, path in enumerate(files, 1):
            reports.append(check_file(path, backend))
            if progress:
                progress("checking", done, len(files))
    usable = all(report.usable for report in reports)
    _tell(
        {"usable": usable, "files": [asdict(report) for report in reports]},
        "\n".join(_report_text(report) for report in reports),
        as_json=as_json,
    )
    return 0 if usable else INPUT_FAULT


# What was typed, as values -----------------------------------------------------------------------


def _avatar(source: list[Path], weights: str, device: str, face: str | None) -> Avatar:
    from pdfgc.avatar import Avatar

    if len(source) == 1 and source[0].name.endswith(".safetensors"):
        return Avatar.load(source[0], weights=weights, device=device)
    choice = None if face is None else _face(face)
    return Avatar.from_images(source, weights=weights, device=device, face=choice)


def _face(text: str) -> Choice:
    from pdfgc.tracking import FaceChoice

    if text == "largest":
        return FaceChoice.LARGEST
    if re.fullmatch(r"\d+", text):
        return int(text)
    numbers = _numbers(text, "--face")
    if len(numbers) != 4:
        raise InputError(
            f'--face is {text!r}; give a number from the left, "LEFT,TOP,RIGHT,BOTTOM" or largest.'
        )
    left, top, right, bottom = numbers
    return left, top, right, bottom


def _driver(text: str | None, *, degrees: int = 0) -> Driver | None:
    """A driver from its text; the first `degrees` numbers of a value are angles."""
    if text is None or text in ("auto", "keep"):
        return text
    if not re.fullmatch(r"[-+\d.eE,:;\s]+", text) or not re.search(r"\d", text):
        return text

    def value(part: str) -> tuple[float, ...]:
        numbers = _numbers(part, repr(text))
        return tuple(math.radians(v) if n < degrees else v for n, v in enumerate(numbers))

    if ":" not in text:
        return value(text)
    keyframes = []
    for part in filter(str.strip, text.split(";")):
        moment, _, rest = part.partition(":")
        keyframes.append((_numbers(moment, repr(text))[0], value(rest)))
    return keyframes


def _numbers(text: str, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{what}: {text.strip()!r} is no list of numbers.") from None


def _controls(strength: str, smooth: str, lip_lead_s: float = 0.0) -> Controls:
    from pdfgc.avatar import Control, Controls

    strengths, windows = _by_factor(strength, "--strength"), _by_factor(smooth, "--smooth")

    def control(factor: str) -> Control:
        return Control(strength=strengths.get(factor), smooth_s=windows.get(factor))

    return Controls(
        pose=control("pose"),
        gaze=control("gaze"),
        blink=control("blink"),
        expression=control("expression"),
        lip=control("lip"),
        lip_lead_s=lip_lead_s,
    )


def _by_factor(text: str, option: str) -> dict[str, float]:
    """`pose=0.5,lip=1.2` as a dictionary."""
    found = {}
    for part in filter(str.strip, text.split(",")):
        factor, _, number = (piece.strip() for piece in part.partition("="))
        if factor not in _CONTROLLED:
            raise InputError(
                f"{option}: {part.strip()!r} is not understood; write FACTOR=NUMBER with one of "
                f"{', '.join(_CONTROLLED)}."
            )
        (found[factor],) = _numbers(number, option)
    return found


def _preset(name: str) -> Any:
    from pdfgc.config import PRESETS

    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


# What is printed ---------------------------------------------------------------------------------


def _tell(facts: dict[str, Any], text: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(facts, default=_plain) if as_json else text) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _complain(text: str) -> None:
    sys.stderr.write(f"pdfgc: {text}\n")


def _report_text(report: Report) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in report.facts.items())
    lines = [f"{report.path}: {report.kind}" + (f" ({facts})" if facts else "")]
    lines += [f"  {finding.severity.value}: {finding.text}" for finding in report.findings]
    return "\n".join(lines if report.findings else [*lines, "  fine"])


def _cost_table(cost: Cost) -> str:
    lines = [f"{cost.preset:<12}{'parameters':>12}{'GFLOPs':>10}{'budget':>10}  per"]
    for part in cost.parts:
        budget = "" if part.budget_gflops is None else f"{part.budget_gflops:g}"
        lines.append(
            f"{part.name:<12}{part.parameters:>12,}{part.gflops:>10.3f}{budget:>10}  {part.per}"
        )
    most = "" if cost.budget_parameters is None else f" of at most {cost.budget_parameters:,}"
    lines.append(f"{'all':<12}{cost.parameters:>12,}{most}")
    return "\n".join(lines)


def _installation() -> dict[str, Any]:
    import platform

    import torch

    from pdfgc.config import PRESETS
    from pdfgc.weights import packaged

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return {
        "pdfgc": _version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "devices": ["cpu", *(name for name, found in there.items() if found)],
        "presets": list(PRESETS),
        "weights": [asdict(entry) for entry in packaged().values()],
    }


@contextmanager
def _bars() -> Iterator[Progress | None]:
    """Progress bars on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr)) as shown:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int | None) -> None:
            name = what.partition(":")[0]
            if name not in tasks:
                tasks[name] = shown.add_task(what, total=total)
            shown.update(tasks[name], description=what, completed=done, total=total)

        yield report


def _counted(frames: Iterator[Any], progress: Progress | None, what: str) -> Iterator[Any]:
    for done, frame in enumerate(frames, 1):
        yield frame
        if progress:
            progress(what, done, None)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep notes that libraries write to stderr, past Python, away from the user.

    The tracker's C++ parts report their start-up there. Our own messages go on.
    """
    warnings.filterwarnings("ignore", module="google.protobuf")
    try:
        captured = sys.stderr.fileno() != 2
    except (AttributeError, OSError, ValueError):
        captured = True
    if captured:
        yield
        return
    before, kept = sys.stderr, os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stderr = os.fdopen(kept, "w", buffering=1)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        sys.stderr.close()
        os.close(nowhere)
        sys.stderr = before
