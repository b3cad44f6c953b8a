"""Media in and out: sound, pictures and video."""

from __future__ import annotations

from pdfgc.media.audio import SILENCE, log_mel, mel_windows, read_audio, settled_mels
from pdfgc.media.gif import write_gif
from pdfgc.media.image import read_image
from pdfgc.media.live_sound import LiveSound, checked_chunk
from pdfgc.media.live_windows import LiveWindows, LogMelWindows, OfficialLiveWindows
from pdfgc.media.official import (
    official_level,
    official_mel,
    official_picture,
    official_windows,
)
from pdfgc.media.output import write_video
from pdfgc.media.sound import Mixture, Recording, Sound
from pdfgc.media.video import VideoFrame, VideoInfo, probe, read_video, resample_frames
from pdfgc.media.writer import VideoWriter

__all__ = [
    "SILENCE",
    "LiveSound",
    "LiveWindows",
    "LogMelWindows",
    "Mixture",
    "OfficialLiveWindows",
    "Recording",
    "Sound",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "checked_chunk",
    "log_mel",
    "mel_windows",
    "official_level",
    "official_mel",
    "official_picture",
    "official_windows",
    "probe",
    "read_audio",
    "read_image",
    "read_video",
    "resample_frames",
    "settled_mels",
    "write_gif",
    "write_video",
]
