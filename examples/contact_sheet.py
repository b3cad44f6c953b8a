"""Lay twelve frames of a video out on one picture.

Run: python examples/contact_sheet.py VIDEO SHEET.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from pdfgc.files import writing
from pdfgc.media.video import read_video

COLUMNS, ROWS, WIDTH_PX = 4, 3, 320


def main(video: Path, sheet: Path) -> None:
    """Write `sheet` from frames of `video` that are evenly spaced, first and last among them."""
    thumbnails = []
    for frame in read_video(video):
        height = round(WIDTH_PX * frame.image.shape[0] / frame.image.shape[1])
        thumbnails.append(Image.fromarray(frame.image).resize((WIDTH_PX, height)))
    page = Image.new("RGB", (COLUMNS * WIDTH_PX, ROWS * thumbnails[0].height))
    for cell in range(COLUMNS * ROWS):
        chosen = thumbnails[round(cell * (len(thumbnails) - 1) / (COLUMNS * ROWS - 1))]
        row, column = divmod(cell, COLUMNS)
        page.paste(chosen, (column * WIDTH_PX, row * thumbnails[0].height))
    with writing(sheet) as partial:
        page.save(partial)
    print(f"{sheet}: {COLUMNS * ROWS} of {len(thumbnails)} frames")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
