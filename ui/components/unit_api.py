"""What pages and programs can ask about units: start a lens, keep, drop, send and receive bookmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks, read_text, written
from tonescope.diagnose.store.workspace import BOOKMARKS
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Unit
from tonescope.ui.components import lenses, run_api
from tonescope.ui.components.given_values import text_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

KEPT = "Kept. Diagnoses that meet this unit name it."
DROPPED = "No longer kept."


def _uploaded(clip: Any) -> Path | None:
    """The file of an upload. Gradio refuses what is marked as one and lies elsewhere; nothing else is read."""
    if clip is None:
        return None
    if not isinstance(clip, dict) or (clip.get("meta") or {}).get("_type") != "gradio.FileData":
        raise TonescopeError("the clip is no file that was uploaded; upload it, and give what names it then.")
    return Path(str(clip.get("path")))


def build(workshop: Workshop) -> None:
    """Offer the functions of a workshop."""
    generator, folder = workshop.session.generator, workshop.workspace.folder

    def identity(unit: str) -> tuple[str, str, str]:
        """The address of a unit that there is, and whose it is: a fingerprint and a name."""
        parsed = Unit.parse(text_of("unit", unit).strip())
        if parsed.location.network == "judge":
            places = getattr(workshop.session.judge, "places", None)
            if places is None:
                raise TonescopeError(
                    f"{workshop.session.judge.name} shows none of its units; bookmark another model’s."
                )
            found = places.unit(str(parsed))
            return str(found), workshop.session.judge.fingerprint(), workshop.session.judge.name
        return str(generator.unit(str(parsed))), generator.fingerprint(), generator.name

    @told_errors
    def lens(
        name: str,
        place: str,
        parameters: dict[str, Any] | None = None,
        clip: dict[str, Any] | None = None,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Start a run that looks at a unit, a location or the whole model, and return at once; status says how far.

        Args:
            name: visualize, words, tuning, name, mute (units); dream, caricature, index (locations); find, layers.
            place: a unit such as decoder.3.mlp:117, or a location; empty for find and layers.
            parameters: what can be chosen, such as prompt, side, strength, query.
            clip: a sound that was uploaded, for caricature, dream and tuning, as the upload names it.
        """
        given = parameters if isinstance(parameters, dict) else {}
        asked = text_of("name", name), text_of("place", place)
        run = lenses.started(workshop, run_api.owner(request), *asked, given, _uploaded(clip))
        return {"run": run.name, "address": workshop.address(run.name), "state": run.state}

    @told_errors
    def bookmark(unit: str, name: str, notes: str = "", tags: str = "") -> dict[str, Any]:
        """Keep a unit with a name, so that it is found again, and named by diagnoses that meet it.

        Args:
            unit: its address, such as decoder.3.mlp:117.
            name: what it is to be called.
            notes: what is known of it.
            tags: words to sort by, with commas.
        """
        address, fingerprint, model = identity(unit)
        called = text_of("name", name).strip()
        if not called:
            raise TonescopeError("a bookmark needs a name; say in a word or two what the unit does.")
        words = [tag.strip() for tag in text_of("tags", tags).split(",") if tag.strip()]
        try:
            kept = Bookmark(
                unit=address,
                model=model[:200],
                fingerprint=fingerprint,
                name=called,
                notes=text_of("notes", notes),
                tags=words,
            )
        except ValueError as error:
            raise TonescopeError("this is too long for a bookmark; shorten its name, notes or tags.") from error
        with Bookmarks(folder) as opened:
            opened.keep(kept)
        return {"unit": address, "told": KEPT}

    @told_errors
    def unbookmark(unit: str) -> dict[str, Any]:
        """Drop the bookmark of a unit.

        Args:
            unit: its address.
        """
        address, fingerprint, _ = identity(unit)
        with Bookmarks(folder) as opened:
            opened.remove(address, fingerprint)
        return {"unit": address, "told": DROPPED}

    @told_errors
    def bookmarks(search: str = "", file: str = "") -> dict[str, Any]:
        """Give every bookmark as the text of a file, for elsewhere; keep first what is in a file that is given.

        Args:
            search: words that name, notes, tags or unit have to hold, all of them.
            file: the text of such a file. Of two of one unit the one that was changed last stays.
        """
        words, sent, told = text_of("search", search), text_of("file", file), ""
        if sent:
            received = read_text(sent, "the file").bookmarks
            with Bookmarks(folder) as opened:
                done = opened.take(received)
            told = f"{done.new} new, {done.replaced} replaced, {done.kept} left as they are here."
        if not (folder / BOOKMARKS).is_file():
            return {"file": written([]), "count": 0, "told": told}
        with Bookmarks(folder) as opened:
            found = opened.all(search=words)
        return {"file": written(found), "count": len(found), "told": told}

    for function in (lens, bookmark, unbookmark, bookmarks):
        gr.api(function, api_name=function.__name__, concurrency_limit=None)
