"""How raw video becomes samples."""

from __future__ import annotations

from dataclasses import dataclass, field

from pdfgc.config import CropConfig


@dataclass(frozen=True)
class PackConfig:
    """How raw video becomes samples, and what is good enough."""

    crop: CropConfig = field(default_factory=CropConfig)
    """Shape of the crop; `crop.size` is the side of the packed pictures (px)."""
    fps: float = 25.0
    """Frames per second of every sample."""
    sample_rate: int = 16_000
    """Samples per second of the sound (Hz)."""
    crf: float = 17
    """x264's quality."""
    whole_s: float = 20.0
    """Shots up to this length stay whole."""
    piece_s: float = 10.0
    """Longer shots are cut into equal pieces up to this length."""
    min_good_frames: int = 15
    """Fewer confident frames drop a piece."""
    min_good_share: float = 0.6
    """A smaller share of confident frames drops a piece."""
    min_face_px: float = 56.0
    """A smaller face (longer side of its landmark box) drops a piece."""
    min_sharpness: float = 0.004
    """A softer face (mean absolute Laplacian of the crop's middle, values in [0, 1]) drops it."""
    one_face: bool = True
    """Drop shots that show several faces of similar size."""
    max_offset_ms: float = 200.0
    """Where sound and mouth are clearly further apart than this, lips are not trained; asked of
    clips of which nothing is known."""
    min_offset_r: float = 0.5
    """Correlation of loudness and mouth opening from which an offset is clear."""
    shard_bytes: int = 256 * 2**20
    """Size at which a new shard begins."""
