"""Writing files and folders so that nothing partial is ever left behind."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdfgc.errors import InputError


def _beside(path: Path) -> Path:
    # The suffix stays last: writers choose the container by it.
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a place that `writing` would refuse, before there is anything to write.

    Raises:
        InputError: the folder is missing or not writable, or `path` is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(f"{target}: is a folder; give the name of a file.")
    _check_parent(target)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a folder that cannot be made, before there is anything to put into it.

    Raises:
        InputError: a file is in the way, or there is no permission.
    """
    target = Path(path)
    nearest = next(each for each in (target, *target.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise InputError(f"{target}: {nearest} is a file; give a folder.")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{target}: no permission to write in {nearest}; choose another place.")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder that is filled bit by bit, with those above it, where it is not there.

    Raises:
        InputError: it cannot be made.
    """
    check_folder(path)
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be made ({error.strerror}).") from error
    return target


def _check_parent(path: Path) -> None:
    parent = path.parent
    if not parent.is_dir():
        raise InputError(f"{path}: the folder {parent} does not exist; create it first.")
    if not os.access(parent, os.W_OK):
        raise InputError(f"{path}: no permission to write in {parent}; choose another place.")


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it on success, remove it on any failure.

    Args:
        path: where the finished file shall be.

    Yields:
        The path to write to, on the same file system and with the same suffix.

    Raises:
        InputError: the folder is missing or not writable, `path` is a folder, or the disk is full.
    """
    target = Path(path)
    check_place(target)
    partial = _beside(target)
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target}: could not be written ({error.strerror or error}).") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path`; rename it on success, remove it on any failure.

    Args:
        path: where the finished folder shall be; it must not exist, or be empty.

    Yields:
        An existing, empty folder to fill.

    Raises:
        InputError: the parent is missing or not writable, or `path` holds files already.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: exists and is not an empty folder; choose another name.")
    _check_parent(target)
    partial = _beside(target)
    try:
        partial.mkdir()
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target}: could not be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
