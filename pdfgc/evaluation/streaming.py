"""A recording pushed at the speed at which it was spoken: are the frames on time?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar import Avatar
from pdfgc.evaluation.speed import fixed_operation, time_ms

# A frame is on time when it is there within one frame's time of the moment its sound allows.
_SLACK_FRAMES = 1.0


@dataclass(frozen=True)
class Punctuality:
    """How a stream kept up with a speaker.

    Attributes:
        n_frames: frames drawn.
        seconds: from the first push to the last frame.
        on_time: share of frames that came no later than a frame's time after the last sound that
            they hear.
        first_frame_ms: from the first push to the first frame: the look-ahead is in it.
        algorithmic_ms: of that, what no machine saves.
        delay_median_ms: from the moment when the last sound a frame hears was spoken to the frame.
        delay_p95_ms: likewise, not exceeded by 95 of 100.
        delay_worst_ms: likewise.
        jitter_ms: standard deviation of the time between frames.
        made_median_ms: time that making a frame took.
        made_p95_ms: likewise, not exceeded by 95 of 100.
        processor_ms: processor time of a frame, over all threads and with all that a stream does.
        fixed_ms: time of the fixed operation of `pdfgc bench` in the same run: on a machine that
            does other work, `made_median_ms` over it is what carries over.
        most_queued_s: most sound that waited.
    """

    n_frames: int
    seconds: float
    on_time: float
    first_frame_ms: float
    algorithmic_ms: float
    delay_median_ms: float
    delay_p95_ms: float
    delay_worst_ms: float
    jitter_ms: float
    made_median_ms: float
    made_p95_ms: float
    processor_ms: float
    fixed_ms: float
    most_queued_s: float

    def rows(self) -> Iterator[tuple[str, float]]:
        """Name and value of each figure, to four digits."""
        for name, value in asdict(self).items():
            yield name, float(f"{value:.4g}")


def stream_in_real_time(
    avatar: Avatar, samples: NDArray[np.float32], *, chunk_s: float = 0.02, crop: bool = False
) -> Punctuality:
    """Push sound as a microphone does, from a thread of its own, and pull frames.

    Args:
        avatar: who speaks.
        samples: (N,) float32 in [-1, 1] at 16 kHz.
        chunk_s: sound in each push (seconds).
        crop: draw the model's crop only.
    """
    device = next(avatar.model.parameters()).device
    fixed = fixed_operation(device)
    fixed_ms = [float(np.median(time_ms(fixed, device)))]
    stream = avatar.stream(crop=crop, most_queued_s=3600)
    size = max(1, round(chunk_s * stream.sample_rate))
    began, busy_s = time.perf_counter(), time.process_time()
    queued = [0.0]

    def speak() -> None:
        for at in range(0, len(samples), size):
            spoken_at = began + min(at + size, len(samples)) / stream.sample_rate
            time.sleep(max(0.0, spoken_at - time.perf_counter()))
            stream.push(samples[at : at + size])
            queued.append(stream.queued_s)
        stream.finish()

    speaker = threading.Thread(target=speak)
    speaker.start()
    came, made = [], []
    for frame in stream:
        came.append(time.perf_counter() - began)
        made.append(frame.made_s * 1000)
    speaker.join()
    busy_s = time.process_time() - busy_s
    fixed_ms.append(float(np.median(time_ms(fixed, device))))
    ahead_s = stream.latency.algorithmic_ms / 1000
    # When the last sound that a frame hears was spoken; the last frames hear the end.
    spoken = np.arange(len(came)) / stream.fps + ahead_s
    spoken = np.minimum(spoken, len(samples) / stream.sample_rate)
    late = np.array(came) - spoken
    return Punctuality(
        n_frames=len(came),
        seconds=came[-1],
        on_time=float(np.mean(late <= _SLACK_FRAMES / stream.fps)),
        first_frame_ms=came[0] * 1000,
        algorithmic_ms=ahead_s * 1000,
        delay_median_ms=float(np.median(late)) * 1000,
        delay_p95_ms=float(np.percentile(late, 95)) * 1000,
        delay_worst_ms=float(late.max()) * 1000,
        jitter_ms=float(np.diff(came).std()) * 1000 if len(came) > 1 else 0.0,
        made_median_ms=float(np.median(made)),
        made_p95_ms=float(np.percentile(made, 95)),
        processor_ms=busy_s / len(came) * 1000,
        fixed_ms=float(np.mean(fixed_ms)),
        most_queued_s=max(queued),
    )
