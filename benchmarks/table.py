"""Put tables made from JSON lines of `pdfgc bench` into the README beside this file.

python benchmarks/table.py benchmarks/results/*.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from pdfgc.evaluation.bench import as_table
from pdfgc.files import writing

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- tables made by benchmarks/table.py -->", "<!-- end of tables -->"


def filled(text: str, tables: str) -> str:
    """The README's text with other tables between the marks."""
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    new, count = between.subn(lambda _: f"{BEGIN}\n\n{tables.strip()}\n\n{END}", text)
    if count != 1:
        raise SystemExit(f"{README}: needs the marks {BEGIN} and {END} once.")
    return new


def main() -> None:
    """Read, format, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path, nargs="+", help="files of pdfgc bench")
    given = parser.parse_args()
    lines = [json.loads(line) for path in given.lines for line in path.read_text().splitlines()]
    text = filled(README.read_text(encoding="utf-8"), as_table(lines))
    with writing(README) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
