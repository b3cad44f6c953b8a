"""The layouts of public data sets, on made-up trees."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pdfgc.errors import InputError
from pdfgc.media.audio import read_audio
from pdfgc.media.writer import VideoWriter
from pdfgc.training.items import PackItem, held_out
from pdfgc.training.layouts import recognise
from pdfgc.training.pack import pack
from pdfgc.training.shards import ShardIndex


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def who(root: Path) -> tuple[str, dict[str, tuple[str, str]]]:
    found = recognise(root)
    return found.layout, {
        str(item.path.relative_to(root)): (item.person, item.split) for item in found.items
    }


def test_voxceleb2(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
        "dev/mp4/id00015/0fijmz4vTVU/00001.mp4",
        "test/mp4/id00017/01dfn2spqyE/00001.mp4",
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
    )
    assert who(root) == (
        "VoxCeleb2",
        {
            "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4": ("id00012", "train"),
            "dev/mp4/id00015/0fijmz4vTVU/00001.mp4": ("id00015", "train"),
            "test/mp4/id00017/01dfn2spqyE/00001.mp4": ("id00017", "validation"),
        },
    )
    sounds = {item.person: item.sound for item in recognise(root).items}
    assert sounds["id00012"] == root / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a"
    assert sounds["id00015"] is None


def test_hdtf(tmp_path: Path) -> None:
    names = ("WDA_BarackObama_000.mp4", "WDA_BarbaraLee1_000.mp4", "RD_Radio10_000.mp4")
    layout, found = who(tree(tmp_path, *names))
    assert layout == "HDTF"
    assert [found[name][0] for name in names] == ["BarackObama", "BarbaraLee", "Radio10"]


def test_mead(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        "M003/video/front/angry/level_1/001.mp4",
        "M003/video/left_60/angry/level_1/001.mp4",
        "W009/video/right_30/happy/level_3/002.mp4",
        "M003/audio/angry/level_1/001.m4a",
    )
    layout, found = who(root)
    assert layout == "MEAD"
    assert {person for person, _ in found.values()} == {"M003", "W009"}
    assert not any("left_60" in name for name in found), "half a face is left out"
    sound = next(item.sound for item in recognise(root).items if item.person == "M003")
    assert sound == root / "M003/audio/angry/level_1/001.m4a"


def test_grid(tmp_path: Path) -> None:
    layout, found = who(tree(tmp_path, "s1/bbaf2n.mpg", "s22/video/mpg_6000/lwizzs.mpg"))
    assert layout == "GRID"
    assert {person for person, _ in found.values()} == {"s1", "s22"}


def test_anything_else_is_a_folder(tmp_path: Path) -> None:
    layout, found = who(tree(tmp_path, "anna/holiday.mp4", "bert.mov", "id00012/x/00001.mp4"))
    assert layout == "folder"
    assert found["anna/holiday.mp4"] == ("anna", "train")
    with pytest.raises(InputError, match="is no folder"):
        recognise(tmp_path / "none")


def test_persons_are_held_out_whole(tmp_path: Path) -> None:
    items = [
        PackItem(f"{person}-{number}", tmp_path, person)
        for person in "abcdefghij"
        for number in range(3)
    ]
    split = held_out(items, 0.2)
    sides = {person: {i.split for i in split if i.person == person} for person in "abcdefghij"}
    assert all(len(side) == 1 for side in sides.values())
    assert sum(side == {"validation"} for side in sides.values()) == 2
    # A clip more of a known person moves nobody.
    again = held_out([*items, PackItem("a-9", tmp_path, "a")], 0.2)
    assert {i.id: i.split for i in split}.items() <= {i.id: i.split for i in again}.items()
    with pytest.raises(InputError, match="held out"):
        held_out(items[:3], 0.5)


def test_a_tree_is_packed_with_the_sound_beside_it(
    face_clip: Path, speech: Path, tmp_path: Path
) -> None:
    import soundfile

    clip = tmp_path / "raw" / "M003/video/front/angry/level_1/001.mp4"
    clip.parent.mkdir(parents=True)
    shutil.copy(face_clip, clip)
    sound = tmp_path / "raw" / "M003/audio/angry/level_1/001.wav"
    sound.parent.mkdir(parents=True)
    soundfile.write(sound, read_audio(speech)[:20_000], 16_000)
    report = pack(tmp_path / "raw", tmp_path / "out")
    assert (report.n_samples, report.n_frames_with_sound) == (1, 30)
    meta = ShardIndex(tmp_path / "out").meta(ShardIndex(tmp_path / "out").keys[0])
    assert meta["person"] == "M003"
    assert meta["has_sound"]


def test_the_report_is_a_page_with_pictures(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with VideoWriter(raw / "empty.mp4", fps=25, size=(64, 64)) as writer:
        for _ in range(20):
            writer.write(np.full((64, 64, 3), 120, np.uint8))
    (raw / "broken & odd.mp4").write_bytes(b"no video")
    pack(raw, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "broken &amp; odd" in page or "broken-odd" in page
    assert "http" not in page, "nothing from outside"
    rows = (tmp_path / "out" / "report.csv").read_text().splitlines()
    assert rows[0] == "id,start_s,end_s,kind,reason"
    assert len(rows) == 3
