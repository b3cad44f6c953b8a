"""Finished videos of any system, and the list of what must be made to score one.

A system is scored by files alone. `PROTOCOL/NAME.mp4` answers one task of `tasks.json`: it shows
the crop of the source image, square and of any size, one frame for each frame of the driving video
(25 per second, the first one included). What is missing is left out of the tables and listed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdfgc.config import AudioConfig
from pdfgc.errors import InputError
from pdfgc.evaluation.clips import SAMPLE_RATE, resized
from pdfgc.evaluation.rendering import Drive
from pdfgc.files import writing
from pdfgc.media import read_video, resample_frames, write_video
from pdfgc.training.pack import VIDEO_SUFFIXES

FPS = float(AudioConfig().fps)
TASKS = "tasks.json"

# A video may be this much shorter than its driving video; its last frame then stays.
_LEAST_SHARE = 0.9


class FinishedVideos:
    """Answers with the videos of a folder.

    Args:
        folder: with a folder for each protocol.
        side: to which frames are brought (px).

    Attributes:
        missing: names that were asked for and are not there.
    """

    def __init__(self, folder: str | os.PathLike[str], side: int = 256) -> None:
        self.folder, self._side = Path(folder), side
        self.missing: list[str] = []
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: is no folder; give the one that holds the videos.")

    @property
    def side(self) -> int:
        """To which frames are brought (px)."""
        return self._side

    def __call__(self, drive: Drive) -> NDArray[np.uint8] | None:
        """The video of a task.

        Raises:
            InputError: it is not square, or much shorter than the driving video.
        """
        path = self._find(drive.name)
        if path is None:
            self.missing.append(drive.name)
            return None
        wanted = len(drive.driving)
        frames: list[NDArray[np.uint8]] = []
        for frame in resample_frames(read_video(path), FPS):
            height, width = frame.image.shape[:2]
            if height != width:
                raise InputError(
                    f"{path}: its frames are {width} x {height}; videos to be scored show the "
                    "square crop of the source image."
                )
            frames.append(resized(frame.image[None], self._side)[0])
            if len(frames) == wanted:
                break
        if len(frames) < _LEAST_SHARE * wanted:
            raise InputError(
                f"{path}: has {len(frames)} frames at {FPS:g} per second, its driving video "
                f"{wanted}; make one frame for each."
            )
        frames += [frames[-1]] * (wanted - len(frames))
        return np.stack(frames)

    def _find(self, name: str) -> Path | None:
        for suffix in VIDEO_SUFFIXES:
            path = self.folder / f"{name}{suffix}"
            if path.is_file():
                return path
        return None


@dataclass(frozen=True)
class Task:
    """One video to make; all paths are relative to the list.

    Attributes:
        video: how it is called, without suffix.
        sources: images of the person to be seen.
        driving: video that drives everything, or the factor in `alone`.
        sound: recording that drives the lips in its place; None = the video does.
        alone: the one factor to be driven, all else as in the first source; None = all.
        frames: how many frames are needed.
    """

    video: str
    sources: list[str]
    driving: str
    sound: str | None
    alone: str | None
    frames: int


class TaskWriter:
    """Writes down what is asked for in place of answering it.

    Args:
        folder: an existing folder for `inputs/` and `tasks.json`.
        side: of the pictures (px).
    """

    def __init__(self, folder: Path, side: int = 256) -> None:
        self.folder, self._side = folder, side
        self.tasks: list[Task] = []
        (folder / "inputs").mkdir(exist_ok=True)

    @property
    def side(self) -> int:
        """Of the pictures (px)."""
        return self._side

    def __call__(self, drive: Drive) -> None:
        """Note a task and write its inputs."""
        stem = drive.name.replace("/", "-")
        sources = []
        for number, picture in enumerate(drive.sources):
            sources.append(f"inputs/{stem}.{number}.png")
            with writing(self.folder / sources[-1]) as partial:
                Image.fromarray(picture).save(partial, format="PNG")
        driving = f"inputs/{stem}.mp4"
        write_video(self.folder / driving, iter(drive.driving), FPS, crf=12)
        sound = None
        if drive.sound is not None:
            import soundfile

            sound = f"inputs/{stem}.wav"
            with writing(self.folder / sound) as partial:
                soundfile.write(partial, drive.sound, SAMPLE_RATE, subtype="PCM_16")
        frames = len(drive.driving)
        self.tasks.append(Task(drive.name, sources, driving, sound, drive.alone, frames))

    def finish(self) -> Path:
        """Write the list."""
        path = self.folder / TASKS
        with writing(path) as partial:
            rows = [asdict(task) for task in self.tasks]
            partial.write_text(json.dumps({"tasks": rows}, indent=1) + "\n", encoding="utf-8")
        return path
