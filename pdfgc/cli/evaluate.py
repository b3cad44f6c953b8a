"""`pdfgc evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from pdfgc.cli.options import Device, Json, Out
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars
from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.evaluation.judges import Judges
    from pdfgc.evaluation.rendering import Render

ProtocolName = Literal["self", "audio", "cross", "factors", "shots"]


def evaluate(
    clips: Path,
    /,
    *,
    out: Out,
    weights: str | None = None,
    videos: Path | None = None,
    tasks: Path | None = None,
    protocols: Annotated[
        list[ProtocolName] | None, Parameter(consume_multiple=True, negative="")
    ] = None,
    frames: int = 101,
    clip_limit: Annotated[int | None, Parameter(name="--clips")] = None,
    persons: int = 3,
    motions: int = 2,
    name: str | None = None,
    lpips: Path | None = None,
    lpips_sha256: str | None = None,
    fid: Path | None = None,
    fid_sha256: str | None = None,
    syncnet: Path | None = None,
    syncnet_sha256: str | None = None,
    preset: str | None = None,
    device: Device = "auto",
    seed: int = 0,
    as_json: Json = False,
) -> None:
    """Score a model, or finished videos of any system, on real clips; write JSON and a page.

    Leaves in OUT: evaluation.json (every number, with versions and hashes), evaluation.md
    (tables), index.html (to look at), study.html and study.key.json (a study with people).

    Args:
        clips: a folder that pdfgc pack made, or one of raw videos (packed first, into OUT/packed;
            the name of a sub-folder is taken for the person's).
        out: folder for the results.
        weights: the model: a file or packaged name; by default the packaged weights.
        videos: in place of a model, a folder of finished videos, PROTOCOL/NAME.mp4; the names and
            what they must show is what --tasks writes.
        tasks: only write into this folder which videos a system must make, with their inputs.
        protocols: self-reenactment, speech, cross-person, one factor at a time, few-shot; by
            default all but the last.
        frames: of each clip, at most, its first one being the source.
        clip_limit: clips at most; every person comes once before any comes twice.
        persons: sources of the leakage matrix.
        motions: driving clips of each of its factors.
        name: what the system is called in the report.
        lpips: TorchScript network of LPIPS, called like vgg16.pt of StyleGAN2-ADA's metrics.
        lpips_sha256: what its checksum must be.
        fid: TorchScript Inception, called like inception-2015-12-05.pt of the same.
        fid_sha256: what its checksum must be.
        syncnet: checkpoint of SyncNet, syncnet_v2.model.
        syncnet_sha256: what its checksum must be.
        preset: a larger model to put the weights into.
        device: where the model runs.
        seed: of the bootstrap, and of the order in the study.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.evaluation.case import Protocol
    from pdfgc.evaluation.evaluate import USUAL, Settings, open_clips, write_tasks
    from pdfgc.evaluation.evaluate import evaluate as run
    from pdfgc.evaluation.judges import Judges
    from pdfgc.evaluation.publish import publish
    from pdfgc.files import check_folder, make_folder
    from pdfgc.tracking import MediaPipeBackend

    if videos is not None and weights is not None:
        raise InputError("Give either --weights or --videos: one system is scored at a time.")
    chosen = tuple(Protocol(each) for each in protocols) if protocols else USUAL
    settings = Settings(chosen, frames, clip_limit, persons, motions, seed=seed)
    for folder in (out, tasks):
        if folder is not None:
            check_folder(folder)
    if tasks is not None:
        found = open_clips(clips, out, frames, clip_limit)
        count = write_tasks(found, make_folder(tasks), Judges(MediaPipeBackend()), settings)
        tell(
            {"tasks": str(tasks / "tasks.json"), "videos": count},
            f"{tasks / 'tasks.json'}: {count} videos to make",
            as_json=as_json,
        )
        return
    judges = _judges((lpips, lpips_sha256), (fid, fid_sha256), (syncnet, syncnet_sha256), device)
    render, about = _system(weights, videos, preset, device, name)
    found = open_clips(clips, out, frames, clip_limit)
    with bars() as progress:
        steps = 0

        def report(line: str) -> None:
            nonlocal steps
            steps += 1
            if progress:
                progress(f"evaluating: {line}", steps, None)

        done = run(found, render, judges, settings, report)
    missing = getattr(render, "missing", [])
    files = publish(done, about | {"missing": missing}, make_folder(out), seed=seed)
    tell(
        {"files": {each.name: str(each) for each in files}, "protocols": done.plain()},
        done.text(str(about["system"])) + "".join(f"\n{each}" for each in files),
        as_json=as_json,
    )


def _judges(
    lpips: tuple[Path | None, str | None],
    fid: tuple[Path | None, str | None],
    syncnet: tuple[Path | None, str | None],
    device: Device,
) -> Judges:
    from pdfgc.evaluation.judges import Judges, OwnSync
    from pdfgc.evaluation.networks import Inception, Lpips
    from pdfgc.evaluation.recognising import find_recogniser
    from pdfgc.evaluation.syncnet import SyncNet
    from pdfgc.tracking import MediaPipeBackend
    from pdfgc.weights import DEFAULT, load_model, packaged

    return Judges(
        tracker=MediaPipeBackend(),
        recogniser=find_recogniser(),
        sync=OwnSync(load_model(DEFAULT, device)) if DEFAULT in packaged() else None,
        syncnet=SyncNet(syncnet[0], syncnet[1]) if syncnet[0] else None,
        lpips=Lpips(lpips[0], lpips[1]) if lpips[0] else None,
        inception=Inception(fid[0], fid[1]) if fid[0] else None,
    )


def _system(
    weights: str | None, videos: Path | None, preset: str | None, device: Device, name: str | None
) -> tuple[Render, dict[str, Any]]:
    """The system under test, and what the report says of it."""
    from pdfgc.evaluation.finished import FinishedVideos
    from pdfgc.evaluation.rendering import renderer_for
    from pdfgc.evaluation.report import about_machine, origin
    from pdfgc.weights import DEFAULT, load_model

    if videos is not None:
        return FinishedVideos(videos), about_machine() | {"system": name or videos.name}
    loaded = load_model(weights or DEFAULT, device, preset=preset)
    about = origin(loaded)
    return renderer_for(loaded), about | {"system": name or f"pdfgc {loaded.model_id}"}
