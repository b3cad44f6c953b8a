"""What every configuration keeps to."""

from __future__ import annotations

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid")
"""Unknown keys are refused."""
