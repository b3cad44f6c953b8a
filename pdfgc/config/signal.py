"""How sound and faces are cut: rates, windows, crops."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from pdfgc.config.strict import STRICT


def exact_div(numerator: int, denominator: int) -> int:
    """Divide two integers that must divide without a rest.

    Raises:
        ValueError: there is a rest.
    """
    if numerator % denominator:
        raise ValueError(f"{numerator} is not a multiple of {denominator}.")
    return numerator // denominator


@dataclass(frozen=True, config=STRICT)
class AudioConfig:
    """How sound is seen by the speech encoder."""

    sample_rate: int = 16_000
    """Samples per second of every waveform inside the project (Hz)."""
    hop_length: int = 160
    """Samples between two mel steps."""
    n_fft: int = 1024
    """Length of the Fourier transform (samples)."""
    win_length: int = 640
    """Length of the Hann window (samples)."""
    n_mels: int = 80
    """Mel bands (Slaney scale, area-normalised)."""
    f_min: float = 55.0
    """Lower edge of the lowest band (Hz)."""
    f_max: float = 7600.0
    """Upper edge of the highest band (Hz)."""
    fps: int = 25
    """Video frames per second that the speech encoder answers with."""
    window_past: int = 27
    """Mel steps of a window before the middle of its video frame."""
    window_ahead: int = 9
    """Mel steps of a window from the middle of its video frame on."""
    early_samples: int = 0
    """Samples by which the spectrum of a mel step lies before the step's time (0: around it)."""

    def __post_init__(self) -> None:
        """Refuse rates that do not divide and windows that look too far ahead."""
        exact_div(self.sample_rate, self.hop_length * self.fps)
        if self.look_ahead_s > 0.12:
            raise ValueError(
                f"window_ahead looks {self.look_ahead_s * 1000:.0f} ms ahead; 120 ms is the limit."
            )

    @property
    def mels_per_frame(self) -> int:
        """Mel steps per video frame."""
        return exact_div(self.sample_rate, self.hop_length * self.fps)

    @property
    def samples_per_frame(self) -> int:
        """Audio samples per video frame."""
        return exact_div(self.sample_rate, self.fps)

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame's start that its window hears."""
        steps = (self.window_ahead - 1) * self.hop_length
        half = self.win_length // 2 - self.early_samples
        return (self.samples_per_frame // 2 + steps + half) / self.sample_rate

    @property
    def window_mels(self) -> int:
        """Mel steps in one window."""
        return self.window_past + self.window_ahead


@dataclass(frozen=True, config=STRICT)
class CropConfig:
    """Where the square face crop lies in a frame."""

    scale: float = 1.7
    """Side of the crop over the longer side of the box around the landmarks."""
    rise: float = 0.08
    """Share of the crop's side by which its centre lies above the centre of that box."""
    size: int = 256
    """Side of packed crops (px)."""
