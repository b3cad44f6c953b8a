"""What cannot be used is refused in one line before any work, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.asking import refusal


@pytest.fixture
def here(tmp_path: Path, face_image: Path, speech: Path, tiny_weights: Path) -> Path:
    for name, real in (("a.jpg", face_image), ("s.flac", speech), ("w.safetensors", tiny_weights)):
        (tmp_path / name).symlink_to(real)
    (tmp_path / "file").write_text("a file where a folder is wanted")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "c.mp4").write_text("a name is enough")
    return tmp_path


_ANIMATE = "animate --source a.jpg --weights w.safetensors --duration 0.2 -o o.mp4"
_BENCH = "bench --source a.jpg --audio s.flac --weights w.safetensors"
_TRAIN = "train appearance --data clips --preset tiny"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (f"{_ANIMATE} --fps 0", "fps is 0.0; give a number above 0"),
        (f"{_ANIMATE} --seed -1", "seed is -1; give at least 0"),
        ("pack clips -o file", "file is a file; give a folder"),
        ("pack clips -o p --workers 0", "workers is 0; give at least 1"),
        (f"{_TRAIN} -o r --processes 0", "processes is 0; give at least 1"),
        (f"{_TRAIN} -o r --machines -1", "machines is -1; give at least 1"),
        (f"{_TRAIN} -o r --seed -1", "seed must be at least 0"),
        (f"{_TRAIN} -o file", "file is a file; give a folder"),
        ("finetune --source a.jpg -o f.mp4", "f.mp4: is no name of an avatar"),
        ("finetune --source a.jpg -o none/f.safetensors", "the folder none does not exist"),
        ("dub a.jpg --audio s.flac -o o.mp4 --report none/r.json", "the folder none does not"),
        (f"{_BENCH} --threads 0", "threads is 0; give at least 1"),
        (f"{_BENCH} --seconds -1", "seconds is -1; give a length in seconds above 0"),
        (f"{_BENCH} --memory nan", "memory is nan; give a length in seconds above 0"),
        (f"{_BENCH} -o none/b.jsonl", "the folder none does not exist"),
        ("evaluate clips -o file", "file is a file; give a folder"),
        ("evaluate clips -o ev --seed -1", "seed is -1; it must be at least 0"),
        ("evaluate clips -o ev --weights none", "none: there is no such weights file"),
        ("evaluate clips -o ev --videos none", "none: is no folder"),
    ],
)
def test_one_line_and_nothing_left(
    call: str,
    sentence: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here)
    before = sorted(here.rglob("*"))
    assert sentence in refusal(capsys, *call.split())
    assert sorted(here.rglob("*")) == before
