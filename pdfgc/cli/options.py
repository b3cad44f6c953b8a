"""Options that several commands have, as types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Device = Literal["auto", "cpu", "cuda", "mps"]
Missing = Literal["hold", "interpolate", "pass", "error"]
Numbers = Parameter(allow_leading_hyphen=True)
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Sources = Annotated[list[Path], Parameter(consume_multiple=True, negative="")]
Crop = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
KeepPartial = Annotated[bool, Parameter(negative="")]
