"""Who speaks is found again after a cut, and nobody else's lips are moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.dubbing import Done, Region, Speaker
from pdfgc.dubbing.person import Person
from pdfgc.media import VideoWriter, read_image, read_video
from pdfgc.tracking import Detection
from pdfgc.tracking.recognising import find_recogniser
from tests.dubbing.test_dub import drawn

LENGTH = 6


class Colours:
    """Knows people by the colour of their skin: enough for one face in two colours."""

    def seen(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        low, high = landmarks[:, :2].min(0).astype(int), landmarks[:, :2].max(0).astype(int)
        inside = image[max(0, low[1]) : high[1], max(0, low[0]) : high[0]]
        return inside.mean((0, 1)) / 60


@pytest.fixture(scope="module")
def film(portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red at the left of blue; blue at the left; red at the right; nobody; blue at red's left."""
    blue, red = portrait[:, :, ::-1].copy(), portrait
    dark, grey, light = (np.full_like(portrait, level) for level in (30, 150, 230))
    scenes = [(red, blue), (blue, dark), (grey, red), (light, light), (blue, red)]
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with VideoWriter(path, fps=25, crf=8) as writer:
        for left, right in scenes:
            for _ in range(LENGTH):
                writer.write(np.concatenate([left, right], axis=1))
    return path


def test_a_speaker_is_followed_through_cuts(film: Path, speech: Path, tiny_weights: Path) -> None:
    speakers = [Speaker(speech, 0), Speaker(speech, 1)]
    dubbing = drawn(film, tiny_weights, speakers, Region.LIPS, Colours())
    frames = [frame.image for frame in dubbing.frames()]
    assert len(frames) == 5 * LENGTH
    done = {(s.speaker, s.shot): s.done for s in dubbing.segments}
    yes, other, nobody = Done.DUBBED, Done.OTHER_PERSON, Done.NO_FACE
    assert [done[0, shot] for shot in range(5)] == [yes, other, yes, nobody, yes]
    assert [done[1, shot] for shot in range(5)] == [yes, yes, other, nobody, yes]
    # In the last shot they have changed places: red's lips are now at the right.
    alone = drawn(film, tiny_weights, speakers[:1], Region.LIPS, Colours())
    for n, (new, old) in enumerate(zip(alone.frames(), read_video(film), strict=True)):
        changed = (new.image != old.image).any((0, 2))
        half = changed[: changed.size // 2], changed[changed.size // 2 :]
        assert [bool(side.any()) for side in half] == [
            [True, False],
            [False, False],
            [False, True],
            [False, False],
            [False, True],
        ][n // LENGTH]


def test_without_a_recogniser_every_shot_is_chosen_anew(
    film: Path, speech: Path, tiny_weights: Path
) -> None:
    dubbing = drawn(film, tiny_weights, [Speaker(speech, 0)], Region.LIPS)
    list(dubbing.frames())
    assert [s.done for s in dubbing.segments if s.shot != 3] == [Done.DUBBED] * 4


def test_a_person_is_learned_and_forgotten(portrait: NDArray[np.uint8]) -> None:
    landmarks = np.array([[0, 0, 0], [256, 256, 0]], np.float32)
    face = Detection.from_landmarks(landmarks, 1.0)
    person = Person(Colours())
    person.watch(portrait, face)
    person.forget()
    person.settle()
    assert not person.known
    person.watch(portrait, face)
    person.settle()
    person.forget()  # what is known stays
    assert person.known
    assert person.among(portrait, [face]) is face
    assert person.among(255 - portrait, [face]) is None
    assert person.among(portrait, []) is None


def test_the_recogniser_knows_a_face_again(portrait: NDArray[np.uint8], face_image: Path) -> None:
    recogniser = find_recogniser()
    if recogniser is None:
        pytest.skip("the extra identity is not installed")
    from pdfgc.tracking import MediaPipeBackend

    backend, large = MediaPipeBackend(), read_image(face_image)
    vectors = [
        recogniser.seen(image, backend.detect(np.ascontiguousarray(image))[0].landmarks)
        for image in (portrait, large, portrait[:, ::-1])
    ]
    assert all(np.linalg.norm(each - vectors[0]) < 0.5 for each in vectors)
