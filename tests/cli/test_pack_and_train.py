from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.asking import refusal


def test_pack_and_train_refuse_what_is_not_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert "is no folder" in refusal(capsys, "pack", tmp_path / "nix", "--out", out)
    assert "holds no video" in refusal(capsys, "pack", tmp_path, "--out", out)
    assert "no such file" in refusal(capsys, "pack", tmp_path, "--manifest", "m.csv", "--out", out)
    train = ("--data", tmp_path, "--out", out)
    assert "no stage 'alle'" in refusal(capsys, "train", "alle", *train)
    assert "no preset 'x'" in refusal(capsys, "train", "lip", *train, "--preset", "x")
    assert "steps" in refusal(capsys, "train", "lip", *train, "--steps", 0)
