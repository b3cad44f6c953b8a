"""The table of commands: a new one is a file beside this one, and its name in the tuple below."""

from __future__ import annotations

from cyclopts import App

from pdfgc.cli.animate import animate
from pdfgc.cli.bench import bench
from pdfgc.cli.check import check
from pdfgc.cli.dub import dub
from pdfgc.cli.edit import edit
from pdfgc.cli.evaluate import evaluate
from pdfgc.cli.export import export
from pdfgc.cli.finetune import finetune
from pdfgc.cli.imports import importing
from pdfgc.cli.info import info, version
from pdfgc.cli.pack import pack
from pdfgc.cli.score import score
from pdfgc.cli.track import track
from pdfgc.cli.train import train

app = App(
    name="pdfgc",
    help="Talking heads whose lips, gaze, blink, head pose and expression are driven apart.",
    version=version,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `run` answers it
)

for command in (
    animate,
    dub,
    edit,
    track,
    pack,
    train,
    finetune,
    evaluate,
    export,
    bench,
    score,
    importing,
    info,
    check,
):
    app.command(command)
