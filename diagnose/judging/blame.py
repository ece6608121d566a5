"""Where a confusion is made: in the text encoder, in what plays (decoder, denoiser), or by codec and judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.reference_clips import FEWEST_CLIPS
from tonescope.diagnose.judging.verdict import Verdict
from tonescope.diagnose.schema import Blame, Contrast, GroupTest, Player, ReferenceClips, Trial, Where
from tonescope.diagnose.stats import Share, share, signed
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location

CLEARLY_CLOSER = 0.1  # of centred cosine similarity; states differ by less for reasons that no one hears
OFTEN = 0.3  # a listener that mishears a genre this often, at the least, may be the cause


@dataclass(frozen=True)
class Finding:
    """What a diagnosis has found when the blame is to be placed.

    Attributes:
        prompt: what was played.
        intent: the genre asked for.
        contrast: its target is what was heard instead.
        verdict: whether there is a drift at all.
        bare: what became of the tested takes when the genre word alone stood in place of the prompt.
        untouched: what the same takes are heard as under the prompt itself.
        known: what the judge hears in the user's own clips of the genre asked for.
        cause: the set of units that was found and muted.
    """

    prompt: str
    intent: Intent
    contrast: Contrast
    verdict: Verdict
    bare: Trial | None = None
    untouched: Sequence[str] = ()
    known: ReferenceClips | None = None
    cause: GroupTest | None = None

    @property
    def confused(self) -> str | None:
        """The genre asked for, where a drift from it was found."""
        return self.intent.label if "drift" in self.verdict.kind else None


def bare_word(intent: Intent, verdict: Verdict, prompt: str) -> str | None:
    """What to play in place of the prompt to place the blame: the genre word alone.

    ``None`` where there is no drift, or where the prompt says no more than that word.
    """
    if intent.label is None or "drift" not in verdict.kind or prompt.strip().lower() == intent.label.lower():
        return None
    return intent.label


def place_blame(finding: Finding, generator: Generator, judge: Judge) -> Blame:
    """Split the blame for a drift. Without one there is nothing to split, and that is what it says.

    The user's own clips count for more than the judge's record, but only if there are enough of them, and not if the
    judge knows a single sound world, to which they may be foreign.
    """
    cause = finding.cause if finding.cause and finding.cause.turns and finding.cause.found_by != "gradients" else None
    if finding.confused is None:
        return _without_confusion(finding, cause)
    case = _Case(
        player=player(generator),
        asked=finding.confused,
        heard=finding.contrast.target,
        listener=_Listener.of(finding, finding.confused, judge),
        text=_Text.of(generator, finding, judge),
        bare=finding.bare,
        untouched=tuple(finding.untouched),
    )
    rule = next(rule for rule in _RULES if rule.holds(case))
    where, location = made_in(cause) if cause else (rule.where or case.player, None)
    by_word = finding.bare.badge if rule.proven and finding.bare else "observed"
    return Blame(
        where=where,
        location=location,
        sentence=f"It is made {_by_muting(cause, where, location, case.heard)}; {case.evidence}."
        if cause
        else rule.sentence(case),
        badge=cause.badge if cause else by_word,
        nearest=case.text.nearest,
        similarity=(case.text.to_asked, case.text.to_heard),
        misheard=case.listener.misheard,
        known=finding.known,
        bare=finding.bare,
    )


def _without_confusion(finding: Finding, cause: GroupTest | None) -> Blame:
    """Nothing to place; or, where no one genre came, where that is made which some takes are heard as."""
    if cause is None or finding.verdict.kind != "unclear" or finding.contrast.target == finding.intent.label:
        return Blame(where="nowhere", sentence=_nothing_to_place(finding), known=finding.known)
    where, location = made_in(cause)
    heard = finding.contrast.target
    sentence = f"No one genre came; what makes takes {heard} is {_by_muting(cause, where, location, heard)}."
    return Blame(where=where, location=location, sentence=sentence, badge=cause.badge, known=finding.known)


def made_in(cause: GroupTest) -> tuple[Where, str]:
    """The network, and the location, that most of a set is in."""
    places = Counter(name.partition(":")[0] for name in cause.names)
    location = Location.parse(places.most_common(1)[0][0])
    return _NETWORKS[location.network], str(location)


def _by_muting(cause: GroupTest, where: Where, location: str | None, heard: str) -> str:
    muted, control = cause.muted, cause.control
    return (
        f"in the {where}, at {location}: with what was found there muted, {muted.flips} of {muted.flippable} takes are "
        f"no longer heard as {heard} (with random units, {control.flips} of {control.flippable})"
    )


_NETWORKS: dict[str, Where] = {"text": "text encoder", "decoder": "decoder", "denoiser": "denoiser"}


def player(generator: Generator) -> Player:
    """The network that plays: a decoder code by code, or a denoiser."""
    networks = {location.network for location in generator.locations()}
    return "denoiser" if "denoiser" in networks else "decoder"


def _nothing_to_place(finding: Finding) -> str:
    asked, known = finding.intent.label, finding.known
    clips = f"; {_clips_heard(known, asked, asked)}" if asked and known and known.clips else ""
    return f"No confusion was found, so there is none to place{clips}."


def _clips_heard(known: ReferenceClips, asked: str, heard: str) -> str:
    clean, coded = (share(counts.get(heard, 0), known.clips) for counts in (known.clean, known.reconstructed))
    return (
        f"of the known clips of {asked} the judge hears {clean} as {heard} as they are, and {coded} through the codec"
    )


# --- the evidence -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listener:
    """How often codec and judge turn known audio of the asked genre into the heard one, and that in words."""

    misheard: Share | None
    words: str

    @classmethod
    def of(cls, finding: Finding, asked: str, judge: Judge) -> _Listener:
        heard, known = finding.contrast.target, finding.known
        if known and known.clips >= FEWEST_CLIPS and not judge.domain:
            misheard = share(known.reconstructed.get(heard, 0), known.clips)
            return cls(misheard, _clips_heard(known, asked, heard))
        if judge.record and (counted := judge.record.heard_as(asked, heard)):
            misheard = share(*counted)
            who = "codec and judge mistake" if judge.record.reconstructed else "the judge, without the codec, mistakes"
            return cls(misheard, f"{who} known {asked} for {heard} in {misheard} clips")
        return cls(None, f"how often codec and judge mistake known {asked} for {heard} was not measured")


@dataclass(frozen=True)
class _Text:
    """The genre word that the prompt's text states are closest to, and how close they are to the two in question."""

    nearest: str
    to_asked: float
    to_heard: float
    words: str

    @classmethod
    def of(cls, generator: Generator, finding: Finding, judge: Judge) -> _Text:
        asked, heard = str(finding.intent.label), finding.contrast.target
        labels = sorted({asked, heard, *judge.labels})
        closeness = text_similarities(generator, finding.prompt, labels)
        nearest = labels[int(closeness.argmax())]
        to_asked, to_heard = (float(closeness[labels.index(label)]) for label in (asked, heard))
        words = (
            f"as the text encoder reads it, the prompt is closest to {nearest} of {len(labels)} genre words "
            f"({asked} {signed(to_asked)}, {heard} {signed(to_heard)}; +1 would be the same)"
        )
        return cls(nearest, to_asked, to_heard, words)


