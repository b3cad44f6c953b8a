"""Curves, a wink and eyes that hold the camera; then one factor changed, and the rest left alone.

Run: python examples/eyes_on_camera.py
"""

from __future__ import annotations

from math import radians
from pathlib import Path

from pdfgc import Avatar
from pdfgc.avatar import Control, Controls, Curve, Easing, Eye

HERE = Path(__file__).parent


def main() -> None:
    """Write look.gif, look.png (codes over time) and again.gif."""
    avatar = Avatar.from_images([HERE / "astronaut.jpg"])
    turn = Curve(
        times_s=(0.0, 0.5, 1.0),
        values=((0.0, 0.0, 0.0), (radians(15), radians(5), 0.0), (0.0, 0.0, 0.0)),
        easings=(Easing.LINEAR, Easing.OUT, Easing.SMOOTH),
    )
    # The eyes make up for the head frame by frame, as it is driven.
    clip = avatar.animate(pose=turn, gaze="camera", blink=Curve.wink(Eye.LEFT, at_s=0.7), crop=True)
    clip.save("look.gif")
    clip.plot("look.png")
    # There and, mirrored, back again, a little nearer; only the head changes.
    motion = clip.motion.join(clip.motion.mirror(), fade_s=0.2)
    nearer = Controls(zoom=1.1, pose=Control(strength=0.7))
    edited = avatar.edit(motion, controls=nearer, crop=True)
    edited.save("again.gif")
    print(f"look.gif: {len(clip)} frames; again.gif: {len(edited)} frames")


if __name__ == "__main__":
    main()
