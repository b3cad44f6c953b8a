"""Losses as pure functions; their names are the keys of every stage's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.generator import Flow, Judgement
from pdfgc.training.ranks import shared_mean


def attention_map(points: Tensor, groups: Sequence[Tensor], side: int) -> Tensor:
    """Where a difference matters more: soft spots around groups of landmarks.

    Args:
        points: (B, L, >=2) landmarks in crop coordinates.
        groups: index sets, one spot each.
        side: side of the map (px).

    Returns:
        (B, 1, side, side) in [0, 1].
    """
    axis = (torch.arange(side, device=points.device, dtype=torch.float32) * 2 + 1) / side - 1
    spots = torch.zeros(len(points), side, side, device=points.device)
    for group in groups:
        inside = points[:, group, :2]
        centre = inside.mean(dim=1)
        reach = (inside.amax(dim=1) - inside.amin(dim=1)) / 2 + 0.03
        x = (axis[None, None, :] - centre[:, 0, None, None]) / reach[:, 0, None, None]
        y = (axis[None, :, None] - centre[:, 1, None, None]) / reach[:, 1, None, None]
        spots = torch.maximum(spots, torch.exp(-(x.square() + y.square()) / 2))
    return spots.unsqueeze(1)


def reconstruction(image: Tensor, target: Tensor, weight: Tensor, scales: int = 3) -> Tensor:
    """Weighted L1 of pictures and of their gradients over a pyramid.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        target: (B, 3, S, S) in [-1, 1].
        weight: (B, 1, S, S) weight of each pixel.
        scales: levels of the pyramid.
    """
    total = image.new_zeros(())
    for level in range(scales):
        difference = image - target
        mean = shared_mean(weight.mean())
        total = total + (difference.abs() * weight).mean() / mean
        if level == 0:
            across = (difference[..., :, 1:] - difference[..., :, :-1]).abs() * weight[..., :, 1:]
            down = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weight[..., 1:, :]
            total = total + (across.mean() + down.mean()) / mean
        image, target, weight = (F.avg_pool2d(maps, 2) for maps in (image, target, weight))
    return total / scales


def landmark_flow(flows: Sequence[Flow], source: Tensor, driving: Tensor, weight: Tensor) -> Tensor:
    """Landmark-guided flow: |flow(p_driving) - (p_source - p_driving)|.

    Args:
        flows: one per level.
        source: (B, K, L, 2) landmarks of the sources in crop coordinates.
        driving: (B, L, 2) landmarks of the driving frame.
        weight: (B, K, L) weight of each landmark.

    Returns:
        Mean absolute error in crop coordinates.
    """
    total = source.new_zeros(())
    weight = weight * (driving.abs() < 1).all(dim=-1).unsqueeze(1)
    for flow in flows:
        error = (flow_at(flow, driving) - (source - driving.unsqueeze(1))).abs().sum(dim=-1)
        total = total + (error * weight).sum() / shared_mean(weight.sum()).clamp(min=1)
    return total / len(flows)


def landmark_detail(
    flows: Sequence[Flow],
    source: Tensor,
    driving: Tensor,
    weight: Tensor,
    groups: Sequence[Tensor],
) -> Tensor:
    """Landmark-guided flow within small parts of the face, each part's own shift taken out.

    An iris moves by a hundredth of the picture, a head by a tenth: in the whole face's error
    gaze, lids and lips drown.

    Args:
        flows: the levels that are fine enough to tell these points apart.
        source: (B, K, L, 2) landmarks of the sources in crop coordinates.
        driving: (B, L, 2) landmarks of the driving frame.
        weight: (B, K, L) weight of each landmark.
        groups: index sets, one part each.

    Returns:
        Mean absolute error in crop coordinates.
    """
    total = source.new_zeros(())
    for flow in flows:
        error = flow_at(flow, driving) - (source - driving.unsqueeze(1))
        for group in groups:
            part, share = error[:, :, group], weight[:, :, group].unsqueeze(-1)
            count = share.sum(dim=2, keepdim=True).clamp(min=1)
            inner = (part - (part * share).sum(dim=2, keepdim=True) / count).abs() * share
            total = total + inner.sum() / shared_mean(share.sum()).clamp(min=1)
    return total / (len(flows) * len(groups))


def roughness(flow: Flow) -> Tensor:
    """How much a flow folds: mean absolute second difference of neighbours, in pixels.

    Faces bend smoothly; a flow that is only held at landmarks tears between them.
    """
    field = flow.field.float() * flow.field.shape[-1] / 2
    across = field[..., 2:] - 2 * field[..., 1:-1] + field[..., :-2]
    down = field[..., 2:, :] - 2 * field[..., 1:-1, :] + field[..., :-2, :]
    return across.abs().mean() + down.abs().mean()


def flow_at(flow: Flow, points: Tensor) -> Tensor:
    """Read a flow at points.

    Args:
        flow: of K sources.
        points: (B, L, 2) in crop coordinates.

    Returns:
        (B, K, L, 2) float32; bilinear, which is exact enough at coarse levels and keeps the
        gradient smooth.
    """
    batch, shots = flow.field.shape[:2]
    at = points.repeat_interleave(shots, dim=0).unsqueeze(2)
    field = flow.field.flatten(0, 1).float()
    seen = F.grid_sample(field, at, padding_mode="border", align_corners=False).squeeze(3)
    return torch.unflatten(seen.transpose(1, 2), 0, (batch, shots))


def hinge_real_fake(real: Judgement, fake: Judgement) -> Tensor:
    """Hinge loss of the discriminator."""
    return F.relu(1 - real.score).mean() + F.relu(1 + fake.score).mean()


def feature_matching(fake: Judgement, real: Judgement) -> Tensor:
    """L1 between the discriminator's features of fake and real, relative to the real's size."""
    total = fake.score.new_zeros(())
    for made, seen in zip(fake.features, real.features, strict=True):
        size = shared_mean(seen.float().abs().mean()).clamp(min=1e-3)
        total = total + (made.float() - seen.float()).abs().mean() / size
    return total / len(fake.features)


def contrast(
    first: Tensor, second: Tensor, log_scale: Tensor, forbidden: Tensor
) -> tuple[Tensor, Tensor]:
    """Two-way InfoNCE of matching rows, cosine similarity, learned temperature.

    Args:
        first: (n, D) L2-normalised.
        second: (n, D) L2-normalised; row i matches row i.
        log_scale: () logarithm of the inverse temperature.
        forbidden: (n, n) bool, pairs that are no negatives.

    Returns:
        The loss and the share of rows whose match comes first, both ways.
    """
    scores = first.float() @ second.float().T * log_scale.exp().clamp(max=100)
    keep = torch.eye(len(first), dtype=torch.bool, device=first.device)
    scores = scores.masked_fill(forbidden & ~keep, -1e4)
    target = torch.arange(len(first), device=first.device)
    loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
    hits = (scores.argmax(1) == target).float().mean() + (scores.argmax(0) == target).float().mean()
    return loss, hits / 2


def eye_contrast(anchor: Tensor, positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """InfoNCE of PD-FGC's eye stage: one positive, one negative, cosine.

    Args:
        anchor: (n, D) hidden feature of the composite.
        positive: (n, D) of the frame that gave the eyes.
        negative: (n, D) of the frame that received them.
        scale: inverse temperature.
    """
    good = F.cosine_similarity(anchor.float(), positive.float()) * scale
    bad = F.cosine_similarity(anchor.float(), negative.float()) * scale
    return F.softplus(bad - good).mean()


def decorrelation(expression: Tensor, lip: Tensor) -> Tensor:
    """Mean squared Pearson correlation over all pairs (expression dimension, lip dimension).

    Args:
        expression: (n, 30) codes, centred per clip.
        lip: (n, D_lip) codes, centred per clip.

    Returns:
        () in [0, 1]; unrelated codes give about 1 / (n - 1).
    """
    e = expression.float() - expression.float().mean(0)
    v = lip.float() - lip.float().mean(0)
    e = e / e.square().sum(0).clamp(min=1e-8).sqrt()
    v = v / v.square().sum(0).clamp(min=1e-8).sqrt()
    return (e.T @ v).square().mean()
