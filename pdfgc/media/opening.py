"""Opening media files with errors that a user can act on."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from pdfgc.errors import InputError

# A file that is this much shorter than its header says was cut off; Matroska rounds more roughly.
_SHORT_S = {"flac": 0.1, "matroska,webm": 0.5}


class CutOffError(Exception):
    """The file ends before the place that its own header or index names."""


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a `Path` to a readable file that holds something.

    Raises:
        InputError: it is missing, a folder, empty, or not readable.
    """
    file = Path(path)
    if not file.exists():
        raise InputError(f"{file}: no such file; check the path.")
    if file.is_dir():
        raise InputError(f"{file}: is a folder; give a file inside it.")
    if not os.access(file, os.R_OK):
        raise InputError(f"{file}: no permission to read it; change its permissions.")
    if file.is_file() and file.stat().st_size == 0:
        raise InputError(f"{file}: is empty (0 bytes); copy or export it again.")
    return file


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """Open a media file for reading and close it afterwards.

    Raises:
        InputError: the file cannot be read, or is not audio or video that FFmpeg knows.
    """
    file = check_file(path)
    try:
        container = av.open(str(file), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{file}: is not a readable audio, video or image file; it may be damaged or cut off "
            "in the copy, so export it again."
        ) from error
    with container:
        yield container


def time_zero_s(container: InputContainer) -> float:
    """Seconds on the container's clock that count as time zero, for its sound and picture alike.

    Broadcast formats (MPEG transport and program streams) start their clock anywhere; files such
    as MP4 and Matroska start it at zero, and a stream that begins later does so on purpose. MP3
    counts the delay of its encoder, which is no part of the sound.
    """
    starts_anywhere = container.format.flags & cast(int, Flags.ts_discont.value)
    if container.start_time is None or not (starts_anywhere or container.format.name == "mp3"):
        return 0.0
    return container.start_time / av.time_base


def find_video(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; the cover picture of a song does not count."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def demuxed(
    container: InputContainer, stream: VideoStream | AudioStream
) -> Iterator[Packet[Stream]]:
    """The packets of one stream up to its end.

    Raises:
        CutOffError: after the last packet, where the file promised more. FFmpeg itself takes the
            end of a file that was cut off in the copy for the end of the clip.
    """
    n_packets = 0
    end_s = 0.0
    for packet in container.demux():
        if packet.pts is not None and packet.time_base is not None:
            end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index == stream.index:
            n_packets += packet.size > 0
            yield packet
    name = container.format.name
    if name.startswith("mov") and n_packets < len(stream.index_entries):
        raise CutOffError
    if name in _SHORT_S and container.duration is not None:
        promised_s = container.duration / av.time_base
        if end_s < promised_s - _SHORT_S[name]:
            raise CutOffError
    if name == "wav" and _wav_is_short(Path(container.name)):
        raise CutOffError


def _wav_is_short(file: Path) -> bool:
    """Whether a WAV file ends before its data do; FFmpeg corrects the header's length silently."""
    with file.open("rb") as stream:
        if stream.read(12)[:4] != b"RIFF":
            return False  # RF64 and its kin
        while len(head := stream.read(8)) == 8:
            size: int = struct.unpack("<4xI", head)[0]
            if head[:4] == b"data":
                # Sound that was written to a pipe has length 0, or the greatest possible one.
                return 0 < size < 0x7FFF_F000 and stream.tell() + size > file.stat().st_size
            stream.seek(size + size % 2, os.SEEK_CUR)
    return False
