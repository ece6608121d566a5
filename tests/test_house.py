"""The house is as ARCHITECTURE.md says: owners, names, sizes, layers, packages."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "diagnose", "ui", "training")
WHEEL = ("tonescope", "models", "diagnose", "ui")
MOST_LINES = 400
SHARED_NAMES = ("__init__.py", "conftest.py")
# What a package of the wheel must not import; and nobody in the wheel imports what stands beside it.
BESIDE = ("training", "tests", "benchmarks", "examples")
FORBIDDEN_IMPORTS = {
    "models": ("tonescope.diagnose", "tonescope.ui", *BESIDE),
    "diagnose": ("tonescope.ui", *BESIDE),
    "ui": BESIDE,
    "tonescope": BESIDE,
}
_FORMATTER_OFF = re.compile(r"#\s*fmt:\s*(skip|off)")


@cache
def tracked(*folders: str) -> tuple[str, ...]:
    """Python files that git tracks and that are there, of these top-level folders or of all."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.splitlines() if (ROOT / name).is_file() and not (ROOT / name).is_symlink()]
    return tuple(name for name in files if not folders or name.split("/")[0] in folders)


@cache
def source(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def exceptions() -> dict[str, Any]:
    """What does not keep a rule yet: a list that only becomes shorter."""
    return tomllib.loads((ROOT / "tests" / "house.toml").read_text(encoding="utf-8"))


def owners(text: str) -> dict[str, str]:
    """The tree under the title "The house" as sentences by path.

    One entry a line: two spaces of indentation a level, the name (a folder's ends in ``/``), two spaces or more, the
    sentence; empty lines do not count. Raises ``ValueError`` for a line that is none of that, or that comes twice.
    """
    tree = text.split("## The house", 1)[1].split("```")[1]
    found: dict[str, str] = {}
    folders: list[str] = []
    for line in filter(str.strip, tree.splitlines()):
        entry = re.fullmatch(r"((?:  )*)([\w.-]+/?) {2,}(\S.*\S)", line)
        depth = len(entry[1]) // 2 if entry else -1
        if entry is None or depth > len(folders):
            raise ValueError(f"not an entry of the tree: {line!r}")
        folders[depth:] = [entry[2]] if entry[2].endswith("/") else []
        path = "".join(folders) if entry[2].endswith("/") else "".join(folders[:depth]) + entry[2]
        if path in found:
            raise ValueError(f"twice in the tree: {path}")
        found[path] = entry[3]
    return found


def imported(name: str) -> set[str]:
    """Modules that a file imports, at the top or in functions; ``from a import b`` counts as ``a`` and ``a.b``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}:{node.lineno} imports relative to itself; imports are absolute"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def named(name: str) -> set[str]:
    """The identifiers of a file, imported modules among them, without comments and strings."""
    tokens = tokenize.generate_tokens(io.StringIO(source(name)).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def musicgen_words(name: str) -> list[str]:
    """The words of MusicGen that are in a file's identifiers."""
    text = " ".join(named(name)).lower()
    return [word for word in exceptions()["musicgen"]["words"] if word in text]


def outside_musicgen() -> list[str]:
    return [name for name in tracked(*WHEEL) if not name.startswith("models/families/musicgen/")]


def formatter_off(name: str) -> bool:
    tokens = tokenize.generate_tokens(io.StringIO(source(name)).readline)
    return any(token.type == tokenize.COMMENT and _FORMATTER_OFF.search(token.string) for token in tokens)


def test_every_file_has_its_sentence_in_the_architecture() -> None:
    told = owners((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    packages = {name.removesuffix("__init__.py") for name in tracked(*ROOMS) if name.endswith("/__init__.py")}
    files = {name for name in tracked(*ROOMS) if not name.endswith("/__init__.py")}
    assert not sorted((files | packages) - set(told)), "without a sentence in ARCHITECTURE.md, The house"


def test_the_architecture_lists_nothing_that_is_not_there() -> None:
    told = owners((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert not [path for path in told if not (ROOT / path).exists()]
    assert not [text for text, times in Counter(told.values()).items() if times > 1], "one sentence for two files"


def test_the_tree_is_read_as_it_is_written() -> None:
    lines = ("a/        what", "  b.py    one", "  c/      two", "    d.py  three", "", "e/  four", "  f.py  five")
    tree = "\n".join(("## The house", "```", *lines, "```", ""))
    assert list(owners(tree)) == ["a/", "a/b.py", "a/c/", "a/c/d.py", "e/", "e/f.py"]
    for broken in ("  b.py\n", "      b.py  too deep\n", "a/  again\n"):
        with pytest.raises(ValueError, match="tree"):
            owners(tree.replace("e/  four\n", broken))


def test_no_two_files_have_the_same_name() -> None:
    names = Counter(Path(name).name for name in tracked())
    assert not [name for name, times in names.items() if times > 1 and name not in SHARED_NAMES]


def test_no_module_is_too_long() -> None:
    lines = {name: len(source(name).splitlines()) for name in tracked()}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_the_formatter_is_switched_off_nowhere() -> None:
    off = {name for name in tracked() if formatter_off(name)}
    assert not sorted(off - set(exceptions()["formatter"]["off"]))


def test_packages_are_the_folders_with_an_init() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    inits = [Path(name).parent for name in tracked("models", "diagnose", "ui") if name.endswith("/__init__.py")]
    folders = [".".join(("tonescope", *folder.parts)) for folder in inits]
    assert sorted(declared) == sorted(["tonescope", *folders])
    holders = {Path(name).parent for name in tracked("models", "diagnose", "ui")}
    assert not holders - set(inits), "folders with modules and without an __init__.py"


def below(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of these packages or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_imports_obey_the_layers() -> None:
    wrong = {
        name: [module for module in imported(name) if below(module, FORBIDDEN_IMPORTS[name.split("/")[0]])]
        for name in tracked(*WHEEL)
    }
    assert not {name: modules for name, modules in wrong.items() if modules}


def test_only_its_own_family_knows_how_musicgen_is_built() -> None:
    allowed = exceptions()["musicgen"]["known_by"]
    known = {name: musicgen_words(name) for name in outside_musicgen()}
    assert not {name: words for name, words in known.items() if set(words) - set(allowed.get(name, ()))}


def test_exceptions_that_are_no_longer_needed_are_gone() -> None:
    """Delete from ``house.toml`` what this names: the rule is kept there now, and shall stay kept."""
    off = [name for name in exceptions()["formatter"]["off"] if name not in tracked() or not formatter_off(name)]
    known = {
        name: sorted(set(words) - set(musicgen_words(name) if name in tracked() else ()))
        for name, words in exceptions()["musicgen"]["known_by"].items()
    }
    assert (off, {name: words for name, words in known.items() if words}) == ([], {})
