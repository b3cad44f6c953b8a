"""`Avatar`: a person from one or more images, animated by drivers. The whole way of the data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.clip import Clip
from pdfgc.avatar.composing import Composer
from pdfgc.avatar.controls import Controls, Progress
from pdfgc.avatar.drivers import Driver, Drivers, File
from pdfgc.avatar.encoding import check_waveform
from pdfgc.avatar.official import composer_for
from pdfgc.avatar.person import Person
from pdfgc.avatar.streaming import Stream
from pdfgc.avatar.streaming.stream import Chunks
from pdfgc.errors import InputError
from pdfgc.media import LiveSound, Recording
from pdfgc.motion import Motion

Audio = str | os.PathLike[str] | NDArray[np.floating]


class Avatar(Person):
    """A person who can be animated.

    Made by `from_images`, `from_video` or `load`. The source images are looked at once; every clip
    after that only draws frames.
    """

    def motion(
        self,
        *,
        audio: Audio | None = None,
        pose: Driver | None = None,
        gaze: Driver | None = None,
        blink: Driver | None = None,
        expression: Driver | None = None,
        lip: Driver | None = None,
        pose_video: File | None = None,
        gaze_video: File | None = None,
        blink_video: File | None = None,
        expression_video: File | None = None,
        lip_video: File | None = None,
        motion: Motion | File | None = None,
        controls: Controls | None = None,
        fps: float = 25.0,
        duration_s: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Motion:
        """Put a motion together, every factor from its own driver.

        Without a driver, pose and blink are `"auto"`, gaze and expression `"keep"`, and the lips
        rest or follow the audio. A clip that drives gaze drives blink too, unless blink has its
        own driver. The audio sets the length, else the longest driver; shorter clips play to and
        fro.

        Args:
            audio: speech that moves the lips: a sound or video file, or (N,) float samples in
                [-1, 1] at 16 kHz.
            pose: head pose; see `pdfgc.avatar.Driver` for what a driver can be.
            gaze: direction of the eyes, relative to the head.
            blink: openness of the eyes.
            expression: expression of the face.
            lip: the lips; goes before the audio.
            pose_video: the same as `pose`, from a file.
            gaze_video: the same as `gaze`, from a file.
            blink_video: the same as `blink`, from a file.
            expression_video: the same as `expression`, from a file.
            lip_video: the same as `lip`, from a file.
            motion: a whole motion, for the factors that have no driver (the audio drives the lips).
            controls: strength, offset, smoothing, and what is relative to the source.
            fps: frames per second of the result.
            duration_s: length in seconds, where there is no audio.
            seed: of what is `"auto"`.
            progress: called while clips are read.

        Returns:
            The codes of every frame; the files are not needed any more.

        Raises:
            InputError: a driver cannot be used; the message names it.
        """
        videos = Drivers(pose_video, gaze_video, blink_video, expression_video, lip_video)
        drivers = Drivers(pose, gaze, blink, expression, lip).joined(videos)
        composer = self._composer(fps, seed, controls, progress)
        whole = _read(motion)
        return composer.compose(drivers, whole, self._speech(audio), duration_s)

    def animate(
        self,
        *,
        audio: Audio | None = None,
        pose: Driver | None = None,
        gaze: Driver | None = None,
        blink: Driver | None = None,
        expression: Driver | None = None,
        lip: Driver | None = None,
        pose_video: File | None = None,
        gaze_video: File | None = None,
        blink_video: File | None = None,
        expression_video: File | None = None,
        lip_video: File | None = None,
        motion: Motion | File | None = None,
        controls: Controls | None = None,
        crop: bool = False,
        fps: float | None = None,
        duration_s: float | None = None,
        seed: int = 0,
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> Clip:
        """Animate the source image.

        Drivers are read now, frames are drawn when the clip is saved or looked at.

        Args:
            audio: as for `motion`; it is also the sound of the clip.
            pose: as for `motion`, and so are the other factors.
            gaze: likewise.
            blink: likewise.
            expression: likewise.
            lip: likewise.
            pose_video: likewise.
            gaze_video: likewise.
            blink_video: likewise.
            expression_video: likewise.
            lip_video: likewise.
            motion: a motion that was made before; other factors beside it change it.
            controls: as for `motion`.
            crop: give the model's square crop instead of the whole source image.
            fps: frames per second, by default those of `motion`, or 25.
            duration_s: as for `motion`.
            seed: as for `motion`.
            batch: frames drawn at a time, by default what suits the device.
            progress: called while clips are read.

        Returns:
            A clip of the source image's size.

        Raises:
            InputError: a driver cannot be used; the message names it.
        """
        whole = _read(motion)
        codes = self.motion(
            audio=audio,
            pose=pose,
            gaze=gaze,
            blink=blink,
            expression=expression,
            lip=lip,
            pose_video=pose_video,
            gaze_video=gaze_video,
            blink_video=blink_video,
            expression_video=expression_video,
            lip_video=lip_video,
            motion=whole,
            controls=controls,
            fps=(whole.fps if whole else 25.0) if fps is None else fps,
            duration_s=duration_s,
            seed=seed,
            progress=progress,
        )
        return self._clip(codes, self._sound(audio), crop=crop, batch=batch)

    def edit(
        self,
        motion: Motion | File,
        *,
        audio: Audio | None = None,
        pose: Driver | None = None,
        gaze: Driver | None = None,
        blink: Driver | None = None,
        expression: Driver | None = None,
        lip: Driver | None = None,
        pose_video: File | None = None,
        gaze_video: File | None = None,
        blink_video: File | None = None,
        expression_video: File | None = None,
        lip_video: File | None = None,
        controls: Controls | None = None,
        sound: Audio | None = None,
        crop: bool = False,
        seed: int = 0,
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> Clip:
        """Change some factors of a clip that was made before, and nothing else.

        Named are the factors that have a driver, those that `controls` changes, and the lips where
        there is new speech; the codes of all others stay bit by bit what they were. Unlike in
        `animate`, a clip that drives gaze leaves the lids alone. Length and frame rate are those
        of the motion; shorter drivers play to and fro.

        Args:
            motion: of the clip, `Clip.motion` or a saved one.
            audio: new speech for the lips, no longer than the clip; also its sound.
            pose: as for `motion`, and so are the other factors.
            gaze: likewise.
            blink: likewise.
            expression: likewise.
            lip: likewise.
            pose_video: likewise.
            gaze_video: likewise.
            blink_video: likewise.
            expression_video: likewise.
            lip_video: likewise.
            controls: strength, offset and the like, also of factors without a driver: strength 0.5
                halves what the clip does.
            sound: sound of the clip that moves nothing, by default `audio`.
            crop: give the model's square crop instead of the whole source image.
            seed: of what is `"auto"`.
            batch: frames drawn at a time, by default what suits the device.
            progress: called while clips are read.

        Returns:
            A clip of the source image's size.

        Raises:
            InputError: a driver cannot be used, or nothing is named.
        """
        base = motion if isinstance(motion, Motion) else Motion.load(motion)
        videos = Drivers(pose_video, gaze_video, blink_video, expression_video, lip_video)
        drivers = Drivers(pose, gaze, blink, expression, lip).joined(videos)
        composer = self._composer(base.fps, seed, controls, progress)
        codes = composer.edit(base, drivers, self._speech(audio))
        return self._clip(
            codes, self._sound(audio if sound is None else sound), crop=crop, batch=batch
        )

    def stream(
        self,
        audio_chunks: Chunks | None = None,
        *,
        sample_rate: int = 16_000,
        pose: Driver | None = None,
        gaze: Driver | None = None,
        blink: Driver | None = None,
        expression: Driver | None = None,
        lip: Driver | None = None,
        pose_video: File | None = None,
        gaze_video: File | None = None,
        blink_video: File | None = None,
        expression_video: File | None = None,
        lip_video: File | None = None,
        motion: Motion | File | None = None,
        controls: Controls | None = None,
        crop: bool = False,
        seed: int = 0,
        most_queued_s: float = 10.0,
        progress: Progress | None = None,
    ) -> Stream:
        """Animate the source image with sound that is still coming in.

        Give the chunks and iterate over the frames, or push chunks and pull frames, from two
        threads if wanted. Frames come at the model's rate of 25 a second, each as soon as the
        sound it hears is there, at most 120 ms of it ahead. Drivers are read now; they act as in
        `animate`, but what is relative is so to the first second of its driver, not to all of
        it, and the lips are smoothed over the past only.

        Args:
            audio_chunks: speech in chunks of any size, see `Stream.push`; None to push them.
            sample_rate: of the chunks (Hz).
            pose: as for `motion`, and so are the other factors.
            gaze: likewise.
            blink: likewise.
            expression: likewise.
            lip: likewise.
            pose_video: likewise.
            gaze_video: likewise.
            blink_video: likewise.
            expression_video: likewise.
            lip_video: likewise.
            motion: likewise.
            controls: likewise.
            crop: give the model's square crop instead of the whole source image.
            seed: of what is `"auto"`.
            most_queued_s: seconds of sound that may wait before `Stream.push` waits, too.
            progress: called while clips are read.

        Returns:
            A stream of frames with their times and their sound.

        Raises:
            InputError: a driver cannot be used; the message names it.
        """
        videos = Drivers(pose_video, gaze_video, blink_video, expression_video, lip_video)
        drivers = Drivers(pose, gaze, blink, expression, lip).joined(videos)
        composer = self._composer(self._reader.fps, seed, controls, progress)
        whole = _read(motion)
        found, base = composer.looked_at(drivers, whole)
        return Stream(
            self._painter(crop=crop),
            composer,
            found,
            base,
            LiveSound(sample_rate, self.model.config.audio.sample_rate),
            chunks=audio_chunks,
            most_queued_s=most_queued_s,
        )

    def _composer(
        self, fps: float, seed: int, controls: Controls | None, progress: Progress | None
    ) -> Composer:
        return composer_for(
            self._reader,
            self.source,
            fps=fps,
            seed=seed,
            controls=controls or Controls(),
            progress=progress,
        )

    def _clip(
        self, codes: Motion, sound: Recording | None, *, crop: bool, batch: int | None
    ) -> Clip:
        if batch is not None and batch < 1:
            raise InputError(f"batch is {batch}; give at least 1.")
        return Clip(self._painter(crop=crop), codes, sound, batch or self._reader.n_drawn)

    def _speech(self, audio: Audio | None) -> Recording | None:
        """What the model hears."""
        if audio is None:
            return None
        rate = self.model.config.audio.sample_rate
        if isinstance(audio, np.ndarray):
            return Recording(check_waveform(audio, "The audio"), rate)
        sound = Recording(Path(audio), rate)
        len(sound)  # A damaged file is told of before the drivers are read.
        return sound

    def _sound(self, audio: Audio | None) -> Recording | None:
        """What is heard in the clip: files at their own rate."""
        if isinstance(audio, str | os.PathLike):
            return Recording.of_file(audio)
        return self._speech(audio)


def _read(motion: Motion | File | None) -> Motion | None:
    return motion if isinstance(motion, Motion) or motion is None else Motion.load(motion)
