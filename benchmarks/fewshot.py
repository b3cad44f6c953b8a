"""The few-shot and MarioNETte presets at reduced size: training, pictures, K, tuning, ablations.

python benchmarks/fewshot.py --data packed --held-out packed-val --out results

Every row is a model of 64 px that was trained here for --steps steps; the pictures are of persons
of the held-out pack. What is finished is not done again: run it again to go on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pdfgc.config import PRESETS, ModelConfig, TrainConfig
from pdfgc.encoders.landmarks import own_face, shapes_of
from pdfgc.evaluation.recognising import DlibRecogniser, Recogniser
from pdfgc.files import writing
from pdfgc.metrics import cosine_similarity, ssim
from pdfgc.model import LandmarkEncoders, TalkingHead
from pdfgc.motion import Codes
from pdfgc.tracking.contours import CONTOURS
from pdfgc.training.augment import Jitter
from pdfgc.training.batches import View
from pdfgc.training.clips import Clip, load_clips
from pdfgc.training.finetuning import Shots, Tuning, TuningPlan, TuningResult
from pdfgc.training.sampler import Sampler
from pdfgc.training.trainer import train, trained_model

SIDE = 64
TARGETS = 6
SEED = 0


def reduced(preset: str, identity: tuple[str, ...] | None = None) -> ModelConfig:
    """A landmark preset at 64 px."""
    row = PRESETS[preset]
    few = preset == "fewshot"
    shape = replace(
        row.generator,
        image_size=SIDE,
        analysis_size=SIDE,
        base_size=8,
        channels=(96, 64, 48, 24),
        source_channels=(96, 48, 24, 0) if few else (96, 64, 48, 24),
        appearance_width=128,
        style_width=128,
        identity=identity or row.generator.identity,  # type: ignore[arg-type]
    )
    encoders = replace(PRESETS[f"{preset}-tiny"].encoders, light_channels=(8, 16, 32, 32))
    return replace(row, preset=f"{preset}-64", generator=shape, encoders=encoders)


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        name: in the tables.
        config: the model.
        stage: how it is meta-trained.
    """

    name: str
    config: ModelConfig
    stage: str


SYSTEMS = (
    System("fewshot", reduced("fewshot"), "meta"),
    System("fewshot, no match term (FF)", reduced("fewshot"), "meta-ff"),
    System("marionette", reduced("marionette"), "meta"),
    System("marionette, no attention", reduced("marionette", ("alignment",)), "meta"),
    System("marionette, no alignment", reduced("marionette", ("attention",)), "meta"),
)


@dataclass(frozen=True)
class Score:
    """Means over persons and frames.

    Attributes:
        l1: of values in [0, 255].
        ssim: structural similarity.
        identity: cosine of the recogniser with the person's true frames; NaN without one.
    """

    l1: float
    ssim: float
    identity: float


class HeldOut:
    """Clips of persons never trained on: sources from the first half, targets from the second.

    Args:
        pack: folder of the pack.
        config: of any of the systems.
        persons: how many clips, one of each person first.
    """

    def __init__(self, pack: Path, config: ModelConfig, persons: int) -> None:
        bank = load_clips(pack, round(SIDE * 1.25), config.audio)
        self.sampler = Sampler(bank, SIDE, seed=SEED)
        seen: dict[str, Clip] = {}
        for clip in bank.clips:
            if clip.length >= 40:
                seen.setdefault(clip.person, clip)
        self.clips = list(seen.values())[:persons]

    def view(self, clip: Clip, at: Sequence[float] | NDArray[np.floating]) -> View:
        """Frames of a clip at shares of its length."""
        rows = clip.start + (np.array(at) * (clip.length - 1)).astype(np.int64)
        still = Jitter.draw(
            np.random.default_rng(SEED), np.zeros(len(rows), bool),
            max_zoom=0, max_angle=0, max_shift=0,
        )  # fmt: skip
        return self.sampler.view(rows, still)

    def sources(self, clip: Clip, count: int) -> View:
        """Source frames."""
        return self.view(clip, np.linspace(0, 0.5, count) if count > 1 else [0.0])

    def targets(self, clip: Clip) -> View:
        """Frames to draw."""
        return self.view(clip, np.linspace(0.6, 1, TARGETS))


def codes(model: TalkingHead, view: View) -> Codes:
    """Codes of views, expression told apart by the landmark transformer."""
    encoders = model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    space, eye = encoders.landmarks, view.eye.numpy()
    shapes = shapes_of(view.points.numpy(), eye[:, 2:4])
    apart = torch.from_numpy(shapes.points) - space.mean
    with torch.no_grad():
        alphas = encoders.transformer(view.image, apart).numpy()
    return space.codes(shapes, view.pose.numpy(), eye[:, :2], eye[:, 2:4], alphas)


@torch.no_grad()
def drawn(model: TalkingHead, sources: View, driving: Tensor) -> Tensor:
    """(n, 3, S, S) pictures of a person with driving codes."""
    own = codes(model, sources).join()[None]
    look = model.look(sources.image[None], own)
    count = len(driving)
    made: Tensor = model.generator(look.expand(count), own.expand(count, -1, -1), driving).image
    return made


def pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """(n, 3, S, S) in [-1, 1] to (n, S, S, 3) uint8."""
    out: NDArray[np.uint8] = (
        ((pictures.detach().permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    )
    return out


class Judge:
    """Scores pictures; identity where the recogniser is installed."""

    def __init__(self) -> None:
        try:
            self.recogniser: Recogniser | None = DlibRecogniser()
        except ModuleNotFoundError:
            self.recogniser = None

    def score(self, made: Tensor, view: View) -> tuple[float, float, float]:
        """L1, SSIM and identity of pictures against the true frames."""
        ours, real = pixels(made), pixels(view.image)
        return (
            float(np.abs(ours.astype(float) - real).mean()),
            float(np.mean(ssim(ours, real))),
            self.identity(ours, view.points.numpy(), real, view.points.numpy()),
        )

    def identity(
        self, made: NDArray[np.uint8], at: NDArray[np.floating],
        real: NDArray[np.uint8], there: NDArray[np.floating],
    ) -> float:  # fmt: skip
        """Mean cosine between made faces and the mean of real ones."""
        if self.recogniser is None:
            return float("nan")
        ours = np.stack([self.recogniser(p, x) for p, x in zip(made, at, strict=True)])
        theirs = np.stack([self.recogniser(p, x) for p, x in zip(real, there, strict=True)])
        mean = np.repeat(theirs.mean(0)[None], len(ours), axis=0)
        return float(np.mean(cosine_similarity(ours, mean)))


def mean_score(rows: list[tuple[float, float, float]]) -> Score:
    """Mean over persons."""
    return Score(*(float(v) for v in np.mean(rows, axis=0)))


def forward_rows(model: TalkingHead, held: HeldOut, judge: Judge) -> dict[str, Score]:
    """Without tuning, by the number of sources."""
    found = {}
    for count in (1, 4, 8):
        rows = []
        for clip in held.clips:
            view = held.targets(clip)
            made = drawn(model, held.sources(clip, count), codes(model, view).join())
            rows.append(judge.score(made, view))
        found[f"T={count}"] = mean_score(rows)
    return found


def tuned(
    model: TalkingHead, held: HeldOut, clip: Clip, count: int, *, adversarial: bool, steps: int
) -> tuple[Tensor, TuningResult]:
    """The targets of a clip, drawn by a model that was tuned to T of its frames."""
    import copy

    sources, view = held.sources(clip, count), held.targets(clip)
    own = codes(model, sources).join()
    shots = Shots(sources.image, own, tuple(range(count)))
    plan = TuningPlan(steps=steps, adversarial=adversarial, learning_rate=2e-4)
    tuning = Tuning(copy.deepcopy(model), sources.image[None], own[None], shots, plan)
    result = tuning.run()
    with torch.no_grad():
        made = tuning.made(codes(model, view).join()).image
    return made, result


def crossed(
    model: TalkingHead, held: HeldOut, judge: Judge
) -> tuple[dict[str, dict[str, float]], list[Tensor]]:
    """Every person driven by the next one, with the source's own geometry and without."""
    encoders = model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    found: dict[str, dict[str, list[float]]] = {}
    strips: list[Tensor] = []
    for number, clip in enumerate(held.clips):
        source, driver = held.sources(clip, 1), held.targets(held.clips[number - 1])
        own, theirs = codes(model, source), codes(model, driver)
        true = source_shape(model, held.view(clip, np.linspace(0, 1, 12)))
        row = [source.image[0], driver.image[0]]
        for name, driving in (
            ("with", own_face(theirs, own, encoders.landmarks.config)),
            ("without", theirs),
        ):
            joined = driving.join()
            made = drawn(model, source, joined)
            points = encoders.landmarks.points(joined)
            mesh = np.zeros((len(points), 478, 3), np.float32)
            mesh[:, CONTOURS.mesh] = points[:, : len(CONTOURS.mesh)]
            like = judge.identity(pixels(made), mesh, pixels(source.image), source.points.numpy())
            still = replace(driving, pose=torch.zeros_like(driving.pose))
            shape = encoders.landmarks.points(still.join())[:, : len(CONTOURS.mesh), :2]
            apart = float(np.linalg.norm(shape.mean(0) - true, axis=-1).mean())
            scores = found.setdefault(name, {"identity": [], "geometry": []})
            scores["identity"].append(like)
            scores["geometry"].append(apart)
            row.append(made[0])
        strips.append(torch.cat(row, dim=2))
    means = {
        name: {what: float(np.mean(values)) for what, values in scores.items()}
        for name, scores in found.items()
    }
    return means, strips


def source_shape(model: TalkingHead, view: View) -> NDArray[np.float32]:
    """(P', 2) a person's mean face, looking ahead, in crop coordinates."""
    encoders = model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    found = codes(model, view)
    still = replace(found, pose=torch.zeros_like(found.pose))
    points = encoders.landmarks.points(still.join())[:, : len(CONTOURS.mesh), :2]
    mean: NDArray[np.float32] = points.mean(0)
    return mean


def main() -> None:
    """Train what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pack to train on")
    parser.add_argument("--held-out", type=Path, required=True, help="pack of other persons")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and results")
    parser.add_argument("--steps", type=int, default=400, help="meta-training steps per system")
    parser.add_argument("--persons", type=int, default=6, help="held-out persons")
    parser.add_argument("--tuning-steps", type=int, default=40)
    parser.add_argument("--only", nargs="*", help="names of systems, by default all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, object] = {"steps": arguments.steps, "side": SIDE}
    run = TrainConfig(
        steps=arguments.steps, batch_size=6, shots=2, learning_rate=1e-3,
        adversary_learning_rate=4e-4, adversary_steps=2, warmup_steps=20,
        adversary_start=arguments.steps * 2 // 3, checkpoint_every=100, sample_every=100,
        ema_decay=0.99, precision="32-true", seed=SEED,
    )  # fmt: skip
    judge = Judge()
    forward: dict[str, dict[str, Score]] = {}
    sheets: list[Tensor] = []
    held: HeldOut | None = None
    wanted = arguments.only or [system.name for system in SYSTEMS]
    for system in (each for each in SYSTEMS if each.name in wanted):
        name = "".join(c if c.isalnum() else "-" for c in system.name)
        folder = arguments.out / "runs" / name
        began = time.perf_counter()
        first = replace(run, steps=min(arguments.steps, 150), batch_size=32)
        train("landmarks", arguments.data, folder, system.config, first, device="cpu")
        train(system.stage, arguments.data, folder, system.config, run, device="cpu")
        print(f"{system.name}: trained in {time.perf_counter() - began:.0f} s", flush=True)
        model, _ = trained_model(folder, system.stage)
        held = held or HeldOut(arguments.held_out, system.config, arguments.persons)
        forward[system.name] = forward_rows(model, held, judge)
        view = held.targets(held.clips[0])
        rows = [held.sources(held.clips[0], 1).image[0], *view.image[:4]]
        made = drawn(model, held.sources(held.clips[0], 8), codes(model, view).join())
        sheets += [torch.cat(rows, dim=2), torch.cat([rows[0], *made[:4]], dim=2)]
        results["forward"] = {k: {t: asdict(s) for t, s in v.items()} for k, v in forward.items()}
        _write(arguments.out, results, sheets, f"forward-{name}")
        table(["system", "T", "L1", "SSIM", "identity"], [
            [system.name, count, f"{s.l1:.2f}", f"{s.ssim:.3f}", f"{s.identity:.3f}"]
            for count, s in forward[system.name].items()
        ])  # fmt: skip
        if system.name == "fewshot":
            results["tuning"] = tuning_rows(model, held, judge, arguments)
        if system.name in ("fewshot", "marionette"):
            means, strips = crossed(model, held, judge)
            results[f"crossed {system.name}"] = means
            _write(arguments.out, results, strips, f"crossed-{system.name}")
            table(["landmark transformer", "identity", "distance to the source's own face"], [
                [f"{system.name}, {k}", f"{v['identity']:.3f}", f"{v['geometry']:.4f}"]
                for k, v in means.items()
            ])  # fmt: skip


def tuning_rows(
    model: TalkingHead, held: HeldOut, judge: Judge, arguments: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Tuned, with and without the adversarial term, and what it costs."""
    found: dict[str, dict[str, float]] = {}
    strips: list[Tensor] = []
    for count in (1, 8):
        for adversarial in (True, False):
            rows, seconds, steps = [], [], []
            for clip in held.clips[:3]:
                made, result = tuned(
                    model, held, clip, count, adversarial=adversarial, steps=arguments.tuning_steps
                )
                view = held.targets(clip)
                rows.append(judge.score(made, view))
                seconds.append(result.seconds)
                steps.append(result.steps)
                plain = drawn(model, held.sources(clip, count), codes(model, view).join())
                row = [held.sources(clip, 1).image[0], view.image[0], plain[0], made[0]]
                strips.append(torch.cat(row, dim=2))
            name = f"T={count}, {'FT' if adversarial else 'FT, no adversarial term'}"
            found[name] = {
                **asdict(mean_score(rows)),
                "seconds": float(np.mean(seconds)),
                "steps": float(np.mean(steps)),
            }
    _write(arguments.out, {"tuning": found}, strips, "tuning")
    table(["tuned", "L1", "SSIM", "identity", "steps", "seconds"], [
        [k, f"{v['l1']:.2f}", f"{v['ssim']:.3f}", f"{v['identity']:.3f}", f"{v['steps']:.0f}",
         f"{v['seconds']:.1f}"]
        for k, v in found.items()
    ])  # fmt: skip
    return found


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines), flush=True)


def _write(out: Path, results: dict[str, object], rows: list[Tensor], name: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with writing(out / f"{name}.json") as partial:
        partial.write_text(json.dumps(results, indent=1))
    picture = pixels(torch.cat(rows, dim=1)[None])[0]
    large = Image.fromarray(picture).resize((picture.shape[1] * 2, picture.shape[0] * 2))
    large.save(out / f"{name}.png")


if __name__ == "__main__":
    main()
