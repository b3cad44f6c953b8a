"""Dubbing: new lips in a video that stays as it is everywhere else."""

from __future__ import annotations

from pdfgc.dubbing.dub import dub
from pdfgc.dubbing.dubbing import Dubbing
from pdfgc.dubbing.footage import Footage, Length
from pdfgc.dubbing.region import Region
from pdfgc.dubbing.report import Done, DubReport, Segment
from pdfgc.dubbing.speaker import Speaker
from pdfgc.dubbing.voice import voice_activity, voice_gate

__all__ = [
    "Done",
    "DubReport",
    "Dubbing",
    "Footage",
    "Length",
    "Region",
    "Segment",
    "Speaker",
    "dub",
    "voice_activity",
    "voice_gate",
]
