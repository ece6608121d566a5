"""Feedback while a prompt is typed: what the linter finds, what will probably be heard, and which phrase pulls where.

Nothing is played. The prompt and all its variants without one phrase are one batch of the text encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.judging.intent import choose_label, read_intent
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.linter import LintFinding, lint
from tonescope.diagnose.prompts.lyrics import Song, voices_caveat
from tonescope.diagnose.prompts.phrases import Phrase, chunked
from tonescope.diagnose.prompts.rules.rule_checks import Reading
from tonescope.diagnose.repair.genre_predictor import GenrePredictor, PredictorRecord, seek_predictor
from tonescope.diagnose.report.opened_models import options_of
from tonescope.diagnose.settings import is_too_long
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Text
from tonescope.models.judges.judge import Judge
from tonescope.models.played_with import sings
from tonescope.models.vocabulary import Vocabulary

MOST_PHRASES = 12  # that are left out, one by one
SHOWN_GENRES = 5
SURE, LIKELY = 0.75, 0.5  # probabilities from which on a genre is told so
NAMED_GENRES = 2  # of a prediction that is not clear
FOLLOWS = 0.05  # of probability; a phrase that moves less does not count
MAKE_ONE, MADE_OF = "tonescope predictor", 600  # takes, as the command plays them where nothing else is asked
NOTHING_FOUND = "No word here is known to fail in every prompt."
_SINGING = ("vocals", "singing", "voice")


class PhrasePull(BaseModel):
    """What leaving out a phrase does to the prediction.

    Attributes:
        phrase: its words; ``start``, ``end``, its characters.
        toward: the genre that it makes likelier the most, ``by`` so much probability.
        intended_by: what it does to the probability of the genre that is asked for.
    """

    phrase: str
    start: int
    end: int
    toward: str
    by: float
    intended_by: float | None


class Prediction(BaseModel):
    """What will probably be heard.

    Attributes:
        genre: the likeliest; ``probability``, how likely; ``genres``, the likeliest few.
        intended: the probability of the genre that is asked for.
        pulls: phrases, those that matter most first.
        record: how well the predictor predicts; ``other_judge``, whether other ears heard what it was fitted on.
    """

    genre: str
    probability: float
    genres: dict[str, float]
    intended: float | None
    pulls: list[PhrasePull]
    record: PredictorRecord
    other_judge: bool = False

    def told(self, asked: str | None) -> str:
        """The prediction in words, no surer than it is, beside the genre that is ``asked`` for."""
        if self.probability >= LIKELY:
            how = "will most likely" if self.probability >= SURE else "will probably"
            told = f"{self.genre} {how} be heard{', as asked' * (self.genre == asked)} ({_percent(self.probability)})"
        else:
            apart = "; " if asked in self._first else ", "
            told = f"Not clear what will be heard: {apart.join(self._share(genre, asked) for genre in self._first)}"
        if asked is None or self.intended is None or asked in self._first[: 1 if self.probability >= LIKELY else None]:
            return f"{told}."
        return f"{told}; {asked}, which is asked for, {_percent(self.intended)}."

    @property
    def _first(self) -> list[str]:
        return list(self.genres)[:NAMED_GENRES]

    def _share(self, genre: str, asked: str | None) -> str:
        told = f"{genre}, which is asked for, {_percent(self.genres[genre])}"
        return told if genre == asked else f"{genre} {_percent(self.genres[genre])}"

    def harm(self) -> PhrasePull | None:
        """The phrase that takes most from the genre that is asked for, where one takes much."""
        worst = min(self.pulls, key=lambda pull: pull.intended_by or 0.0, default=None)
        return worst if worst and (worst.intended_by or 0.0) <= -FOLLOWS else None

    def no_pull_told(self, asked: str | None) -> str:
        """That no phrase does much, and what that means for the genre that is asked for; empty for a single phrase
        that brings it, as nothing was left out."""
        little = "No single phrase does much: leaving out any changes little." if self.pulls else ""
        if asked is None or self.intended is None or self.intended >= LIKELY or self.genre == asked:
            return little
        return f"{little} As it seems, this model plays {asked} so; other words for it may do better.".strip()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


class Feedback(BaseModel):
    """What can be said of a prompt before it is played.

    Attributes:
        prompt: as it was typed; ``asked``, the genre that counts as asked for.
        opened_with: the options of a command line that open the same models.
        findings: what the linter found.
        prediction: what will be heard; ``no_prediction``, why there is none, and what to do.
        caveats: what else has to be known: what the judge does not hear, what it is like that was asked for.
    """

    model_config = ConfigDict(extra="forbid")

    prompt: str
    model: str
    judge: str
    asked: str | None
    opened_with: list[str] = []
    findings: list[LintFinding]
    prediction: Prediction | None
    no_prediction: str = ""
    caveats: list[str] = []
    timings: dict[str, float] = {}


@dataclass
class LiveFeedback:
    """What gives feedback on any prompt: made once for a pair of models, then quick.

    Args:
        generator, judge, taxonomy: who plays, who listens, what is told apart.
        vocabulary: the words of the generator's captions, where known.
        predictor: what predicts; looked for, if absent.
    """

    generator: Generator
    judge: Judge
    taxonomy: Taxonomy
    vocabulary: Vocabulary | None = None
    predictor: GenrePredictor | None = None
    _damaged: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.fingerprint = self.generator.fingerprint()
        if self.predictor is None:
            self.predictor, self._damaged = seek_predictor(self.generator, self.judge)
        self._judge_fingerprint = self.judge.fingerprint()
        self._opened_with = options_of(self.generator, self.judge)

    def on(self, prompt: str, intended: str | None = None, *, pulls: bool = True) -> Feedback:
        """Feedback on a prompt, whatever it is; without ``pulls`` in the time that one prompt takes.

        Raises:
            TonescopeError: the judge does not know the genre that was meant.
        """
        chosen = choose_label(intended, self.taxonomy, self.judge.labels) if intended else None
        text, unreadable = self._read(prompt)
        song = Song.of(prompt, text) if text else Song(prompt)
        reading = self._reading(song, text, unreadable)
        readable = text is not None and any(map(str.isalnum, prompt))
        intent = read_intent(song.tags, self.judge, self.taxonomy, chosen) if readable else None
        asked = intent.label if intent else chosen
        prediction = self._predicted(song, asked, pulls) if readable and self.predictor else None
        return Feedback(
            prompt=prompt,
            model=self.generator.name,
            judge=self.judge.name,
            asked=asked,
            opened_with=self._opened_with,
            findings=lint(reading, self.fingerprint),
            prediction=prediction,
            no_prediction="" if prediction else self._why_none(readable),
            caveats=[said] if text and (said := voices_caveat(self.judge, song, text)) else [],
        )

    def _reading(self, song: Song, text: Text | None, unreadable: str) -> Reading:
        """What the linter looks at: the words that describe, not those that are sung."""
        known = self.vocabulary is not None and not any(map(self.vocabulary.knows, _SINGING))
        return Reading(
            song.tags,
            self.taxonomy,
            tuple(self.judge.labels),
            text,
            unreadable,
            self.vocabulary,
            False if known else sings(self.generator),
            song.sung,
        )

    def _read(self, prompt: str) -> tuple[Text | None, str]:
        """The prompt as it is read, or why it is not."""
        if not prompt.strip() or is_too_long(prompt):
            return None, ""
        try:
            prompt.encode()
            with torch.no_grad():
                return self.generator.read_text([prompt]), ""
        except (TonescopeError, UnicodeEncodeError) as error:
            return None, str(error).rstrip(".") if isinstance(
                error, TonescopeError
            ) else "it holds bytes that are no text"

    def _why_none(self, readable: bool) -> str:
        if not readable:
            return "Nothing can be predicted of a prompt that cannot be read."
        make_one, name = " ".join([MAKE_ONE, *self._opened_with]), self.generator.name
        if self._damaged:
            return f"What {name} will play cannot be predicted: {self._damaged} Make it anew: {make_one}"
        return (
            f"What {name} will play cannot be predicted: nobody has listened to enough of its takes yet. "
            f"{MADE_OF} are enough, and count once Tonescope is started again: {make_one}"
        )

    def _predicted(self, song: Song, asked: str | None, with_pulls: bool) -> Prediction:
        predictor = self.predictor
        assert predictor is not None
        phrases, variants = variants_without(song.tags) if with_pulls else ([], [])
        rows = predictor.predict(self.generator, [song.with_tags(tags) for tags in (song.tags, *variants)])
        labels, whole = predictor.labels, rows[0]
        best = whole.argsort(descending=True)[:SHOWN_GENRES].tolist()
        at = labels.index(asked) if asked in labels else None
        pulls = []
        for phrase, row in zip(phrases, rows[1:], strict=True):
            change = whole - row
            toward = int(change.argmax())
            pulls.append(
                PhrasePull(
                    phrase=phrase.name,
                    start=phrase.start,
                    end=phrase.end,
                    toward=labels[toward],
                    by=float(change[toward]),
                    intended_by=None if at is None else float(change[at]),
                )
            )
        return Prediction(
            genre=labels[best[0]],
            probability=float(whole[best[0]]),
            genres={labels[index]: float(whole[index]) for index in best},
            intended=None if at is None else float(whole[at]),
            pulls=sorted(pulls, key=lambda pull: -pull.by),
            record=predictor.record,
            other_judge=predictor.record.judge != self._judge_fingerprint,
        )


def variants_without(tags: str) -> tuple[list[Phrase], list[str]]:
    """The first phrases of a prompt, and the prompt without each; one without which nothing is left does not count.
    Lyrics are no part of it."""
    phrases: Sequence[Phrase] = chunked(tags)[:MOST_PHRASES]
    left = [(phrase, shorter) for phrase in phrases if (shorter := without(tags, phrase)).strip()]
    return [phrase for phrase, _ in left], [shorter for _, shorter in left]
