"""Who judges: the tracker, and the networks that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.networks import Inception, Lpips
from pdfgc.evaluation.recognising import Recogniser
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.metrics import SyncScore, sync_curve, sync_score, texture_distance, texture_features
from pdfgc.tracking import FaceBackend
from pdfgc.weights import LoadedModel

Floats = NDArray[np.float64]

MAX_SYNC_LAG = 15
"""Frames by which lips and sound may be apart in the search, as SyncNet's tool has it."""


class SyncJudge(Protocol):
    """Anything that says whether lips and sound belong together."""

    @property
    def name(self) -> str:
        """Which networks, for the report."""
        ...

    def __call__(
        self,
        pictures: NDArray[np.uint8],
        sound: NDArray[np.float32],
        landmarks: NDArray[np.floating],
    ) -> SyncScore:
        """Score crops with their sound.

        Args:
            pictures: (T, S, S, 3) uint8 RGB at 25 fps.
            sound: (N,) at 16 kHz.
            landmarks: (T, L, 3); x and y in [-1, 1] inside the crop.
        """
        ...


class OwnSync:
    """The contrastive pair of lip and speech encoder of a model.

    The generator of the same weights was trained towards these codes: read it beside the real
    row, and beside what the mouth's opening says.

    Args:
        loaded: the weights; the bundled ones, whatever model is judged, keep runs comparable.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._reader = CropRenderer(loaded)
        self.name = f"pdfgc lip and speech encoder {loaded.model_id}"

    def __call__(
        self,
        pictures: NDArray[np.uint8],
        sound: NDArray[np.float32],
        landmarks: NDArray[np.floating],
    ) -> SyncScore:
        """Score crops (T, S, S, 3) uint8 RGB at 25 fps with their sound (N,) at 16 kHz."""
        del landmarks  # the encoders look at the whole crop
        lips = self._reader.lips(pictures)
        heard = self._reader.speech(sound, len(lips))
        # What all frames have in common says nothing about when.
        lips, heard = lips - lips.mean(0), heard - heard.mean(0)
        return sync_score(sync_curve(lips, heard, MAX_SYNC_LAG))


@dataclass(frozen=True)
class Judges:
    """All of them.

    Attributes:
        tracker: landmark model that measures the frames.
        recogniser: says who is seen; None = identity is not scored.
        sync: says whether lips fit the sound; None = only the mouth's opening does.
        syncnet: a second such judge, supplied by the user.
        lpips: supplied by the user; None = the texture distance alone.
        inception: supplied by the user; None = the Fréchet distance of textures alone.
    """

    tracker: FaceBackend
    recogniser: Recogniser | None = None
    sync: SyncJudge | None = None
    syncnet: SyncJudge | None = None
    lpips: Lpips | None = None
    inception: Inception | None = None

    def likeness(self, pictures: NDArray[np.uint8], real: NDArray[np.uint8]) -> dict[str, float]:
        """Perceptual distances of frames (T, H, W, 3) uint8 RGB to the real ones."""
        values = {"texture": float(texture_distance(pictures, real).mean())}
        if self.lpips is not None:
            values["lpips"] = float(self.lpips(pictures, real).mean())
        return values

    def features(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        """Of frames (T, H, W, 3) uint8 RGB, for Fréchet distances: (T, D) by network."""
        values = {"texture": texture_features(pictures)}
        if self.inception is not None:
            values["inception"] = self.inception(pictures)
        return values

    def synchrony(
        self,
        pictures: NDArray[np.uint8],
        sound: NDArray[np.float32],
        landmarks: NDArray[np.floating],
    ) -> dict[str, float]:
        """How lips and sound fit, by each judge that is there; see `SyncJudge`."""
        values: dict[str, float] = {}
        for name, judge in (("sync", self.sync), ("syncnet", self.syncnet)):
            if judge is not None:
                score = judge(pictures, sound, landmarks)
                values |= {
                    f"{name}_offset": score.offset,
                    f"{name}_confidence": score.confidence,
                }
        return values

    def about(self) -> dict[str, Any]:
        """Which they are, for the report."""
        supplied = {"lpips": self.lpips, "fid": self.inception}
        return {
            "tracker": self.tracker.name,
            "recogniser": self.recogniser and self.recogniser.name,
            "sync": self.sync and self.sync.name,
            "syncnet": self.syncnet and self.syncnet.name,
            **{name: each and {"sha256": each.sha256} for name, each in supplied.items()},
        }
