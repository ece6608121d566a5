"""What the name of a model or an adapter leads to: a folder on this machine, or a repository of the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tonescope.models.errors import TonescopeError

OPTIONS = {"generator": "model", "judge": "judge", "adapter": "adapter"}  # how each is named on the command line
_INSTEAD = {
    "generator": "give the folder, or use --model embedded",
    "judge": "give the folder that save_pretrained writes there, or use --judge embedded, which knows the sounds of the embedded model only",
    "adapter": "give the folder",
}


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


def download(name: str, kind: str, repository: str, revision: str | None, files: Sequence[str]) -> Path:
    """The folder of a repository of the Hub with the files wanted: those of before, where the Hub cannot be reached.

    Raises :class:`TonescopeError` when they are neither here nor there.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise TonescopeError(
            f"{name} could not be loaded: there is no folder of that name here, and the model hub knows no such public model or revision; check the spelling, or log in if it is private."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise TonescopeError(
            f"{name} could not be loaded: there is no folder of that name here, and the model hub, where it might be, cannot be reached; download it where there is a network and {_INSTEAD[kind]}."
        ) from error
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200].rstrip(".") if str(error).strip() else type(error).__name__
        raise TonescopeError(f"{name} could not be downloaded: {reason}; try again, or give a folder.") from error
