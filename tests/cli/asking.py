"""Commands, asked from tests."""

from __future__ import annotations

import json

import pytest

from pdfgc.cli import run


def told(
    capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0
) -> dict[str, object]:
    """Run a command with --json and read what it printed."""
    assert run([*map(str, arguments), "--json"]) == status
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    answer: dict[str, object] = json.loads(out)
    return answer


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail, and give its one line."""
    assert run(list(map(str, arguments))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pdfgc: ")
    assert captured.err.count("\n") == 1
    return captured.err
