"""Virtual poses: the picture of a head that has turned, nodded, tilted, come nearer or moved aside.

Most persons are seen in one clip in which their heads hardly move, or in a single portrait: an
encoder learns from them how they look, not how they turn. Here the head of a frame is moved by the
geometry that the generator starts from, on the person's own shape; what was asked is the label.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pdfgc.tracking import pose_of_normalised
from pdfgc.tracking.geometry import angles_from_rotation, rotation_from_angles
from pdfgc.tracking.measure import fit_head
from pdfgc.training.batches import View
from pdfgc.training.moved import placed
from pdfgc.training.virtual import VirtualHead, motion_of

# How far heads move at most: yaw, pitch and roll; log-scale; aside, in crop coordinates. Further,
# and a picture would show what its frame hides.
_TURN, _NEARER, _ASIDE = np.radians([14.0, 10.0, 10.0]), 0.1, 0.1


def turned(head: VirtualHead, view: View, rng: np.random.Generator) -> View:
    """The same frames with heads moved by chance.

    Args:
        head: what moves.
        view: n views that know their persons' shapes.
        rng: source of chance.

    Returns:
        n views with other pictures, landmarks and poses.
    """
    n = len(view.mouth)
    fit = fit_head(view.points.numpy())
    angles = angles_from_rotation(fit.rotation) + rng.uniform(-1, 1, (n, 3)) * _TURN
    scale = fit.scale * np.exp(rng.uniform(-_NEARER, _NEARER, n))
    place = fit.translation.copy()
    place[:, :2] += rng.uniform(-_ASIDE, _ASIDE, (n, 2))
    points = placed(fit.head, rotation_from_angles(*angles.T), scale, place)
    pose = torch.from_numpy(pose_of_normalised(points))
    motion = head.motion(view, replace(motion_of(view), pose=pose))
    return replace(
        view, image=head.warped(view, motion), points=torch.from_numpy(points), pose=pose
    )
