"""The small teachers learn, are left as a file, and teach; supplied ones are checked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pdfgc.config import PRESETS, SuppliedTeacher, TrainConfig
from pdfgc.errors import InputError
from pdfgc.teachers.own import FaceNetworks, OwnTeacher, load_teachers
from pdfgc.teachers.supplied import supplied_teacher
from pdfgc.tracking.canonical import canonical_face
from pdfgc.training.teaching import expression_signs
from pdfgc.training.trainer import train

TINY = PRESETS["tiny"]


def test_teachers_learn_and_teach(toy_pack: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        steps=60, batch_size=12, learning_rate=2e-3, warmup_steps=5, log_every=5,
        precision="32-true",
    )  # fmt: skip
    folder = train("teachers", toy_pack, tmp_path, TINY, config, device="cpu")
    lines = [json.loads(line) for line in (folder / "scalars.jsonl").read_text().splitlines()]
    for name in ("geometry", "gaze", "identity"):
        assert lines[-1][name] < 0.85 * lines[0][name], name
    assert lines[-1]["persons_right"] > 0.5, "a third would be chance"
    assert not (folder / "weights.safetensors").exists(), "no talking head was trained"
    teacher = load_teachers(folder / "teachers.safetensors")
    one = dataclasses.replace(config, steps=1, log_every=1, batch_size=4)
    after = train("appearance", toy_pack, tmp_path, TINY, one, device="cpu")
    assert json.loads((after / "scalars.jsonl").read_text())["content"] > 0
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    moved = pictures.clone().requires_grad_()
    assert teacher.difference(pictures, pictures) == pytest.approx(0, abs=1e-5)
    loss = teacher.difference(moved, -pictures)
    assert loss > 0.1
    loss.backward()
    assert moved.grad is not None
    assert moved.grad.abs().sum() > 0


def test_signs_do_not_turn_with_the_head_or_in_a_mirror() -> None:
    from pdfgc.tracking.geometry import rotation_from_angles

    face = canonical_face()
    points = face.points[None].astype(np.float32)
    turned = points @ rotation_from_angles(0.4, 0.2, -0.1).T.astype(np.float32) * 0.5
    mirrored = points[:, face.mirror] * np.array([-1, 1, 1], np.float32)
    signs = expression_signs(points)
    np.testing.assert_allclose(expression_signs(turned), signs, atol=0.01)
    np.testing.assert_allclose(expression_signs(mirrored), signs, atol=0.01)
    smile = points.copy()
    corners = face.topology.outer_lips[[0, len(face.topology.outer_lips) // 2]]
    smile[:, corners, 1] -= 0.05
    assert expression_signs(smile)[0, 2] > signs[0, 2] + 0.03


def test_random_networks_are_refused_as_a_file(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, str(tmp_path / "x.safetensors"))
    with pytest.raises(InputError, match="holds no teachers"):
        load_teachers(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no such file"):
        load_teachers(tmp_path / "y.safetensors")


def test_a_supplied_teacher_is_checked_and_teaches(tmp_path: Path) -> None:
    path = tmp_path / "gaze.pt2"
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    batch = torch.export.Dim("batch")
    exported = torch.export.export(
        network, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(exported, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    given = SuppliedTeacher(kind="gaze", path=str(path), sha256=digest, licence="MIT", side=16)
    teacher = supplied_teacher(given)
    pictures = torch.rand(3, 3, 64, 64)
    assert teacher.difference(pictures, pictures) == 0
    assert teacher.difference(pictures, pictures.flip(3)) > 0
    with pytest.raises(InputError, match="checksum"):
        supplied_teacher(dataclasses.replace(given, sha256="0" * 64))
    with pytest.raises(InputError, match="no such file"):
        supplied_teacher(dataclasses.replace(given, path="none.pt2"))
    with pytest.raises(ValueError, match="licence"):
        dataclasses.replace(given, licence=" ")


def test_a_teacher_does_not_learn() -> None:
    teacher = OwnTeacher(FaceNetworks(TINY.encoders, 478))
    assert not any(p.requires_grad for p in teacher.networks.parameters())
    assert not teacher.networks.training
