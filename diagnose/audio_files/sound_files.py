"""Which files may hold sound: by ending, by kind, and where they lie. Nothing is decoded here.

Nothing but regular files is opened: a pipe would wait for ever. What cannot serve gets a reason, in words that go on
from its name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import soundfile

# File endings by the name that libsndfile has for a format. Whether it is built in, libsndfile says.
ENDINGS = {
    "WAV": (".wav", ".wave"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3",),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "CAF": (".caf",),
    "AU": (".au", ".snd"),
    "RF64": (".rf64",),
    "W64": (".w64",),
}
# Sound that people keep in such folders and libsndfile does not read, so that they are told what to do.
OTHER_SOUND = frozenset(
    (".m4a", ".aac", ".mp4", ".m4b", ".wma", ".alac", ".ape", ".wv", ".mka", ".mkv", ".webm", ".ac3", ".dsf", ".mid")
)
LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind; hidden files are ignored as well
SHOWN = 4  # names in a sentence, before "and so many more"

_KINDS = {
    stat.S_IFDIR: "a folder, and folders within are not searched",
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


class Unusable(Exception):
    """Why a file cannot serve, in words that go on from its name."""


def readable_endings() -> tuple[str, ...]:
    """Endings of the files that the installed libsndfile reads, in the order of :data:`ENDINGS`."""
    formats = soundfile.available_formats()
    return tuple(ending for name, endings in ENDINGS.items() if name in formats for ending in endings)


def is_litter(name: str) -> bool:
    """Whether a name is hidden, or one that systems give to what they leave behind."""
    return name.startswith(".") or name.lower() in LITTER


def check_file(path: Path, endings: Sequence[str], *, named: bool = False) -> None:
    """Raise :class:`Unusable` for what is not opened.

    Args:
        endings: those that are read (:func:`readable_endings`).
        named: whether the user named this very file; then its content decides, whatever its ending.
    """
    if named and is_litter(path.name):
        raise Unusable("by its name what a system keeps beside files, and no sound")
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise Unusable("there is no such file") from error
    except (OSError, ValueError) as error:
        raise Unusable(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(state.st_mode):  # opening one of these may wait for ever
        raise Unusable(_KINDS.get(stat.S_IFMT(state.st_mode), "not a file"))
    if (ending := path.suffix.lower()) not in endings:
        known = ending in OTHER_SOUND or any(ending in names for names in ENDINGS.values())
        if known:
            raise Unusable(f"libsndfile does not read {ending}: convert it to .wav or .flac")
        if not named:
            raise Unusable("by its ending no sound")
    if state.st_size == 0:
        raise Unusable("empty")
    if not os.access(path, os.R_OK):
        raise Unusable("may not be read")


def listed(reasons: Sequence[tuple[str, str]]) -> str:
    """Names with their reasons, those of one reason together, and no long list of names."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons:
        by_reason.setdefault(reason, []).append(name)
    parts = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        parts.append(f"{', '.join(names[:SHOWN])}{more} ({reason})")
    return "; ".join(parts)


def printable(name: str) -> str:
    """A file's name with control characters, and bytes that are no text, replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
