"""How `fewshot.py` draws held-out persons and scores what it drew."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from fewshot_rows import SEED, SIDE
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.config import ModelConfig
from pdfgc.encoders.landmarks import own_face, shapes_of
from pdfgc.evaluation.recognising import Recogniser, find_recogniser
from pdfgc.metrics import cosine_similarity, ssim
from pdfgc.model import LandmarkEncoders, TalkingHead
from pdfgc.motion import Codes
from pdfgc.tracking.contours import CONTOURS
from pdfgc.training.augment import Jitter
from pdfgc.training.batches import View
from pdfgc.training.clips import Clip, load_clips
from pdfgc.training.finetuning import Shots, Tuning, TuningPlan, TuningResult
from pdfgc.training.sampler import Sampler

TARGETS = 6

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Means over persons and frames.

    Attributes:
        l1: of values in [0, 255].
        ssim: structural similarity.
        identity: cosine of the recogniser with the person's true frames; NaN without one.
        recognised: share of frames that the recogniser finds nearer to the right person than to
            all other held-out ones.
    """

    l1: float
    ssim: float
    identity: float
    recognised: float

    @classmethod
    def mean(cls, rows: Sequence[Score]) -> Score:
        """Mean over persons."""
        return cls(*np.mean([[r.l1, r.ssim, r.identity, r.recognised] for r in rows], axis=0))

    def cells(self) -> list[str]:
        """For a table."""
        return [f"{self.l1:.1f}", f"{self.ssim:.3f}", f"{self.identity:.3f}",
                f"{self.recognised:.0%}"]  # fmt: skip


class HeldOut:
    """Clips of persons never trained on: sources from the first half, targets from the end.

    Args:
        pack: folder of the pack.
        config: of any of the rows.
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


class Judge:
    """Scores pictures; identity where the recogniser is installed.

    Args:
        held: the persons.
    """

    def __init__(self, held: HeldOut) -> None:
        self.recogniser: Recogniser | None = find_recogniser()
        views = [held.targets(clip) for clip in held.clips]
        self.persons = [self._vectors(view.image, view.points).mean(0) for view in views]

    def score(self, made: Tensor, view: View, person: int) -> Score:
        """Pictures (n, 3, S, S) against the true frames of the held-out person of this number."""
        ours, real = pixels(made), pixels(view.image)
        like = self.likeness(made, view.points)
        return Score(
            float(np.abs(ours.astype(float) - real).mean()),
            float(np.mean(ssim(ours, real))),
            float(like[:, person].mean()),
            self.share(like, person),
        )

    def likeness(self, made: Tensor, points: Tensor) -> Vectors:
        """(n, persons) cosine of faces with every held-out person."""
        ours = self._vectors(made, points)
        return np.stack(
            [cosine_similarity(ours, np.repeat(p[None], len(ours), 0)) for p in self.persons], 1
        )

    @staticmethod
    def share(like: Vectors, person: int) -> float:
        """Share of faces that are nearest to the right person."""
        return float((like.argmax(1) == person).mean()) if not np.isnan(like).any() else np.nan

    def _vectors(self, pictures: Tensor, points: Tensor) -> Vectors:
        if self.recogniser is None:
            return np.full((len(pictures), 1), np.nan)
        pairs = zip(pixels(pictures), points.numpy(), strict=True)
        return np.stack([self.recogniser(picture, at) for picture, at in pairs])


def pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """(n, 3, S, S) in [-1, 1] to (n, S, S, 3) uint8."""
    out: NDArray[np.uint8] = (
        ((pictures.detach().permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    )
    return out


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


def tuned(
    model: TalkingHead, sources: View, driving: Tensor, *, adversarial: bool, steps: int
) -> tuple[Tensor, TuningResult, float]:
    """Pictures with driving codes, by a copy of a model that was tuned to all sources.

    Returns:
        The pictures, how tuning went, and the processor seconds that it took.
    """
    own = codes(model, sources).join()
    shots = Shots(sources.image, own, tuple(range(len(own))))
    plan = TuningPlan(steps=steps, adversarial=adversarial, learning_rate=5e-4)
    tuning = Tuning(copy.deepcopy(model), sources.image[None], own[None], shots, plan)
    began = time.process_time()
    result = tuning.run()
    cost = time.process_time() - began
    with torch.no_grad():
        return tuning.made(driving).image, result, cost


@dataclass(frozen=True)
class Crossed:
    """One source driven by another person.

    Attributes:
        image: (n, 3, S, S) pictures.
        identity: mean cosine with the source's true frames.
        driver: mean cosine with the driver's true frames.
        geometry: mean distance of the landmarks drawn from the source's own mean face, in crop
            coordinates, pose taken out.
    """

    image: Tensor
    identity: float
    driver: float
    geometry: float


def crossed(
    model: TalkingHead, held: HeldOut, judge: Judge, person: int, *, transformer: bool
) -> Crossed:
    """A held-out person, driven by the one before.

    Args:
        model: any of the rows.
        held: the persons.
        judge: scores pictures.
        person: number of the source.
        transformer: whether the driver's expression is put on the source's own geometry.
    """
    encoders = model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    space, clip, other = encoders.landmarks, held.clips[person], person - 1
    source, driver = held.sources(clip, 4), held.targets(held.clips[other])
    own, driving = codes(model, held.sources(clip, 1)), codes(model, driver)
    if transformer:
        driving = own_face(driving, own, space.config)
    made = drawn(model, source, driving.join())
    points = space.points(driving.join())
    mesh = torch.zeros(len(points), 478, 3)
    mesh[:, CONTOURS.mesh] = torch.from_numpy(points[:, : len(CONTOURS.mesh)])
    like = judge.likeness(made, mesh)
    true = _still(model, codes(model, held.view(clip, np.linspace(0, 1, 12)))).mean(0)
    apart = np.linalg.norm(_still(model, driving).mean(0) - true, axis=-1).mean()
    return Crossed(made, float(like[:, person].mean()), float(like[:, other].mean()), float(apart))


def _still(model: TalkingHead, given: Codes) -> NDArray[np.float32]:
    """(n, P', 2) landmarks of codes, looking ahead."""
    encoders = model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    ahead = replace(given, pose=torch.zeros_like(given.pose)).join()
    return encoders.landmarks.points(ahead)[:, : len(CONTOURS.mesh), :2]
