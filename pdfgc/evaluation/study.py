"""A study with people: of three pictures of one person, which one is made?

Zakharov et al., "Few-Shot Adversarial Learning of Realistic Neural Talking Head Models", ICCV 2019,
section 4.1 (user study): two pictures are real and one is made, all of one person, so that both
realism and identity can give it away. The share of right answers is the score: 1/3 says that
nothing gave it away, 1 that everything did. The paper takes the three from different videos; a
person with a single clip gives three different moments of it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from pdfgc.errors import InputError
from pdfgc.evaluation.case import Case

FORMAT = "pdfgc.study/1"
CHANCE = 1 / 3
_MOST = 60


@dataclass(frozen=True, eq=False)
class Study:
    """A page for people, and what they are not shown.

    Attributes:
        html: the page; it holds no answer.
        key: where the made pictures are.
    """

    html: str
    key: dict[str, Any]


@dataclass(frozen=True)
class StudyScore:
    """What people answered.

    Attributes:
        right: right answers.
        answers: all answers.
        share: of right answers; 1/3 by chance.
        low: lower end of the 95 % interval (Wilson's).
        high: upper end.
        persons: how many files of answers there were.
    """

    right: int
    answers: int
    share: float
    low: float
    high: float
    persons: int


def make_study(cases: Sequence[Case], *, seed: int = 0) -> Study | None:
    """Make a study of cases in which real and made frames stand for the same person.

    Args:
        cases: of self-reenactment.
        seed: of the order and of the frames.

    Returns:
        None where no case has enough frames.
    """
    rng = np.random.default_rng(seed)
    questions, rows = [], []
    usable = [case for case in cases if case.sample is not None and len(case.sample.made) >= 3]
    for case in [usable[i] for i in rng.permutation(len(usable))][:_MOST]:
        assert case.sample is not None
        first, second, third = rng.permutation(len(case.sample.made))[:3]
        others = [each for each in usable if each.person == case.person and each is not case]
        real = [case.sample.driving[first], case.sample.driving[second]]
        for place, other in enumerate(others[:2]):
            assert other.sample is not None
            real[place] = other.sample.driving[0]
        place = int(rng.integers(3))
        pictures = [*real]
        pictures.insert(place, case.sample.made[third])
        questions.append([_png(each) for each in pictures])
        videos = 1 + min(len(others), 2)
        rows.append({"case": case.name, "person": case.person, "made": place, "videos": videos})
    if not questions:
        return None
    name = hashlib.sha256(json.dumps([questions, rows]).encode()).hexdigest()[:16]
    from jinja2 import Environment

    template = (files("pdfgc.evaluation") / "study.html").read_text(encoding="utf-8")
    html = (
        Environment(autoescape=True).from_string(template).render(study=name, questions=questions)
    )
    return Study(html, {"format": FORMAT, "study": name, "chance": CHANCE, "triplets": rows})


def score_study(key: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> StudyScore:
    """Compare answers with the key.

    Args:
        key: of the study.
        answers: what the page saved, one for each person: `study` and `answers`, the chosen place
            (0 to 2) or null for each question.

    Raises:
        InputError: answers are of another study, damaged, or there are none.
    """
    made = [row["made"] for row in key["triplets"]]
    right = total = 0
    for each in answers:
        if each.get("study") != key["study"]:
            raise InputError("The answers are of another study; give those of this key.")
        given = each.get("answers")
        if not isinstance(given, list) or len(given) != len(made):
            raise InputError(f"The answers do not hold {len(made)} questions; save them again.")
        chosen = [(one, two) for one, two in zip(given, made, strict=True) if one is not None]
        right += sum(one == two for one, two in chosen)
        total += len(chosen)
    if not total:
        raise InputError("There are no answers to score; answer at least one question.")
    interval = binomtest(right, total, CHANCE).proportion_ci(method="wilson")
    return StudyScore(
        right, total, right / total, float(interval.low), float(interval.high), len(answers)
    )


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: there is no such file, or it is none.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); give another file.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds no JSON object; give another file.")
    return value


def _png(picture: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()
