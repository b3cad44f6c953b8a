"""The default backend: mediapipe's face mesh with irises; its models come inside its wheel."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.tracking.detection import Detection, box_of
from pdfgc.tracking.topology import MESH_478, Topology

# Regions around a face, in sides of its box: for a fresh look, and for following it.
_LOOK, _FOLLOW = 2.0, 2.4
# The score is looked up anew after this many followed frames.
_RESCORE_EVERY = 12
# What a followed face is worth when the detector does not see it (turned away, covered).
_UNSEEN_SCORE = 0.5
_MAX_FACES = 8
# Tiles below this side are not worth a look (px).
_MIN_TILE = 160

Region = tuple[int, int, int, int]


class MediaPipeBackend:
    """478 landmarks per face on the CPU, about 5 ms per followed frame.

    A coarse detector finds faces of any size; the mesh then looks at a region around one face, so
    that small faces in large frames are tracked as well as large ones. Following uses mediapipe's
    own tracking inside a region that stands still as long as the face stays in it.

    Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs",
    2019; Grishchenko et al., "Attention Mesh", 2020.
    """

    name = "mediapipe-face-mesh"
    topology: Topology = MESH_478

    def __init__(self, *, min_score: float = 0.4) -> None:
        """Load the models.

        Args:
            min_score: faces below this detector score are not reported.

        Raises:
            InputError: mediapipe or a system library that it needs is missing.
        """
        # Its start-up notes would drown our own messages.
        os.environ.setdefault("GLOG_minloglevel", "2")
        try:
            from mediapipe.python.solutions.face_detection import FaceDetection
            from mediapipe.python.solutions.face_mesh import FaceMesh
        except ImportError as error:
            raise InputError(
                f"mediapipe cannot be imported ({error}); install it with "
                "`pip install 'mediapipe>=0.10.14,<0.10.30'` (Python below 3.13), and libGL "
                "(Debian: libgl1) where that is missing."
            ) from error
        self._detectors: list[Any] = [
            FaceDetection(model_selection=model, min_detection_confidence=min_score)
            for model in (0, 1)
        ]
        mesh: dict[str, Any] = {"max_num_faces": 1, "refine_landmarks": True}
        self._still = FaceMesh(static_image_mode=True, min_detection_confidence=0.3, **mesh)
        self._moving = FaceMesh(
            static_image_mode=False,
            min_detection_confidence=0.3,
            min_tracking_confidence=0.5,
            **mesh,
        )
        # A graph that is dropped without this keeps its threads, and 70 MB.
        graphs = (*self._detectors, self._still, self._moving)
        weakref.finalize(self, _close, graphs).atexit = False
        self._region: Region | None = None
        self._region_side = 0.0
        self._score = 0.0
        self._age = 0

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All faces of an image, the largest first.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        found: list[Detection] = []
        for box, score in self._boxes(image):
            region = _region_around(box, _LOOK, image.shape)
            landmarks = _mesh_in(self._still, image, region)
            if landmarks is not None and not _already(found, landmarks):
                found.append(Detection.from_landmarks(landmarks, score))
        if not found:
            # The mesh's own detector sometimes sees what the coarse ones miss.
            landmarks = _mesh_in(self._still, image, _whole(image.shape))
            if landmarks is not None:
                found.append(Detection.from_landmarks(landmarks, _UNSEEN_SCORE))
        return sorted(found, key=lambda detection: -detection.area)

    def follow(self, image: NDArray[np.uint8], previous: Detection) -> Detection | None:
        """The same face one frame later, or None when it is lost."""
        if self._region is None or not self._fits(previous.box, image.shape):
            self._region = _region_around(previous.box, _FOLLOW, image.shape)
            self._region_side = _side(previous.box)
            self._moving.reset()
            self._score = previous.score
            self._age = 0
        landmarks = _mesh_in(self._moving, image, self._region)
        if landmarks is None:
            self.reset()
            return None
        self._age += 1
        if self._age % _RESCORE_EVERY == 0:
            self._score = self._rescored(image, self._region)
        return Detection.from_landmarks(landmarks, self._score)

    def reset(self) -> None:
        """Forget the region that was followed."""
        self._region = None

    def _boxes(self, image: NDArray[np.uint8]) -> list[tuple[NDArray[np.float32], float]]:
        """Coarse XYXY boxes with scores: over the whole image, else tile by tile."""
        for regions in _views(image.shape):
            for detector in self._detectors:
                boxes = [box for region in regions for box in _boxes_in(detector, image, region)]
                if boxes:
                    return boxes
        return []

    def _rescored(self, image: NDArray[np.uint8], region: Region) -> float:
        left, top, right, bottom = region
        view = np.ascontiguousarray(image[top:bottom, left:right])
        detections = self._detectors[0].process(view).detections or []
        return max([_UNSEEN_SCORE, *(float(found.score[0]) for found in detections)])

    def _fits(self, box: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
        """Whether the followed region still holds this box with room to move."""
        assert self._region is not None
        margin = 0.25 * _side(box)
        for low, high, start, end, limit in (
            (box[0], box[2], self._region[0], self._region[2], shape[1]),
            (box[1], box[3], self._region[1], self._region[3], shape[0]),
        ):
            if (start > 0 and low - start < margin) or (end < limit and end - high < margin):
                return False
        return 0.6 < _side(box) / self._region_side < 1.6


def _close(graphs: tuple[Any, ...]) -> None:
    for graph in graphs:
        graph.close()


def _side(box: NDArray[np.float32]) -> float:
    return float(max(box[2] - box[0], box[3] - box[1], 1.0))


def _whole(shape: tuple[int, ...]) -> Region:
    return (0, 0, shape[1], shape[0])


def _views(shape: tuple[int, ...]) -> Iterator[list[Region]]:
    """The whole image, then overlapping square tiles, smaller and smaller.

    The detectors see any view at 128 or 192 px: a face of a twentieth of the width is too small
    for them.
    """
    height, width = shape[:2]
    yield [_whole(shape)]
    for side in (min(height, width), min(height, width) // 2):
        if side < _MIN_TILE or side >= max(height, width):
            continue
        columns, rows = (
            np.linspace(0, length - side, 1 + int(np.ceil((length - side) / (side / 2))))
            for length in (width, height)
        )
        yield [
            (int(left), int(top), int(left) + side, int(top) + side)
            for top in rows
            for left in columns
        ]


def _boxes_in(
    detector: Any, image: NDArray[np.uint8], region: Region
) -> list[tuple[NDArray[np.float32], float]]:
    left, top, right, bottom = region
    view = np.ascontiguousarray(image[top:bottom, left:right])
    boxes = []
    for detection in (detector.process(view).detections or [])[:_MAX_FACES]:
        box = detection.location_data.relative_bounding_box
        corners = np.array(
            [[box.xmin, box.ymin], [box.xmin + box.width, box.ymin + box.height]], np.float32
        )
        placed = corners * (right - left, bottom - top) + (left, top)
        boxes.append((placed.ravel().astype(np.float32), float(detection.score[0])))
    return boxes


def _region_around(box: NDArray[np.float32], factor: float, shape: tuple[int, ...]) -> Region:
    half = factor * _side(box) / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    height, width = shape[:2]
    left, right = max(0, int(x - half)), min(width, int(x + half) + 1)
    top, bottom = max(0, int(y - half)), min(height, int(y + half) + 1)
    if (
        right - left < 16
        or bottom - top < 16
        or (right - left) * (bottom - top) > 0.7 * (width * height)
    ):
        return _whole(shape)
    return (left, top, right, bottom)


def _mesh_in(mesh: Any, image: NDArray[np.uint8], region: Region) -> NDArray[np.float32] | None:
    left, top, right, bottom = region
    view = np.ascontiguousarray(image[top:bottom, left:right])
    faces = mesh.process(view).multi_face_landmarks
    if not faces:
        return None
    # z is given in units of the width, like x.
    points = np.array([(p.x, p.y, p.z) for p in faces[0].landmark], np.float32)
    width, height = right - left, bottom - top
    scaled = points * np.array([width, height, width], np.float32)
    return scaled + np.array([left, top, 0], np.float32)


def _already(found: list[Detection], landmarks: NDArray[np.float32]) -> bool:
    """Whether this face was found through another box."""
    box = box_of(landmarks)
    centre = (box[:2] + box[2:]) / 2
    return any(
        bool(np.linalg.norm((other.box[:2] + other.box[2:]) / 2 - centre) < 0.4 * _side(other.box))
        for other in found
    )
