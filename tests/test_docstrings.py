"""Cross-references in docstrings (Sphinx roles) lead to something that is there, of the kind they say."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WHEEL = ("models", "diagnose", "ui")  # folders that are packages of tonescope
REFERENCE = re.compile(r":(mod|class|exc|func|meth|data|attr):`~?([^`]+)`")
KINDS = {"mod": "module", "class": "class", "exc": "class", "func": "function", "data": "data"}


@dataclass
class Scope:
    """A module or class: what it defines, by name, and from where it takes the rest."""

    kind: str
    names: dict[str, Scope] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)


def module_of(name: str) -> str:
    """``models/judges/clap.py`` is ``tonescope.models.judges.clap``; a package's ``__init__.py`` is the package."""
    parts = list(Path(name).with_suffix("").parts)
    return ".".join((["tonescope"] if parts[0] in WHEEL else []) + parts).removesuffix(".__init__")


def _targets(node: ast.stmt) -> Iterator[ast.expr]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        yield from target.elts if isinstance(target, ast.Tuple) else [target]


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def scope_of(body: list[ast.stmt], kind: str) -> Scope:
    """What the statements define; attributes that methods set on ``self`` belong to the class."""
    scope = Scope(kind)
    for node in body:
        if isinstance(node, ast.ClassDef):
            scope.names[node.name] = inner = scope_of(node.body, "class")
            inner.bases = [ast.unparse(base) for base in node.bases]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope.names[node.name] = Scope("data" if _is_property(node) else "function")
            for statement in ast.walk(node) if kind == "class" else ():
                for target in _targets(statement) if isinstance(statement, ast.stmt) else ():
                    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                        scope.names.setdefault(target.attr, Scope("data"))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            scope.imports |= {alias.asname or alias.name: prefix + alias.name for alias in node.names}
        elif isinstance(node, ast.If | ast.Try):
            nested = scope_of([*node.body, *node.orelse], kind)
            scope.names, scope.imports = nested.names | scope.names, nested.imports | scope.imports
        else:
            scope.names |= {target.id: Scope("data") for target in _targets(node) if isinstance(target, ast.Name)}
    return scope


@cache
def trees() -> dict[str, ast.Module]:
    """Every tracked module, parsed, by its name as it is imported."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.splitlines() if (ROOT / name).is_file()]
    return {module_of(name): ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in files}


@cache
def modules() -> dict[str, Scope]:
    return {name: scope_of(tree.body, "module") for name, tree in trees().items()}


def absolute(path: str) -> Scope | None:
    """What ``package.module.Class.name`` is: the longest part that is a module, then name by name."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        if (module := modules().get(".".join(parts[:length]))) is not None:
            return within(module, parts[length:])
    known = parts[0] != "tonescope" and importlib.util.find_spec(parts[0]) is not None
    return Scope("elsewhere") if known else None  # of another library, which is not read


def within(scope: Scope, parts: list[str], home: Scope | None = None) -> Scope | None:
    """What a dotted name is, seen from a module or class; ``home`` is the module of a class."""
    if not parts:
        return scope
    first, *rest = parts
    home = scope if scope.kind == "module" else home
    if (found := scope.names.get(first)) is not None:
        return within(found, rest, home)
    if first in scope.imports:
        return absolute(".".join([scope.imports[first], *rest]))
    bases = [within(home, base.split(".")) for base in scope.bases] if home else []
    inherited = (within(base, parts) for base in bases if base is not None and base.kind == "class")
    return next((found for found in inherited if found is not None), None)


def resolved(reference: str, module: str, around: list[str]) -> Scope | None:
    """What a reference in a docstring of a module means; ``around`` are the classes that the docstring is in.

    A leading dot starts at the module's package. Else the classes come first, then the module, then all modules.
    """
    target = reference.removesuffix("()")
    if target.startswith("."):
        return absolute(module.rpartition(".")[0] + target)
    parts = target.split(".")
    for depth in range(len(around), -1, -1):
        owner = within(modules()[module], around[:depth])
        found = within(owner, parts, modules()[module]) if owner is not None else None
        if found is not None:
            return found
    return absolute(target)


def fits(role: str, target: str, found: Scope | None) -> bool:
    """Whether what was found is what the role says; a method is named by its class or in it, like an attribute."""
    if found is None or found.kind == "elsewhere":
        return found is not None
    return found.kind == KINDS.get(role, "function" if role == "meth" else "data")


def docstrings(tree: ast.AST, around: tuple[str, ...] = ()) -> Iterator[tuple[list[str], int, str]]:
    """(classes around it, line, text) of every docstring: of modules, classes, functions, and under attributes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield list(around), node.lineno, node.value.value
        yield from docstrings(node, (*around, node.name) if isinstance(node, ast.ClassDef) else around)


def broken(module: str, tree: ast.Module) -> list[str]:
    """References of a module that lead nowhere, or to something of another kind."""
    return [
        f"{module}:{line + text[: match.start()].count(chr(10))}: {match[0]}"
        for around, line, text in docstrings(tree)
        for match in REFERENCE.finditer(text)
        if not fits(match[1], match[2], resolved(match[2], module, around))
    ]


def test_every_reference_in_a_docstring_leads_somewhere() -> None:
    assert not [line for module, tree in trees().items() for line in broken(module, tree)]


GIVEN = '''
"""See :class:`Thing`, :meth:`Thing.act`, :data:`LIMIT` and :func:`{name}`."""
from pathlib import Path
LIMIT = 3
class Base:
    def inherited(self): ...
class Thing(Base):
    """:meth:`act`, :meth:`inherited`, :attr:`size`, :attr:`shown`, :class:`Path`, :exc:`torch.OutOfMemoryError`."""
    def __init__(self): self.size = 1
    @property
    def shown(self): ...
    def act(self): ...
def work(): ...
'''


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("work", True),
        ("play", False),
        ("LIMIT", False),
        (".given.work", True),
        (".work", False),
        ("room.given.work", True),
        ("tonescope.models.no_such_module", False),
    ],
)
def test_a_broken_reference_is_found(name: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ast.parse(GIVEN.replace("{name}", name))
    monkeypatch.setitem(modules(), "room.given", scope_of(tree.body, "module"))
    assert broken("room.given", tree) == ([] if right else [f"room.given:2: :func:`{name}`"])


def test_there_are_references_to_check() -> None:
    found = [match for tree in trees().values() for *_, text in docstrings(tree) for match in REFERENCE.finditer(text)]
    assert len(found) > 50
