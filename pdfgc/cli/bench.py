"""`pdfgc bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pdfgc.cli.options import Device, Json, Out
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars

if TYPE_CHECKING:
    from collections.abc import Iterator


def bench(
    *,
    source: Path,
    audio: Path,
    out: Out | None = None,
    weights: str | None = None,
    presets: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    seconds: float = 4.0,
    memory: Annotated[list[float] | None, Parameter(consume_multiple=True, negative="")] = None,
    work: Annotated[bool, Parameter(negative="--no-work")] = True,
    threads: int | None = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure speed, arithmetic and memory here, as ratios to one fixed operation.

    The fixed operation, a 3x3 convolution from 128 to 128 channels at 64x64, is timed in the same
    run right before and after each piece of work, so that machines can be compared.

    Args:
        source: an image with one face.
        audio: a recording of speech.
        out: file for one line of JSON per number.
        weights: what is timed: a file or packaged name; by default the packaged weights.
        presets: in their place, presets with random weights.
        seconds: of speech, end to end.
        memory: lengths of speech (s) whose peak memory is measured, of weights alone, each in a
            process of its own.
        work: time training and packing too, but for networks that are imported.
        threads: of torch; by default its own choice.
        device: where the model runs.
        as_json: print one JSON object on stdout.
    """
    import json

    import torch

    from pdfgc.errors import InputError
    from pdfgc.evaluation.bench import as_table, run_bench
    from pdfgc.files import check_place, writing
    from pdfgc.weights import DEFAULT

    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give at least 1.")
    if out is not None:
        check_place(out)
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = [] if presets and weights is None else [weights or DEFAULT]
    lines: list[dict[str, Any]] = []

    def entries() -> Iterator[str]:
        yield from run_bench(
            source, audio, weights=chosen, presets=presets or [], seconds=seconds,
            memory=memory or [], work=work, device=device,
        )  # fmt: skip

    with bars() as progress:
        for done, line in enumerate(entries(), 1):
            lines.append(json.loads(line))
            if progress:
                progress(f"measuring: {lines[-1]['what']}", done, None)
    if out is not None:
        with writing(out) as partial:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            partial.write_text(text, encoding="utf-8")
    tell({"lines": lines}, as_table(lines).rstrip(), as_json=as_json)
