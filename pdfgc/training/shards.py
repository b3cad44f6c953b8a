"""Tar shards with an offset index: WebDataset's layout, read at random.

A sample is the files `KEY.suffix` that lie next to each other in one tar. Beside `NAME.tar` lies
`NAME.json`, which gives the place of every file, so that any sample is one `seek` away and which
sample comes next can be a function of seed, step and rank alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pdfgc.errors import InputError
from pdfgc.files import writing

FORMAT = "pdfgc-shards-1"
_BLOCK = 512
# WebDataset splits names at their first dot.
_KEY = re.compile(r"[A-Za-z0-9_\-]+")
_META = "json"


class ShardWriter:
    """Writes samples into `shard-000000.tar`, `shard-000001.tar`, ... of bounded size.

    The same samples in the same order give the same bytes. A shard appears under its name when it
    is complete, its index after it; use the writer in a `with` statement.

    Args:
        folder: existing folder for the shards.
        max_bytes: a new shard begins before a sample that would exceed this.
    """

    def __init__(self, folder: str | os.PathLike[str], *, max_bytes: int = 256 * 2**20) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._n_shards = 0
        self._n_bytes = 0
        self._pending: list[tuple[str, Mapping[str, bytes]]] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the last shard, unless the block failed."""
        if kind is None:
            self._flush()

    def write(self, key: str, files: Mapping[str, bytes]) -> None:
        """Add one sample.

        Args:
            key: letters, digits, `_` and `-` only.
            files: content by suffix (without dot); `json` is what `ShardIndex.meta` gives.

        Raises:
            ValueError: a bad key, or no `json` among the files.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"the key {key!r} may hold letters, digits, _ and - only")
        if _META not in files:
            raise ValueError(f"the sample {key} has no json")
        size = sum(len(content) + 2 * _BLOCK for content in files.values())
        if self._pending and self._n_bytes + size > self._max_bytes:
            self._flush()
        self._pending.append((key, dict(files)))
        self._n_bytes += size

    def _flush(self) -> None:
        if not self._pending:
            return
        name = f"shard-{self._n_shards:06d}"
        samples: dict[str, dict[str, list[int]]] = {}
        with writing(self._folder / f"{name}.tar") as partial:
            with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
                for key, files in self._pending:
                    samples[key] = {
                        suffix: _add(tar, f"{key}.{suffix}", content)
                        for suffix, content in sorted(files.items())
                    }
            digest = _sha256(partial)
        index = {"format": FORMAT, "tar": f"{name}.tar", "sha256": digest, "samples": samples}
        with writing(self._folder / f"{name}.json") as partial:
            partial.write_text(json.dumps(index))
        self._n_shards += 1
        self._n_bytes = 0
        self._pending = []


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> list[int]:
    """Append a file; gives where its content begins and how long it is."""
    info = tarfile.TarInfo(name)  # owner and time stay zero: same content, same bytes
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
    padded = -(-len(content) // _BLOCK) * _BLOCK
    return [tar.offset - padded, len(content)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ShardIndex:
    """Random access to a folder of shards.

    Safe to use from many processes: every read opens its tar anew.

    Args:
        folder: where `ShardWriter` wrote.

    Raises:
        InputError: there is no such folder, no shard in it, or an index is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: there is no such folder; make it with `pdfgc pack`.")
        indexes = sorted(self.folder.glob("shard-*.json"))
        if not indexes:
            raise InputError(f"{self.folder}: holds no shards; make them with `pdfgc pack`.")
        self._places: dict[str, tuple[Path, dict[str, list[int]]]] = {}
        digest = hashlib.sha256()
        for path in indexes:
            index = _read_index(path)
            tar = self.folder / index["tar"]
            if not tar.is_file():
                raise InputError(f"{tar}: is missing although {path.name} names it; copy it again.")
            digest.update(index["sha256"].encode())
            self._places.update({key: (tar, files) for key, files in index["samples"].items()})
        self.keys: list[str] = list(self._places)
        """All keys, in the order in which they were written."""
        self.digest: str = digest.hexdigest()
        """SHA-256 over the hashes of all shards: names the data."""

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.keys)

    def suffixes(self, key: str) -> list[str]:
        """Which files a sample has, without dots.

        Raises:
            KeyError: there is no such sample.
        """
        return list(self._places[key][1])

    def has(self, key: str, suffix: str) -> bool:
        """Whether a sample has such a file.

        Raises:
            KeyError: there is no such sample.
        """
        return suffix in self._places[key][1]

    def read(self, key: str, suffix: str) -> bytes:
        """One file of a sample.

        Args:
            key: one of `keys`.
            suffix: without dot, e.g. `mp4`.

        Raises:
            KeyError: no such sample, or it has no such file.
            InputError: the shard is cut off.
        """
        tar, files = self._places[key]
        offset, size = files[suffix]
        with tar.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
        if len(content) != size:
            raise InputError(f"{tar}: is cut off at {key}.{suffix}; copy or pack it again.")
        return content

    def meta(self, key: str) -> dict[str, Any]:
        """What is known about a sample (its `json`).

        Raises:
            KeyError: there is no such sample.
        """
        meta: dict[str, Any] = json.loads(self.read(key, _META))
        return meta


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); pack the data again.") from error
    if index.get("format") != FORMAT:
        raise InputError(f"{path}: is no index of shards that this version reads; pack again.")
    return index
