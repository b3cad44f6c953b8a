"""Every knob moves its own channel by what was asked, and the others by less than a bound.

All of it is measured by the tracker on rendered frames. A puppet shows that the knobs themselves
do what they say; the bundled weights are held to what they can.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc import Avatar
from pdfgc.evaluation.channels import CHANNELS
from pdfgc.evaluation.knobs import KNOBS, Knob, strength_knob
from pdfgc.evaluation.knobs_report import knobs_markdown, knobs_sheet, summarise_knobs
from pdfgc.evaluation.measuring import measure
from pdfgc.evaluation.moving import NOTHING
from pdfgc.evaluation.report import write_json
from pdfgc.evaluation.turning import KnobResult, Turn, Turned, codes_of, turn_all, turn_knobs
from pdfgc.media import read_audio
from pdfgc.motion import CONTROLLED, FACE_STEP, Motion
from pdfgc.tracking import MediaPipeBackend, canonical_face
from pdfgc.weights import load_model
from tests.evaluation.knob_bounds import GOAL, MECHANISM, NOT_FOLLOWED, SPREAD, Bound
from tests.evaluation.puppet import LIP_WIDTH, Puppet, puppet_of

PERSON = "portrait"
_OPEN_MOUTH, _RAISED_BROWS = 0.3, 0.12


def strengths(source: Motion) -> tuple[Knob, Knob]:
    """Of a mouth that is open and of brows that are raised, in the puppet's codes."""
    lip, expression = np.zeros(LIP_WIDTH), np.zeros(30)
    lip[:2] = np.cos(_OPEN_MOUTH), np.sin(_OPEN_MOUTH)
    expression[0] = _RAISED_BROWS / FACE_STEP
    return (
        strength_knob("lip", source.replace(lip=lip), {"mouth": _OPEN_MOUTH}),
        strength_knob(
            "expression",
            source.replace(expression=expression),
            {"brow": _RAISED_BROWS, "corners": 0.01},
        ),
    )


def run(avatar: Avatar, knobs: list[Knob], backend: MediaPipeBackend, period: int) -> list[Turned]:
    held = avatar.animate(motion=codes_of(avatar, [Turn()]), crop=True)
    still = measure(np.stack(list(held.frames())), 25, backend)
    assert still is not None
    return turn_knobs(
        avatar, knobs, person=PERSON, still=still,
        open_eye=np.full(2, canonical_face().open_eye), spread=SPREAD, backend=backend,
        period=period,
    )  # fmt: skip


@pytest.fixture(scope="module")
def puppet(face_image: Path, backend: MediaPipeBackend) -> Avatar:
    return puppet_of(face_image, backend)


@pytest.fixture(scope="module")
def result(puppet: Avatar, backend: MediaPipeBackend) -> KnobResult:
    turned = run(puppet, [*KNOBS, *strengths(puppet.source)], backend, 8)
    return KnobResult(turned, SPREAD, {PERSON: next(puppet.animate(crop=True).frames())})


def of(result: KnobResult, name: str) -> Turned:
    return next(each for each in result.turned if each.moved.factor == name)


def test_all_knobs_have_bounds(result: KnobResult) -> None:
    names = {each.moved.factor for each in result.turned} - {NOTHING}
    assert set(MECHANISM) == names
    assert set(GOAL) | {"expression strength"} == names
    assert set(GOAL) >= NOT_FOLLOWED
    assert set(SPREAD) == set(CHANNELS)


@pytest.mark.parametrize("name", MECHANISM)
def test_a_knob_moves_its_own_and_no_other(result: KnobResult, name: str) -> None:
    assert MECHANISM[name].broken_by(of(result, name)) == []


def test_nothing_moves_when_nothing_is_asked(result: KnobResult) -> None:
    assert max(of(result, NOTHING).moved.movement.values()) < 0.15


