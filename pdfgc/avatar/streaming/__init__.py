"""Frames from sound that is still coming in."""

from __future__ import annotations

from pdfgc.avatar.streaming.frame import StreamFrame
from pdfgc.avatar.streaming.latency import Latency
from pdfgc.avatar.streaming.stream import Stream

__all__ = ["Latency", "Stream", "StreamFrame"]
