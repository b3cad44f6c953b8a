"""The commands: parsing and printing only. What is slow to import is imported where it is used."""

from __future__ import annotations

from pdfgc.cli.commands import app
from pdfgc.cli.running import main, run

__all__ = ["app", "main", "run"]
