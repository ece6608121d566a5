"""Text visualization: which words and short prompts drive a unit most.

Every word of a music vocabulary is estimated first, each by one pass; then a discrete search makes prompts of several
words: the gradient by what the network reads says which word to put where (Ebrahimi et al. 2018, HotFlip), and a pass
decides. What is told of the best words and prompts was measured in takes that were really played, beside those of a
neutral prompt on the same noise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard, Microscope
from tonescope.diagnose.microscope.objectives import channel
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.stats import BELIEVED, Effect, adjusted, effect
from tonescope.diagnose.store.artifacts import Artifact, Made, Recipe
from tonescope.diagnose.tuning.responses import mean_response, of_prompt
from tonescope.diagnose.unit_index.listening_pass import ListeningPass
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

VERSION = 2  # since 2, what is told was measured on noise that chose nothing
TRIED = 8  # changes of a prompt that gradients single out in a round, each decided by a pass
SCAN_TAKES = 2  # neutral takes that words are estimated on


@dataclass(frozen=True)
class WordsWish:
    """How to look.

    Attributes:
        words: the vocabulary, in order.
        length: words of a prompt, at most.
        shown: how many words are measured.
        takes: of every word and prompt that is measured.
        seconds, seed: of the takes; words are estimated on the first of the seeds, the others follow.
    """

    words: tuple[str, ...]
    length: int = 3
    shown: int = 8
    takes: int = 6
    seconds: float = 2.0
    seed: int = 1

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self), "words": list(self.words)}


class Driven(BaseModel):
    """A word or prompt, measured: the mean of the unit over its takes, the difference from a neutral prompt on the same
    noise (absent for the text encoder, where nothing is drawn), with its ``q`` over all that were measured, and what
    was estimated beforehand."""

    prompt: str
    response: float
    difference: Effect | None
    q: float | None = None
    estimated: float
    searched: bool


class TextVisualized(BaseModel):
    """What was found: measured words and prompts, the highest first; ``best``, the first of them on fresh noise;
    estimates of all words; how the search went, a prompt a round with its estimate; and what the judge hears in the
    fresh takes of the best. ``neutral`` is of those as well."""

    unit: str
    guided: bool
    neutral: float
    neutral_takes: int
    percentile: float | None
    driven: list[Driven]
    best: Driven
    scanned: list[tuple[str, float]]
    rounds: list[tuple[str, float]]
    heard: list[Heard]

    @property
    def sure(self) -> bool:
        """Whether the best drives the unit more than a neutral prompt does: of all that were measured, and again."""
        first, again = self.driven[0], self.best.difference
        known = again is not None and again.interval is not None and again.interval.low > 0
        return known and first.q is not None and first.q < BELIEVED


def text_visualization(scope: Microscope, unit: Unit, wish: WordsWish) -> Made:
    """Look for what drives a unit.

    Raises :class:`TonescopeError` for an empty vocabulary, for lengths that the generator does not play, and for a dead
    unit.
    """
    if not wish.words:
        raise TonescopeError("there are no words to scan; name some with --words, or leave it out.")
    scope.check_seconds(wish.seconds)
    if unit.location.network != "text" and scope.statistics(unit.location).dead(unit.index):
        raise TonescopeError(
            f"{unit} is dead: it does next to nothing in takes of ordinary prompts, so no word is told to drive it; "
            "choose another unit."
        )
    recipe = scope.recipe("words", VERSION, {"unit": str(unit), **wish.about})
    return scope.store.made(recipe, lambda: _Search(scope, unit, wish).rendered(recipe))


class _Search:
    """A look for one unit."""

    def __init__(self, scope: Microscope, unit: Unit, wish: WordsWish) -> None:
        self.scope, self.unit, self.wish = scope, unit, wish
        self.looking = ListeningPass(scope.generator, scope.judge, (unit.location,))
        self.context = Context(scope.generator, scope.judge, seconds=wish.seconds)
        first = wish.seed + SCAN_TAKES
        self.seeds = list(range(first, first + wish.takes))
        self.fresh = list(range(first + wish.takes, first + 2 * wish.takes))
        # A replay under another prompt tells of what plays; the codec and the judge have to be given new sound.
        self.replays = unit.location.network in ("decoder", "denoiser")
        self._neutral: Takes | None = None
        self._states: dict[str, Tensor] = {}

    def rendered(self, recipe: Recipe) -> Artifact:
        """The artifact."""
        begun = time.perf_counter()
        scanned = self._estimates(self.wish.words, "scan words", 0.0, 0.4)
        ranked = sorted(zip(self.wish.words, scanned, strict=True), key=lambda pair: -pair[1])
        rounds = self._searched([word for word, _ in ranked], ranked[0])
        chosen = dict(ranked[: self.wish.shown])
        if rounds and rounds[-1][0] not in chosen:
            chosen[rounds[-1][0]] = rounds[-1][1]
        driven = self._measured(chosen)
        self.scope.advance("play the best once more", 0.95)
        best, neutral, takes = self._again(driven[0])
        found = TextVisualized(
            unit=str(self.unit),
            guided=self.replays,
            neutral=round(float(neutral.mean()), 5),
            neutral_takes=len(neutral),
            percentile=self._percentile(best.response),
            driven=driven,
            best=best,
            scanned=[(word, round(value, 5)) for word, value in ranked],
            rounds=[(prompt, round(value, 5)) for prompt, value in rounds],
            heard=self.scope.heard(takes) if takes is not None else [],
        )
        artifact = Artifact.of_takes(recipe, takes) if takes is not None else Artifact(recipe)
        result = found.model_dump(mode="json")
        return replace(artifact, result=result, seconds=round(time.perf_counter() - begun, 2))

    def _measured(self, chosen: Mapping[str, float]) -> list[Driven]:
        """Words and prompts (with what was estimated of each) in takes, the highest first."""
        neutral, _ = self._real(NEUTRAL, self.seeds)
        found = []
        for at, (prompt, estimated) in enumerate(chosen.items()):
            self.scope.advance("play what was found", 0.7 + 0.25 * at / len(chosen))
            found.append(self._driven(prompt, self._real(prompt, self.seeds)[0], neutral, estimated))
        qs = adjusted([row.difference.p if row.difference else None for row in found])
        found = [row.model_copy(update={"q": q}) for row, q in zip(found, qs, strict=True)]
        return sorted(found, key=lambda row: -row.response)

    def _again(self, first: Driven) -> tuple[Driven, Tensor, Takes | None]:
        """What was found best on fresh noise, the neutral prompt there, and the takes: the highest of several is
        flattered by the noise that made it so."""
        neutral, _ = self._real(NEUTRAL, self.fresh)
        values, takes = self._real(first.prompt, self.fresh)
        return self._driven(first.prompt, values, neutral, first.estimated), neutral, takes

    # --- estimates ---------------------------------------------------------------------------------------------------

    @property
    def neutral(self) -> Takes:
        """Takes of the neutral prompt, which words are estimated on."""
        if self._neutral is None:
            self._neutral = play(
                self.context, [NEUTRAL] * SCAN_TAKES, range(self.wish.seed, self.wish.seed + SCAN_TAKES)
            )
        return self._neutral

    def _estimates(self, prompts: Sequence[str], what: str, first: float, last: float) -> list[float]:
        """About what the unit does under each prompt: in a replay of neutral takes; of what no replay reaches, in one
        take."""
        found = []
        for at, prompt in enumerate(prompts):
            self.scope.advance(what, first + (last - first) * at / len(prompts))
            if self.replays:
                here = self.looking.of_takes(self.neutral.with_prompt(prompt), mean_response)[self.unit.location]
            else:
                here = of_prompt(self.context, self.looking, prompt, [self.wish.seed])[self.unit.location]
            found.append(float(here[:, self.unit.index].mean()))
        return found

    def _real(self, prompt: str, seeds: Sequence[int]) -> tuple[Tensor, Takes | None]:
        """What the unit does in takes of a prompt (takes,), and the takes; of the text encoder, in the prompt alone."""
        place, index = self.unit.location, self.unit.index
        if place.network == "text":
            return of_prompt(self.context, self.looking, prompt, seeds[:1])[place][:, index], None
        takes = play(self.context, [prompt] * len(seeds), list(seeds))
        sight = Sight.at(self.scope.generator, self.scope.judge, [place])
        seen = sight.of_takes(takes)[place]
        return channel(self.unit, sight.width(self.unit))({place: seen}), takes

    def _driven(self, prompt: str, values: Tensor, neutral: Tensor, estimated: float) -> Driven:
        paired = (values - neutral).tolist() if self.unit.location.network != "text" else []
        return Driven(
            prompt=prompt,
            response=round(float(values.mean()), 5),
            difference=effect(paired) if paired else None,
            estimated=round(estimated, 5),
            searched=prompt not in self.wish.words,
        )

    def _percentile(self, response: float) -> float | None:
        if self.unit.location.network == "text":
            return None
        known = self.scope.statistics(self.unit.location, self.wish.seconds)
        return known.percentile("channel", self.unit.index, response)

    # --- the search --------------------------------------------------------------------------------------------------

    def _searched(self, ranked: list[str], best: tuple[str, float]) -> list[tuple[str, float]]:
        """From the best word on: in each round one word more, or another in the place of one, while that helps."""
        rounds, most = [best], 2 * self.wish.length
        for number in range(most):
            words = rounds[-1][0].split(", ")
            tried = self._proposed(words, ranked)
            if not tried:
                break
            share = 0.4 + 0.3 * number / most
            values = self._estimates(tried, "search prompts", share, share + 0.3 / most)
            value, prompt = max(zip(values, tried, strict=True))
            if value <= rounds[-1][1]:
                break
            rounds.append((prompt, value))
        return rounds

    def _proposed(self, words: list[str], ranked: list[str]) -> list[str]:
        """Changes of a prompt that are worth a pass: those that the gradient promises most of, or without one, those
        with the words that do most alone."""
        places = [*range(len(words)), *([len(words)] if len(words) < self.wish.length else [])]
        options = [(at, word) for at in places for word in ranked if word not in words]
        if self.replays:
            promised = self._promised(words, options)
            options = [option for _, option in sorted(zip(promised, options, strict=True), key=lambda row: -row[0])]
        else:
            options.sort(key=lambda option: ranked.index(option[1]))
        return [_changed(words, at, word) for at, word in options[:TRIED]]

    def _promised(self, words: list[str], options: list[tuple[int, str]]) -> list[float]:
        """The first-order change of the unit for every change of a word: the gradient by what the network reads of it,
        times what it would read instead. A new word is promised what it would change at the last one."""
        generator, prompt = self.scope.generator, ", ".join(words)
        text = generator.read_text([prompt], self.wish.seconds)
        states = text.states.detach().clone().requires_grad_()
        sight = Sight.at(generator, self.scope.judge, [self.unit.location])
        takes = self.neutral.rows(0, 1).with_prompt(prompt)
        with torch.enable_grad():
            seen = sight.of_states(takes, replace(text, states=states))
            value = channel(self.unit, sight.width(self.unit))(seen).sum()
            (slope,) = torch.autograd.grad(value, states)
        tokens = [
            _tokens_of(text.spans[0] if text.spans else (), words, at, states.shape[1]) for at in range(len(words))
        ]
        now = [states[0, here].mean(0).detach() for here in tokens]
        slopes = [slope[0, here].sum(0) for here in tokens]
        promised = []
        for at, word in options:
            old = min(at, len(words) - 1)
            new = self._state_of(word)
            change = new - now[old] if at < len(words) else new - torch.stack(now).mean(0)
            promised.append(float((slopes[old] * change).sum()))
        return promised

    def _state_of(self, word: str) -> Tensor:
        """What the network reads of a word alone: (width,)."""
        if word not in self._states:
            with torch.no_grad():
                text = self.scope.generator.read_text([word], self.wish.seconds)
            here = _tokens_of(text.spans[0] if text.spans else (), [word], 0, text.states.shape[1])
            self._states[word] = text.states[0, here].mean(0)
        return self._states[word]


def _changed(words: list[str], at: int, word: str) -> str:
    return ", ".join([*words[:at], word, *words[at + 1 :]])


def _tokens_of(spans: Sequence[tuple[int, int]], words: list[str], at: int, tokens: int) -> list[int]:
    """The tokens that spell a word of a prompt; all of them, where the tokenizer cannot say."""
    start = sum(len(word) + 2 for word in words[:at])
    end = start + len(words[at])
    found = [token for token, (first, last) in enumerate(spans) if first < end and last > start and last > first]
    return found or list(range(tokens))
