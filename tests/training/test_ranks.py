"""Two processes that share a batch have the losses, and end with the weights, of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pdfgc.config import PRESETS
from pdfgc.model import build_model
from pdfgc.training.checkpoint import load_checkpoint
from pdfgc.training.drawing import joined, parts_of
from pdfgc.training.ranks import SharedBatchNorm, share_batch_norms
from pdfgc.training.sampler import Sampler

SCRIPT = Path(__file__).with_name("several.py")
CHAIN = ("appearance", "lip", "eye", "pose", "expression")
TIMES = {"seconds", "waiting"}
# A share of hits leaps where two codes are equally near, as they are in the first steps.
LEAPING = {"retrieval"}


def run(pack: Path, out: Path, *before: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, *before, str(SCRIPT), str(pack), str(out), *CHAIN],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_two_processes_are_one(toy_pack: Path, tmp_path: Path) -> None:
    alone = run(toy_pack, tmp_path / "one")
    # Each stage begins with what the single process left: rounding must not add up over stages.
    for number, stage in enumerate(CHAIN):
        (tmp_path / "two" / stage).mkdir(parents=True)
        for before in CHAIN[:number]:
            (tmp_path / "two" / stage / before).symlink_to(tmp_path / "one" / before)
    together = run(
        *(toy_pack, tmp_path / "two" / "{stage}", "-m", "torch.distributed.run"),
        *("--standalone", "--nproc-per-node", "2"),
    )
    assert len(alone) == len(together) == 3 * len(CHAIN)
    for one, two in zip(alone, together, strict=True):
        assert one.keys() == two.keys()
        for name in one.keys() - TIMES - LEAPING - {"stage"}:
            assert two[name] == pytest.approx(one[name], rel=2e-3, abs=2e-4), (one["stage"], name)
    for stage in CHAIN:
        first = load_checkpoint(tmp_path / "one" / stage)
        second = load_checkpoint(tmp_path / "two" / stage / stage)
        assert first is not None
        assert second is not None
        assert second[1]["processes"] == 2
        for name, value in first[0]["average"].items():
            other = second[0]["average"][name]
            assert torch.allclose(value.float(), other.float(), rtol=1e-2, atol=1e-4), name


def test_batch_norms_are_replaced_with_their_weights_and_names() -> None:
    model = build_model(PRESETS["tiny"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    share_batch_norms(model)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert all(isinstance(norm, SharedBatchNorm) for norm in norms)
    after = model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_parts_divide_the_batch_and_are_all_drawn_once() -> None:
    drawn = [part for rank in range(2) for part in parts_of(4, 16, rank, 2)[0]]
    assert drawn == [0, 1, 2, 3]
    assert parts_of(4, 16, 0, 2)[1] == 4
    with pytest.raises(ValueError, match="do not divide"):
        parts_of(3, 16, 0, 1)
    with pytest.raises(ValueError, match="do not divide"):
        parts_of(2, 16, 0, 4)


def test_joined_batches_hold_all_samples_in_order(toy_sampler: Sampler) -> None:
    parts = [toy_sampler.pairs(step, 2, 1, 13) for step in (0, 1)]
    whole = joined(parts)
    assert whole.shots == 1
    assert torch.equal(whole.driving.image[2:], parts[1].driving.image)
    assert torch.equal(whole.seen, torch.cat([part.seen for part in parts]))
