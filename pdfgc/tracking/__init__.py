"""Tracking one face: landmarks, head pose, gaze, openness of the eyes, and its crop."""

from __future__ import annotations

from pdfgc.tracking.alignment import aligned_crops, whole_frame
from pdfgc.tracking.canonical import CanonicalFace, canonical_face
from pdfgc.tracking.crop import (
    crop_around,
    crop_image,
    crop_to_frame,
    frame_to_crop,
    shot_crop,
    turned_image,
)
from pdfgc.tracking.detection import Choice, Detection, FaceBackend, FaceChoice
from pdfgc.tracking.face_alignment_backend import FaceAlignmentBackend
from pdfgc.tracking.measure import (
    apertures_of,
    face_shape_of,
    fit_head,
    gaze_of,
    gaze_through_blinks,
    mouth_opening_of,
    normalise,
    openness_of,
    pose_in_crop,
    pose_of_normalised,
)
from pdfgc.tracking.mediapipe_backend import MediaPipeBackend
from pdfgc.tracking.topology import MESH_478, POINTS_68, Eye, Topology, topology_of
from pdfgc.tracking.track import FaceTrack
from pdfgc.tracking.tracker import (
    GOOD_CONFIDENCE,
    MissingPolicy,
    track_frames,
    track_image,
    track_image_file,
    track_video,
)

__all__ = [
    "GOOD_CONFIDENCE",
    "MESH_478",
    "POINTS_68",
    "CanonicalFace",
    "Choice",
    "Detection",
    "Eye",
    "FaceAlignmentBackend",
    "FaceBackend",
    "FaceChoice",
    "FaceTrack",
    "MediaPipeBackend",
    "MissingPolicy",
    "Topology",
    "aligned_crops",
    "apertures_of",
    "canonical_face",
    "crop_around",
    "crop_image",
    "crop_to_frame",
    "face_shape_of",
    "fit_head",
    "frame_to_crop",
    "gaze_of",
    "gaze_through_blinks",
    "mouth_opening_of",
    "normalise",
    "openness_of",
    "pose_in_crop",
    "pose_of_normalised",
    "shot_crop",
    "topology_of",
    "track_frames",
    "track_image",
    "track_image_file",
    "track_video",
    "turned_image",
    "whole_frame",
]
