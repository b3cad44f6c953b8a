"""Who an avatar is: its images, what the model sees in them, and what tuning changed."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch

from pdfgc.avatar.clip import Drawing, Painter
from pdfgc.avatar.controls import Progress
from pdfgc.avatar.drivers import File
from pdfgc.avatar.encoding import CodeReader, joined
from pdfgc.avatar.official import reader_for
from pdfgc.avatar.references import frames_of_person
from pdfgc.avatar.shots import pictures_of, shots_of
from pdfgc.avatar.source import Image, Sources, tuned_state
from pdfgc.compositor import Compositor
from pdfgc.errors import InputError
from pdfgc.model import TalkingHead
from pdfgc.motion import Motion
from pdfgc.tracking import Choice, FaceChoice
from pdfgc.training.finetuning import Preview, Tuning, TuningPlan, TuningResult
from pdfgc.training.tuned import TunedState
from pdfgc.weights import DEFAULT, LoadedModel, load_model

Weights = str | os.PathLike[str] | LoadedModel


class Person:
    """Who is shown: source images and what the model makes of them, kept, tuned and drawn.

    The source images are looked at once; every clip after that only draws frames.
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
    ) -> Self:
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
    ) -> Self:
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
    ) -> Self:
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

    def accelerate(self) -> None:
        """Draw all later frames with OpenVINO, in full precision: quicker for single frames.

        The picture stays the same within a grey level. Takes half a minute once.

        Raises:
            InputError: the avatar is not on the CPU, the extras `onnx` and `openvino` are missing,
                or the model is driven by landmark images.
        """
        from pdfgc.avatar.openvino_drawing import OpenVinoDrawing

        if self._loaded.device.type != "cpu":
            raise InputError("OpenVINO draws on the CPU; make the avatar with device='cpu'.")
        self._drawing = OpenVinoDrawing(self.model, len(self._sources.images))

    def _painter(self, *, crop: bool) -> Painter:
        compositor = None if crop else Compositor(self._sources.images[0], self._sources.crops[0])
        return Painter(self.model, self._appearance, self._source_codes, compositor, self._drawing)


def _loaded(weights: Weights, device: str) -> LoadedModel:
    return weights if isinstance(weights, LoadedModel) else load_model(weights, device)
