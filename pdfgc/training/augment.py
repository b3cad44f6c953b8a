"""Augmentation: crops jittered with their labels, looks changed without motion, voices varied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.measure import pose_of_normalised
from pdfgc.tracking.topology import topology_of


@dataclass(frozen=True)
class Jitter:
    """How each of `n` crops is moved: output crop coordinates p look up `scale R p + shift`.

    Attributes:
        scale: (n,) above 1 shows more around the face.
        angle: (n,) rotation (rad).
        shift: (n, 2) in crop coordinates.
        mirror: (n,) whether the picture is mirrored.
    """

    scale: NDArray[np.float32]
    angle: NDArray[np.float32]
    shift: NDArray[np.float32]
    mirror: NDArray[np.bool_]

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        mirror: NDArray[np.bool_],
        *,
        max_zoom: float = 0.12,
        max_angle: float = 0.12,
        max_shift: float = 0.12,
    ) -> Jitter:
        """Draw a jitter for every entry of `mirror`; a third of the crops stay in place."""
        n = len(mirror)
        moved = rng.random(n) > 0.33
        return cls(
            scale=np.exp(rng.uniform(-max_zoom, max_zoom, n) * moved).astype(np.float32),
            angle=(rng.uniform(-max_angle, max_angle, n) * moved).astype(np.float32),
            shift=(rng.uniform(-max_shift, max_shift, (n, 2)) * moved[:, None]).astype(np.float32),
            mirror=mirror,
        )

    def of_sources(self, shots: int, rng: np.random.Generator) -> Jitter:
        """Crops of `shots` sources for each of these, n * shots in all.

        The first is seen through the very same crop: an avatar's head moves within the crop of its
        portrait, and what is no head stays where it is. Others were taken somewhere else.
        """
        own = Jitter.draw(rng, np.repeat(self.mirror, shots))
        first = np.arange(len(own.scale)) % shots == 0
        own.scale[first] = self.scale
        own.angle[first] = self.angle
        own.shift[first] = self.shift
        return own

    def images(self, images: Tensor, side: int) -> Tensor:
        """Resample pictures.

        Args:
            images: (n, 3, H, W).
            side: side of the result (px).

        Returns:
            (n, 3, side, side).
        """
        cos, sin = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        flip = np.where(self.mirror, -1.0, 1.0)
        # The mirror acts on the original picture, before it is looked up.
        rows = np.stack(
            [
                np.stack([flip * cos, -flip * sin, flip * self.shift[:, 0]], axis=1),
                np.stack([sin, cos, self.shift[:, 1]], axis=1),
            ],
            axis=1,
        ).astype(np.float32)
        grid = F.affine_grid(
            torch.from_numpy(rows), [len(images), 3, side, side], align_corners=False
        )
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def landmarks(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move landmarks (n, L, 3) in crop coordinates along with the pictures."""
        order = canonical_face(topology_of(points.shape[1])).mirror
        mirrored = points[:, order] * np.array([-1, 1, 1], np.float32)
        points = np.where(self.mirror[:, None, None], mirrored, points)
        cos, sin = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        x = points[..., 0] - self.shift[:, 0, None]
        y = points[..., 1] - self.shift[:, 1, None]
        turned = np.stack([cos * x + sin * y, -sin * x + cos * y, points[..., 2]], axis=-1)
        return (turned / self.scale[:, None, None]).astype(np.float32)

    @staticmethod
    def pose(points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Head pose (n, 6) of moved landmarks: the labels follow the crop."""
        return pose_of_normalised(points)

    def eyes(
        self, gaze: NDArray[np.float32], openness: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mirror gaze (n, 2) and openness (n, 2) where the picture is mirrored."""
        flip = self.mirror[:, None]
        turned = np.where(flip, gaze * np.array([-1, 1], np.float32), gaze)
        return turned, np.where(flip, openness[:, ::-1], openness)


def change_look(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Change colour, contrast and sharpness, and nothing that tells motion.

    Args:
        images: (n, 3, S, S) RGB in [-1, 1].
        rng: source of chance.
        strength: 1 breaks identity as stage 1 of PD-FGC and Latent Pose Descriptors ask.

    Returns:
        (n, 3, S, S) in [-1, 1].
    """
    n = len(images)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *shape, 1, 1)).astype(np.float32))

    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    out = images + (blurred - images) * draw(-1.0, 1.0, 1) * strength
    mean = out.mean(dim=(1, 2, 3), keepdim=True)
    out = (out - mean) * (1 + draw(-0.4, 0.5, 1) * strength) + mean
    grey = out.mean(dim=1, keepdim=True)
    out = grey + (out - grey) * (1 + draw(-0.8, 0.6, 1) * strength)
    out = out * (1 + draw(-0.2, 0.2, 3) * strength) + draw(-0.2, 0.2, 3) * strength
    noise = torch.from_numpy(rng.standard_normal(out.shape).astype(np.float32))
    out = out + noise * draw(0, 0.06, 1) * strength
    return out.clamp(-1, 1)


def change_shape(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Scale the axes apart and bend the picture smoothly: another face with the same motion.

    Args:
        images: (n, 3, S, S) RGB in [-1, 1].
        rng: source of chance.

    Returns:
        (n, 3, S, S).
    """
    n = len(images)
    scale = rng.uniform(0.88, 1.14, (n, 2)).astype(np.float32)
    rows = np.zeros((n, 2, 3), np.float32)
    rows[:, 0, 0], rows[:, 1, 1] = scale[:, 0], scale[:, 1]
    grid = F.affine_grid(torch.from_numpy(rows), list(images.shape), align_corners=False)
    bends = torch.from_numpy(rng.normal(0, 0.02, (n, 2, 4, 4)).astype(np.float32))
    smooth = F.interpolate(bends, size=images.shape[2:], mode="bicubic", align_corners=False)
    grid = grid + smooth.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def change_voice(windows: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary level, colour, formants and noise of log-mel windows, and hide a few bands.

    Args:
        windows: (n, n_mels, W) from `pdfgc.media.mel_windows`; one voice per entry.
        rng: source of chance.

    Returns:
        (n, n_mels, W).
    """
    n, bands, _ = windows.shape

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, 1, 1)).astype(np.float32))

    # A stretched band axis moves pitch and formants together, as a longer or shorter voice does.
    stretch = torch.exp(draw(-0.22, 0.22))[:, :, 0]
    # A bent axis moves the formants against the pitch.
    middle = torch.arange(bands) / (bands - 1) * 2 - 1
    bend = draw(-0.08, 0.08)[:, :, 0] * bands * (1 - middle.square())
    at = (torch.arange(bands) * stretch + bend).clamp(0, bands - 1)
    low = at.floor().long()
    share = (at - low)[..., None]
    high = (low + 1).clamp(max=bands - 1)
    pick = torch.arange(n)[:, None]
    out = windows[pick, low] * (1 - share) + windows[pick, high] * share
    slope = torch.linspace(-1, 1, bands)[None, :, None]
    out = out + draw(-0.4, 0.4) + slope * draw(-0.2, 0.2)
    start, width = draw(0, 0.9) * bands, draw(0, 0.12) * bands
    band = torch.arange(bands)[None, :, None]
    hidden = (band >= start) & (band < start + width) & (draw(0, 1) < 0.5)
    out = torch.where(hidden, out.mean(dim=(1, 2), keepdim=True), out)
    # Log-mels are log10(amplitude) / 2 + 1: noise adds as amplitude, under the speech.
    floor = draw(-1.0, -0.1) + torch.from_numpy(
        rng.normal(0, 0.08, tuple(out.shape)).astype(np.float32)
    )
    noisy = torch.log10(10 ** (2 * (out - 1)) + 10 ** (2 * (floor - 1))) / 2 + 1
    return torch.where(draw(0, 1) < 0.5, noisy, out).clamp(min=-1.0)


def change_room(windows: Tensor, rng: np.random.Generator) -> Tensor:
    """Let speech sound in a room, half of the time.

    Args:
        windows: (n, M, n_mels, W) log-mel windows; the M moments of an entry share a room.
        rng: source of chance.

    Returns:
        (n, M, n_mels, W).
    """
    n = len(windows)
    seconds = torch.from_numpy(rng.uniform(0.15, 0.9, n).astype(np.float32))
    share = torch.from_numpy(10 ** rng.uniform(-1.5, 0.3, n).astype(np.float32))
    share = torch.where(torch.from_numpy(rng.random(n) < 0.5), share, torch.zeros(n))
    moments = windows.shape[1]
    flat = reverberate(
        windows.flatten(0, 1), seconds.repeat_interleave(moments), share.repeat_interleave(moments)
    )
    return flat.reshape(windows.shape)


def reverberate(
    windows: Tensor, seconds: Tensor, share: Tensor, *, steps_per_s: float = 100.0
) -> Tensor:
    """Add the tail of a room to log-mels: energy that decays by 60 dB in `seconds`.

    The statistical model of late reverberation (J. D. Polack 1988; Habets 2007, section 3.2): the
    tail is noise under an exponential, so that in every band its energy adds to the direct
    sound's. A window hears only its own past; what lies before it is taken as silent.

    Args:
        windows: (n, n_mels, W) from `pdfgc.media.mel_windows`.
        seconds: (n,) reverberation time.
        share: (n,) energy of the whole tail over that of the direct sound, 0 for no room.
        steps_per_s: mel steps in a second.

    Returns:
        (n, n_mels, W).
    """
    n, _, width = windows.shape
    # Log-mels are log10(amplitude) / 2 + 1.
    energy = 10 ** (4 * (windows - 1))
    after = torch.arange(1, width)
    decay = 10 ** (-6 * after / (seconds[:, None] * steps_per_s))
    tail = decay * (share * (10 ** (6 / (seconds * steps_per_s)) - 1))[:, None]
    kernel = torch.cat([torch.ones(n, 1), tail], dim=1).flip(1)
    past = F.pad(energy.transpose(0, 1), (width - 1, 0))
    heard = F.conv1d(past, kernel[:, None], groups=n).transpose(0, 1)
    return heard.log10() / 4 + 1
