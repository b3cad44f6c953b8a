"""Weights come back as they were saved, and nothing else is loaded."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pdfgc import weights
from pdfgc.config import PRESETS
from pdfgc.encoders import Appearance
from pdfgc.errors import InputError
from pdfgc.model import TalkingHead, build_model
from pdfgc.motion import code_width
from pdfgc.weights import add_to_manifest, find_device, load_model, save_model


@pytest.fixture
def saved(tiny_model: TalkingHead, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_model(tiny_model, path, {"steps": 7})
    return path


def _rewrite(path: Path, **changes: object) -> Path:
    """The same file with tensors replaced (None: left out) and its id made right again."""
    with safe_open(path, framework="pt") as file:
        head = json.loads(file.metadata()["pdfgc"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for key, value in changes.items():
        tensors.pop(key, None)
        if value is not None:
            tensors[key] = value
    head["model_id"] = weights._model_id(head["config"], tensors)
    save_file(tensors, path, {"pdfgc": json.dumps(head)})
    return path


def test_round_trip_in_full_precision_is_exact(tiny_model: TalkingHead, tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    model_id = save_model(tiny_model, path, {"steps": 7}, half=False)
    loaded = load_model(path, "cpu")
    assert loaded.model_id == model_id
    assert len(model_id) == 16
    assert loaded.training == {"steps": 7}
    assert loaded.model.config == tiny_model.config
    for name, value in tiny_model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name


def test_weights_that_were_loaded_are_saved_as_they_were(saved: Path, tmp_path: Path) -> None:
    loaded = load_model(saved, "cpu")
    again = tmp_path / "again.safetensors"
    # On a CPU they lie in another order in memory, which no file shows.
    assert not all(value.is_contiguous() for value in loaded.model.parameters())
    assert save_model(loaded.model, again, {"steps": 7}) == loaded.model_id
    assert again.read_bytes() == saved.read_bytes()


def test_half_precision_is_half_the_size_and_comes_back_as_float32(
    tiny_model: TalkingHead, saved: Path, tmp_path: Path
) -> None:
    full = tmp_path / "full.safetensors"
    save_model(tiny_model, full, {}, half=False)
    assert saved.stat().st_size < 0.65 * full.stat().st_size
    model = load_model(saved, "cpu").model
    assert not model.training
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad
        expected = tiny_model.get_parameter(name).half().float()
        assert torch.equal(parameter, expected)


def test_id_stands_for_weights_and_config(tiny_model: TalkingHead, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    before = save_model(tiny_model, path, {})
    assert save_model(tiny_model, path, {"other": "facts"}) == before
    tiny_model.rest_lip[0] += 1
    assert save_model(tiny_model, path, {}) != before


def test_names_keys_that_do_not_fit(saved: Path) -> None:
    _rewrite(saved, rest_lip=None, stranger=torch.zeros(1), free_eye=torch.zeros(3))
    with pytest.raises(InputError, match=r"missing rest_lip; unexpected stranger; .*free_eye"):
        load_model(saved, "cpu")


def test_refuses_changed_weights(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(InputError, match="changed after they were saved"):
        load_model(saved, "cpu")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_refuses_cut_off_files(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged, cut off or no safetensors"):
        load_model(saved, "cpu")


def test_refuses_foreign_files(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign)
    with pytest.raises(InputError, match="holds no pdfgc weights"):
        load_model(foreign, "cpu")
    text = tmp_path / "notes.txt"
    text.write_text("hello, this is no file of weights")
    with pytest.raises(InputError, match="no safetensors file"):
        load_model(text, "cpu")


def test_never_loads_pickle(tmp_path: Path) -> None:
    new, old = tmp_path / "new.pth", tmp_path / "old.pth"
    torch.save({"weight": torch.zeros(2)}, new)
    old.write_bytes(pickle.dumps({"weight": 1}))
    for path in (new, old):
        with pytest.raises(InputError, match="is a pickle"):
            load_model(path, "cpu")


def test_missing_file_and_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights file"):
        load_model(tmp_path / "none.safetensors", "cpu")
    with pytest.raises(InputError, match="is a folder"):
        load_model(tmp_path, "cpu")


def test_small_weights_load_into_the_larger_model(tmp_path: Path) -> None:
    small = build_model(PRESETS["fast-128"]).eval().requires_grad_(False)
    path = tmp_path / "small.safetensors"
    model_id = save_model(small, path, {}, half=False)
    loaded = load_model(path, "cpu", preset="fast")
    assert loaded.model_id == model_id
    assert loaded.model.config == PRESETS["fast"]

    images = torch.rand(1, 1, 3, 256, 256) * 2 - 1
    width = code_width(small.config.encoders.lip_width)
    source, driving = torch.randn(1, 1, width), torch.randn(1, width)
    large = loaded.model.generator(loaded.model.encoders.appearance(images), source, driving)
    shrunk = torch.nn.functional.interpolate(images[0], size=128, mode="area")[None]
    look: Appearance = small.encoders.appearance(shrunk)
    little = small.generator(look, source, driving)
    again = torch.nn.functional.interpolate(
        little.flows[-1].field[:, 0], size=256, mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(large.flows[-1].field[:, 0], again, atol=1e-5, rtol=1e-4)
    with pytest.raises(InputError, match="do not fit into preset tiny"):
        load_model(path, "cpu", preset="tiny")
    with pytest.raises(InputError, match="no preset 'huge'"):
        load_model(path, "cpu", preset="huge")


def test_manifest_names_and_guards_packaged_weights(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_weights_folder", lambda: saved.parent)
    assert weights.packaged() == {}
    with pytest.raises(InputError, match="packaged: none"):
        load_model(device="cpu")
    entry = add_to_manifest(
        saved.parent, saved.name, name="default", preset="tiny", licence="Apache-2.0"
    )
    add_to_manifest(saved.parent, saved.name, name="default", preset="tiny", licence="Apache-2.0")
    assert weights.packaged() == {"default": entry}
    assert load_model(device="cpu").path == saved
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(InputError, match="sha256 differs"):
        load_model(device="cpu")
    saved.unlink()
    with pytest.raises(InputError, match="packaged weights are missing"):
        load_model(device="cpu")


def test_devices() -> None:
    assert find_device("cpu").type == "cpu"
    assert find_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(InputError, match="no device 'tpu'"):
        find_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no cuda device"):
            find_device("cuda")
