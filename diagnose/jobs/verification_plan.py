"""What a diagnosis verifies in fresh takes: the set of units that was found, each of its members, from which second on
it matters, whether it brings what it takes away, and the strongest words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.causes.muting_trials import Group, locations_of
from tonescope.diagnose.causes.search import FEW_UNITS, SearchResult
from tonescope.diagnose.intervene.controls import matched_group
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Variant
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, effect
from tonescope.models.units import Location, Unit

PREDICTED_WORDS = 24  # of longer prompts those with the steepest gradients
LARGEST_TAKEN_APART = FEW_UNITS  # units of a set whose members are tested one by one
CUTS = (0.125, 0.25, 0.5)  # of the take, from which on the set is muted
SHORTEST_CUT_SECONDS = 1.0  # takes shorter than this are not cut
ROWS_BESIDE = 8  # variants at most beside units, doses, cuts, words: muted, bare word, other prompt, put in, controls


@dataclass(frozen=True)
class Interchange:
    """Takes of a prompt that is not heard as the target, into which the set's activations are put: the prompt, and one
    edit a take; ``controls`` put random units in, where there are some and their activations can be kept too."""

    prompt: str
    edits: tuple[Edit, ...]
    controls: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Estimates:
    """What is known before anything is verified.

    Attributes:
        prompt: what was played, and ``words``, its words.
        found: gradients at the takes that were heard.
        predicted: changes that were predicted, one a take, by the name of the variant.
        search: what was found by muting units in takes; absent where units were not asked for.
    """

    prompt: str
    words: Sequence[Phrase]
    found: Attribution
    predicted: Mapping[str, Sequence[float]] = field(default_factory=dict)
    search: SearchResult | None = None

    def of_word(self, word: Phrase) -> Effect:
        """What was predicted without the word, or else its gradient."""
        changes = self.predicted.get(names.word(word))
        return effect(changes) if changes else gradient_of_word(self.found, word)

    def rank(self, word: Phrase) -> tuple[bool, float]:
        """A gradient is no match for what was predicted: words that have only that come last."""
        return names.word(word) not in self.predicted, self.of_word(word).mean

    @property
    def ranked_words(self) -> tuple[Phrase, ...]:
        """Words, those that matter most first."""
        return tuple(sorted(self.words, key=self.rank))


def gradient_of_word(found: Attribution, word: Phrase) -> Effect:
    """The gradient estimate of leaving out a word."""
    return effect(found.tokens[:, list(word.tokens)].sum(1).tolist())


def words_to_predict(prompt: str, words: Sequence[Phrase], found: Attribution) -> tuple[Variant, ...]:
    """The prompt without each of its words, to be predicted before it is decided what to play."""
    removable = [word for word in words if without(prompt, word)]
    steepest = sorted(removable, key=lambda word: -abs(gradient_of_word(found, word).mean))[:PREDICTED_WORDS]
    return tuple(Variant(names.word(word), prompt=without(prompt, word)) for word in removable if word in steepest)


def to_leave_out(prompt: str, words: Sequence[Phrase], count: int) -> tuple[Phrase, ...]:
    """The words to verify, in their order: the first of them, and up to half as many that refuse something, whatever
    was estimated for them: whether naming a thing brought it is asked of each."""
    removable = [word for word in words if without(prompt, word)]
    refusing = [word for word in removable if word.negates][: (count + 1) // 2]
    first = [*refusing, *(word for word in removable if word not in refusing)][:count]
    return tuple(word for word in removable if word in first)


def rows_at_most(settings: Settings, steps: int = 1) -> int:
    """How many takes a plan plays at most: the variants, and the takes untouched; of a model that denoises in so many
    steps."""
    units = 2 * (LARGEST_TAKEN_APART + settings.tested_units) + 2 * LARGEST_TAKEN_APART
    return settings.takes * (
        ROWS_BESIDE
        + len(CUTS)
        + 2 * len(step_cuts(steps))
        + 2 * len(settings.doses)
        + units * (not settings.quick)
        + settings.tested_words
    )


@dataclass(frozen=True)
class Plan:
    """The variants to play.

    Attributes:
        estimates: what they were chosen by.
        variants: what to play.
        beside: for the name of a variant, that of the one it is held against in place of untouched takes.
        control_units: units of the smallest control of the set.
        singles: units that are muted one by one.
        cuts: seconds from which on the set is muted.
        step_cuts: denoising steps from which on, and before which, the set is muted.
        steps: how many denoising steps there are.
        interchange: where the set's activations are put in.
        of_set_again: the set, and its control in random units drawn anew, for as many further takes.
    """

    estimates: Estimates
    variants: tuple[Variant, ...]
    beside: Mapping[str, str]
    control_units: int = 0
    singles: tuple[Unit, ...] = ()
    cuts: tuple[float, ...] = ()
    step_cuts: tuple[int, ...] = ()
    steps: int = 1
    interchange: Interchange | None = None
    of_set_again: tuple[Variant, ...] = ()

    @property
    def group(self) -> Group:
        """The set; nothing where none was looked for."""
        return self.estimates.search.group if self.estimates.search else ()

    @property
    def hypothesis(self) -> str:
        """The one variant that the search comes to: its set muted; where muting found none, the unit that did most."""
        found = self.estimates.search
        no_set = found is not None and found.found_by == "gradients"
        return names.unit(self.singles[0]) if no_set and self.singles else names.MUTED

    @property
    def controls(self) -> frozenset[str]:
        """Variants that only others are held against, so that nothing is asked of them. A set without a member is no
        such: whether it does less is asked too."""
        others = frozenset((*self.beside.values(), names.GOOD))
        return others - {names.set_without(unit) for unit in self.group}

    @property
    def shown(self) -> list[str]:
        """What people will listen to: the set muted, random units muted, and the prompt without a word."""
        words = [names.word(word) for word in self.estimates.words]
        return [name for name in (names.MUTED, names.CONTROL, *words) if name in {row.name for row in self.variants}]

    @classmethod
    def make(
        cls,
        estimates: Estimates,
        settings: Settings,
        bare: str | None,
        interchange: Callable[[Group, Sequence[Group]], Interchange | None] = lambda group, draws: None,
        steps_of: Callable[[Location], int] = lambda location: 1,
    ) -> Plan:
        """Choose by the estimates what to test.

        Args:
            bare: the genre word to play in place of the prompt, if that is asked.
            interchange: gives, for the set and a draw of random units for each take, what to put into which prompt.
            steps_of: how many denoising steps pass through a location.
        """
        prompt = estimates.prompt
        tested = to_leave_out(prompt, estimates.ranked_words, settings.tested_words)
        words = [Variant(names.word(word), prompt=without(prompt, word)) for word in tested]
        words += [Variant(names.BARE, prompt=bare)] if bare else []
        found = estimates.search
        if found is None or not found.group:
            return cls(estimates, tuple(words), {})
        group, controls = found.group, _Controls(estimates.found, settings, found.group)
        singles = _singles(found, settings.tested_units)
        cuts = tuple(share * settings.seconds for share in CUTS) if _can_be_cut(group, settings.seconds) else ()
        steps = min(map(steps_of, locations_of(group)))
        exchanged = interchange(group, controls.of(group) if controls.exist(group) else ())
        variants = [
            Variant(names.MUTED, Edit(group)),
            controls.variant(names.CONTROL, group),
            *(Variant(names.dose(scale), Edit(group, "scale", scale)) for scale in settings.doses),
            *(controls.variant(names.dose_control(scale), group, scale) for scale in settings.doses),
            *(Variant(names.unit(unit), Edit((unit,))) for unit in singles),
            *(controls.variant(names.control(unit), (unit,)) for unit in singles if controls.exist((unit,))),
            *(Variant(names.set_without(unit), Edit(_minus(group, unit))) for unit in _taken_apart(group)),
            *(Variant(names.in_place(unit), Edit(muted)) for unit, muted in _in_place(found)),
            *(Variant(names.cut(second), Edit(group, seconds=(second, settings.seconds))) for second in cuts),
            *(Variant(names.from_step(step), Edit(group, steps=(step, steps))) for step in step_cuts(steps)),
            *(Variant(names.until_step(step), Edit(group, steps=(0, step))) for step in step_cuts(steps)),
        ]
        if exchanged:
            variants += [Variant(names.GOOD, prompt=exchanged.prompt)]
            variants += [Variant(names.PUT_IN, exchanged.edits, prompt=exchanged.prompt)]
        if exchanged and exchanged.controls:
            variants += [Variant(names.PUT_IN_CONTROL, exchanged.controls, prompt=exchanged.prompt)]
        beside = {names.MUTED: names.CONTROL, names.PUT_IN: names.PUT_IN_CONTROL}
        beside |= {names.dose(scale): names.dose_control(scale) for scale in settings.doses}
        beside |= {names.unit(unit): names.control(unit) for unit in singles}
        # The rest of the set does its part anyway: an alternate has done what that alone does not.
        beside |= {names.in_place(unit): names.set_without(left) for unit, left in _replaced(found).items()}
        present = {variant.name for variant in variants}
        return cls(
            estimates,
            (*variants, *words),
            {name: other for name, other in beside.items() if {name, other} <= present},
            controls.fewest,
            singles,
            cuts,
            step_cuts(steps),
            steps,
            exchanged,
            (Variant(names.MUTED, Edit(group)), controls.again.variant(names.CONTROL, group)),
        )


class _Controls:
    """Random units in the place of others, a draw for each take."""

    def __init__(self, found: Attribution, settings: Settings, group: Group) -> None:
        self.found, self.group = found, group
        self.draws = range(settings.seed, settings.seed + settings.takes)

    @property
    def again(self) -> _Controls:
        """Drawn anew."""
        other = copy(self)
        other.draws = range(self.draws.stop, self.draws.stop + len(self.draws))
        return other

    def of(self, targets: Group) -> list[Group]:
        """One draw a take."""
        return [matched_group(targets, self.found.activity, draw, avoid=self.group) for draw in self.draws]

    def exist(self, targets: Group) -> bool:
        """Whether there is something to draw in every take."""
        return all(self.of(targets))

    def variant(self, name: str, targets: Group, scale: float | None = None) -> Variant:
        """The draws muted, or multiplied by ``scale``; untouched takes, which prove nothing, where there are none."""
        if not self.exist(targets):
            return Variant(name)
        how = {} if scale is None else {"kind": "scale", "value": scale}
        return Variant(name, tuple(Edit(units, **how) for units in self.of(targets)))  # type: ignore[arg-type]

    @property
    def fewest(self) -> int:
        """Units of the smallest draw for the set."""
        return min(len(units) for units in self.of(self.group))


def _taken_apart(group: Group) -> Group:
    return group if 1 < len(group) <= LARGEST_TAKEN_APART else ()


def _singles(found: SearchResult, count: int) -> tuple[Unit, ...]:
    """Which units to mute one by one: members of a small set, then alternates, then what did most in the search, be it
    of a large set. A set of one unit is tested as the set."""
    members = [unit for unit in _taken_apart(found.group) if isinstance(unit, Unit)]
    measured = [muted.group[0] for muted in found.measured]
    known = found.group if len(found.group) <= LARGEST_TAKEN_APART else ()
    others = [unit for unit in (*found.alternates, *measured) if isinstance(unit, Unit) and unit not in known]
    room = max(0, count - len(found.group) if len(found.group) <= LARGEST_TAKEN_APART else count)
    return tuple(dict.fromkeys([*members, *others[:room]]))


def _in_place(found: SearchResult) -> list[tuple[Unit, Group]]:
    """Alternates that are muted in the place of a member, and what is muted then."""
    return [*found.in_place.items()][:LARGEST_TAKEN_APART]


def _replaced(found: SearchResult) -> dict[Unit, Unit | Location]:
    """For each alternate, the member in whose place it is muted."""
    return {unit: left for unit, muted in _in_place(found) for left in found.group if left not in muted}


def _can_be_cut(group: Group, seconds: float) -> bool:
    """The text encoder works on the whole prompt at once, and very short takes have no later seconds."""
    networks = {place.network for place in locations_of(group)}
    return "text" not in networks and seconds >= SHORTEST_CUT_SECONDS


def step_cuts(steps: int) -> tuple[int, ...]:
    """Denoising steps, of so many, from which on things are muted; none where a model does not denoise."""
    return tuple(sorted({max(1, round(share * steps)) for share in CUTS})) if steps > 1 else ()


def _minus(group: Group, target: object) -> Group:
    return tuple(unit for unit in group if unit != target)
