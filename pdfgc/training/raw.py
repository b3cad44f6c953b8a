"""Raw files as frames: videos, and still images, which stand for a moment without motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pdfgc.media.image import read_image
from pdfgc.media.video import VideoFrame, VideoInfo, probe, read_video, resample_frames

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".gif")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

STILL_FRAMES = 16
"""Frames for which a still image stands: as many as the shortest clip has."""


def raw_info(path: Path, fps: float) -> VideoInfo:
    """What a raw file holds.

    Args:
        path: a video or an image.
        fps: frames per second at which a still stands.

    Raises:
        InputError: it cannot be read.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return probe(path)
    height, width = read_image(path).shape[:2]
    return VideoInfo(width, height, fps, STILL_FRAMES, STILL_FRAMES / fps, False, 0)


def raw_frames(path: Path, fps: float) -> Iterator[VideoFrame]:
    """Frames of a raw file at a constant rate.

    Args:
        path: a video or an image.
        fps: frames per second.

    Raises:
        InputError: it cannot be read.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        yield from resample_frames(read_video(path), fps)
        return
    image = read_image(path)
    for index in range(STILL_FRAMES):
        yield VideoFrame(image, index / fps, index)
