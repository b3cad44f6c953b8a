"""What the lips of every frame do, against the tracker and a plain principal component analysis."""

from __future__ import annotations

import numpy as np
import torch

from pdfgc.tracking import fit_head, topology_of
from pdfgc.training.lip_shape import N_SHAPES, lip_shapes
from pdfgc.training.objectives import LipObjective
from pdfgc.training.sampler import Sampler


def test_shapes_are_principal_components_within_clips(toy_sampler: Sampler) -> None:
    bank = toy_sampler.bank
    shapes = lip_shapes(bank, torch.from_numpy(toy_sampler.weights)).double().numpy()
    assert shapes.shape == (len(bank.mouth), 2 + N_SHAPES)
    # The opening is the tracker's, in another unit.
    assert np.corrcoef(shapes[:, 0], bank.mouth)[0, 1] > 0.999
    lips = topology_of(bank.landmarks.shape[1]).mouth
    head = fit_head(np.array(bank.landmarks)).head[:, lips].reshape(len(bank.mouth), -1)
    moved = np.concatenate(
        [
            (rows - rows.mean(0)) * np.sqrt(weight / clip.length)
            for clip, weight in zip(bank.clips, toy_sampler.weights, strict=True)
            for rows in [head[clip.start : clip.start + clip.length]]
        ]
    )
    singular = np.linalg.svd(moved, full_matrices=False)[1][:N_SHAPES]
    spread = np.zeros(2 + N_SHAPES)
    for clip, weight in zip(bank.clips, toy_sampler.weights, strict=True):
        spread += weight * shapes[clip.start : clip.start + clip.length].var(0)
    np.testing.assert_allclose(np.sqrt(spread[2:]), singular / singular[0], rtol=1e-3, atol=1e-5)
    # The width of painted mouths hardly varies.
    np.testing.assert_allclose(spread[0], 1, rtol=1e-3)


def test_anybody_counts_change_and_opening() -> None:
    shapes = torch.randn(3, 6, 2 + N_SHAPES)
    assert LipObjective._anybody(shapes, shapes) == 0
    # Another face at rest costs nothing, another opening does.
    rest = torch.zeros(2 + N_SHAPES)
    rest[3] = 1.0
    assert LipObjective._anybody(shapes + rest, shapes) < 1e-6
    rest[0] = 0.5
    torch.testing.assert_close(LipObjective._anybody(shapes + rest, shapes), torch.tensor(0.5))


def test_the_lip_encoder_sees_persons_who_do_not_speak(toy_sampler: Sampler) -> None:
    bank = toy_sampler.bank
    seen = torch.cat([toy_sampler.speech(step, 4, 3).other.flatten() for step in range(8)])
    number = np.repeat(np.arange(len(bank.clips)), [clip.length for clip in bank.clips])
    persons = {bank.clips[i].person for i in np.unique(number[seen.numpy()])}
    assert persons == set(bank.persons)
