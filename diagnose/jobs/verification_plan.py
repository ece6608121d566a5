"""What is predicted in a diagnosis, and what is then verified: the strongest units together, at several doses and one
by one, and the strongest words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Played, Variant
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.diagnose.schema import Dose, GroupTest, SecondDriver, Trial, UnitDriver, WordDriver
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, Effect, adjusted, effect
from tonescope.models.units import Unit
from tonescope.models.vocabulary import Vocabulary

SHOWN_UNITS = 12
PREDICTED_WORDS = 24  # of longer prompts those with the steepest gradients

# Keys of variants. What people read for them is in report/labels.py.
MUTED, CONTROL, BARE = "muted", "random_muted", "bare_genre_word"


def dose_name(scale: float) -> str:
    """The key of the variant that multiplies the group by ``scale``."""
    return f"times:{scale:g}"


def dose_control_name(scale: float) -> str:
    """The key of the variant that multiplies random units by ``scale``."""
    return f"random_times:{scale:g}"


def unit_name(unit: Unit) -> str:
    """The key of the variant that mutes one unit."""
    return f"without_unit:{unit}"


def control_name(unit: Unit) -> str:
    """The key of the variant that mutes a random unit in the place of one."""
    return f"control_of:{unit}"


def word_name(word: Phrase) -> str:
    """The key of the variant that leaves one word out: where the word starts tells apart equal ones."""
    return f"without_word:{word.start}:{word.name}"


def to_predict(
    prompt: str, words: Sequence[Phrase], found: Attribution, strongest: tuple[Unit, ...]
) -> tuple[Variant, ...]:
    """What is predicted before it is decided what to play: the group muted, and the prompt without each of its
    words."""
    removable = [word for word in words if without(prompt, word)]
    steepest = sorted(removable, key=lambda word: -abs(_gradient_estimate(found, word).mean))[:PREDICTED_WORDS]
    shorter = [Variant(word_name(word), prompt=without(prompt, word)) for word in removable if word in steepest]
    return Variant(MUTED, Edit(strongest)), *shorter


def to_leave_out(prompt: str, words: Sequence[Phrase], count: int) -> tuple[Phrase, ...]:
    """The words to verify, in their order: the first of them, and up to half as many that refuse something, whatever
    was estimated for them: whether naming a thing brought it is asked of each."""
    removable = [word for word in words if without(prompt, word)]
    refusing = [word for word in removable if word.negates][: (count + 1) // 2]
    first = [*refusing, *(word for word in removable if word not in refusing)][:count]
    return tuple(word for word in removable if word in first)


@dataclass(frozen=True)
class Results:
    """What came of a plan; ``bare`` is the trial of the genre word alone, where that was played."""

    group: GroupTest
    units: list[UnitDriver]
    words: list[WordDriver]
    seconds: list[SecondDriver]
    bare: Trial | None


@dataclass(frozen=True)
class Estimates:
    """What is known before anything is verified.

    Attributes:
        prompt: what was played, and ``words``, its words.
        found: gradients at the takes that were heard.
        strongest: the group that was searched.
        predicted: changes that were predicted, one a take, by the name of the variant.
    """

    prompt: str
    words: Sequence[Phrase]
    found: Attribution
    strongest: tuple[Unit, ...]
    predicted: Mapping[str, Sequence[float]]

    def of_word(self, word: Phrase) -> Effect:
        """What was predicted without the word, or else its gradient."""
        changes = self.predicted.get(word_name(word))
        return effect(changes) if changes else _gradient_estimate(self.found, word)

    def rank(self, word: Phrase) -> tuple[bool, float]:
        """A gradient is no match for what was predicted: words that have only that come last."""
        return word_name(word) not in self.predicted, self.of_word(word).mean


@dataclass(frozen=True)
class Plan:
    """The variants to play, and how their outcomes become results."""

    estimates: Estimates
    control_units: int
    doses: tuple[float, ...]
    singles: tuple[Unit, ...]
    words: tuple[Phrase, ...]
    variants: tuple[Variant, ...]

    @staticmethod
    def rows(settings: Settings) -> int:
        """How many takes a plan plays at most: the variants, and the takes untouched."""
        beside = 4  # untouched, muted, random units muted, the bare genre word
        return settings.takes * (beside + 2 * (len(settings.doses) + settings.tested_units) + settings.tested_words)

    @classmethod
    def make(cls, estimates: Estimates, settings: Settings, bare: str | None) -> Plan:
        """Choose by the estimates what to test beside the group; ``bare`` is the genre word to play in place of the
        prompt, if that is asked."""
        strongest, found, prompt = estimates.strongest, estimates.found, estimates.prompt
        singles = tuple(unit for unit, _ in found.ranked(settings.tested_units))

        def controls(units: tuple[Unit, ...]) -> list[tuple[Unit, ...]]:
            """A random draw for each take."""
            draws = range(settings.seed, settings.seed + settings.takes)
            return [matched_controls(units, found.activity, draw, avoid=strongest) for draw in draws]

        together, alone = controls(strongest), {unit: controls((unit,)) for unit in singles}
        words = tuple(sorted(estimates.words, key=estimates.rank))
        tested = to_leave_out(prompt, words, settings.tested_words)
        variants = (
            Variant(MUTED, Edit(strongest)),
            Variant(CONTROL, tuple(Edit(units) for units in together)),
            *(Variant(dose_name(scale), Edit(strongest, "scale", scale)) for scale in settings.doses),
            *(
                Variant(dose_control_name(scale), tuple(Edit(units, "scale", scale) for units in together))
                for scale in settings.doses
            ),
            *(Variant(unit_name(unit), Edit((unit,))) for unit in singles),
            *(Variant(control_name(unit), tuple(map(Edit, draws))) for unit, draws in alone.items() if all(draws)),
            *(Variant(word_name(word), prompt=without(prompt, word)) for word in tested),
            *([Variant(BARE, prompt=bare)] if bare else []),
        )
        fewest = min(len(units) for units in together)
        return cls(estimates, fewest, settings.doses, singles, words, variants)

    def results(self, played: Played, vocabulary: Vocabulary | None, seconds: Sequence[SecondDriver] = ()) -> Results:
        """The outcomes, and what was predicted, as results, with q-values over everything that was tested: units by
        what they do beyond their controls."""
        found, strongest = self.estimates.found, self.estimates.strongest
        controls = {MUTED: CONTROL} | {dose_name(scale): dose_control_name(scale) for scale in self.doses}
        controls |= {unit_name(unit): control_name(unit) for unit in self.singles}
        controls = {name: control for name, control in controls.items() if control in played.outcomes}
        differences = {name: effect(played.change(name, control)) for name, control in controls.items()}
        tested = [name for name in played.outcomes if name not in controls.values()]
        ps = [(differences.get(name) or effect(played.change(name))).p for name in tested]
        together = adjusted([*ps, *(row.verified.p for row in seconds)])
        q = dict(zip(tested, together, strict=False))
        timed = [row.model_copy(update={"q": own}) for row, own in zip(seconds, together[len(tested) :], strict=True)]
        # The group has its own q; beside a control whose sound broke nothing is sure.
        broken = {name for name, control in controls.items() if played.trial(control).sound.broke}
        trials = {
            name: played.trial(name, None if name in {MUTED, *broken} else q.get(name)) for name in played.outcomes
        }
        difference = differences[MUTED]
        muted, control, interval = trials[MUTED], trials[CONTROL], difference.interval
        believed = interval is not None and interval.high < 0 and (q[MUTED] or 0.0) < BELIEVED
        group = GroupTest(
            units=len(strongest),
            control_units=self.control_units,
            estimated=effect(self.estimates.predicted[MUTED]),
            muted=muted,
            control=control,
            difference=difference,
            q=q[MUTED],
            doses=[
                Dose(
                    scale=scale,
                    trial=trials[dose_name(scale)],
                    control=trials[dose_control_name(scale)],
                    difference=differences[dose_name(scale)],
                )
                for scale in self.doses
            ],
            convincing=believed
            and self.control_units == len(strongest)
            and not (muted.sound.broke or control.sound.broke),
        )
        units = [
            UnitDriver(
                unit=str(unit),
                estimated=effect(found.units[unit.location][:, unit.index].tolist()),
                verified=trials.get(unit_name(unit)),
                control=trials.get(control_name(unit)),
                difference=differences.get(unit_name(unit)),
            )
            for unit, _ in found.ranked(max(SHOWN_UNITS, len(self.singles)))
        ]
        words = [
            WordDriver(
                word=word.name,
                start=word.start,
                end=word.end,
                known=vocabulary is None or vocabulary.knows(word.name),
                kind=word.kind,
                negates=word.negates,
                in_pieces=word.in_pieces,
                estimated=self.estimates.of_word(word),
                verified=trials.get(word_name(word)),
            )
            for word in self.words
        ]
        return Results(group, units, words, timed, trials.get(BARE))


def _gradient_estimate(found: Attribution, word: Phrase) -> Effect:
    return effect(found.tokens[:, list(word.tokens)].sum(1).tolist())
