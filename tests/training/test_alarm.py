"""The alarm rings once, late enough, and not for what has learned."""

from __future__ import annotations

import logging

import pytest

from pdfgc.training.alarm import ChanceAlarm


def test_chance_rings_once(caplog: pytest.LogCaptureFixture) -> None:
    alarm = ChanceAlarm(after=20, gain=0.05, window=3)
    with caplog.at_level(logging.WARNING):
        rings = [
            alarm.check(step, {"retrieval": 0.11, "chance": 0.1})["at_chance"]
            for step in (10, 20, 30)
        ]
    assert rings == [0.0, 1.0, 1.0]
    assert len(caplog.records) == 1
    assert "sits at chance" in caplog.text


def test_what_has_learned_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    alarm = ChanceAlarm(after=0, gain=0.05, window=3)
    with caplog.at_level(logging.WARNING):
        assert alarm.check(1, {"retrieval": 0.3, "chance": 0.1}) == {"at_chance": 0.0}
        assert alarm.check(2, {"loss": 1.0}) == {}
    assert not caplog.records
