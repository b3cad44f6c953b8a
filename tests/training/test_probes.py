"""Probes find what is in a code, and nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from pdfgc.training import probes
from pdfgc.training.probes import Probe, probe, write_probes
from pdfgc.training.sampler import Sampler


def model() -> Any:
    """A model whose expression code is its feature."""
    encoders = SimpleNamespace(expression=lambda window: window[:, window.shape[1] // 2])
    return SimpleNamespace(encoders=encoders, config=SimpleNamespace(expression_window=13))


def test_a_leak_is_found_and_noise_is_not(toy_sampler: Sampler) -> None:
    count = len(toy_sampler.bank.frames)
    noise = torch.randn(count, 6)
    lip = torch.randn(count, 4)
    # The code holds the yaw, squared, and nothing else.
    leak = noise.clone()
    leak[:, 0] = torch.from_numpy(toy_sampler.bank.pose[:, 0]) * 10
    for code, told in ((noise, False), (leak, True)):
        found = {(p.factor, p.kind): p for p in probe(model(), toy_sampler, code, lip)}
        assert set(found) == {(f, k) for f in ("lip", "pose", "eye") for k in ("ridge", "mlp")}
        assert found["lip", "ridge"].r2 < 0.1
        assert (found["pose", "ridge"].r2 > 0.25) == told
        assert found["pose", "ridge"].shuffled_r2 < 0.1


def test_the_small_network_reads_what_is_bent() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(3000, 3))
    wanted = np.abs(seen[:, :1]) - np.abs(seen[:, :1]).mean()
    linear = probes._ridge(seen[:2000], wanted[:2000], seen[2000:])
    bent = probes._mlp(seen[:2000], wanted[:2000], seen[2000:])
    assert probes._explained(wanted[2000:], linear) < 0.05
    assert probes._explained(wanted[2000:], bent) > 0.8


def test_ridge_is_ridge() -> None:
    rng = np.random.default_rng(0)
    seen, asked = rng.normal(size=(200, 5)), rng.normal(size=(50, 5))
    wanted = seen @ rng.normal(size=(5, 2)) + rng.normal(size=(200, 2))
    reference = Ridge(alpha=1.0, fit_intercept=False).fit(seen / seen.std(0), wanted)
    guess = probes._ridge(seen, wanted, asked)
    np.testing.assert_allclose(guess, reference.predict(asked / seen.std(0)), atol=1e-6)


def test_the_report_is_read_back(tmp_path: Path) -> None:
    write_probes((Probe("lip", "ridge", 0.25, 0.01),), tmp_path)
    assert json.loads((tmp_path / "probes.json").read_text())[0]["r2"] == pytest.approx(0.25)
    assert "| lip | ridge | 0.250 | 0.010 |" in (tmp_path / "probes.md").read_text()
