"""A copy of Handoff in which what leads and decisions spend their time in is compiled to C: the same sources, the same answers, sooner.

    python deploy/compile.py DIRECTORY [--quick]

mypyc (mypy's own compiler) takes the types that are in the sources already; it needs a C compiler. The directory becomes a checkout like
this one, with the compiled modules beside their sources: `python -m services` and `make` work there as they do here. Nothing is compiled
in place, since Python would take a compiled module for its source however much that has changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "services",
    "shared",
    "deploy",
    "tests",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "docker-compose.yml",
    ".dockerignore",
)
"""Those of them that are there: the image has fewer."""
MARK = ".compiled"
"""A file of this name is in what this made, and may make anew."""

SHARED = "ids"
RULES = "index tables vocabulary"
ROUTER = """
    agent availability/gates counters decision/deciding decision/outcome decision/values ledger meeting peers period pool_state rotation
    state/folds state/seats strategies/claim strategies/classes strategies/fewest strategies/in_turn strategies/least_open strategies/line
    strategies/most_spare strategies/requirement_class strategies/share strategies/standings strategies/turns
"""
INTAKE = """
    facts identity likeness/blocks likeness/evidence likeness/mailboxes likeness/memory likeness/names likeness/profile likeness/spelling
    likeness/weigh mapping normal quality/amounts quality/domains quality/mail quality/names quality/notes quality/origin quality/phone
    quality/places quality/plans quality/text recognition spellings
"""
TAKING = "drafts limits receive reception recognise"
MODULES = tuple(
    f"{folder}/{name}.py"
    for folder, names in (
        ("shared", SHARED),
        ("shared/rules", RULES),
        ("services/router/domain", ROUTER),
        ("services/intake/domain", INTAKE),
        ("services/intake/handlers", TAKING),
    )
    for name in names.split()
)
"""What leads and decisions spend their time in. Classes that others inherit from are here only with all of their heirs."""


def lacking() -> str | None:
    """What is missing here to compile, and how to have it; None where nothing is."""
    if not shutil.which(os.environ.get("CC", "cc")):
        return "no C compiler: install gcc (Debian: apt-get install gcc libc6-dev), or name one in CC"
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        return "no Python.h: install the headers of this Python (Debian: apt-get install python3-dev)"
    return None


def copy(target: Path) -> None:
    """A fresh checkout of these sources, with the environment of this one. Raises FileExistsError where something else is."""
    within = [ROOT / name for name in COPIED if target.is_relative_to(ROOT / name)]  # it would be copied into itself
    if target == ROOT or within or (target.exists() and any(target.iterdir()) and not (target / MARK).is_file()):
        raise FileExistsError(
            f"{target} holds something else, or is within the sources; name a directory that is empty or not there"
        )
    target.mkdir(parents=True, exist_ok=True)
    (target / MARK).touch()
    for name in COPIED:
        source, copied = ROOT / name, target / name
        if source.is_dir():
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        elif source.is_file():
            shutil.copy2(source, copied)
    environment = target / ".venv"
    if (ROOT / ".venv").is_dir() and not environment.exists():
        environment.symlink_to(ROOT / ".venv")


def build(modules: Sequence[str], *, optimise: int) -> None:
    """Compiles these modules of the working directory, each to a library beside it. Raises SystemExit where mypyc or the compiler fails."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    options = {"opt_level": str(optimise), "debug_level": "0", "group_name": "handoff", "target_dir": ".build"}
    extensions = mypycify(["--cache-dir=/dev/null", *modules], **options)
    command = build_ext(Distribution({"name": "handoff", "ext_modules": extensions}))
    command.build_lib, command.build_temp = ".", ".build"
    command.ensure_finalized()
    command.run()
    shutil.rmtree(".build")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python deploy/compile.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where the copy goes; one that this made before is made anew")
    parser.add_argument("--quick", action="store_true", help="compile without optimising: for a test of it")
    parser.add_argument("--built", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.built:
        return build(MODULES, optimise=0 if asked.quick else 2)
    if missing := lacking():
        sys.exit(missing)
    target = asked.directory.resolve()
    try:
        copy(target)
    except OSError as error:
        sys.exit(f"cannot copy to {target}: {error}")
    # In a process of its own: mypy names modules by the directory it runs in.
    again = [
        sys.executable,
        str(target / "deploy" / Path(__file__).name),
        str(target),
        "--built",
        *(["--quick"] if asked.quick else []),
    ]
    done = subprocess.run(again, cwd=target, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"{target} was not compiled; what is above says why")
    sys.stdout.write(f"compiled {len(MODULES)} modules; in {asked.directory} everything works as it does here\n")


if __name__ == "__main__":
    main()
