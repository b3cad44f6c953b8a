"""What the expression code still tells about lips, pose and eyes: a report after stage 3.

A probe is trained on one half of every clip and asked on the other: whatever it reads there is in
the code. Its score is set beside what the same probe reads from codes of other moments (shuffled
within clips), which is what a clip's mean alone gives away.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pdfgc.files import writing
from pdfgc.model import TalkingHead
from pdfgc.training.sampler import Sampler

Floats = NDArray[np.float64]

_FRAMES = 6000
"""Frames that are probed at most, spread over all clips."""
_RIDGE = 1.0
_STEPS, _HIDDEN = 400, 64


@dataclass(frozen=True)
class Probe:
    """What one probe reads off the expression code.

    Attributes:
        factor: `lip`, `pose` or `eye`.
        kind: `ridge` or `mlp`.
        r2: explained share of the variance within clips, on frames it was not trained on; 0 is
            nothing, below 0 is worse than the mean.
        shuffled_r2: the same with the codes shuffled within clips: chance.
    """

    factor: str
    kind: str
    r2: float
    shuffled_r2: float


def probe(
    model: TalkingHead, sampler: Sampler, features: torch.Tensor, lips: torch.Tensor
) -> tuple[Probe, ...]:
    """Probe a model on a bank's clips.

    Args:
        model: with trained lip and expression heads.
        sampler: whose bank is read.
        features: (N, trunk_width + 2) what expression is read off in every row of the bank.
        lips: (N, D_lip) lip code of every row.
    """
    bank = sampler.bank
    rows, clips, half = _rows(sampler)
    width = model.config.expression_window
    near = np.arange(width) - width // 2
    starts = np.array([bank.clips[c].start for c in clips])
    ends = starts + np.array([bank.clips[c].length for c in clips]) - 1
    window = np.clip(rows[:, None] + near, starts[:, None], ends[:, None])
    with torch.inference_mode():
        code = model.encoders.expression(features[torch.from_numpy(window)]).float().cpu().numpy()
    lip = lips[torch.from_numpy(rows)].float().cpu().numpy()
    targets = {
        "lip": lip,
        "pose": bank.pose[rows, :3],
        "eye": np.concatenate([bank.gaze[rows], bank.openness[rows]], axis=1),
    }
    rng = np.random.default_rng(0)
    shuffled = _shuffled(rows, clips, rng)
    found = []
    code = _centred(np.asarray(code, np.float64), clips, half)
    for factor, values in targets.items():
        wanted = _centred(np.asarray(values, np.float64), clips, half)
        for kind, fit in (("ridge", _ridge), ("mlp", _mlp)):
            r2, chance = (
                _explained(wanted[~half], fit(seen[half], wanted[half], seen[~half]))
                for seen in (code, code[shuffled])
            )
            found.append(Probe(factor, kind, r2, chance))
    return tuple(found)


def write_probes(probes: tuple[Probe, ...], folder: Path) -> None:
    """Write `probes.json` and `probes.md`."""
    with writing(folder / "probes.json") as partial:
        partial.write_text(json.dumps([asdict(each) for each in probes], indent=1))
    lines = ["| the expression code tells of | probe | R2 | shuffled |", "|---|---|---|---|"]
    lines += [f"| {p.factor} | {p.kind} | {p.r2:.3f} | {p.shuffled_r2:.3f} |" for p in probes]
    with writing(folder / "probes.md") as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(sampler: Sampler) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Rows to probe, their clips, and which lie in their clip's first half."""
    clips = sampler.bank.clips
    most = max(8, _FRAMES // max(1, len(clips)))
    rows, number, half = [], [], []
    for index, clip in enumerate(clips):
        at = np.unique(np.linspace(0, clip.length - 1, min(most, clip.length)).round().astype(int))
        rows.append(clip.start + at)
        number.append(np.full(len(at), index))
        half.append(at < clip.length / 2)
    return np.concatenate(rows), np.concatenate(number), np.concatenate(half)


def _centred(values: Floats, clips: NDArray[np.int64], half: NDArray[np.bool_]) -> Floats:
    """Each half of a clip against its own mean: what is left changes within the clip."""
    group = clips * 2 + half
    count = np.bincount(group, minlength=group.max() + 1)[:, None]
    total = np.zeros((len(count), values.shape[1]))
    np.add.at(total, group, values)
    return np.asarray(values - (total / np.maximum(count, 1))[group])


def _shuffled(
    rows: NDArray[np.int64], clips: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    order = np.arange(len(rows))
    for clip in np.unique(clips):
        inside = np.flatnonzero(clips == clip)
        order[inside] = rng.permutation(inside)
    return order


def _explained(wanted: Floats, guess: Floats) -> float:
    """Mean over the dimensions that vary of 1 - residual / variance."""
    total = np.square(wanted).sum(0)
    vary = total > 1e-12 * max(1, len(wanted))
    if not vary.any():
        return 0.0
    rest = np.square(wanted - guess).sum(0)
    return float((1 - rest[vary] / total[vary]).mean())


def _ridge(seen: Floats, wanted: Floats, asked: Floats) -> Floats:
    scale = seen.std(0) + 1e-9
    x, y = seen / scale, asked / scale
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ wanted)
    return np.asarray(y @ weights)


def _mlp(seen: Floats, wanted: Floats, asked: Floats) -> Floats:
    scale, size = seen.std(0) + 1e-9, wanted.std(0) + 1e-9
    x, y = (torch.from_numpy((part / scale).astype(np.float32)) for part in (seen, asked))
    target = torch.from_numpy((wanted / size).astype(np.float32))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(x.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, target.shape[1])
        )
        player = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
        for _ in range(_STEPS):
            pick = torch.randint(len(x), (min(256, len(x)),))
            loss = (net(x[pick]) - target[pick]).square().mean()
            player.zero_grad()
            loss.backward()
            player.step()
        guess: Floats = net(y).detach().numpy().astype(np.float64) * size
    return guess
