"""What the name of a model or an adapter leads to: a folder on this machine, or a repository of the Hub."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path | None:
    """The folder of a name, if it is one."""
    try:
        path = Path(name).expanduser()
        return path if name.strip() and path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, an unknown user, a character that no path has
        return None


def hub_id(name: str) -> tuple[str, str | None] | None:
    """Repository and revision of ``owner/name`` or ``owner/name@revision``, if a name has that form."""
    repository, _, revision = name.partition("@")
    owner, slash, model = repository.partition("/")
    if not (owner and slash and model) or "/" in model or name.startswith((".", "~")):
        return None
    return repository, revision or None
