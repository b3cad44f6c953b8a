"""What a run writes down: scalars as JSON lines, TensorBoard and curves, sample grids as PNG."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pdfgc.training.curves import draw_curves


class Journal:
    """The log of one stage.

    Args:
        folder: the stage's folder.
        step: step from which the run goes on; later lines of an earlier run are dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.lines = folder / "scalars.jsonl"
        kept = []
        if self.lines.is_file():
            kept = [x for x in self.lines.read_text().splitlines() if json.loads(x)["step"] <= step]
        self.lines.write_text("".join(line + "\n" for line in kept))
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write one line of scalars."""
        with self.lines.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def pictures(self, step: int, columns: tuple[Tensor, ...], rows: int = 8) -> None:
        """Write a sample grid.

        Args:
            step: number of the step, in the file's name.
            columns: (B, 3, S, S) RGB in [-1, 1] each, shown side by side.
            rows: samples shown.
        """
        picture = grid(columns, rows)
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(
            self.folder / f"samples-{step:06d}.png"
        )
        self.board.add_image("samples", picture, step)

    def close(self) -> None:
        """Flush what is left and draw the curves (`curves.png`)."""
        self.board.close()
        draw_curves(self.lines, self.folder / "curves.png")


def grid(columns: tuple[Tensor, ...], rows: int) -> Tensor:
    """Pictures side by side: (3, rows * S, columns * S) uint8."""
    strips = [
        torch.cat(list(column[:rows].detach().float().cpu().clamp(-1, 1)), dim=1)
        for column in columns
    ]
    return ((torch.cat(strips, dim=2) + 1) * 127.5).round().byte()
