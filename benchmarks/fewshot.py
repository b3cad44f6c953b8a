"""The few-shot and MarioNETte presets at reduced size: training, pictures, K, tuning, ablations.

python benchmarks/fewshot.py --data packed --held-out packed-val --out results

Both presets are trained at 64 px for --steps steps without an adversary. From each of these bases,
the preset as it is and its ablations go on for --further steps with it: the same episodes, the same
seed. All figures and pictures are of persons of the held-out pack. What is trained or scored is not
done again: run it again to go on, or to score with other --persons after deleting the tables.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fewshot_rows import ROWS, SIDE, Row, train_base, train_row
from fewshot_scores import HeldOut, Judge, Score, codes, crossed, drawn, pixels, tuned
from PIL import Image
from torch import Tensor

from pdfgc.files import writing
from pdfgc.model import TalkingHead

TUNED = ("marionette", "fewshot")


class Results:
    """Tables and pictures of a folder; what is there already is only printed.

    Args:
        out: the folder.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)

    def table(self, name: str, head: list[str], make: Callable[[], dict[str, list[str]]]) -> None:
        """Print a Markdown table, making its rows if they were not made before.

        Args:
            name: of the table's file.
            head: heads of the columns.
            make: gives the cells of every row by its name.
        """
        path = self.out / f"{name}.json"
        if not path.is_file():
            rows = make()
            with writing(path) as partial:
                partial.write_text(json.dumps(rows, indent=1))
        rows = json.loads(path.read_text())
        lines = [head, ["---"] * len(head), *([key, *cells] for key, cells in rows.items())]
        print(f"\n{name}\n")
        print("\n".join("| " + " | ".join(line) + " |" for line in lines), flush=True)

    def sheet(self, name: str, rows: list[list[Tensor]]) -> None:
        """Save pictures (3, S, S) in rows and columns, at twice their size."""
        whole = torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)
        picture = pixels(whole[None])[0]
        size = (picture.shape[1] * 2, picture.shape[0] * 2)
        Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC).save(
            self.out / f"{name}.png"
        )


def references(held: HeldOut, judge: Judge) -> dict[str, list[str]]:
    """What holding still, and taking somebody else, would score."""
    still, other = [], []
    for person, clip in enumerate(held.clips):
        view, source = held.targets(clip), held.sources(clip, 1)
        copies = source.image.expand(len(view.image), -1, -1, -1)
        mine = judge.score(copies, view, person)
        # The copied face stands where it stood.
        like = judge.likeness(source.image, source.points)
        still.append(
            Score(mine.l1, mine.ssim, float(like[:, person].mean()), judge.share(like, person))
        )
        theirs = held.targets(held.clips[person - 1])
        like = judge.likeness(theirs.image, theirs.points)
        scored = judge.score(theirs.image, view, person)
        other.append(
            Score(scored.l1, scored.ssim, float(like[:, person].mean()), judge.share(like, person))
        )
    return {
        "first source, held still": Score.mean(still).cells(),
        "another person": Score.mean(other).cells(),
    }


def forward(model: TalkingHead, held: HeldOut, judge: Judge) -> dict[str, list[str]]:
    """Without tuning (FF), by the number of sources."""
    found = {}
    for count in (1, 4, 8):
        scores = []
        for person, clip in enumerate(held.clips):
            view = held.targets(clip)
            made = drawn(model, held.sources(clip, count), codes(model, view).join())
            scores.append(judge.score(made, view, person))
        found[f"T = {count}"] = Score.mean(scores).cells()
    return found


def tuning(
    model: TalkingHead, held: HeldOut, judge: Judge, results: Results, name: str, steps: int
) -> dict[str, list[str]]:
    """FF, tuned, tuned without the adversarial term, and what it costs; also the pictures."""
    found: dict[str, list[str]] = {}
    sheets: list[list[Tensor]] = [
        [held.sources(clip, 1).image[0], held.targets(clip).image[2]] for clip in held.clips
    ]
    for count in (1, 8):
        for kind in ("FF", "FT", "FT, no adversarial term"):
            scores, seconds, made_steps = [], [0.0], [0]
            for person, clip in enumerate(held.clips):
                view, sources = held.targets(clip), held.sources(clip, count)
                driving = codes(model, view).join()
                if kind == "FF":
                    made = drawn(model, sources, driving)
                else:
                    made, result, cost = tuned(
                        model, sources, driving, adversarial=kind == "FT", steps=steps
                    )
                    seconds.append(cost)
                    made_steps.append(result.steps)
                sheets[person].append(made[2])
                scores.append(judge.score(made, view, person))
            price = [f"{np.mean(made_steps[1:] or [0]):.0f}", f"{np.mean(seconds[1:] or [0]):.1f}"]
            found[f"T = {count}, {kind}"] = [*Score.mean(scores).cells(), *price]
    results.sheet(f"tuning {name}", sheets)
    return found


