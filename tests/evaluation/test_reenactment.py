from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.evaluation.case import MODEL, REAL, SHUFFLED, STILL, Case, Protocol
from pdfgc.evaluation.clips import ClipSet, read_clips
from pdfgc.evaluation.judges import Judges, OwnSync
from pdfgc.evaluation.reenactment import reenact
from pdfgc.evaluation.rendering import CropRenderer, Drive, Render
from pdfgc.evaluation.report import (
    as_json,
    as_markdown,
    contact_sheet,
    origin,
    write_json,
    write_picture,
)
from pdfgc.evaluation.summary import summarise
from pdfgc.tracking import MediaPipeBackend
from pdfgc.weights import load_model
from tests.evaluation.renderers import Nothing, Perfect, Still

# What the clip changes by much more than the tracker errs.
ERRORS = ("l1", "landmarks", "roll_deg")


def _run(pack: Path, render: Render, backend: MediaPipeBackend, frames: int = 31) -> Case:
    return reenact(ClipSet(pack, frames, 1), render, Judges(backend), protocols=[Protocol.SELF])[0]


def test_the_real_frames_score_best(pack: Path, backend: MediaPipeBackend) -> None:
    result = _run(pack, Perfect(), backend)
    assert result.frames == 30
    assert result.rows[MODEL] == pytest.approx(result.rows[REAL], nan_ok=True)
    for name in ERRORS:
        assert result.ratios[MODEL][name] < 0.5, name
    real = result.rows[REAL]
    assert real["roll_r"] > 0.95
    assert real["ssim"] > 0.9
    assert real["lost"] == 0
    # The portrait does not blink, speak or turn its eyes: nothing to correlate with.
    assert np.isnan([real[name] for name in ("blink_f1", "mouth_r", "gaze_yaw_r")]).all()


def test_a_still_face_gains_nothing(pack: Path, backend: MediaPipeBackend) -> None:
    result = _run(pack, Still(), backend)
    for name in ERRORS:
        assert result.ratios[MODEL][name] == pytest.approx(1, abs=0.1), name
    assert result.rows[STILL]["roll_r"] == 0
    assert result.rows[STILL]["jitter"] == pytest.approx(0, abs=1e-9)


def test_frames_without_a_face_count_as_held_still(pack: Path, backend: MediaPipeBackend) -> None:
    result = _run(pack, Nothing(), backend)
    assert result.rows[MODEL]["lost"] == 1
    assert np.isnan(result.rows[MODEL]["jitter"])
    for name in ("landmarks", "mouth", "yaw_deg", "gaze_deg", "openness"):
        assert result.ratios[MODEL][name] == pytest.approx(1), name
    assert result.rows[MODEL]["roll_r"] == 0
    assert result.ratios[MODEL]["l1"] > 1


def test_model_runs_through_the_whole_report(
    pack: Path, tiny_weights: Path, backend: MediaPipeBackend, tmp_path: Path
) -> None:
    loaded = load_model(tiny_weights, "cpu")
    lines: list[str] = []
    render = CropRenderer(loaded)
    judges = Judges(backend, sync=OwnSync(loaded))
    cases = reenact(ClipSet(pack, 76), render, judges, progress=lines.append)
    assert len(lines) == 3
    # Two clips have sound that fits; each hears the other's where the audio is shuffled.
    assert [(each.protocol.value, each.name) for each in cases] == [
        *(("self", "a"), ("audio", "a"), ("self", "b"), ("audio", "b"), ("self", "c"))
    ]
    spoken = cases[1]
    assert set(spoken.rows) == {REAL, STILL, MODEL, SHUFFLED, "loudness"}
    assert spoken.rows[STILL]["mouth_r"] == 0
    assert np.isfinite(spoken.rows[REAL]["sync_confidence"])
    summary = summarise(cases)
    table = as_markdown(summary)
    for title in ("PSNR", "MS-SSIM", "held still", "shuffled audio", "loudness", "Fréchet"):
        assert title in table
    document = as_json(cases, summary, origin(loaded) | {"judges": judges.about()})
    write_json(document, tmp_path / "run.json")
    kept = json.loads((tmp_path / "run.json").read_text())
    assert kept["weights"]["model_id"] == loaded.model_id
    assert len(kept["weights"]["sha256"]) == 64
    assert kept["versions"]["torch"]
    found = kept["protocols"]["self"]
    assert found["rows"][REAL]["l1"]["n"] == 3
    assert found["rows"][REAL]["l1"]["groups"] == 2
    assert found["rows"][REAL]["blink_f1"]["median"] is None
    assert found["sets"]["texture"][REAL] < found["sets"]["texture"][MODEL]
    assert str(tiny_weights.parent) not in json.dumps(kept)
    sheet = contact_sheet([each for each in cases if each.protocol is Protocol.SELF])
    assert sheet is not None
    write_picture(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        # Two persons side by side: source and five frames each, real above made.
        assert picture.size == (2 * 6 * 64, 2 * 64)


def test_renderer_drives_lips_by_sound(pack: Path, tiny_weights: Path) -> None:
    render = CropRenderer(load_model(tiny_weights, "cpu"))
    clip = next(read_clips(pack, 10))
    wave = ClipSet(pack, 10).sounds(5)["a"].wave
    assert len(wave) == 10 * 640
    seen = render(Drive(clip.frames[0], clip.frames))
    heard = render(Drive(clip.frames[0], clip.frames, wave))
    assert seen.shape == heard.shape == (10, 64, 64, 3)
    assert seen.dtype == np.uint8
    assert (seen != heard).any()
    again = CropRenderer(render.loaded, batch=3)(Drive(clip.frames[0], clip.frames))
    assert np.abs(again.astype(int) - seen).max() <= 1


def test_lag_is_taken_out(pack: Path) -> None:
    sounds = ClipSet(pack, 76).sounds(75)
    assert set(sounds) == {"a", "b"}
    # b is 40 ms early: silence stands before it.
    assert (sounds["b"].wave[:640] == 0).all()
    assert sounds["b"].wave[640:] == pytest.approx(sounds["a"].wave[:-640])
    assert ClipSet(pack, 50).sounds(75) == {}


def test_no_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shards"):
        ClipSet(tmp_path)


def test_every_person_comes_before_any_comes_twice(pack: Path) -> None:
    assert ClipSet(pack, limit=2).keys == ["a", "b"]
    assert ClipSet(pack, limit=9).keys == ["a", "b", "c"]
