"""`pdfgc check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pdfgc.cli.options import Json
from pdfgc.cli.printing import INPUT_FAULT, tell
from pdfgc.cli.progress import bars

if TYPE_CHECKING:
    from pdfgc.check import Report


def check(
    files: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    /,
    *,
    as_json: Json = False,
) -> int:
    """Say what is wrong with images, clips and recordings, before work begins.

    The exit status is 2 if a file cannot be used, 0 otherwise.

    Args:
        files: images, videos or sound files.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.check import check as check_file
    from pdfgc.tracking import MediaPipeBackend

    backend = MediaPipeBackend()
    with bars() as progress:
        reports = []
        for done, path in enumerate(files, 1):
            reports.append(check_file(path, backend))
            if progress:
                progress("checking", done, len(files))
    usable = all(report.usable for report in reports)
    tell(
        {"usable": usable, "files": [asdict(report) for report in reports]},
        "\n".join(_report_text(report) for report in reports),
        as_json=as_json,
    )
    return 0 if usable else INPUT_FAULT


def _report_text(report: Report) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in report.facts.items())
    lines = [f"{report.path}: {report.kind}" + (f" ({facts})" if facts else "")]
    lines += [f"  {finding.severity.value}: {finding.text}" for finding in report.findings]
    return "\n".join(lines if report.findings else [*lines, "  fine"])
