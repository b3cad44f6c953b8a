"""What is measured: how each value is called, how it is printed, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from pdfgc.evaluation.case import Protocol


@dataclass(frozen=True)
class Measure:
    """One value of a table.

    Attributes:
        name: in the JSON.
        title: in tables.
        digits: after the point.
        more_is_better: None where neither end is good by itself.
    """

    name: str
    title: str
    digits: int
    more_is_better: bool | None


_LIKENESS = (
    Measure("l1", "L1 (0 to 1)", 4, False),
    Measure("psnr", "PSNR (dB)", 2, True),
    Measure("ssim", "SSIM", 3, True),
    Measure("ms_ssim", "MS-SSIM", 3, True),
    Measure("lpips", "LPIPS", 3, False),
    Measure("texture", "texture distance (stands in for LPIPS)", 3, False),
)
_ERRORS = (
    Measure("landmarks", "landmark distance / interocular", 4, False),
    Measure("mouth", "mouth distance, aligned / interocular", 4, False),
    Measure("expression", "expression distance / interocular", 4, False),
    Measure("yaw_deg", "yaw error (°)", 2, False),
    Measure("pitch_deg", "pitch error (°)", 2, False),
    Measure("roll_deg", "roll error (°)", 2, False),
    Measure("gaze_deg", "gaze error, relative to the head (°)", 2, False),
    Measure("openness", "openness error", 3, False),
)
_CORRELATIONS = (
    Measure("yaw_r", "yaw correlation", 2, True),
    Measure("pitch_r", "pitch correlation", 2, True),
    Measure("roll_r", "roll correlation", 2, True),
    Measure("gaze_yaw_r", "gaze yaw correlation", 2, True),
    Measure("gaze_pitch_r", "gaze pitch correlation", 2, True),
    Measure("openness_r", "openness correlation", 2, True),
    Measure("blink_f1", "blink F1", 2, True),
    Measure("mouth_r", "mouth opening correlation", 2, True),
)
_IDENTITY = Measure("csim", "CSIM, 0 = another person, 1 = own real frames", 2, True)
_DRIVER = Measure("driver_csim", "the same towards the driver: its identity leaking", 2, False)
_SHARP = Measure("mouth_sharpness", "sharpness of the mouth / real", 2, None)
_STEADY = (
    Measure("jitter", "jitter / interocular", 4, False),
    Measure("lost", "frames without a face", 3, False),
)

_SYNC = tuple(
    Measure(f"{name}_{part}", f"{title}: {what}", digits, better)
    for name, title in (("sync", "own pair"), ("syncnet", "SyncNet"))
    for part, what, digits, better in (
        ("offset", "offset (frames; > 0: lips late)", 1, None),
        ("confidence", "confidence", 3, True),
    )
)

MEASURES: dict[Protocol, tuple[Measure, ...]] = {
    Protocol.SELF: (
        *(*_LIKENESS, *_ERRORS, *_CORRELATIONS, _IDENTITY, _SHARP),
        Measure("seam", "seam of the pasted face (grey / px)", 4, False),
        *_STEADY,
    ),
    Protocol.AUDIO: (
        Measure("mouth_r", "mouth correlation, best lag within ±6 frames", 2, True),
        Measure("lag", "that lag (frames; > 0: late)", 1, None),
        Measure("mouth_r_at_0", "mouth correlation without lag", 2, True),
        Measure("voice_r", "correlation with the voice's loudness", 2, True),
        Measure("mouth", "mouth distance, aligned / interocular", 4, False),
        Measure("silence", "mouth opening in silence / interocular", 3, False),
        Measure("silence_moves", "mouth movement in silence / interocular", 3, False),
        *_SYNC,
    ),
    Protocol.CROSS: (
        *(_IDENTITY, _DRIVER),
        *(each for each in _ERRORS if each.name not in ("landmarks", "mouth")),
        *(*_CORRELATIONS, _SHARP, *_STEADY),
    ),
    Protocol.SHOTS: (
        Measure("ssim", "SSIM", 2, True),
        Measure("csim", "CSIM (normalised)", 2, True),
        Measure("texture", "texture distance", 3, False),
        Measure("lpips", "LPIPS", 3, False),
    ),
}
"""In the order of the tables; what nobody measured is left out of them."""

SETS = {"texture": "Fréchet distance of textures (stands in for FID)", "inception": "FID"}
"""Distances of whole sets of frames, by the network that gives the features."""
