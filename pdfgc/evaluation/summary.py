"""Cases summed up: medians over clips, with bootstrap intervals that draw whole persons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pdfgc.evaluation.case import REAL, Case, Protocol
from pdfgc.evaluation.leakage import CHANNELS_OF
from pdfgc.metrics import Interval, bootstrap_median, frechet_distance

# Fewer frames than this fit no Gaussian worth its name.
_FEWEST = 8


def summarise(cases: Sequence[Case], *, seed: int = 0) -> dict[str, Any]:
    """Sum up every protocol that has cases.

    Args:
        cases: of any protocols.
        seed: of the bootstrap.

    Returns:
        By protocol: `rows` and `ratios`, each row a mapping of measures to `Interval`s, and `sets`,
        Fréchet distances by network and row. For `factors`: `change`, by row and driven factor the
        change of each factor, and `follow`, by row and driven factor `gain`, `r` and `lost`.
    """
    out: dict[str, Any] = {}
    for protocol in Protocol:
        own = [case for case in cases if case.protocol is protocol]
        if not own:
            continue
        if protocol is Protocol.FACTORS:
            out[protocol.value] = _factors(own, seed)
        else:
            out[protocol.value] = {
                "cases": len(own),
                "rows": _over(own, [case.rows for case in own], seed),
                "ratios": _over(own, [case.ratios for case in own], seed),
                "sets": _sets(own),
            }
    return out


def factor_of(case: Case) -> str:
    """The driven factor of a case of the leakage matrix."""
    return case.name.split("+")[1]


def _factors(cases: Sequence[Case], seed: int) -> dict[str, Any]:
    rows: dict[str, Any] = {
        factor: _over(own, [case.rows for case in own], seed)
        for factor in CHANNELS_OF
        if (own := [case for case in cases if factor_of(case) == factor])
    }
    names = sorted({row for each in rows.values() for row in each})
    return {
        "cases": len(cases),
        "change": {
            row: {
                factor: {column: each[row][column] for column in CHANNELS_OF}
                for factor, each in rows.items()
            }
            for row in names
        },
        "follow": {
            row: {
                factor: {name: each[row][name] for name in ("gain", "r", "lost")}
                for factor, each in rows.items()
            }
            for row in names
        },
    }


def _over(
    cases: Sequence[Case], values: Iterable[Mapping[str, Mapping[str, float]]], seed: int
) -> dict[str, dict[str, Interval]]:
    """Medians of each row and measure over the cases that have them."""
    gathered: dict[str, dict[str, tuple[list[float], list[str]]]] = {}
    for case, rows in zip(cases, values, strict=True):
        for row, measures in rows.items():
            for name, value in measures.items():
                given = gathered.setdefault(row, {}).setdefault(name, ([], []))
                given[0].append(value)
                given[1].append(case.person)
    return {
        row: {
            name: bootstrap_median(numbers, persons, seed=seed)
            for name, (numbers, persons) in measures.items()
        }
        for row, measures in gathered.items()
    }


def _sets(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Fréchet distances of all made frames to all real frames of the same moments."""
    rows: dict[str, dict[str, list[Any]]] = {}
    for case in cases:
        for row, features in case.features.items():
            for network, values in features.items():
                rows.setdefault(network, {}).setdefault(row, []).append(values)
    out: dict[str, dict[str, float]] = {}
    for network, given in rows.items():
        joined = {row: np.concatenate(parts) for row, parts in given.items()}
        for row, made in joined.items():
            # Real frames as they are stand under no name, or under that of their row.
            real = joined.get(f"{REAL} {row}", joined.get(""))
            if row and not row.startswith(f"{REAL} ") and real is not None and len(made) >= _FEWEST:
                out.setdefault(network, {})[row] = frechet_distance(made, real)
    return out
