"""A portrait speaks as sound comes in: stream.py [FILE|microphone FILE.mp4|camera].

A microphone takes `pip install sounddevice`, a virtual camera pyvirtualcam.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pdfgc import Avatar
from pdfgc.media import VideoWriter, read_audio

HERE = Path(__file__).parent


def chunks(name):
    """20 ms of sound at a time; a recording gives a second."""
    if name != "microphone":
        return (yield from np.split(read_audio(name)[:16_000], 50))
    device = __import__("sounddevice").InputStream(16_000, channels=1, dtype="float32")
    with device as microphone:
        yield from (microphone.read(320)[0] for _ in range(500))


sound, place = sys.argv[1:] or (str(HERE / "speech.flac"), "stream.mp4")
stream = Avatar.from_images(HERE / "astronaut.jpg").stream(chunks(sound))
if place == "camera":
    from pyvirtualcam import Camera

    with Camera(512, 512, 25) as camera:
        for frame in stream:
            camera.send(frame.image)
else:
    with VideoWriter(place, fps=25) as writer:
        for frame in stream:
            writer.write(frame.image)
print(stream.latency)
