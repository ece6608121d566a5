"""What a diagnosis is asked to do, and the refusal of what cannot be done, before any model is loaded."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.parameters import Flag, Range, check_ranges
from tonescope.models.errors import TonescopeError
from tonescope.models.song_parts import lyrics_from

LONGEST_PROMPT = 2_000  # characters
LONGEST_LYRICS = 10_000
MOST_TAKES = 256
USEFUL_TAKES = 8  # whose interval tells something
LONGEST_SECONDS = 60.0
LARGEST_SEED = 10**18  # takes, rounds and tests count up from it, and stay below 2^63
ROUNDS = 4
CANDIDATES = 40
DRAWS = 2  # random candidates in a round of choosing
CAREFUL = (4, 1)  # smoothgrad samples and rollout steps that gradients are taken with
PLAIN = (1, 0)

TakeCount = Annotated[
    int,
    Range(1, MOST_TAKES, "{} takes cannot be made", "8 or more give a useful interval"),
    Field(description="How many times to generate; 8 or more give useful intervals."),
]
Seconds = Annotated[
    float,
    Range(0, LONGEST_SECONDS, "{} seconds cannot be made", above=True),
    Field(description="Length of each take."),
]
Seed = Annotated[
    int,
    Range(0, LARGEST_SEED, "the seed {} cannot be used"),
    Field(description="Seed of the first take; the others count up from it."),
]
OwnNoiseSeed = Annotated[
    int,
    Range(0, LARGEST_SEED, "the seed {} cannot be used"),
    Field(description="Seed of all takes: every prompt has noise of its own, the same in every run."),
]
Guidance = Annotated[
    float | None,
    Range(1, 20, "a guidance of {} cannot be used", "1 is none, 3 is usual"),
    Field(
        description="How strongly the text steers (classifier-free guidance; default: what the model is made for, "
        "else 3)."
    ),
]
SecondJudge = Annotated[
    str | None,
    Flag(metavar="embedded|HUB_ID|FOLDER"),
    Field(description="Another judge, to see how far the two agree."),
]
NegativePrompt = Annotated[
    str | None,
    Flag("--negative-prompt", metavar="TEXT"),
    Field(description="What guidance steers away from, in models that read such a prompt."),
]
Temperature = Annotated[
    float,
    Range(0, 5, "a temperature of {} cannot be used", "1 is usual"),
    Field(description="Sampling temperature."),
]
TopK = Annotated[
    int,
    Range(0, 1_000_000, "a top-k of {} cannot be used", "250 is usual, 0 keeps every code"),
    Field(description="Sample from the k likeliest codes, where a model draws codes; 0 means all."),
]
Foil = Annotated[
    str | None,
    Flag("--against", metavar="LABEL"),
    Field(description="Explain what is heard against this genre instead of the one asked for."),
]
MemoryGib = Annotated[
    float | None,
    Flag("--memory", metavar="GIB"),
    Range(0, 1_000_000, "{} GiB of memory cannot be worked with", "or leave it out", above=True),
    Field(description="Use at most so much more memory. (default: 70 % of what is free)"),
]


class Settings(BaseModel):
    """How a diagnosis is made.

    A ``quick`` one gives verdict and words, and looks for no units. ``candidates`` are muted one by one in a search for
    the smallest set of units that does it (see :mod:`tonescope.diagnose.causes.search`). Where no small set does,
    ``strongest_share`` is the most of all neurons, and of all heads, that are muted together, as a share, reached in so
    many ``rounds`` of twice as many each, until takes turn back (see
    :mod:`tonescope.diagnose.attribution.greedy_group_search`); ``tested_units`` and
    ``tested_words`` are how many of the strongest are verified one by one; ``doses`` are the factors that the set's
    activations are multiplied by. ``careful`` gradients average over more noise and follow what changed codes do to
    later ones, and take longer (see :func:`tonescope.diagnose.attribution.gradients.attribute`). ``two_point_units``
    is how many of the strongest neurons, and of the heads, get a second gradient each (see
    :mod:`tonescope.diagnose.attribution.integrated_gradients`). Takes have the seeds from ``seed`` on; what was found
    is tested in fresh takes, with the seeds after those. ``memory_gib`` bounds what a diagnosis adds to the memory in
    use; absent, 70 % of what is free.
    """

    takes: TakeCount = 4
    seconds: Seconds = 4.0
    seed: Seed = 1
    guidance: Guidance = None
    negative: NegativePrompt = None
    temperature: Temperature = 1.0
    top_k: TopK = 250
    foil: Foil = None
    quick: Annotated[
        bool,
        Field(description="Verdict and words only: do not look for units (takes about a quarter of the time)."),
    ] = False
    candidates: Annotated[
        int,
        Range(1, 1000, "{} candidates cannot be muted one by one", "40 are usual"),
        Field(description="Mute so many of the likeliest units one by one to find those that do it."),
    ] = CANDIDATES
    strongest_share: Annotated[
        float,
        Flag("--share", metavar="SHARE"),
        Range(0, 0.5, "a share of {} of the units cannot be tested together against others", above=True),
        Field(description="Where no small set does it, mute up to so large a share of the neurons and heads together."),
    ] = 0.04
    rounds: Annotated[
        int,
        Range(1, 16, "units cannot be chosen in {} rounds", "4 are usual"),
        Field(
            description="Choose those units in so many rounds, twice as many in each, with those chosen before muted."
        ),
    ] = ROUNDS
    careful: Annotated[
        bool,
        Field(description="Estimate more carefully which units matter, before any is muted; takes longer."),
    ] = False
    two_point_units: Annotated[
        int,
        Flag("--refine", metavar="N"),
        Range(0, 1000, "{} units cannot be estimated more closely"),
        Field(description="Give the N strongest neurons, and heads, a second gradient each; takes much longer."),
    ] = 0
    tested_units: Annotated[
        int,
        Flag("--test-units"),
        Range(0, 200, "{} units cannot be verified one by one"),
        Field(description="Verify so many of the strongest units one by one."),
    ] = 2
    tested_words: Annotated[
        int,
        Flag("--test-words"),
        Range(0, 200, "{} words cannot be verified one by one"),
        Field(description="Verify so many words by leaving them out, the strongest first."),
    ] = 4
    doses: Annotated[
        tuple[float, ...],
        Flag("--dose"),
        Range(0, 100, "doses of {} times the group's strength cannot be played", "0, 0.5 and 2 are usual"),
        Field(description="Also play the set at so much of its strength; repeat for more."),
    ] = ()
    memory_gib: MemoryGib = None

    @classmethod
    def of(cls, parameters: BaseModel) -> Self:
        """What the parameters of a job say of it; the rest is as usual."""
        shared = cls.model_fields.keys() & type(parameters).model_fields.keys()
        return cls(**{name: getattr(parameters, name) for name in shared})

    def for_guidance(self, usual: float) -> Self:
        """The same with the guidance that is ``usual`` for a model, where none was asked for."""
        return self if self.guidance is not None else self.model_copy(update={"guidance": usual})

    @property
    def gradient_options(self) -> tuple[int, int]:
        """Smoothgrad samples of a take, and rollout steps."""
        return CAREFUL if self.careful else PLAIN


def check_memory(gib: float | None) -> None:
    """Raise :class:`TonescopeError` for a bound that is none."""
    check_ranges(Settings.model_construct(memory_gib=gib))


def is_too_long(prompt: str) -> bool:
    """Whether a prompt has more characters than are looked at: lyrics, which some models read, are counted apart."""
    tags = lyrics_from(prompt)
    return tags > LONGEST_PROMPT or len(prompt) - tags > LONGEST_LYRICS


def check_prompt(prompt: str, what: str = "prompt") -> None:
    """Raise :class:`TonescopeError` for words that no text encoder reads; ``what`` says whose they are."""
    if not prompt.strip():
        raise TonescopeError(
            f"the {what} is empty, so there is nothing to play; "
            "type a few words, for example “mellow jazz fusion with saxophone”."
        )
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise TonescopeError(f"the {what} holds bytes that are no text; type it again in UTF-8.") from error
    if is_too_long(prompt):
        tags = lyrics_from(prompt)
        lyrics = f", and its lyrics to under {LONGEST_LYRICS}" if tags < len(prompt) else ""
        raise TonescopeError(
            f"the {what} is {len(prompt)} characters long and text encoders read a few hundred words at most; "
            f"shorten it to under {LONGEST_PROMPT}{lyrics}."
        )
    if not any(character.isalnum() for character in prompt):
        raise TonescopeError(
            f"the {what} has no word in it, so there is nothing to explain; describe the music in a few words."
        )


def check_second(name: str | None) -> None:
    """Raise :class:`TonescopeError` for a second judge that was named by nothing."""
    if name is not None and not name.strip():
        raise TonescopeError("--second-judge was given nothing; give it a value, or leave it out.")


def check(prompt: str, settings: Settings) -> None:
    """Raise :class:`TonescopeError` for a prompt or settings that no model could meet."""
    check_prompt(prompt)
    if settings.negative is not None:
        check_prompt(settings.negative, "negative prompt")
    check_ranges(settings)
    if 1 in settings.doses or len(set(settings.doses)) < len(settings.doses):
        raise TonescopeError(
            "the doses cannot be played: each is a factor other than 1 and each once, such as 0, 0.5 and 2."
        )
    if settings.takes > 1 and (settings.temperature == 0 or settings.top_k == 1):
        raise TonescopeError(
            f"without chance in the sampling all {settings.takes} takes are the same one; "
            "ask for 1 take, or a temperature above 0 and a top-k above 1."
        )