def crossing(
    model: TalkingHead, held: HeldOut, judge: Judge, results: Results, name: str
) -> dict[str, list[str]]:
    """Every person driven by the one before, with the source's own geometry and without."""
    found: dict[str, list[str]] = {}
    sheets = [
        [held.sources(clip, 1).image[0], held.targets(held.clips[person - 1]).image[0]]
        for person, clip in enumerate(held.clips)
    ]
    for kind in ("with", "without"):
        rows = [
            crossed(model, held, judge, person, transformer=kind == "with")
            for person in range(len(held.clips))
        ]
        for sheet, row in zip(sheets, rows, strict=True):
            sheet.append(row.image[0])
        found[f"{name}, {kind}"] = [
            f"{np.mean([row.identity for row in rows]):.3f}",
            f"{np.mean([row.driver for row in rows]):.3f}",
            f"{np.mean([row.geometry for row in rows]):.4f}",
        ]
    results.sheet(f"crossed {name}", sheets)
    return found


def score(
    row: Row, model: TalkingHead, held: HeldOut, judge: Judge, results: Results,
    arguments: argparse.Namespace,
) -> None:  # fmt: skip
    """All tables of a row."""
    head = ["T", "L1", "SSIM", "identity", "recognised"]
    results.table(f"forward {row.name}", head, lambda: forward(model, held, judge))
    if row.name not in TUNED:
        return
    results.table(
        f"crossed {row.name}",
        ["landmark transformer", "identity of the source", "of the driver", "distance to own face"],
        lambda: crossing(model, held, judge, results, row.name),
    )
    few = HeldOut(arguments.held_out, row.config, arguments.tuned_persons)
    results.table(
        f"tuning {row.name}",
        [*head, "steps", "processor seconds"],
        lambda: tuning(model, few, Judge(few), results, row.name, arguments.tuning_steps),
    )


def main() -> None:
    """Train what is missing, score what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pack to train on")
    parser.add_argument("--held-out", type=Path, required=True, help="pack of other persons")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and results")
    parser.add_argument("--steps", type=int, default=450, help="of each base")
    parser.add_argument("--further", type=int, default=100, help="steps of each row")
    parser.add_argument("--persons", type=int, default=8, help="held-out persons")
    parser.add_argument("--tuned-persons", type=int, default=4)
    parser.add_argument("--tuning-steps", type=int, default=40)
    parser.add_argument("--only", nargs="*", help="names of rows, by default all")
    parser.add_argument("--train", action="store_true", help="train only, score nothing")
    arguments: Any = parser.parse_args()
    torch.set_num_threads(1)
    results, runs = Results(arguments.out), arguments.out / "runs"
    (arguments.out / "about.json").write_text(
        json.dumps({"side": SIDE, "steps": arguments.steps, "further": arguments.further})
    )
    held: HeldOut | None = None
    for row in (each for each in ROWS if arguments.only is None or each.name in arguments.only):
        began = time.perf_counter()
        base = train_base(row.preset, arguments.data, runs, arguments.steps)
        model = train_row(row, base, arguments.data, runs, arguments.further)
        print(f"\n{row.name}: trained in {time.perf_counter() - began:.0f} s", flush=True)
        if arguments.train:
            continue
        if held is None:
            held = HeldOut(arguments.held_out, row.config, arguments.persons)
            judge = Judge(held)
            results.table(
                "references",
                ["", "L1", "SSIM", "identity", "recognised"],
                functools.partial(references, held, judge),
            )
        score(row, model, held, judge, results, arguments)


if __name__ == "__main__":
    main()