@dataclass(frozen=True)
class _Case:
    """All evidence on one confusion, with what the rules of :data:`_RULES` ask about it."""

    player: Player
    asked: str
    heard: str
    listener: _Listener
    text: _Text
    bare: Trial | None
    untouched: tuple[str, ...]

    @cached_property
    def alone(self) -> Share:
        """Takes of the bare genre word that are heard as it."""
        return share(self.bare.heard.get(self.asked, 0), sum(self.bare.heard.values())) if self.bare else share(0, 0)

    @cached_property
    def before(self) -> Share:
        """The same takes, of the whole prompt."""
        return share(self.untouched.count(self.asked), len(self.untouched))

    @property
    def word_alone_is_better(self) -> bool:
        most = 2 * self.alone.count > self.alone.total
        return most and self.alone.low > (self.before.value if self.before.total else 0.0)

    @property
    def evidence(self) -> str:
        return f"{self.text.words}, and {self.listener.words}"


# --- what follows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """A place (``None`` is the network that plays), when the blame goes there, and the sentence; ``proven`` where it
    rests on takes of the bare word."""

    where: Where | None
    holds: Callable[[_Case], bool]
    sentence: Callable[[_Case], str]
    proven: bool = False


# The first rule that holds places the blame.
_RULES = (
    _Rule(
        "codec and judge",
        lambda case: case.listener.misheard is not None and case.listener.misheard.low >= OFTEN,
        lambda case: f"The confusion may be the listener’s: {case.listener.words}.",
    ),
    _Rule(
        None,
        lambda case: case.word_alone_is_better,
        lambda case: (
            f"The {case.player} makes it of the prompt’s other words: from “{case.asked}” alone, {case.alone} takes "
            "are "
            f"heard as {case.asked}, from the prompt {case.before}; {case.evidence}."
        ),
        proven=True,
    ),
    _Rule(
        "text encoder",
        lambda case: case.text.nearest == case.heard and case.text.to_heard - case.text.to_asked > CLEARLY_CLOSER,
        lambda case: f"The confusion is probably there before a note is played: {case.evidence}.",
    ),
    _Rule(
        "unclear",
        lambda case: case.text.nearest != case.asked,
        lambda case: (
            f"Where it is made is unclear: {case.text.words}, which does not clear the text encoder, "
            f"and {case.listener.words}."
        ),
    ),
    _Rule(
        "unclear",
        lambda case: case.listener.misheard is None,
        lambda case: (
            f"The text encoder is probably not to blame ({case.text.words}), but whether the {case.player} is, or the "
            f"listener, is unclear: {case.listener.words}."
        ),
    ),
    _Rule(
        None,
        lambda case: case.bare is None,
        lambda case: f"That leaves the {case.player}: {case.evidence}.",
    ),
    _Rule(
        "unclear",
        lambda case: case.alone.high >= 0.5,
        lambda case: (
            f"Where it is made is unclear: “{case.asked}” alone is heard as {case.asked} in {case.alone} takes and the "
            f"prompt in {case.before}, too small a difference to tell; {case.evidence}."
        ),
    ),
    _Rule(
        None,
        lambda case: True,
        lambda case: (
            f"The confusion is probably made in the {case.player}: even “{case.asked}” alone is heard as {case.asked} "
            f"in only {case.alone} takes; {case.evidence}."
        ),
    ),
)


@torch.no_grad()
def text_similarities(generator: Generator, prompt: str, labels: Sequence[str]) -> Tensor:
    """Cosine similarity (labels,) of a prompt's projected text states to those of genre words.

    States are averaged over the tokens that spell something, and the mean over the words is taken off: without that,
    all prompts look alike, for the states share a large mean.
    """
    words, asked = torch.cat([_pooled(generator, label) for label in labels]), _pooled(generator, prompt)
    centre = words.mean(0, keepdim=True)
    return torch.nn.functional.cosine_similarity(asked - centre, words - centre).cpu()


def _pooled(generator: Generator, text: str) -> Tensor:
    """(1, width) of one text."""
    read = generator.read_text([text])
    keep = read.mask[0].bool()
    if read.spans:
        spelled = torch.tensor([end > start for start, end in read.spans[0]], device=keep.device)
        keep = keep & spelled if bool((keep & spelled).any()) else keep
    return read.states[0, keep].float().mean(0, keepdim=True)
