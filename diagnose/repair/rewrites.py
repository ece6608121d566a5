"""Candidates for a better prompt: phrases dropped, replaced, added, put in another order; wordings; settings.

A candidate is a guess. Nothing here says that one is better: that is heard (:mod:`tonescope.diagnose.repair.race`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from tonescope.diagnose.judging.genre_names import names_in
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.prompts.phrases import Phrase, chunked
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.played_with import Denoises, check_sampling, usual_guidance

Change = Literal[
    "none", "drop", "replace", "add", "reorder", "wording", "guidance", "temperature", "top_k", "negative", "random"
]
MOST_GUIDANCE = 20.0
SETTINGS: tuple[Change, ...] = ("guidance", "temperature", "top_k", "negative")


@dataclass(frozen=True)
class Rewrite:
    """One candidate.

    Attributes:
        change: what kind of a change it is; ``told``, the change in words.
        prompt: what is played; ``sampling``, how.
    """

    change: Change
    told: str
    prompt: str
    sampling: Sampling


@dataclass(frozen=True)
class Wish:
    """A prompt and what is meant by it.

    Attributes:
        prompt: as it was typed; ``sampling``, how it is played.
        intended: the judge's label for the genre that is meant.
        taxonomy: gives its other names.
        instead: the genre that is heard in its place, where one is.
        sung: the lyrics at its end, for a model that sings; no rewrite touches them.
    """

    prompt: str
    sampling: Sampling
    intended: str
    taxonomy: Taxonomy
    instead: str | None = None
    sung: str = ""

    @property
    def tags(self) -> str:
        """The prompt without lyrics."""
        return self.prompt.removesuffix(self.sung)

    def saying(self, tags: str) -> str:
        """Other tags with the same lyrics."""
        return Song(self.tags, self.sung).with_tags(tags)

    @property
    def names(self) -> list[str]:
        """The genre and its other names."""
        aliases = next((genre.aliases for genre in self.taxonomy.genres if genre.label == self.intended), ())
        return [self.intended, *aliases]


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "rewrites.toml").read_text(encoding="utf-8"))


def rewrites(wish: Wish, generator: Generator) -> list[Rewrite]:
    """All candidates, each once; those that the generator cannot read or be played with are left out."""
    kinds = (_dropped, _replaced, _added, _reordered, _worded)
    words = [one for kind in kinds for one in kind(replace(wish, prompt=wish.tags, sung="")) if one.prompt.strip()]
    found = [replace(one, prompt=wish.saying(one.prompt)) for one in words] + list(_settings(wish, generator))
    seen = {(" ".join(wish.prompt.split()), wish.sampling)}
    kept = []
    for one in found:
        place = (" ".join(one.prompt.split()), one.sampling)
        if place not in seen and _readable(generator, one.prompt):
            seen.add(place)
            kept.append(one)
    return kept


def random_rewrites(wish: Wish, generator: Generator, count: int, seed: int = 0) -> list[Rewrite]:
    """As many changes at random, to compare with: phrases left out, doubled and shuffled by the draw."""
    draw, names = np.random.default_rng(seed), _names(wish.tags)
    found: dict[str, Rewrite] = {}
    for _ in range(50 * count):
        if len(found) >= count:
            break
        kept = [name for name in names if draw.random() < 0.75] or names[:1]
        kept += [names[int(draw.integers(len(names)))]] * int(draw.integers(2))
        prompt = wish.saying(", ".join(np.array(kept, dtype=object)[draw.permutation(len(kept))]))
        if prompt != wish.prompt and _readable(generator, prompt):
            found[prompt] = Rewrite("random", "shuffled at random", prompt, wish.sampling)
    return list(found.values())


def keeps_all(wish: Wish, rewrite: Rewrite) -> bool:
    """Whether a rewrite still says all that was asked for beside the genre."""
    said = " ".join(rewrite.prompt.removesuffix(wish.sung).casefold().split())
    asked = [phrase for phrase in _phrases(wish.tags) if phrase.kind != "genre" and phrase.negates is None]
    return all(" ".join(phrase.name.casefold().split()) in said for phrase in asked)


def _readable(generator: Generator, prompt: str) -> bool:
    try:
        generator.read_text([prompt])
    except TonescopeError:
        return False
    return True


def _phrases(prompt: str) -> Sequence[Phrase]:
    return chunked(prompt)


def _names(prompt: str) -> list[str]:
    return [phrase.name if phrase.negates is None else phrase.text for phrase in _phrases(prompt)] or [prompt]


def _is_intended(wish: Wish, phrase: Phrase) -> bool:
    """Whether a phrase names the genre that is meant."""
    _, names = names_in(phrase.name, wish.taxonomy)
    return any(wish.taxonomy.find(name.text) == wish.intended for name in names)


def _dropped(wish: Wish) -> Iterator[Rewrite]:
    for phrase in _phrases(wish.prompt):
        if not _is_intended(wish, phrase):
            yield Rewrite("drop", f"without “{phrase.name}”", without(wish.prompt, phrase), wish.sampling)


def _replaced(wish: Wish) -> Iterator[Rewrite]:
    """Every genre that is named, by the one that is meant and its other names."""
    for phrase in _phrases(wish.prompt):
        if phrase.kind != "genre":
            continue
        for name in wish.names:
            prompt = wish.prompt[: max(phrase.name_start, phrase.start)] + name + wish.prompt[phrase.end :]
            yield Rewrite("replace", f"“{name}” for “{phrase.name}”", prompt, wish.sampling)


def _added(wish: Wish) -> Iterator[Rewrite]:
    for name in wish.names:
        yield Rewrite("add", f"“{name}” added at the end", f"{wish.prompt}, {name}", wish.sampling)
    yield Rewrite("add", f"“{wish.intended}” added in front", f"{wish.intended}, {wish.prompt}", wish.sampling)


def _reordered(wish: Wish) -> Iterator[Rewrite]:
    names, phrases = _names(wish.prompt), _phrases(wish.prompt)
    meant = [name for name, phrase in zip(names, phrases, strict=False) if _is_intended(wish, phrase)]
    rest = [name for name in names if name not in meant]
    if meant and rest:
        yield Rewrite("reorder", "the genre first, then the rest", ", ".join([*meant, *rest]), wish.sampling)
        yield Rewrite("reorder", "the genre last", ", ".join([*rest, *meant]), wish.sampling)
    if len(names) > 1:
        yield Rewrite("reorder", "the phrases as a list", ", ".join(names), wish.sampling)


def _worded(wish: Wish) -> Iterator[Rewrite]:
    phrases = [phrase for phrase in _phrases(wish.prompt) if phrase.kind != "genre"]
    rest = ", ".join(phrase.name if phrase.negates is None else phrase.text for phrase in phrases)
    for wording in _table()["wordings"]:
        if "{rest}" in wording and not rest:
            continue
        prompt = wording.replace("{genre}", wish.intended).replace("{rest}", rest)
        told = wording.replace("{rest}", "…").replace("{genre}", wish.intended)
        yield Rewrite("wording", f"as “{told}”", prompt, wish.sampling)


def as_typed(wish: Wish) -> Rewrite:
    """The prompt as it is: what everything is compared with."""
    return Rewrite("none", "as it was typed", wish.prompt, wish.sampling)


def bare(wish: Wish) -> Rewrite:
    """The genre word alone, with lyrics where there are some: where even that fails, the model cannot play the
    genre."""
    return Rewrite("wording", "the genre word alone", wish.saying(wish.intended), wish.sampling)


def _settings(wish: Wish, generator: Generator) -> Iterator[Rewrite]:
    """The prompt as it is, played otherwise, as far as the generator has these settings."""
    table, sampling = _table(), wish.sampling
    tried: list[tuple[Change, str, Sampling]] = []
    usual = usual_guidance(generator)
    if sampling.guidance != usual:
        tried.append(("guidance", f"guidance {usual:g}, as usual", replace(sampling, guidance=usual)))
    for factor in table["guidance"]:
        guidance = min(MOST_GUIDANCE, sampling.guidance * factor)
        tried.append(("guidance", f"guidance {guidance:g}", replace(sampling, guidance=guidance)))
    if not isinstance(generator, Denoises):  # what denoises draws no codes
        for temperature in table["temperature"]:
            tried.append(("temperature", f"temperature {temperature:g}", replace(sampling, temperature=temperature)))
        for top_k in table["top_k"]:
            tried.append(("top_k", f"top-k {top_k}", replace(sampling, top_k=top_k)))
    if wish.instead and not sampling.negative:
        told = f"“{wish.instead}” as the negative prompt"
        tried.append(("negative", told, replace(sampling, negative=wish.instead)))
    for change, told, other in tried:
        try:
            check_sampling(generator, other)
        except TonescopeError:
            continue
        yield Rewrite(change, told, wish.prompt, other)
