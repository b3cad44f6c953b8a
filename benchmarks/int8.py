"""Whether 8-bit integers pay: the generator on ONNX Runtime in full precision and in int8.

    python benchmarks/int8.py --out RESULTS

Convolutions are quantised statically (weights per channel, activations calibrated on frames of
another motion than the measured one). Times are the least processor time of several rounds on one
thread, taken in turns; `torch` is the generator as `Avatar` uses it. Differences are to torch's
pictures: of the crop in grey levels, of the face as the tracker sees it. Writes `int8.json` and
`int8.png`: full precision, int8, and eight times their difference. Needs the extra `onnx`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pdfgc import Avatar, Motion
from pdfgc.avatar import Curve
from pdfgc.avatar.encoding import joined
from pdfgc.evaluation.report import write_picture
from pdfgc.exporting import export_part, parts_of
from pdfgc.media import VideoFrame, read_audio
from pdfgc.metrics import correlation, psnr, ssim
from pdfgc.tracking import track_frames
from pdfgc.weights import DEFAULT

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Inputs = dict[str, NDArray[np.float32]]
Picture = NDArray[np.uint8]
Draw = Callable[[Inputs], Picture]


def main() -> None:
    """Quantise, time, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=EXAMPLES / "astronaut.jpg")
    parser.add_argument("--speech", type=Path, default=EXAMPLES / "speech.flac")
    parser.add_argument("--weights", default=DEFAULT, help="file or packaged name")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    avatar = Avatar.from_images(given.source, weights=given.weights, device="cpu")
    voice = read_audio(given.speech)
    # Six seconds are spread over the frames, so that mouths and heads differ.
    motion = avatar.motion(audio=voice[: 6 * 16_000], pose=turning(20), gaze="auto")
    other = avatar.motion(audio=voice[::-1].copy()[: 6 * 16_000], pose=turning(-15))
    drawers = {"torch": in_torch(avatar)}
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "int8.onnx"
        (part,) = (each for each in parts_of(avatar.model) if each.name == "generator")
        export_part(part, whole)
        quantised(whole, small, inputs_of(avatar, spread(other, given.frames)))
        megabytes = {path.stem: path.stat().st_size / 2**20 for path in (whole, small)}
        drawers |= {"onnx": in_onnx(whole), "int8": in_onnx(small)}
    asked = list(inputs_of(avatar, spread(motion, given.frames)))
    pictures = {name: np.stack([draw(each) for each in asked]) for name, draw in drawers.items()}
    best = dict.fromkeys(drawers, float("inf"))
    for _ in range(given.rounds):
        for name, draw in drawers.items():
            began = time.process_time()
            draw(asked[0])
            best[name] = min(best[name], (time.process_time() - began) * 1000)
    found: dict[str, Any] = {"frames": given.frames, "megabytes": megabytes, "best_ms": best}
    found["ratio"] = {name: each / best["torch"] for name, each in best.items()}
    for name in ("onnx", "int8"):
        found[name] = apart(pictures["torch"], pictures[name])
    text = json.dumps(found, indent=1, default=float)
    (given.out / "int8.json").write_text(text + "\n", encoding="utf-8")
    write_picture(sheet(pictures["torch"], pictures["int8"]), given.out / "int8.png")
    print(text)


def turning(degrees: float) -> Curve:
    """A head that turns from side to side in six seconds, and nods and tilts a little."""
    end = np.radians([degrees, degrees / 2, degrees / 3])
    return Curve.of([(0.0, (-end).tolist()), (6.0, end.tolist())])


def spread(motion: Motion, count: int) -> Motion:
    """Evenly spaced frames of a motion."""
    return motion.take(np.linspace(0, len(motion) - 1, count).round().astype(np.int64))


def inputs_of(avatar: Avatar, motion: Motion) -> Iterator[Inputs]:
    """What the generator is given for each frame."""
    painter = avatar._painter(crop=True)
    look, source = painter.appearance, painter.source
    for n in range(len(motion)):
        given = {"images": look.images, "vector": look.vector, "source": source}
        given["driving"] = joined(motion.slice(n, n + 1), source.device)
        given |= {f"maps_{k}": maps for k, maps in enumerate(look.maps)}
        if look.shape is not None:
            given["shape"] = look.shape
        yield {name: np.ascontiguousarray(each.numpy()) for name, each in given.items()}


def in_torch(avatar: Avatar) -> Draw:
    """As `Avatar` draws."""
    painter = avatar._painter(crop=True)

    @torch.inference_mode()
    def draw(given: Inputs) -> Picture:
        return painter.heads(torch.from_numpy(given["driving"]))[0]

    return draw


def in_onnx(path: Path) -> Draw:
    """On ONNX Runtime, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}

    def draw(given: Inputs) -> Picture:
        (image,) = session.run(None, {n: each for n, each in given.items() if n in names})
        levels = np.rint((image[0].transpose(1, 2, 0) + 1) * 127.5)
        return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8))

    return draw


def quantised(whole: Path, small: Path, frames: Iterator[Inputs]) -> None:
    """Write a graph whose convolutions work on 8-bit integers."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    options = {"providers": ["CPUExecutionProvider"]}
    names = {each.name for each in onnxruntime.InferenceSession(whole, **options).get_inputs()}

    class Reader(CalibrationDataReader):
        def get_next(self) -> Inputs | None:
            given = next(frames, None)
            return given and {name: each for name, each in given.items() if name in names}

    quantize_static(
        whole,
        small,
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
    )


def apart(reference: NDArray[np.uint8], pictures: NDArray[np.uint8]) -> dict[str, float]:
    """How far pictures (T, S, S, 3) are from a reference, and faces in them."""
    faces = [
        track_frames(
            (VideoFrame(each, n / 25, n) for n, each in enumerate(enlarged(those))), fps=25
        )
        for those in (reference, pictures)
    ]
    steps = np.abs(reference.astype(int) - pictures)
    turned = np.degrees(np.abs(faces[0].pose[:, :3] - faces[1].pose[:, :3]))
    eyes = np.degrees(np.abs(faces[0].gaze - faces[1].gaze))
    return {
        "mean_levels": float(steps.mean()),
        "most_levels": int(steps.max()),
        "psnr_db": float(np.median(psnr(pictures, reference))),
        "ssim": float(np.median(ssim(pictures, reference))),
        "head_deg": float(turned.mean()),
        "gaze_deg": float(eyes.mean()),
        "openness": float(np.abs(faces[0].openness - faces[1].openness).mean()),
        "mouth_r": correlation(faces[1].mouth, faces[0].mouth),
    }


def enlarged(pictures: NDArray[np.uint8]) -> Iterator[Picture]:
    """At a size at which the tracker sees lids."""
    for each in pictures:
        yield np.asarray(Image.fromarray(each).resize((256, 256), Image.Resampling.BICUBIC))


def sheet(whole: NDArray[np.uint8], small: NDArray[np.uint8]) -> Picture:
    """Six frames: full precision, int8, eight times the difference on grey."""
    at = np.linspace(0, len(whole) - 1, 6).round().astype(int)
    step = 128 + 8 * (small[at].astype(int) - whole[at])
    rows = (whole[at], small[at], step.clip(0, 255).astype(np.uint8))
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


if __name__ == "__main__":
    main()
