from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from pdfgc.errors import InputError
from pdfgc.training.shards import ShardIndex, ShardWriter


def fill(folder: Path, n_samples: int = 7, *, max_bytes: int = 20_000) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    content = {f"clip_{i}": bytes([i]) * (3000 + 511 * i) for i in range(n_samples)}
    with ShardWriter(folder, max_bytes=max_bytes) as writer:
        for key, body in content.items():
            meta = json.dumps({"person": f"P{key[-1]}"}).encode()
            writer.write(key, {"mp4": body, "json": meta})
    return content


def test_everything_written_is_read_back_at_random(tmp_path: Path):
    content = fill(tmp_path)
    index = ShardIndex(tmp_path)
    assert len(list(tmp_path.glob("*.tar"))) > 1
    assert index.keys == list(content)
    assert len(index) == len(content)
    for key in reversed(index.keys):
        assert index.read(key, "mp4") == content[key]
        assert index.meta(key) == {"person": f"P{key[-1]}"}
        assert index.has(key, "mp4")
        assert not index.has(key, "flac")
        assert sorted(index.suffixes(key)) == ["json", "mp4"]


def test_shards_are_plain_tars_in_the_layout_of_webdataset(tmp_path: Path):
    content = fill(tmp_path)
    names = []
    for path in sorted(tmp_path.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                names.append(member.name)
                stem, suffix = member.name.split(".", 1)
                if suffix == "mp4":
                    body = tar.extractfile(member)
                    assert body is not None
                    assert body.read() == content[stem]
    assert names[:2] == ["clip_0.json", "clip_0.mp4"], "files of a sample lie side by side"


def test_the_same_samples_give_the_same_bytes_and_digest(tmp_path: Path):
    for name in ("a", "b"):
        fill(tmp_path / name)
    assert ShardIndex(tmp_path / "a").digest == ShardIndex(tmp_path / "b").digest
    fill(tmp_path / "c", 6)
    assert ShardIndex(tmp_path / "c").digest != ShardIndex(tmp_path / "a").digest


def test_an_unknown_sample_or_file_is_a_key_error(tmp_path: Path):
    fill(tmp_path)
    index = ShardIndex(tmp_path)
    with pytest.raises(KeyError):
        index.read("nobody", "mp4")
    with pytest.raises(KeyError):
        index.read("clip_1", "flac")


@pytest.mark.parametrize("key", ["a.b", "a/b", "", "a b"])
def test_keys_that_would_not_survive_a_tar_are_refused(tmp_path: Path, key: str):
    with ShardWriter(tmp_path) as writer, pytest.raises(ValueError, match="key"):
        writer.write(key, {"json": b"{}"})


def test_a_failed_block_leaves_only_whole_shards(tmp_path: Path):
    def stop_midway() -> None:
        with ShardWriter(tmp_path, max_bytes=1) as writer:
            writer.write("a", {"json": b"{}"})
            writer.write("b", {"json": b"{}"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_midway()
    assert ShardIndex(tmp_path).keys == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "shard-000000.json",
        "shard-000000.tar",
    ]


def test_missing_empty_foreign_and_cut_folders_are_named(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        ShardIndex(tmp_path / "none")
    with pytest.raises(InputError, match="no shards"):
        ShardIndex(tmp_path)
    fill(tmp_path)
    tar = tmp_path / "shard-000000.tar"
    tar.write_bytes(tar.read_bytes()[:2000])
    with pytest.raises(InputError, match="cut off"):
        ShardIndex(tmp_path).read("clip_1", "mp4")
    tar.unlink()
    with pytest.raises(InputError, match="missing"):
        ShardIndex(tmp_path)
    (tmp_path / "shard-000000.json").write_text("{}")
    with pytest.raises(InputError, match="pack again"):
        ShardIndex(tmp_path)
