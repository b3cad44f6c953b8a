from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from safetensors.numpy import load

from pdfgc.errors import InputError
from pdfgc.media.audio import read_audio
from pdfgc.media.video import read_video
from pdfgc.media.writer import VideoWriter
from pdfgc.tracking import pose_of_normalised
from pdfgc.training import pack as packing
from pdfgc.training.pack import (
    PackConfig,
    PackItem,
    items_from_folder,
    items_from_manifest,
    pack,
)
from pdfgc.training.shards import ShardIndex


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, face_clip: Path, speech: Path) -> Path:
    """A silent clip, one with sound at 30 fps and a cut, one without face, one that is broken."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "anna").mkdir()
    shutil.copy(face_clip, folder / "anna" / "silent.mp4")
    frames = [frame.image for frame in read_video(face_clip)]
    sound = read_audio(speech)[: 2 * 16_000]
    with VideoWriter(folder / "bert.mp4", fps=30, size=(512, 512), audio=sound) as writer:
        for index in range(60):
            # A cut: the picture is mirrored, dimmed and tinted from frame 30 on.
            image = frames[index % 30]
            later = (image[:, ::-1] * np.array([0.9, 0.45, 0.4])).astype(np.uint8)
            writer.write(image if index < 30 else np.ascontiguousarray(later))
    with VideoWriter(folder / "empty.mp4", fps=25, size=(128, 128)) as writer:
        for _ in range(10):
            writer.write(np.full((128, 128, 3), 120, np.uint8))
    (folder / "broken.mp4").write_bytes((folder / "bert.mp4").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="module")
def packed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "out"
    pack(raw, out)
    return out


def test_samples_come_from_shots_and_faults_are_reported(packed: Path):
    index = ShardIndex(packed)
    assert len(index) == 3
    assert [key.rsplit("_", 1)[1] for key in index.keys] == ["000", "000", "001"]
    report = json.loads((packed / "report.json").read_text())
    assert report["n_clips"] == 4
    assert report["n_samples"] == 3
    assert report["n_frames"] == sum(index.meta(key)["n_frames"] for key in index.keys)
    reasons = {drop["id"]: drop["reason"] for drop in report["dropped"]}
    assert set(reasons) == {"empty", "broken"}
    assert "no face" in reasons["empty"]
    assert "broken.mp4" in reasons["broken"]
    assert not (packed / ".clips").exists()


def test_a_sample_holds_what_is_documented(packed: Path, tmp_path: Path):
    index = ShardIndex(packed)
    for key in index.keys:
        meta = index.meta(key)
        n_frames = meta["n_frames"]
        tensors = load(index.read(key, "safetensors"))
        assert tensors["landmarks"].shape == (n_frames, 478, 3)
        assert np.abs(tensors["landmarks"][..., :2]).max() < 1
        for name, width in (("pose", 6), ("gaze", 2), ("openness", 2), ("crop", 3)):
            assert tensors[name].shape == (n_frames, width)
            assert tensors[name].dtype == np.float32
        for name in ("mouth", "confidence", "shot"):
            assert tensors[name].shape == (n_frames,)
        relabelled = pose_of_normalised(tensors["landmarks"].astype(np.float32))
        np.testing.assert_allclose(relabelled, tensors["pose"], atol=2e-3)
        video = tmp_path / "clip.mp4"
        video.write_bytes(index.read(key, "mp4"))
        frames = list(read_video(video))
        assert len(frames) == n_frames
        assert frames[0].image.shape == (256, 256, 3)
        assert frames[1].time_s == pytest.approx(0.04)


def test_the_packed_crop_shows_the_face_where_the_landmarks_say(packed: Path, tmp_path: Path):
    from pdfgc.tracking import MediaPipeBackend

    index = ShardIndex(packed)
    video = tmp_path / "clip.mp4"
    video.write_bytes(index.read(index.keys[0], "mp4"))
    frame = list(read_video(video))[5]
    found = MediaPipeBackend().detect(frame.image)[0]
    landmarks = load(index.read(index.keys[0], "safetensors"))["landmarks"][5].astype(float)
    expected = (landmarks[:, :2] + 1) / 2 * 256
    assert np.abs(found.landmarks[:, :2] - expected).mean() < 2


def test_sound_is_cut_with_the_frames(packed: Path, raw: Path):
    index = ShardIndex(packed)
    whole = read_audio(raw / "bert.mp4")
    assert not index.has(index.keys[0], "flac"), "the silent clip"
    for key in index.keys[1:]:
        meta = index.meta(key)
        sound, rate = soundfile.read(io.BytesIO(index.read(key, "flac")), dtype="float32")
        assert rate == 16_000
        assert len(sound) == 640 * meta["n_frames"]
        start = round(meta["start_s"] * 16_000)
        expected = whole[start : start + len(sound)]
        np.testing.assert_allclose(sound[: len(expected)], expected, atol=1e-4)


def test_thirty_frames_a_second_become_twenty_five(packed: Path):
    index = ShardIndex(packed)
    metas = [index.meta(key) for key in index.keys if index.meta(key)["source"] == "bert"]
    assert [meta["original_fps"] for meta in metas] == [30, 30]
    assert sum(meta["n_frames"] for meta in metas) == 50
    assert metas[1]["start_s"] == pytest.approx(1, abs=0.05)
    assert [meta["person"] for meta in metas] == ["bert", "bert"]
    assert index.meta(index.keys[0])["person"] == "anna"


def test_a_killed_run_goes_on_where_it_was(
    raw: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []
    real = packing.process

    def die_on_the_second(item: PackItem, *rest: object) -> None:
        if len(done) == 1 and item.id not in done:
            raise KeyboardInterrupt
        done.append(item.id)
        real(item, *rest)  # type: ignore[arg-type]

    out = tmp_path / "out"
    monkeypatch.setattr(packing, "process", die_on_the_second)
    with pytest.raises(KeyboardInterrupt):
        pack(raw, out)
    monkeypatch.setattr(
        packing, "process", lambda item, *rest: (done.append(item.id), real(item, *rest))
    )
    pack(raw, out)
    assert len(done) == len(set(done)), "a finished clip is not done again"
    assert ShardIndex(out).digest == ShardIndex(packed).digest, "and the result is the same"


def test_a_clip_that_kills_its_process_twice_is_left_out(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    (out / ".clips").mkdir(parents=True)
    (out / ".clips" / "empty.attempts").write_text("xx")
    items = [item for item in items_from_folder(raw) if item.id == "empty"]
    report = pack(items, out)
    assert report.reasons() == {"crash": 1}


@pytest.mark.slow
def test_many_processes_give_the_same_bytes(raw: Path, packed: Path, tmp_path: Path):
    pack(raw, tmp_path / "out", workers=2)
    assert ShardIndex(tmp_path / "out").digest == ShardIndex(packed).digest


def test_limits_drop_with_their_reason(face_clip: Path, tmp_path: Path):
    item = PackItem("clip", face_clip, "anna")
    cases = {
        "too few good frames": PackConfig(min_good_frames=31),
        "face too small": PackConfig(min_face_px=400),
        "not sharp": PackConfig(min_sharpness=0.5),
    }
    for number, (reason, config) in enumerate(cases.items()):
        report = pack([item], tmp_path / str(number), config)
        assert report.reasons() == {reason: 1}
        assert report.n_samples == 0


def test_long_shots_are_cut_into_equal_pieces(face_clip: Path, tmp_path: Path):
    config = PackConfig(whole_s=1.0, piece_s=0.8, min_good_frames=5)
    pack([PackItem("clip", face_clip, "anna")], tmp_path / "out", config)
    index = ShardIndex(tmp_path / "out")
    assert [index.meta(key)["n_frames"] for key in index.keys] == [15, 15]
    assert [index.meta(key)["start_s"] for key in index.keys] == [0, 0.6]


def test_several_faces_of_one_size_drop_the_shot(face_image: Path, tmp_path: Path):
    with Image.open(face_image) as image:
        half = np.asarray(image.convert("RGB"))
    with VideoWriter(tmp_path / "two.mp4", fps=25, size=(1024, 512)) as writer:
        for _ in range(20):
            writer.write(np.concatenate([half, half], axis=1))
    report = pack([PackItem("two", tmp_path / "two.mp4", "anna")], tmp_path / "out")
    assert report.reasons() == {"several faces": 1}


def test_sound_that_is_damaged_costs_only_the_sound(face_clip: Path, tmp_path: Path):
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as out, av.open(str(face_clip)) as source:
        picture = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("aac", rate=16_000, layout="mono")
        out.start_encoding()
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                out.mux(packet)
        del sound  # a track without a single packet
    report = pack([PackItem("odd", path, "anna")], tmp_path / "out")
    assert report.n_samples == 1
    assert report.reasons() == {"sound only": 1}
    assert not ShardIndex(tmp_path / "out").has("odd_000", "flac")


def test_manifest_rows_keep_what_is_known(tmp_path: Path):
    rows = [
        {"id": "A 1", "file": "a.mp4", "person": "P1", "split": "train", "lag_to_apply_ms": "-40"},
        {"id": "B", "file": "b.webm", "person": "P2", "split": "train-video-only",
         "lag_to_apply_ms": "40"},
        {"id": "C", "file": "c.jpg", "person": "P2", "split": "train", "lag_to_apply_ms": ""},
        {"id": "D", "file": "d.gif", "person": "P3", "split": "validation", "lag_to_apply_ms": ""},
    ]  # fmt: skip
    path = tmp_path / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    items = items_from_manifest(path, ["train", "train-video-only"])
    assert [item.path.name for item in items] == ["a.mp4", "b.webm", "c.jpg"]
    assert items[0].lag_to_apply_ms == -40
    assert items[1].lag_to_apply_ms is None, "no lips from a video-only split"
    assert items[0].id.startswith("A-1-"), "keys hold no blanks, and stay apart"
    assert len(items_from_manifest(path)) == 4
    with pytest.raises(InputError, match="no video or image in the splits"):
        items_from_manifest(path, ["test"])


def test_a_still_image_stands_for_a_moment_without_motion(face_image: Path, tmp_path: Path):
    shutil.copy(face_image, tmp_path / f"still{face_image.suffix}")
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "file", "person"])
        rows.writerow(["still", f"still{face_image.suffix}", ""])
    items = items_from_manifest(tmp_path / "manifest.csv")
    assert items[0].person == "still"
    report = pack(items, tmp_path / "out")
    assert (report.n_samples, report.n_frames) == (1, 16)
    index = ShardIndex(tmp_path / "out")
    track = load(index.read("still_000", "safetensors"))
    # The landmark model settles over the first frames.
    assert np.ptp(track["pose"], axis=0).max() < 0.04
    assert not index.meta("still_000")["has_sound"]


def test_what_cannot_be_packed_is_named(tmp_path: Path, packed: Path, face_clip: Path):
    with pytest.raises(InputError, match="is no folder"):
        pack(tmp_path / "none", tmp_path / "out")
    with pytest.raises(InputError, match="holds no video"):
        pack(tmp_path, tmp_path / "out")
    item = PackItem("clip", face_clip, "anna")
    with pytest.raises(InputError, match="two clips"):
        pack([item, item], tmp_path / "out")
    with pytest.raises(InputError, match="packed already"):
        pack([item], packed)
    (tmp_path / "begun" / ".clips").mkdir(parents=True)
    (tmp_path / "begun" / ".clips" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="another configuration"):
        pack([item], tmp_path / "begun")
