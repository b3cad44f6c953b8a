from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pdfgc.errors import InputError
from pdfgc.files import writing, writing_folder


def _write_half(path: Path, error: BaseException) -> None:
    with writing(path) as partial:
        partial.write_text("half")
        raise error


def _fill_half(path: Path, error: BaseException) -> None:
    with writing_folder(path) as partial:
        (partial / "half.txt").write_text("half")
        raise error


def test_file_appears_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with writing(path) as partial:
        assert partial.parent == tmp_path
        assert partial.suffix == ".gz"
        assert partial.name.startswith(".")
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_text_as_path(tmp_path: Path) -> None:
    with writing(str(tmp_path / "a.txt")) as partial:
        partial.write_text("x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_old_file_stays_until_then_and_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        _write_half(path, ZeroDivisionError())
    assert path.read_text() == "old"
    with writing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_nothing_is_left_behind(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error):
        _write_half(tmp_path / "a.txt", error())
    with pytest.raises(error):
        _fill_half(tmp_path / "a", error())
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with writing(path) as first, writing(path) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [_write_half, _fill_half])
def test_full_disk_is_the_users_to_mend(
    write: Callable[[Path, BaseException], None], tmp_path: Path
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(InputError, match=r"a: could not be written \(No space left"):
        write(tmp_path / "a", full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("context", [writing, writing_folder])
def test_missing_folder(
    context: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    with (
        pytest.raises(InputError, match=r"no does not exist; create it first"),
        context(tmp_path / "no" / "a.txt"),
    ):
        pytest.fail("entered")


def test_parent_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="does not exist"), writing(tmp_path / "file" / "a.txt"):
        pytest.fail("entered")


@pytest.mark.parametrize("context", [writing, writing_folder])
def test_no_permission(
    context: Callable[[Path], AbstractContextManager[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):  # the superuser may write everywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="no permission to write"), context(closed / "a"):
        pytest.fail("entered")
    assert list(closed.iterdir()) == []


def test_folder_where_a_file_shall_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), writing(tmp_path):
        pytest.fail("entered")


def test_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with writing_folder(target) as partial:
        assert partial.is_dir()
        (partial / "a.txt").write_text("x")
        assert not target.exists()
    assert (target / "a.txt").read_text() == "x"
    assert list(tmp_path.iterdir()) == [target]


def test_folder_may_be_empty_but_not_full(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()
    with writing_folder(target) as partial:
        (partial / "a.txt").touch()
    with pytest.raises(InputError, match="not an empty folder"), writing_folder(target):
        pytest.fail("entered")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not an empty folder"), writing_folder(tmp_path / "file"):
        pytest.fail("entered")
    assert [path.name for path in target.iterdir()] == ["a.txt"]
