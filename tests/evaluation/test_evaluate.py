"""The whole evaluation on a tiny model: numbers, files, the page in a browser, foreign videos."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pdfgc.cli import run
from pdfgc.errors import InputError
from pdfgc.evaluation.case import MODEL, REAL, STILL, Case, Protocol
from pdfgc.evaluation.clips import ClipSet
from pdfgc.evaluation.evaluate import (
    Evaluation,
    Settings,
    evaluate,
    open_clips,
    write_tasks,
)
from pdfgc.evaluation.finished import FinishedVideos
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.leakage import CHANNELS_OF, changes
from pdfgc.evaluation.publish import publish
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.evaluation.report import about_machine
from pdfgc.evaluation.shots import split
from pdfgc.evaluation.study import make_study, score_study
from pdfgc.media import read_video, write_video
from pdfgc.tracking import MediaPipeBackend
from pdfgc.weights import load_model
from tests.evaluation.renderers import Perfect

EVERYTHING = Settings(tuple(Protocol), frames=10, clips=2, persons=1, motions=1, shots=(1, 3))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def done(pack: Path, tiny_weights: Path) -> Evaluation:
    render = CropRenderer(load_model(tiny_weights, "cpu"))
    # A tracker of its own, as a run of the command has.
    return evaluate(ClipSet(pack, 10, 2), render, Judges(MediaPipeBackend()), EVERYTHING)


@pytest.fixture(scope="module")
def published(done: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(done, about_machine() | {"system": "tiny <of> tests", "missing": ["self/x"]}, folder)
    return folder


def test_every_protocol_has_its_rows(done: Evaluation) -> None:
    # Ten frames are too short for speech.
    assert set(done.summary) == {"self", "cross", "factors", "shots"}
    for name in ("self", "cross"):
        rows = done.summary[name]["rows"]
        assert set(rows) == {REAL, STILL, MODEL}
        assert set(rows[MODEL]) == set(rows[REAL])
    assert set(done.summary["shots"]["rows"]) == {"T=1", "T=3"}
    factors = done.summary["factors"]
    assert set(factors["change"]) == {REAL, STILL, MODEL}
    assert set(factors["change"][MODEL]) == set(CHANNELS_OF)
    assert set(factors["coupling"]["lip"]) == set(CHANNELS_OF)
    assert len(done.about["data"]["digest"]) == 64


def test_two_runs_give_the_same_numbers(pack: Path, tmp_path: Path) -> None:
    # At the size of the pack: on faces of 64 px the tracker itself is not the same every time.
    settings = Settings((Protocol.SELF, Protocol.CROSS, Protocol.SHOTS), frames=10, shots=(1,))
    texts = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        judges = Judges(MediaPipeBackend())
        found = evaluate(ClipSet(pack, 10, 2), Perfect(side=256), judges, settings)
        publish(found, about_machine() | {"system": "s"}, folder)
        # All but the films, which are to look at: the encoder's bytes may differ.
        film = re.compile('data:video/mp4;base64,[^"]*')
        texts.append({path.name: film.sub("", path.read_text()) for path in folder.iterdir()})
    assert texts[0] == texts[1]
    assert len(texts[0]) == 5


def test_json_says_what_the_numbers_hang_on(published: Path, done: Evaluation) -> None:
    kept = json.loads((published / "evaluation.json").read_text())
    assert kept["settings"]["seed"] == 0
    assert kept["judges"]["tracker"]
    assert kept["data"]["keys"] == ["a", "b"]
    assert kept["versions"]["torch"]
    assert len(kept["cases"]) == len(done.cases)


@pytest.fixture(scope="module")
def page(published: Path) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no browser: install Debian's chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        # A page that needs anything from elsewhere would show it here.
        context = browser.new_context(offline=True)
        yield context.new_page()
        browser.close()


def test_the_page_shows_the_numbers_of_the_json(page: Any, published: Path) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((published / "index.html").as_uri())
    kept = json.loads((published / "evaluation.json").read_text())["protocols"]
    assert page.inner_text("h1") == "tiny <of> tests"
    for protocol in ("self", "cross"):
        for measure in ("yaw_deg", "expression", "mouth_sharpness"):
            for row in (REAL, MODEL, STILL):
                place = f'td[data-protocol="{protocol}"][data-row="{row}"]'
                shown = page.get_attribute(f'{place}[data-measure="{measure}"]', "data-value")
                wanted = kept[protocol]["rows"][row][measure]["median"]
                assert float(shown) == pytest.approx(wanted, rel=1e-5), (protocol, measure, row)
    cell = page.locator('table.matrix[data-row="model"] td[data-measure="pose>pose"]')
    wanted = kept["factors"]["change"]["model"]["pose"]["pose"]["median"]
    assert cell.inner_text().startswith(f"{wanted:.2f}")
    assert "own" in cell.get_attribute("class")
    # Pictures are inside, and are pictures.
    assert page.eval_on_selector_all(
        "section > img", "all => all.length > 2 && all.every(e => e.naturalWidth > 100)"
    )
    assert page.locator("svg.plot").count() > 10
    assert faults == []


def test_cases_on_the_page_come_worst_first(page: Any, published: Path) -> None:
    page.goto((published / "index.html").as_uri())
    chosen = 'select.sorting[data-protocol="self"]'
    for measure in (page.input_value(chosen), "psnr"):
        page.select_option(chosen, measure)
        ranks = page.eval_on_selector_all(
            '.cases[data-protocol="self"] .case',
            f"all => all.map(each => JSON.parse(each.dataset.ranks)['{measure}'])",
        )
        assert len(ranks) == 2
        assert ranks == sorted(ranks, reverse=True)
    page.eval_on_selector(".case", "each => each.open = true")
    page.eval_on_selector(".case video", "each => { each.preload = 'auto'; each.load(); }")
    page.wait_for_function("document.querySelector('.case video').readyState >= 1")
    assert page.eval_on_selector(".case video", "each => each.videoWidth") == 320


def test_the_study_is_answered_in_a_browser_and_scored(page: Any, published: Path) -> None:
    page.goto((published / "study.html").as_uri())
    key = json.loads((published / "study.key.json").read_text())
    for _ in key["triplets"]:
        question = page.locator(".question.now")
        made = key["triplets"][int(question.get_attribute("data-question"))]["made"]
        question.locator(f'button[data-place="{made}"]').click()
    answers = json.loads(page.input_value("#answers"))
    score = score_study(key, [answers])
    assert (score.right, score.answers) == (2, 2)
    assert score.share == 1


def test_a_study_tells_nobody_where_the_made_picture_is(done: Evaluation) -> None:
    study = make_study(done.of(Protocol.SELF))
    assert study is not None
    assert study.html.count("<img") == 3 * len(study.key["triplets"])
    assert '"made"' not in study.html
    wrong = [(row["made"] + 1) % 3 for row in study.key["triplets"]]
    given = {"study": study.key["study"], "answers": [wrong[0], None]}
    score = score_study(study.key, [given])
    assert (score.right, score.answers, score.low) == (0, 1, pytest.approx(0))
    # Wilson's interval, by its formula.
    assert score.high == pytest.approx(1.959964**2 / (1 + 1.959964**2), rel=1e-4)
    with pytest.raises(InputError, match="another study"):
        score_study(study.key, [given | {"study": "x"}])
    with pytest.raises(InputError, match="no answers"):
        score_study(study.key, [given | {"answers": [None, None]}])


def test_finished_videos_of_another_system_are_scored_by_the_same_rule(
    pack: Path, backend: MediaPipeBackend, tmp_path: Path
) -> None:
    settings = Settings((Protocol.SELF, Protocol.CROSS), frames=10, clips=2)
    clips = ClipSet(pack, 10, 2)
    count = write_tasks(clips, tmp_path, Judges(backend), settings)
    tasks = json.loads((tmp_path / "tasks.json").read_text())["tasks"]
    assert count == len(tasks) == 4
    videos = tmp_path / "videos"
    for task in tasks[:-1]:  # a rival that copies the driving video; one is forgotten
        assert (tmp_path / task["sources"][0]).is_file()
        place = videos / f"{task['video']}.mp4"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / task["driving"], place)
    system = FinishedVideos(videos)
    found = evaluate(clips, system, Judges(backend), settings)
    assert system.missing == [tasks[-1]["video"]]
    assert [case.name for case in found.of(Protocol.SELF)] == ["a", "b"]
    assert len(found.of(Protocol.CROSS)) == 1
    row = found.of(Protocol.SELF)[0].rows
    assert row[MODEL]["landmarks"] == pytest.approx(row[REAL]["landmarks"], abs=0.005)


def test_videos_that_do_not_fit_are_refused(
    pack: Path, backend: MediaPipeBackend, tmp_path: Path
) -> None:
    settings = Settings((Protocol.SELF,), frames=10, clips=1)
    clips, judges = ClipSet(pack, 10, 1), Judges(backend)
    (tmp_path / "self").mkdir()
    with pytest.raises(InputError, match="nothing to score"):
        evaluate(clips, FinishedVideos(tmp_path), judges, settings)
    short = [np.zeros((64, 64, 3), np.uint8)] * 5
    write_video(tmp_path / "self" / "a.mp4", iter(short), 25)
    with pytest.raises(InputError, match=r"has 5 frames.*its driving video 10"):
        evaluate(clips, FinishedVideos(tmp_path), judges, settings)
    wide = [np.zeros((64, 128, 3), np.uint8)] * 10
    write_video(tmp_path / "self" / "a.mp4", iter(wide), 25)
    with pytest.raises(InputError, match="128 x 64"):
        evaluate(clips, FinishedVideos(tmp_path), judges, settings)
    with pytest.raises(InputError, match="no folder"):
        FinishedVideos(tmp_path / "none")


def test_change_is_told_from_rest_in_natural_deviations() -> None:
    rest = {name: np.zeros(4) for names in CHANNELS_OF.values() for name in names}
    spread = dict.fromkeys(rest, 2.0)
    moved = rest | {"yaw": np.array([6.0, 6, 6, 6]), "mouth": np.array([2.0, -2, 2, -2])}
    found = changes(moved, rest, spread)
    # Three standard deviations off, on one of three axes.
    assert found["pose"] == pytest.approx(np.sqrt(9 / 3))
    assert found["lip"] == pytest.approx(1)
    assert found["gaze"] == found["blink"] == found["expression"] == 0


@pytest.mark.parametrize(("frames", "count"), [(101, 1), (101, 8), (101, 32), (64, 32), (10, 3)])
def test_held_out_frames_are_no_sources(frames: int, count: int) -> None:
    sources, targets = split(frames, count)
    assert len(sources) == count
    assert not set(sources) & set(targets)
    assert len(targets) == min(32, frames - count)
    assert len(split(count, count)[1]) == 0


def test_raw_videos_are_packed_first(face_clip: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw" / "anna"
    raw.mkdir(parents=True)
    shutil.copy(face_clip, raw / "one.mp4")
    clips = open_clips(tmp_path / "raw", tmp_path, 12, None)
    (clip,) = list(clips)
    assert clip.person == "anna"
    assert len(clip.frames) == 12
    assert open_clips(tmp_path / "raw", tmp_path, 12, None).digest == clips.digest


def test_the_command(
    pack: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["evaluate", pack, "--out", tmp_path / "out", "--weights", tiny_weights]
    call += ["--protocols", "self", "--clips", "1", "--frames", "6", "--json"]
    assert run([*map(str, call)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["files"]) >= {"evaluation.json", "index.html", "study.html"}
    films = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert films["weights"]["preset"] == "tiny"
    key = tmp_path / "out" / "study.key.json"
    assert run(["score", str(key), str(key)]) == 2
    assert "1 questions" in capsys.readouterr().err
    videos = [*map(str, call[:4]), "--videos", str(tmp_path), "--weights", "x"]
    assert run(videos) == 2
    assert "one system" in capsys.readouterr().err


def _films(case: Case) -> int:
    assert case.sample is not None
    path = Path("film.mp4")
    path.write_bytes(case.sample.film)
    return sum(1 for _ in read_video(path))


def test_films_show_every_frame(
    done: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [_films(case) for case in done.of(Protocol.SELF)] == [9, 9]
