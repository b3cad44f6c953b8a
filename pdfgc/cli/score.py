"""`pdfgc score`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pdfgc.cli.options import Json
from pdfgc.cli.printing import tell


def score(
    key: Path,
    answers: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Score what people answered in a study that pdfgc evaluate made.

    Args:
        key: study.key.json.
        answers: files that study.html saved, one for each person.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.evaluation.study import CHANCE, read_json, score_study

    found = score_study(read_json(key), [read_json(each) for each in answers])
    tell(
        asdict(found) | {"chance": CHANCE},
        f"{found.share:.2f} of {found.answers} answers found the made picture "
        f"(95 % interval {found.low:.2f} to {found.high:.2f}; chance {CHANCE:.2f})",
        as_json=as_json,
    )
