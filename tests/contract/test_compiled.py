"""What `deploy/compile.py` makes: the same answers from compiled modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "compile.py"
WHICH = """
import sys
import services.router.domain, services.intake.handlers.receive
print(*(name for name, one in sys.modules.items() if str(getattr(one, "__file__", "")).endswith(".so")))
"""

ONCE = pytest.mark.xdist_group("compiled")  # a worker: making the copy takes most of a minute

RECOGNISED = """
from random import Random
from tests.eval.dedup.people import ROUGH, settle
from tests.eval.dedup.play import normal, play
from tests.eval.dedup.submissions import submissions
random = Random(1)
sent = submissions(random, ROUGH, settle(random, ROUGH, count=2000))
print(*map(normal, sent), play(sent), sep="\\n")
"""


def load() -> ModuleType:
    spec = spec_from_file_location("compiling", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def inheritances() -> Iterator[tuple[str, str, str]]:
    """Each class of the sources, and of the tests, that names another of the sources as its parent: the file, itself, and the parent."""
    for path in (path for folder in ("services", "shared", "tests") for path in ROOT.glob(f"{folder}/**/*.py")):
        tree, name = ast.parse(path.read_text()), path.relative_to(ROOT).as_posix()
        ours = set(_imported(tree)) if name.startswith("tests/") else None
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                parents = [base.id for base in node.bases if isinstance(base, ast.Name)]
                yield from ((name, node.name, parent) for parent in parents if ours is None or parent in ours)


def _imported(tree: ast.AST) -> Iterator[str]:
    """What a module has from services and shared."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("services.", "shared.")):
            yield from (name.name for name in node.names)


def test_what_is_compiled_exists_and_all_its_heirs_are_compiled() -> None:
    """Python refuses a class that inherits from a compiled one, when it is first imported: not where `share` is the only one to need it."""
    modules = set(load().MODULES)
    assert [name for name in modules if not (ROOT / name).is_file()] == []
    classes = {
        node.name for name in modules for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.ClassDef)
    }
    left = [(path, name) for path, name, parent in inheritances() if parent in classes and path not in modules]
    assert left == []


def test_no_tuple_that_is_compiled_says_itself_whether_it_is_true() -> None:
    """Compiled code does not ask it: a tuple of so many is true."""
    found = [
        (name, node.name)
        for name in load().MODULES
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.ClassDef) and "NamedTuple" in [base.id for base in node.bases if isinstance(base, ast.Name)]
        if {"__bool__", "__len__"} & {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    ]
    assert found == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = run(ROOT, str(SCRIPT), str(tmp_path))
    assert refused.returncode == 1
    assert "holds something else" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    refused = run(ROOT, str(SCRIPT), str(tmp_path / "new"))
    assert refused.returncode == 1
    assert "install gcc" in refused.stderr
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := load().lacking():
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("compiled") / "copy"
    made = run(ROOT, str(SCRIPT), str(folder), "--quick")
    assert made.returncode == 0, made.stderr
    return folder


@ONCE
def test_what_is_to_be_compiled_is_what_the_copy_runs(copy: Path) -> None:
    compiled = set(run(copy, "-c", WHICH).stdout.split())
    assert {name.removesuffix(".py").replace("/", ".") for name in load().MODULES} <= compiled


@ONCE
def test_the_compiled_copy_plays_every_scenario_as_the_sources_do(copy: Path) -> None:
    plain, same = (run(folder, "-m", "services", "policy-test", "tests/policies") for folder in (ROOT, copy))
    assert same.returncode == 0, same.stdout
    assert same.stdout == plain.stdout


@ONCE
def test_the_compiled_copy_cleans_and_recognises_as_the_sources_do(copy: Path) -> None:
    plain, same = (run(folder, "-c", RECOGNISED) for folder in (ROOT, copy))
    assert same.returncode == 0, same.stderr
    assert len(same.stdout.splitlines()) > 3000
    assert same.stdout == plain.stdout
