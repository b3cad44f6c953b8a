"""Every factor from a driver of its own: pictures of a head that turns, eyes that move and close.

Run: python examples/factors_apart.py
"""

from __future__ import annotations

from math import radians
from pathlib import Path

from PIL import Image

from pdfgc import Avatar
from pdfgc.avatar import Control, Controls, Curve, Easing

HERE = Path(__file__).parent


def main() -> None:
    """Write turn.gif and a row of pictures, yaw.png."""
    avatar = Avatar.from_images([HERE / "astronaut.jpg"])
    # Numbers and keyframes: angles in radians, openness 1 = open.
    keys = [(0.0, (0, 0, 0)), (0.4, (radians(15), 0, 0)), (0.8, (0, 0, 0))]
    turn = Curve.of(keys, easing=Easing.SMOOTH)
    clip = avatar.animate(pose=turn, gaze=(radians(-10), 0.0), blink=[(0.0, 1.0), (0.8, 0.2)])
    clip.save("turn.gif")
    # The same motion again, at half the strength, with one factor exchanged.
    softer = Controls(pose=Control(strength=0.5, smooth_s=0.1))
    motion = avatar.motion(motion=clip.motion, blink="keep", controls=softer)
    print(f"largest yaw {clip.motion.pose[:, 0].max():.2f}, then {motion.pose[:, 0].max():.2f} rad")
    row = Image.new("RGB", (3 * 256, 256))
    for column, yaw in enumerate((-20, 0, 20)):
        still = avatar.animate(pose=(radians(yaw), 0, 0), blink="keep", crop=True)
        row.paste(Image.fromarray(next(still.frames())).resize((256, 256)), (256 * column, 0))
    row.save("yaw.png")


if __name__ == "__main__":
    main()
