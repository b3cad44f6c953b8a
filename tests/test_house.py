"""The rules of the house: who imports whom, what is public, what the README promises."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pdfgc"
README = (ROOT / "README.md").read_text(encoding="utf-8")

# A module imports only from those before it.
ORDER = (
    *("errors", "files", "allocator", "config", "motion", "media", "tracking", "encoders"),
    *("generator", "model", "cost", "teachers", "weights", "importers", "compositor"),
    *("metrics", "training", "exporting", "avatar", "dubbing", "check", "evaluation", "cli"),
)
# The package's face and the entry point stand outside the order.
OUTSIDE = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}

PUBLIC = ["Avatar", "InputError", "Motion", "dub"]

# Slow to import, or brought by an extra: only inside the function that needs them.
HEAVY = {
    *("face_alignment", "kornia", "librosa", "lightning", "matplotlib", "mediapipe", "skimage"),
    *("onnx", "onnxruntime", "onnxscript", "openvino", "tensorboard", "torchaudio", "torchmetrics"),
    "webdataset",
}
# torchvision breaks other packages beside a torch it does not match; cv2 exists in three builds
# that overwrite each other; pickle runs code from files.
NEVER = {"cv2", "pickle", "torchvision"}

MAX_FILE_BYTES = 1_000_000
LARGE_FILES_IN = ("weights/",)

# What an example is called with, `{clip}` being a short video; without a row: nothing.
EXAMPLE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "contact_sheet.py": ("{clip}", "sheet.png"),
    "dub.py": ("{clip}", "dubbed.mp4"),
}

SOURCES = sorted(PACKAGE.rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def _layer(module: str) -> str:
    """`pdfgc.media.video` -> `media`; the package itself -> `pdfgc`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                # `from pdfgc import motion` imports the module pdfgc.motion.
                yield node.lineno, f"pdfgc.{alias.name}" if module == "pdfgc" else module


def _imported_at_start(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The same for what is imported when the module is: not in functions, not for types only."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported_modules(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    if path in OUTSIDE:
        return
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert own in ORDER, f"{own} has no place in the order: add it to ORDER and to CONTRIBUTING.md"
    wrong = []
    for line, module in _imported_modules(_tree(path)):
        if module.startswith("."):
            wrong.append(f"line {line}: {module} is relative")
        elif module.split(".")[0] == "pdfgc":
            layer = _layer(module)
            if layer not in ORDER or ORDER.index(layer) > ORDER.index(own):
                wrong.append(f"line {line}: {own} may not import {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    tree = _tree(path)
    early = [f"line {n}: {m}" for n, m in _imported_at_start(tree) if m.split(".")[0] in HEAVY]
    banned = [f"line {n}: {m}" for n, m in _imported_modules(tree) if m.split(".")[0] in NEVER]
    assert not early, f"import inside the function: {early}"
    assert not banned, f"not in this project: {banned}"


def test_import_rules_catch_what_they_forbid() -> None:
    tree = ast.parse(
        "from pdfgc import cli\nimport pdfgc.media.video\nfrom .x import y\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import librosa\n"
        "def f():\n    import kornia\nclass A:\n    import mediapipe\n"
    )
    everywhere = {module for _, module in _imported_modules(tree)}
    assert everywhere >= {"pdfgc.cli", "pdfgc.media.video", ".x", "librosa", "kornia"}
    at_start = {module for _, module in _imported_at_start(tree)}
    assert "mediapipe" in at_start
    assert not at_start & {"librosa", "kornia"}
    assert _layer("pdfgc.media.video") == "media"


def test_public_names_are_pinned() -> None:
    import pdfgc

    assert sorted(pdfgc.__all__) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(pdfgc, name).__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("module", ["pdfgc", "pdfgc.cli"])
def test_import_is_quick(module: str) -> None:
    slow = sorted({"torch", "scipy", "av"} | HEAVY)
    code = f"import sys, {module}; print(*[name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_no_drawers() -> None:
    drawers = {"utils", "util", "helpers", "helper", "misc", "common"}
    found = [
        str(path.relative_to(ROOT))
        for folder in ("pdfgc", "tests", "examples", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.stem in drawers and (path.is_dir() or path.suffix == ".py")
    ]
    assert not found, f"name modules by what they are for: {found}"


def test_no_large_files() -> None:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    large = [
        name
        for name in listed.split("\0")
        if name
        and not name.startswith(LARGE_FILES_IN)
        and (ROOT / name).is_file()
        and (ROOT / name).stat().st_size > MAX_FILE_BYTES
    ]
    assert not large, f"over {MAX_FILE_BYTES} bytes outside {LARGE_FILES_IN}: {large}"


def test_version_is_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(example: Path, face_clip: Path, tmp_path: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40, "an example is at most 40 lines"
    arguments = [
        argument.format(clip=face_clip) for argument in EXAMPLE_ARGUMENTS.get(example.name, ())
    ]
    done = subprocess.run(
        [sys.executable, str(example), *arguments],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()), "an example writes its result into the current folder"


def test_example_arguments_name_examples() -> None:
    assert set(EXAMPLE_ARGUMENTS) <= {path.name for path in EXAMPLES}


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def _shell_lines() -> list[str]:
    text = "\n".join(_blocks("bash")).replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in text.splitlines() if line.strip()]


def _named(program: str) -> list[str]:
    """Every call of a program in the README, in code blocks and in running text."""
    inline = re.findall(rf"`({program} [^`]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    return sorted({call for call in [*_shell_lines(), *inline] if call.startswith(f"{program} ")})


def _commands() -> dict[str, set[str]]:
    """Command -> every long option that the README gives it."""
    commands: dict[str, set[str]] = {}
    for call in _named("pdfgc"):
        word = call.split()[1]
        command = "" if word.startswith("-") else word
        commands.setdefault(command, set()).update(re.findall(r"(?<=\s)--[a-z][a-z-]*", call))
    return commands


@pytest.mark.parametrize("command", sorted(_commands()))
def test_readme_command_exists(command: str) -> None:
    call = [sys.executable, "-m", "pdfgc", *([command] if command else []), "--help"]
    done = subprocess.run(
        call, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    missing = {option for option in _commands()[command] if option not in done.stdout}
    assert not missing, f"pdfgc {command} --help does not name {sorted(missing)}"


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {call.split()[1] for call in _named("make")}
    assert named >= {"demo", "test"}
    assert named <= targets


def test_readme_python_imports_resolve() -> None:
    blocks = _blocks("python")
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pdfgc"):
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def test_readme_tree_exists() -> None:
    (tree,) = _blocks("text")
    paths = [line.split()[0] for line in tree.splitlines() if line.strip()]
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing, f"the README's file tree names {missing}"
