"""Avatars: source images and drivers in, a lazy clip out."""

from __future__ import annotations

from pdfgc.avatar.avatar import Avatar
from pdfgc.avatar.clip import Clip
from pdfgc.avatar.controls import Control, Controls, Progress
from pdfgc.avatar.curve import Curve, Eye
from pdfgc.avatar.drivers import Driver
from pdfgc.avatar.easing import Easing
from pdfgc.avatar.streaming import Latency, Stream, StreamFrame

__all__ = [
    "Avatar",
    "Clip",
    "Control",
    "Controls",
    "Curve",
    "Driver",
    "Easing",
    "Eye",
    "Latency",
    "Progress",
    "Stream",
    "StreamFrame",
]
