"""What the name of a model or an adapter leads to: a folder on this machine, or a repository of the Hub."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tonescope.models.errors import TonescopeError

# How each is named on the command line.
OPTIONS = {"generator": "model", "judge": "judge", "tagger": "tagger", "adapter": "adapter"}
CONNECT_SECONDS = 4.0  # to resolve a name and to connect; a slow network takes less than one
ANSWER_SECONDS = 30.0  # for the first answer of the Hub, once connected
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080, "socks5h": 1080}
_INSTEAD = {
    "generator": "give the folder, or use --model embedded",
    "judge": (
        "give the folder that save_pretrained writes there, or use --judge embedded, "
        "which knows the sounds of the embedded model only"
    ),
    "tagger": "give the folder, or use --tagger musicnn-msd",
    "adapter": "give the folder",
}


def folder(name: str) -> Path | None:
    """The folder of a name, if it is one."""
    try:
        path = Path(name).expanduser()
        return path if name.strip() and path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, an unknown user, a character that no path has
        return None


def is_file(name: str) -> bool:
    """Whether a name is that of something that exists and is no folder."""
    try:
        return Path(name).expanduser().exists() and folder(name) is None
    except (OSError, RuntimeError, ValueError):
        return False


def hub_id(name: str) -> tuple[str, str | None] | None:
    """Repository and revision of ``owner/name`` or ``owner/name@revision``, if a name has that form."""
    repository, _, revision = name.partition("@")
    owner, slash, model = repository.partition("/")
    if not (owner and slash and model) or "/" in model or name.startswith((".", "~")):
        return None
    return repository, revision or None


def unreachable(address: str) -> str | None:
    """Why nothing answers at a web address, or at the proxy in front of it; ``None`` where something does, or may.

    Only a connection is made and closed again. Waiting ends after ``CONNECT_SECONDS``: the HTTP client itself would
    wait for minutes, or try again and again.
    """
    wanted = urlsplit(address)
    proxies = {} if proxy_bypass(wanted.hostname or "") else getproxies()
    proxy = proxies.get(wanted.scheme) or proxies.get("all")
    try:
        gate = urlsplit(proxy) if proxy else wanted
        host, port = gate.hostname, gate.port or _PORTS.get(gate.scheme)
    except ValueError:  # a port that is no number
        return None
    if not host or not port:
        return None  # an odd address: the HTTP client says what it makes of it
    # A thread, because nothing else bounds the time that resolving a name takes.
    failed: list[str] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), CONNECT_SECONDS).close()
            failed.append("")
        except (OSError, UnicodeError) as error:
            failed.append(str(getattr(error, "strerror", None) or error or type(error).__name__).lower())

    waiting = threading.Thread(target=connect, daemon=True)
    waiting.start()
    waiting.join(CONNECT_SECONDS)
    why = failed[0] if failed else f"no answer in {CONNECT_SECONDS:g} s"
    if not why:
        return None
    return f"the proxy {gate.scheme}://{host}:{port} does not answer: {why}" if proxy else why


def download(name: str, kind: str, repository: str, revision: str | None, files: Sequence[str]) -> Path:
    """The folder of a repository of the Hub with the files wanted: those of before, where the Hub cannot be reached.

    Raises :class:`TonescopeError` when they are neither here nor there.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    offline = bool(constants.HF_HUB_OFFLINE)
    why = None if offline else unreachable(constants.ENDPOINT)
    try:
        silent, besides = (None, ()) if offline or why else _answer(repository, revision)
        why = why or silent
        local, cache = offline or why is not None, str(constants.HF_HUB_CACHE)
        return _snapshot(repository, revision, tuple(files), besides, local=local, cache=cache)
    except GatedRepoError as error:
        raise TonescopeError(
            f"{name} could not be downloaded: its publisher asks for its licence to be accepted first; accept it at "
            f"{constants.ENDPOINT}/{repository}, log in with `hf auth login`, and try again."
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise TonescopeError(
            f"{name} could not be loaded: there is no folder of that name here, and the model hub knows no "
            "such public model "
            "or revision; check the spelling, or log in if it is private."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        because = f" ({why})" if why else " (HF_HUB_OFFLINE is set)" if offline else ""
        raise TonescopeError(
            f"{name} could not be loaded: there is no folder of that name here, and the model hub, where it might be, "
            f"cannot be reached{because}; download it where there is a network and {_INSTEAD[kind]}."
        ) from error
    except ImportError as error:  # a proxy of a kind that the HTTP client needs another package for
        raise TonescopeError(
            f"{name} could not be downloaded: {_first(error)}; install what is missing, unset the proxy, or "
            "give a folder."
        ) from error
    except Exception as error:  # whatever HTTP client, proxy and disk come up with
        raise TonescopeError(
            f"{name} could not be downloaded: {_first(error)}; try again, or give a folder."
        ) from error


@lru_cache(maxsize=16)  # one run of a command asks several times
def _snapshot(
    repository: str, revision: str | None, files: tuple[str, ...], besides: tuple[str, ...], *, local: bool, cache: str
) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(files),
            ignore_patterns=list(besides),
            local_files_only=local,
            cache_dir=cache,
        )
    )


@lru_cache(maxsize=16)
def _answer(repository: str, revision: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Why the Hub, though connected, does not answer, ``None`` where it does, whatever it says; and files that are not
    needed: beside the folders of a pipeline the same weights may lie once more, for another library."""
    from huggingface_hub import HfApi

    try:
        held = HfApi().model_info(repository, revision=revision, timeout=ANSWER_SECONDS).siblings or []
    except Exception as error:  # the client's own classes, which are not the same in all its versions
        return (f"no answer in {ANSWER_SECONDS:g} s" if "Timeout" in type(error).__name__ else None), ()
    names = {file.rfilename for file in held}
    outside = {name for name in names if "/" not in name and name.endswith(".safetensors")}
    return None, tuple(sorted(outside)) if "model_index.json" in names else ()


def _first(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200].rstrip(".") if text else type(error).__name__
