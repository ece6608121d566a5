"""Uploads: what kind of file it is, by what is in it; names and headers say what they like."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import anyio.to_thread

from tonescope.ui.web.asgi import Application, Message, Receive, Scope, Send, header, refuse, respond, without_headers
from tonescope.ui.web.routes import MEBIBYTE, MOST_UPLOAD, UPLOAD

Kind = Literal["sound", "run"]

SPARE = 128 * MEBIBYTE  # of disk, beyond what is uploaded
ABANDONED = 60.0  # seconds without a byte, after which an upload that broke off is no longer waited for
TOLD: dict[Kind, str] = {"sound": "a sound (wav, flac, ogg, opus, mp3, aiff)", "run": "a run that Tonescope exported"}
# How files of a kind begin: (offset, bytes) pairs that all have to be there.
SIGNATURES: list[tuple[Kind, tuple[tuple[int, bytes], ...]]] = [
    ("sound", ((0, b"RIFF"), (8, b"WAVE"))),
    ("sound", ((0, b"RF64"), (8, b"WAVE"))),
    ("sound", ((0, b"fLaC"),)),
    ("sound", ((0, b"OggS"),)),
    ("sound", ((0, b"ID3"),)),
    *(("sound", ((0, bytes((0xFF, second))),)) for second in (0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3)),  # mp3 frames
    ("sound", ((0, b"FORM"), (8, b"AIFF"))),
    ("sound", ((0, b"FORM"), (8, b"AIFC"))),
    ("run", ((0, b"PK\x03\x04"),)),
]


def kind_of(path: Path) -> Kind | None:
    """The kind of a file by its first bytes; nothing for all others."""
    with path.open("rb") as file:
        start = file.read(64)
    for kind, marks in SIGNATURES:
        if all(start[at : at + len(mark)] == mark for at, mark in marks):
            return kind
    return None


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    """Answer in one sentence; gradio's page shows a body as it is, so what a browser sends (it says from which page)
    gets no JSON."""
    if header(scope, "origin") is None:
        await refuse(scope, send, status, sentence)
        return
    told = sentence[:1].upper() + sentence[1:]
    await respond(send, status, told.encode(), "text/plain; charset=utf-8")


class UploadLayer:
    """Look into what was uploaded before anyone is told where it is; what no page takes is deleted at once.

    Args:
        folder: where uploads are put.
        taken: the kinds that the pages take.
    """

    def __init__(self, inner: Application, folder: Path, taken: Collection[Kind]) -> None:
        self.inner, self.folder, self.taken = inner, folder, taken
        self.open = 0  # uploads that are coming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one upload; other requests pass."""
        if scope["path"].rstrip("/") != UPLOAD:
            await self.inner(scope, receive, send)
            return
        if shutil.disk_usage(self.folder).free < MOST_UPLOAD + SPARE:
            told = "the disk of the machine that Tonescope runs on is nearly full; free some space there first."
            await _refuse(scope, send, 507, told)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        self.open += 1
        try:
            await self.inner(without_headers(scope, "accept-encoding"), receive, hold)
        finally:
            self.open -= 1
            await anyio.to_thread.run_sync(self._clear)
        if held and held[0]["status"] == 200:
            body = b"".join(message.get("body", b"") for message in held[1:])
            if (unfit := await anyio.to_thread.run_sync(self._unfit, json.loads(body))) is not None:
                wanted = " or ".join(TOLD[kind] for kind in TOLD if kind in self.taken)
                await _refuse(scope, send, 415, f"{unfit} is no file that can be used here: choose {wanted}.")
                return
        for message in held:
            await send(message)

    def _clear(self) -> None:
        """Delete what uploads left that broke off: files that are complete lie in folders of their own."""
        latest = time.time() - (ABANDONED if self.open else 0.0)
        for path in self.folder.iterdir():
            with suppress(OSError):
                if path.is_file() and path.stat().st_mtime <= latest:
                    path.unlink()

    def _unfit(self, names: list[Any]) -> str | None:
        """The name of the first file that is of no kind that is taken, or of none at all; if there is one, all are
        deleted."""
        inside = self.folder.resolve()
        paths = [Path(str(name)).resolve() for name in names]
        own = [path for path in paths if path.is_relative_to(inside)]
        bad = [path for path in paths if path not in own or not path.is_file() or kind_of(path) not in self.taken]
        if not bad:
            return None
        for path in own:
            path.unlink(missing_ok=True)
        return f"“{bad[0].name}”"
