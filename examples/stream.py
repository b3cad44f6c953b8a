"""A portrait speaks as sound comes in: stream.py [FILE|microphone FILE.mp4|window|camera]."""

import sys
import time
from pathlib import Path

import numpy as np

from pdfgc import Avatar
from pdfgc.media import VideoWriter, read_audio


def chunks(name):
    """20 ms at a time, no sooner than it is spoken: ten seconds of a microphone, one of a file."""
    if name == "microphone":
        with __import__("sounddevice").InputStream(16_000, channels=1, dtype="float32") as device:
            return (yield from (device.read(320)[0] for _ in range(500)))
    began = time.monotonic()
    for number, chunk in enumerate(np.split(read_audio(name)[:16_000], 50), 1):
        time.sleep(max(0, began + number * 0.02 - time.monotonic()))
        yield chunk


here = Path(__file__).parent
sound, place = sys.argv[1:] or (str(here / "speech.flac"), "stream.mp4")
stream = Avatar.from_images(here / "astronaut.jpg").stream(chunks(sound))
if place == "window":
    label = (tk := __import__("tkinter")).Label()
    label.pack()
    for frame in stream:
        picture = tk.PhotoImage(data=b"P6 512 512 255 " + frame.image.tobytes())
        label.configure(image=picture)
        label.update()
else:
    camera = place == "camera" and __import__("pyvirtualcam").Camera(512, 512, 25)
    with camera or VideoWriter(place, fps=25) as screen:
        for frame in stream:
            (screen.send if camera else screen.write)(frame.image)
print(stream.latency)
