"""From what a user names to a corpus: nothing, a folder, or a data set of the Hub."""

from __future__ import annotations

from pathlib import Path

from tonescope.diagnose.audio_files.sound_files import printable
from tonescope.diagnose.unit_index.composed_corpus import NAME, ComposedCorpus
from tonescope.diagnose.unit_index.corpus import Corpus, FolderCorpus
from tonescope.models.checkpoints.sources import folder, hub_id, is_file
from tonescope.models.errors import TonescopeError


def check_corpus(name: str) -> None:
    """Refuse a name that no corpus has, before a model is loaded. Raises :class:`TonescopeError`."""
    shown = printable(name)[:200]
    if not name.strip():
        raise TonescopeError(
            "a corpus was named by nothing (a variable of the shell that is empty?); name a folder of sound files, an "
            f"id of the Hub (owner/name), or {NAME}."
        )
    if name == NAME or folder(name) is not None:
        return
    if is_file(name):
        raise TonescopeError(f"{shown} is a file, and a corpus is a folder of sound files; name {Path(name).parent}.")
    if hub_id(name) is None:
        raise TonescopeError(
            f"there is no folder {shown}, and it is no id of the Hub (owner/name) either; name a folder of "
            "sound files, "
            f"or {NAME} for the corpus that comes with Tonescope."
        )


def is_elsewhere(name: str) -> bool:
    """Whether a corpus lies at the Hub, so that hearing a recording of it takes a download."""
    return name != NAME and folder(name) is None and hub_id(name) is not None


def open_corpus(name: str) -> Corpus:
    """Raises :class:`TonescopeError` for what is no corpus, or holds no sound."""
    check_corpus(name)
    if name == NAME:
        return ComposedCorpus()
    if folder(name) is not None:
        return FolderCorpus.open(name)
    from tonescope.diagnose.unit_index.hub_corpus import HubCorpus

    return HubCorpus.open(name)
