"""Losses against plain reference computations."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import pearsonr

from pdfgc.generator import Flow
from pdfgc.training.losses import (
    attention_map,
    contrast,
    decorrelation,
    eye_contrast,
    landmark_detail,
    landmark_flow,
    reconstruction,
)


def test_decorrelation_is_the_mean_squared_pearson_correlation_over_all_pairs() -> None:
    expression, lip = torch.randn(50, 4), torch.randn(50, 3)
    lip[:, 0] = expression[:, 1] * 2 + 0.1 * lip[:, 0]
    pairs = [
        pearsonr(expression[:, i].numpy(), lip[:, j].numpy()).statistic ** 2
        for i in range(4)
        for j in range(3)
    ]
    np.testing.assert_allclose(decorrelation(expression, lip), np.mean(pairs), rtol=1e-4)


def test_decorrelation_of_unrelated_codes_is_at_chance() -> None:
    n = 200
    values = [float(decorrelation(torch.randn(n, 30), torch.randn(n, 32))) for _ in range(5)]
    np.testing.assert_allclose(np.mean(values), 1 / (n - 1), rtol=0.15)


def test_contrast_is_two_way_cross_entropy_and_masks_forbidden_pairs() -> None:
    first = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    second = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    none = torch.zeros(5, 5, dtype=torch.bool)
    scale = torch.tensor(1.5)
    loss, _ = contrast(first, second, scale, none)
    scores = (first @ second.T * scale.exp()).numpy()
    rows = -np.log(np.exp(np.diag(scores)) / np.exp(scores).sum(1))
    columns = -np.log(np.exp(np.diag(scores)) / np.exp(scores).sum(0))
    np.testing.assert_allclose(loss, (rows.mean() + columns.mean()) / 2, rtol=1e-5)
    everything, hits = contrast(first, second, scale, ~none)
    assert float(everything) < 1e-6
    assert float(hits) == 1.0


def test_contrast_finds_matches() -> None:
    codes = torch.nn.functional.normalize(torch.randn(20, 8), dim=1)
    none = torch.zeros(20, 20, dtype=torch.bool)
    matched, hits = contrast(codes, codes, torch.tensor(3.0), none)
    shuffled, misses = contrast(codes, codes.roll(1, 0), torch.tensor(3.0), none)
    assert matched < shuffled
    assert hits == 1.0
    assert misses < 0.2


def test_eye_contrast_prefers_the_giver() -> None:
    giver, taker = torch.randn(8, 16), torch.randn(8, 16)
    assert eye_contrast(giver, giver, taker, 10) < 0.1
    assert eye_contrast(taker, giver, taker, 10) > 5


def test_the_true_flow_has_no_error_and_a_still_one_has() -> None:
    driving = torch.rand(2, 30, 2) - 0.5
    shift = torch.tensor([0.2, -0.1])
    source = (driving + shift).unsqueeze(1)
    empty = torch.zeros(2, 1, 1, 16, 16)
    right = Flow(shift.view(1, 1, 2, 1, 1).expand(2, 1, 2, 16, 16), empty, empty)
    still = Flow(torch.zeros(2, 1, 2, 16, 16), empty, empty)
    weight = torch.ones(2, 1, 30)
    assert float(landmark_flow([right], source, driving, weight)) < 1e-6
    np.testing.assert_allclose(landmark_flow([still], source, driving, weight), 0.3, rtol=1e-5)


def test_detail_sees_what_moves_within_a_part_and_not_the_parts_own_shift() -> None:
    axis = (torch.arange(32) * 2 + 1) / 32 - 1
    driving = torch.rand(1, 20, 2) - 0.5
    # Everything shifts; within the part, x is stretched about the middle.
    source = driving * torch.tensor([1.3, 1.0]) + torch.tensor([0.1, -0.2])
    empty = torch.zeros(1, 1, 1, 32, 32)
    shift = torch.tensor([0.4, 0.7]).view(1, 1, 2, 1, 1).expand(1, 1, 2, 32, 32)
    stretch = torch.stack([0.3 * axis.expand(32, 32), torch.zeros(32, 32)])[None, None]
    part, weight = [torch.arange(5, 20)], torch.ones(1, 1, 20)

    def detail(field: torch.Tensor) -> float:
        flow = Flow(field, empty, empty)
        return float(landmark_detail([flow], source.unsqueeze(1), driving, weight, part))

    assert detail(stretch + shift) < 1e-6
    away = (driving[0, 5:, 0] - driving[0, 5:, 0].mean()).abs().mean() * 0.3
    np.testing.assert_allclose(detail(shift), away, rtol=1e-5)


def test_hidden_landmarks_do_not_guide() -> None:
    driving = torch.rand(1, 6, 2) - 0.5
    source = driving.unsqueeze(1) + 0.2
    flow = Flow(torch.zeros(1, 1, 2, 8, 8), *2 * [torch.zeros(1, 1, 1, 8, 8)])
    weight = torch.ones(1, 1, 6)
    weight[..., 3:] = 0
    wrong = source.clone()
    wrong[:, :, 3:] += 5
    expected = landmark_flow([flow], source, driving, torch.ones(1, 1, 6))
    np.testing.assert_allclose(landmark_flow([flow], wrong, driving, weight), expected, rtol=1e-5)


def test_reconstruction_weights_what_is_marked() -> None:
    target = torch.zeros(1, 3, 16, 16)
    image = target.clone()
    image[..., :4, :4] = 1.0
    plain = torch.ones(1, 1, 16, 16)
    marked = plain.clone()
    marked[..., :4, :4] = 5.0
    assert reconstruction(image, target, marked) > reconstruction(image, target, plain)
    assert float(reconstruction(target, target, plain)) == 0.0


def test_attention_lies_on_the_landmarks() -> None:
    points = torch.zeros(1, 4, 2)
    points[0, :, 0] = torch.tensor([0.4, 0.5, 0.6, 0.5])
    spots = attention_map(points, [torch.arange(4)], 32)
    row, column = divmod(int(spots.flatten().argmax()), 32)
    assert abs((column * 2 + 1) / 32 - 1 - 0.5) < 0.07
    assert abs((row * 2 + 1) / 32 - 1) < 0.07
