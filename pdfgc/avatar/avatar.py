"""`Avatar`: a person from one or more images, animated by drivers. The whole way of the data."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pdfgc.avatar.clip import Clip, Drawing, Painter
from pdfgc.avatar.controls import Controls, Progress
from pdfgc.avatar.drivers import Driver, Drivers, File
from pdfgc.avatar.encoding import CodeReader, check_waveform, joined
from pdfgc.avatar.official import composer_for, reader_for
from pdfgc.avatar.references import frames_of_person
from pdfgc.avatar.shots import pictures_of, shots_of
from pdfgc.avatar.source import Image, Sources, tuned_state
from pdfgc.avatar.streaming import Stream
from pdfgc.avatar.streaming.stream import Chunks
from pdfgc.compositor import Compositor
from pdfgc.errors import InputError
from pdfgc.media import LiveSound, Recording
from pdfgc.model import TalkingHead
from pdfgc.motion import Motion
from pdfgc.tracking import Choice, FaceChoice
from pdfgc.training.finetuning import Preview, Tuning, TuningPlan, TuningResult
from pdfgc.training.tuned import TunedState
from pdfgc.weights import DEFAULT, LoadedModel, load_model

Weights = str | os.PathLike[str] | LoadedModel
Audio = str | os.PathLike[str] | NDArray[np.floating]


class Avatar:
    """A person who can be animated.

    Made by `from_images` or `load`. The source images are looked at once; every clip after that
    only draws frames.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        reader: CodeReader,
        sources: Sources,
        tuned: TunedState | None = None,
    ) -> None:
        self._weights, self._tuned = loaded, tuned
        if tuned is not None:
            loaded = replace(loaded, model=tuned.applied(loaded.model))
        self._loaded, self._reader, self._sources = loaded, reader, sources
        self._drawing: Drawing | None = None
        self._look()

    def _look(self) -> None:
        """Look at the sources once, with the model as it is now."""
        sources, reader, loaded = self._sources, self._reader, self._loaded
        with torch.inference_mode():
            pictures = pictures_of(sources, reader)
            self._source_codes = joined(sources.codes, loaded.device)[None]
            self._appearance = loaded.model.look(pictures[None], self._source_codes)

    @classmethod
    def from_images(
        cls,
        images: Image | Sequence[Image],
        *,
        weights: Weights = DEFAULT,
        device: str = "auto",
        face: Choice = None,
    ) -> Avatar:
        """Make an avatar.

        Args:
            images: one or more images of one person: files, or (H, W, 3) uint8 RGB arrays. The
                head is pasted back into the first; the others add to what is known of the person.
            weights: a file, a packaged name, or a model that `load_model` gave.
            device: `auto`, `cpu`, `cuda` or `mps`; not used where `weights` is a loaded model.
            face: which face, where an image shows several: a number counted from the left, an
                XYXY box in px, or `FaceChoice.LARGEST`.

        Raises:
            InputError: an image cannot be read, shows no face, several, or one too small; or the
                weights cannot be loaded.
        """
        loaded = _loaded(weights, device)
        reader = reader_for(loaded)
        return cls(loaded, reader, Sources.read(images, reader, face))

    @classmethod
    def from_video(
        cls,
        video: File,
        *,
        count: int = 4,
        weights: Weights = DEFAULT,
        device: str = "auto",
        face: Choice = FaceChoice.LARGEST,
        progress: Progress | None = None,
    ) -> Avatar:
        """Make an avatar of the frames of a video that show the person best.

        Five frames a second of the first minute are looked at: frontal ones with open eyes and a
        mouth a little open count most, and of those the sharpest. The first shot in which the
        face is found is used. The head is pasted back into the best frame.

        Args:
            video: a video file.
            count: K, frames at most.
            weights: as for `from_images`.
            device: likewise.
            face: which face, where the video shows several.
            progress: called while the video is read.

        Raises:
            InputError: the video cannot be read, shows no face or only small ones, or the weights
                cannot be loaded.
        """
        loaded = _loaded(weights, device)
        reader = reader_for(loaded)
        images = frames_of_person(video, reader, face, count, progress)
        return cls(loaded, reader, Sources.read(images, reader, face))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, weights: Weights = DEFAULT, device: str = "auto"
    ) -> Avatar:
        """Read an avatar that `save` wrote.

        With other weights than it was saved with, its codes are made anew from its images.

        Raises:
            InputError: the file is missing, damaged or no avatar, or was tuned with other weights.
        """
        loaded = _loaded(weights, device)
        reader = reader_for(loaded)
        sources = Sources.load(path, reader)
        tuned = tuned_state(path)
        if tuned is not None and tuned.model_id != loaded.model_id:
            raise InputError(
                f"{path}: was tuned with weights {tuned.model_id}, not {loaded.model_id}; give "
                f"those, or make the avatar anew."
            )
        return cls(loaded, reader, sources, tuned)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write source images, crops and codes to an `.avatar.safetensors` file.

        The model's weights are not in it, but for what `finetune` changed in them.

        Raises:
            InputError: the place cannot be written.
        """
        self._sources.save(path, self._tuned)

    def finetune(
        self,
        images: Image | Sequence[Image],
        *,
        steps: int | None = None,
        plan: TuningPlan | None = None,
        face: Choice = None,
        progress: Progress | None = None,
        preview: Preview | None = None,
    ) -> TuningResult:
        """Tune the model to this person; the avatar is changed, its weights' file is not.

        What reads motion stays as it is, so that motions fit as before. With three images or more
        one is held out, and tuning ends when it is drawn no better; with any number it ends before
        lips and lids stop moving. `save` keeps what was learned.

        Args:
            images: one or more images of the person, as for `from_images`.
            steps: at most so many steps, by default 40 passes over the images.
            plan: learning rates and the like.
            face: as for `from_images`.
            progress: called after every step.
            preview: called now and then with the step and a picture of source, target, result and
                a moved result side by side.

        Returns:
            How it went.

        Raises:
            InputError: an image cannot be used, or steps is below 1.
        """
        plan = plan or TuningPlan()
        if steps is not None:
            if steps < 1:
                raise InputError(f"steps is {steps}; give at least 1.")
            plan = replace(plan, steps=steps)
        given = Sources.read(images, self._reader, face)
        shots = shots_of(given, self._reader, seed=plan.seed)
        model = copy.deepcopy(self._loaded.model)
        pictures = pictures_of(self._sources, self._reader)
        tuning = Tuning(model, pictures[None], self._source_codes.clone(), shots, plan)

        def tell(step: int, total: int, scalars: dict[str, float]) -> None:
            if progress:
                progress(f"tuning: loss {scalars['loss']:.3f}", step, total)

        result = tuning.run(tell, preview)
        self._tuned = TunedState.of(model, self._weights.model, self._weights.model_id)
        self._loaded = replace(self._weights, model=self._tuned.applied(self._weights.model))
        self._look()
        return result

    @property
    def model(self) -> TalkingHead:
        """The model, with its separate encoders in `model.encoders`."""
        return self._loaded.model

    @property
    def model_id(self) -> str:
        """What motions of this avatar's model are marked with."""
        return self._loaded.model_id

    @property
    def source(self) -> Motion:
        """The codes of the source images, one frame each."""
        return self._sources.codes

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
        composer = composer_for(
            self._reader,
            self.source,
            fps=fps,
            seed=seed,
            controls=controls or Controls(),
            progress=progress,
        )
        whole = motion if isinstance(motion, Motion) or motion is None else Motion.load(motion)
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
        whole = motion if isinstance(motion, Motion) or motion is None else Motion.load(motion)
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
        composer = composer_for(
            self._reader,
            self.source,
            fps=base.fps,
            seed=seed,
            controls=controls or Controls(),
            progress=progress,
        )
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
        composer = composer_for(
            self._reader,
            self.source,
            fps=self._reader.fps,
            seed=seed,
            controls=controls or Controls(),
            progress=progress,
        )
        whole = motion if isinstance(motion, Motion) or motion is None else Motion.load(motion)
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

    def accelerate(self) -> None:
        """Draw all later frames with OpenVINO, in full precision: CPUs are quicker with it.

        The picture stays the same within a grey level. Takes half a minute once.

        Raises:
            InputError: the avatar is not on the CPU, the extras `onnx` and `openvino` are missing,
                or the model is driven by landmark images.
        """
        from pdfgc.avatar.openvino_drawing import OpenVinoDrawing

        if self._loaded.device.type != "cpu":
            raise InputError("OpenVINO draws on the CPU; make the avatar with device='cpu'.")
        self._drawing = OpenVinoDrawing(self.model, len(self._sources.images))

    def _clip(
        self, codes: Motion, sound: Recording | None, *, crop: bool, batch: int | None
    ) -> Clip:
        if batch is not None and batch < 1:
            raise InputError(f"batch is {batch}; give at least 1.")
        return Clip(self._painter(crop=crop), codes, sound, batch or self._reader.n_drawn)

    def _painter(self, *, crop: bool) -> Painter:
        compositor = None if crop else Compositor(self._sources.images[0], self._sources.crops[0])
        return Painter(self.model, self._appearance, self._source_codes, compositor, self._drawing)

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


def _loaded(weights: Weights, device: str) -> LoadedModel:
    return weights if isinstance(weights, LoadedModel) else load_model(weights, device)
