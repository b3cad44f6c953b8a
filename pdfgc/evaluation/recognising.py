"""How like a person faces are, by a recogniser that has trained nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics import cosine_similarity, normalised_similarity
from pdfgc.tracking.recognising import Floats
from pdfgc.tracking.recognising import Recogniser as Recogniser
from pdfgc.tracking.recognising import find_recogniser as find_recogniser


@dataclass(frozen=True, eq=False)
class Identity:
    """How like a person faces are, between other persons' level and the person's own.

    Attributes:
        recogniser: gives the vectors.
        faces: one real face of each person, (D,).
    """

    recogniser: Recogniser
    faces: Mapping[str, Floats]

    def vectors(
        self, pictures: NDArray[np.uint8], landmarks: NDArray[np.floating], count: int
    ) -> Floats:
        """(count, D) of evenly spaced frames (T, S, S, 3) with landmarks (T, L, 3)."""
        at = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)
        return np.stack([self.recogniser(pictures[n], landmarks[n]) for n in at])

    def impostor(self, person: str, source: Floats) -> float:
        """Median cosine of a source (D,) and the faces of all other persons; NaN where none is."""
        others = [each for name, each in self.faces.items() if name != person]
        if not others:
            return float("nan")
        return float(np.median(cosine_similarity(np.stack(others), source)))

    def score(self, person: str, source: Floats, genuine: Floats, made: Floats) -> float:
        """Normalised similarity of made faces to their source.

        Args:
            person: whose source it is.
            source: (D,).
            genuine: (n, D) other real faces of the person.
            made: (m, D).

        Returns:
            0 = like another person, 1 = like the person's own real frames.
        """
        level = float(cosine_similarity(genuine, source).mean())
        reached = float(cosine_similarity(made, source).mean())
        return normalised_similarity(reached, self.impostor(person, source), level)
