"""Settings files: every field, for all stages or for one, and faults that are named."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

import pdfgc.config as configs
from pdfgc.config import TrainConfig
from pdfgc.errors import InputError
from pdfgc.training.settings import read_settings, settled
from pdfgc.training.stages import STAGES


def test_tables_win_over_the_top_and_options_over_both(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("batch_size = 6\nseed = 3\n[lip]\nbatch_size = 9\n")
    written = read_settings(path)
    assert settled("eye", written["eye"]).batch_size == 6
    assert settled("lip", written["lip"]).batch_size == 9
    lip = settled("lip", written["lip"], {"batch_size": 2})
    assert (lip.batch_size, lip.seed, lip.steps) == (2, 3, STAGES["lip"].defaults.steps)


def test_every_field_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    values = configs.to_json(STAGES["pose"].defaults)
    assert set(values) == {field.name for field in fields(TrainConfig)}
    path.write_text(json.dumps({"pose": values}))
    assert settled("pose", read_settings(path)["pose"]) == STAGES["pose"].defaults


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[lips]\nsteps = 1", "no stage 'lips'"),
        ("step = 1", "no setting 'step'"),
        ("steps = ", "no readable TOML"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings(path)


@pytest.mark.parametrize(
    "changes",
    [{"steps": 0}, {"steps": "many"}, {"parts": 5}, {"ema_decay": 1.5}, {"precision": "fp8"}],
)
def test_values_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="Stage lip cannot be run so"):
        settled("lip", changes)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_settings(tmp_path / "none.toml")
