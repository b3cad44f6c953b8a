"""The lip stage: what its moments are told apart from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.media import SILENCE
from pdfgc.model import build_model
from pdfgc.motion import FACE_STEP
from pdfgc.training.objectives import LipObjective
from pdfgc.training.sampler import Sampler


def test_silence_and_other_clips_are_among_the_wrong_sounds(toy_sampler: Sampler) -> None:
    batch = toy_sampler.speech(3, 2, 5)
    assert batch.wrong.shape[1:] == batch.windows.shape[1:]
    assert (batch.wrong[0] == SILENCE).all()
    # One for each clip that is drawn, so that processes hold equally many.
    assert len(batch.wrong) == 1 + 2
    # Sound, and none of the moments themselves.
    assert (batch.wrong[1:].amax(dim=(1, 2)) > SILENCE + 0.2).all()
    assert toy_sampler.speech(3, 2, 5).wrong.equal(batch.wrong)


def test_wrong_sounds_count_where_something_is_said(toy_sampler: Sampler) -> None:
    objective = LipObjective(build_model(PRESETS["tiny"]), toy_sampler, TrainConfig())
    objective.log_scale.data.zero_()
    codes = torch.eye(8)[:3]
    loud = torch.tensor([True, True, False])
    missed = objective._wrong(codes, codes, codes[1:2], loud)
    # Moment 0: right 1, wrong 0; moment 1: both 1; moment 2 is silent.
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])
    expected = (first.logsumexp(0) - 1 + second.logsumexp(0) - 1) / 2
    assert missed.item() == pytest.approx(float(expected), abs=1e-5)


def test_the_stage_says_how_it_tells_wrong_sounds(toy_sampler: Sampler) -> None:
    objective = LipObjective(build_model(PRESETS["tiny"]), toy_sampler, TrainConfig())
    objective.prepare()
    batch = objective.draw(0, 2)
    quiet = objective(batch, adversarial=False).losses["wrong"]
    # The very sounds that were heard, offered as wrong ones, are harder to tell.
    same = replace(batch, wrong=batch.windows)
    assert objective(same, adversarial=False).losses["wrong"] > quiet


def test_corners_are_held_to_the_tracker_and_to_what_changes(toy_sampler: Sampler) -> None:
    batch = toy_sampler.speech(3, 2, 5)
    known = torch.cat([view.widening for view in (batch.view, batch.other, batch.parted)])
    right = LipObjective._widening(batch, known)
    assert right["widening"] == right["widening_change"] == 0
    # A mouth that is read too wide throughout changes as it should.
    wider = LipObjective._widening(batch, known + FACE_STEP)
    assert wider["widening"].item() == pytest.approx(1, abs=1e-4)
    assert wider["widening_change"].item() == pytest.approx(0, abs=1e-4)
    flat = LipObjective._widening(batch, known.mean().expand_as(known))
    assert flat["widening_change"] > 0