def test_a_picture_that_cannot_move_breaks_every_bound(
    face_image: Path, backend: MediaPipeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(self: Puppet, code: np.ndarray) -> np.ndarray:
        return self._picture

    monkeypatch.setattr(Puppet, "_bent", deaf)
    avatar = puppet_of(face_image, backend)
    for turned in run(avatar, [*KNOBS, *strengths(avatar.source)], backend, 4)[1:]:
        for table in (MECHANISM, GOAL):
            bound = table.get(turned.moved.factor)
            assert bound is None or bound.broken_by(turned)


def test_a_leak_breaks_a_bound(
    result: KnobResult, puppet: Avatar, backend: MediaPipeBackend
) -> None:
    def leaking(source: Motion, value: float) -> Turn:
        turn = KNOBS[0].turn(source, value)
        return Turn(turn.drivers, KNOBS[3].turn(source, value).controls)

    knob = Knob(KNOBS[0].sweep, leaking, "yaw", "°")
    (_, turned) = run(puppet, [knob], backend, 8)
    assert of(result, "yaw").leak[0] != "x"
    assert turned.leak[0] == "x"
    assert MECHANISM["yaw"].broken_by(turned)


def test_each_knob_changes_the_codes_of_one_factor_only(puppet: Avatar) -> None:
    kept = codes_of(puppet, [Turn()])
    for knob in (*KNOBS, *strengths(puppet.source)):
        moved = codes_of(puppet, [knob.turn(puppet.source, 0.4)])
        changed = [
            factor
            for factor in CONTROLLED
            if np.abs(moved.rows(factor) - kept.rows(factor)).max() > 1e-6
        ]
        assert len(changed) == 1, knob.name


def test_eyes_that_hold_the_camera_do_so_on_the_frames(
    puppet: Avatar, backend: MediaPipeBackend
) -> None:
    turn = [(0.0, (np.radians(-15), 0.0, 0.0)), (1.0, (np.radians(15), 0.0, 0.0))]

    def against_the_head(gaze: object) -> float:
        """By how much gaze turns back while the head turns on: 1 holds the camera."""
        clip = puppet.animate(
            pose=turn, gaze=gaze, blink="keep", lip="keep", crop=True,  # type: ignore[arg-type]
        )  # fmt: skip
        seen = measure(np.stack(list(clip.frames())), clip.fps, backend)
        assert seen is not None
        return -float(np.polyfit(seen.pose[:, 0], seen.gaze[:, 0], 1)[0])

    # The tracker sees too little of the head's turn, and counts the rest as gaze.
    assert against_the_head("camera") > against_the_head((0.0, 0.0)) + 0.4


def test_bounds_are_exact(result: KnobResult) -> None:
    turned = of(result, "roll")
    gain, leak = turned.moved.gain, turned.leak[1]
    assert Bound((gain, gain), turned.moved.r, leak).broken_by(turned) == []
    faults = Bound((gain + 0.1, 9), 1.01, leak - 0.01).broken_by(turned)
    assert [fault.split()[0] for fault in faults] == ["gain", "correlation", turned.leak[0]]


def test_the_table_says_what_was_asked_and_measured(result: KnobResult, tmp_path: Path) -> None:
    summary = summarise_knobs(result)
    text = knobs_markdown(summary)
    assert "| yaw | -20.0 to +20.0 ° |" in text
    # Relative knobs are measured against the frame on which nothing is asked.
    (low, seen_low), (high, seen_high) = zip(*of(result, "zoom").ends(), strict=True)
    assert (low, high) == pytest.approx((-10, 10))
    assert seen_low < -6 < 6 < seen_high
    write_json(summary, tmp_path / "knobs.json")
    kept = json.loads((tmp_path / "knobs.json").read_text())
    assert kept["knobs"]["lip strength"]["asked"][1]["median"] == pytest.approx(0.45)
    assert set(kept["knobs"]["yaw"]["movement"]) == set(CHANNELS)
    assert knobs_sheet(result, 32).shape == (32, 32 * (1 + 2 * len(MECHANISM)), 3)


@pytest.mark.slow
def test_the_protocol_runs_on_a_pack(
    pack: Path, tiny_weights: Path, backend: MediaPipeBackend
) -> None:
    loaded = load_model(tiny_weights, "cpu")
    result = turn_all(pack, loaded, backend=backend, persons=1)
    names = [each.moved.factor for each in result.turned]
    assert names == [NOTHING, *MECHANISM]
    assert list(result.sources) == ["P1"]


# The bundled weights -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled(face_image: Path, speech: Path, backend: MediaPipeBackend) -> dict[str, Turned]:
    torch.set_num_threads(1)
    avatar = Avatar.from_images(face_image, device="cpu")
    spoken = avatar.motion(audio=read_audio(speech)[: 3 * 16_000])
    # The sound at which the lips are furthest from rest; real lips open by about as much.
    far = int(np.argmin(spoken.lip @ avatar.model.rest_lip.numpy()))
    lip = strength_knob("lip", spoken.take([far]), {"mouth": _OPEN_MOUTH})
    turned = run(avatar, [*KNOBS, lip], backend, 8)
    return {each.moved.factor: each for each in turned}


@pytest.mark.slow
@pytest.mark.parametrize("name", GOAL)
def test_the_bundled_weights_follow(
    bundled: dict[str, Turned], name: str, request: pytest.FixtureRequest
) -> None:
    if name in NOT_FOLLOWED:
        reason = "the bundled weights fall short here; see the model card"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=False))
    assert GOAL[name].broken_by(bundled[name]) == []
