"""Diagnoses that nobody made: findings of every kind, to see what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.verdict import Heard, Kind, Verdict
from tonescope.diagnose.schema import (
    Blame,
    Contrast,
    Cost,
    CutPoint,
    Diagnosis,
    Drivers,
    FoundBy,
    GroupTest,
    SearchRecord,
    SecondDriver,
    SoundChange,
    Source,
    Sufficiency,
    TakeResult,
    Trial,
    UnitDriver,
    WordDriver,
)
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import effect, share

PROMPT, ASKED, HEARD = "lo-fi beats with accordion", "lo-fi hip hop", "polka"
NEURON, PLACE = "decoder.4.mlp:577", "decoder.1.cross"
STILL = effect([0.0, 0.1, -0.1, 0.05])
SURE, UNSURE = 0.001, 0.4


def trial(
    flips: int,
    heard: Mapping[str, int],
    *,
    prompt: str = PROMPT,
    q: float | None = SURE,
    broke: bool = False,
    of: int = 4,
) -> Trial:
    """``flips`` of ``of`` takes are no longer heard as before."""
    moved = effect([-3.0 * flips - 0.5 + 0.1 * row for row in range(4)])
    sound = SoundChange(level_db=STILL, spectrum_db=STILL, onsets=STILL, broke=broke)
    return Trial(
        variant="a", prompt=prompt, effect=moved, q=q, flips=flips, flippable=of, heard=dict(heard), sound=sound
    )


def word(name: str, tried: Trial | None = None, **about: Any) -> WordDriver:
    return WordDriver(word=name, start=0, end=len(name), known=True, estimated=STILL, verified=tried, **about)


def group(
    names: list[str],
    found_by: FoundBy,
    muted: Trial,
    *,
    control: Trial | None = None,
    convincing: bool = True,
) -> GroupTest:
    return GroupTest(
        names=names,
        found_by=found_by,
        units=len(names),
        control_units=len(names),
        searched=STILL,
        muted=muted,
        control=control or trial(0, {HEARD: 4}),
        difference=muted.effect,
        q=SURE if convincing else UNSURE,
        convincing=convincing,
    )


def sufficiency(before: int, put_in: int, *, q: float = SURE, broke: bool = False) -> Sufficiency:
    return Sufficiency(
        prompt=ASKED,
        before=share(before, 4),
        put_in=share(put_in, 4),
        effect=effect([float(put_in - before) + 0.1 * row for row in range(4)]),
        q=q,
        trial=trial(0, {HEARD: put_in}, prompt=ASKED, broke=broke),
    )


def cuts(*flips: int) -> list[CutPoint]:
    """So many of 4 takes turn where the set is muted from 0.5, 1 and 2 s on."""
    return [
        CutPoint(second=second, trial=trial(count, {}, q=UNSURE))
        for second, count in zip((0.5, 1.0, 2.0), flips, strict=False)
    ]


def take(seed: int, heard: str) -> TakeResult:
    return TakeResult(seed=seed, heard=heard, probability=0.9, margin=5.0, posterior={heard: 0.9, ASKED: 0.05})


def diagnosis(
    kind: Kind = "family drift",
    *,
    prompt: str = PROMPT,
    target: str = HEARD,
    foil: str | None = ASKED,
    label: str | None = ASKED,
    takes: int = 4,
    sentence: str = f"You asked for {ASKED}; 4 of 4 takes are heard as {HEARD} (51–100 % of all takes).",
    tested: list[str] | None = None,
    **about: Any,
) -> Diagnosis:
    """A diagnosis; ``about`` are other fields of it, or of its drivers."""
    drivers: dict[str, Any] = {"tested": [take(9 + at, heard) for at, heard in enumerate(tested or [target] * takes)]}
    drivers |= {"words": [], "seconds": []}
    drivers |= {name: about.pop(name) for name in list(about) if name in Drivers.model_fields}
    source = Source(name="embedded", description="d", device="cpu", dtype="float32", fingerprint="f")
    heard = Heard(
        label=target, family="f", share=share(takes, takes), mean_probability=0.9, counts={target: takes}, unsure=0
    )
    made: dict[str, Any] = {
        "made": "2026-01-01",
        "versions": {"tonescope": "0.1.0"},
        "prompt": prompt,
        "model": source,
        "judge": source,
        "settings": Settings(takes=takes),
        "intended": Intent(
            label=label,
            how="named" if label else "none",
            confidence=1.0,
            named=label if label != ASKED else "lo-fi beats",
        ),
        "perceived": heard,
        "verdict": Verdict(kind=kind, sentence=sentence, matched=None, judge_error=None),
        "contrast": Contrast(target=target, foil=foil),
        "blame": Blame(where="unclear" if "drift" in kind else "nowhere", sentence="Unclear."),
        "takes": [take(1 + at, target) for at in range(takes)],
        "drivers": Drivers(**drivers),
        "estimated_units": 7740,
        "caveats": ["4 takes give a rough figure; 8 or more give a useful one."],
        "cost": Cost(generation_gib=1, attribution_gib=1, rows_generated_together=1, takes_attributed_together=1),
        "timings": {},
    }
    return Diagnosis(**made | about)


# --- findings of every kind -------------------------------------------------------------------------------------------


def single_unit() -> Diagnosis:
    muted = trial(4, {ASKED: 4})
    return diagnosis(
        group=group([NEURON], "alone", muted),
        units=[UnitDriver(unit=NEURON, role="member", searched=STILL, verified=muted)],
        search=SearchRecord(candidates=32, generations=90, largest_group=1, largest_share=1.0),
        sufficiency=sufficiency(0, 4),
        cut_points=cuts(1, 0, 0),
        words=[word("accordion", trial(0, {HEARD: 4}, prompt="lo-fi beats", q=UNSURE))],
    )


def set_of_three(needed: int = 3) -> Diagnosis:
    """``needed`` of the three are needed."""
    names = [NEURON, "decoder.2.mlp:8", "decoder.5.mlp:99"]
    units = [
        UnitDriver(
            unit=name,
            role="member",
            verified=trial(0, {HEARD: 4}, q=UNSURE),
            control=trial(0, {HEARD: 4}, q=None),
            set_without=trial(0 if at < needed else 4, {}),
        )
        for at, name in enumerate(names)
    ]
    units.append(UnitDriver(unit="decoder.5.mlp:7", role="alternate", searched=STILL))
    return diagnosis(
        group=group(names, "together", trial(3, {ASKED: 3, HEARD: 1})),
        units=units,
        search=SearchRecord(candidates=32, generations=300, largest_group=32, largest_share=1.0),
        sufficiency=sufficiency(0, 1, q=UNSURE),
        cut_points=cuts(4, 3, 3),
        words=[word("with accordion", trial(4, {"house": 4}, prompt="lo-fi beats"))],
    )


def whole_location() -> Diagnosis:
    bare = trial(4, {ASKED: 2, "house": 2}, prompt=ASKED)
    return diagnosis(
        group=group([PLACE], "location", trial(4, {ASKED: 4})),
        units=[
            UnitDriver(unit="text.1.mlp:607", searched=STILL, verified=trial(4, {"ragtime": 4}), brings=share(0, 4))
        ],
        search=SearchRecord(candidates=32, generations=176, largest_group=32, largest_share=1.0),
        sufficiency=sufficiency(0, 4),
        cut_points=cuts(1, 0, 0),
        words=[word("accordion", trial(4, {ASKED: 2, "house": 2}, prompt="lo-fi beats")), word("lo-fi beats")],
        blame=Blame(where="decoder", sentence="In the decoder.", bare=bare),
    )


def no_small_set(largest_share: float = 0.5) -> Diagnosis:
    names = [f"decoder.{at // 9}.mlp:{at}" for at in range(52)]
    return diagnosis(
        group=group(names, "gradients", trial(1, {HEARD: 3, "house": 1}, q=UNSURE), convincing=False),
        search=SearchRecord(candidates=32, generations=400, largest_group=52, largest_share=largest_share),
        cut_points=cuts(0, 0, 0),
        words=[word("accordion", trial(1, {HEARD: 3, ASKED: 1}, prompt="lo-fi beats", q=UNSURE))],
    )


def quick() -> Diagnosis:
    return diagnosis(
        settings=Settings(quick=True), words=[word("accordion", trial(4, {ASKED: 3, "house": 1}, prompt="lo-fi beats"))]
    )


def open_prompt() -> Diagnosis:
    return diagnosis(
        "open",
        prompt="a song",
        foil=None,
        label=None,
        sentence="The prompt names no genre; what is heard is polka in 4 of 4 takes.",
        words=[word("a song")],
        group=group([NEURON], "alone", trial(4, {"house": 4})),
        search=SearchRecord(candidates=32, generations=90, largest_group=1, largest_share=1.0),
    )


def match() -> Diagnosis:
    return diagnosis(
        "match",
        prompt="deep techno",
        target="techno",
        foil=None,
        label="techno",
        sentence="You asked for techno and got it: 4 of 4 takes are heard as techno.",
        words=[word("techno", trial(3, {"techno": 1, "house": 3}, prompt="deep"))],
        group=group(["decoder.2.cross:3"], "alone", trial(4, {"house": 4})),
        search=SearchRecord(candidates=32, generations=90, largest_group=1, largest_share=1.0),
    )


def sound_broke() -> Diagnosis:
    return diagnosis(
        group=group([NEURON], "alone", trial(0, {HEARD: 4}, broke=True), convincing=False),
        search=SearchRecord(candidates=32, generations=90, largest_group=1, largest_share=1.0),
        words=[word("accordion", trial(0, {HEARD: 4}, prompt="lo-fi beats", q=UNSURE))],
    )


def one_take() -> Diagnosis:
    one = effect([-3.0])
    played = trial(1, {ASKED: 1}, of=1, q=None).model_copy(update={"effect": one})
    return diagnosis(
        "unclear",
        takes=1,
        sentence=f"You asked for {ASKED}; polka in 1 of 1 takes, but fewer than 3 takes show nothing: make more.",
        group=group([NEURON], "alone", played, control=trial(0, {HEARD: 1}, of=1, q=None), convincing=False),
        search=SearchRecord(candidates=32, generations=40, largest_group=1, largest_share=1.0),
        words=[word("accordion", played)],
        caveats=["One take gives no interval; 8 or more give a useful one."],
    )


def all_different() -> Diagnosis:
    spread = ", ".join(f"{label} in 1 of 16 takes" for label in map("genre number {}".format, range(16)))
    return diagnosis(
        "unclear",
        takes=16,
        sentence=f"You asked for {ASKED}; what came is unclear: {spread}. The misses may be the judge’s.",
        tested=[f"genre number {at}" for at in range(16)],
        words=[word("accordion", trial(0, {"house": 16}, of=0, q=UNSURE))],
        caveats=[f"Caveat {at} is a sentence that is as long as such sentences are; do as it says." for at in range(9)],
    )


def long_prompt() -> Diagnosis:
    prompt = "lo-fi beats with accordion " * 70
    words = [word("accordion " * 30, trial(4, {ASKED: 4}, prompt=prompt[:-300])) for _ in range(4)]
    target, foil = "a genre whose name is very long " * 3, "another genre whose name is very long " * 3
    names = [f"decoder.4.mlp:{1000000 + at}" for at in range(40)]
    return diagnosis(
        prompt=prompt,
        label=foil,
        target=target,
        foil=foil,
        sentence=f"You asked for {foil}; 4 of 4 takes are heard as {target}." * 2,
        group=group(names, "together", trial(4, {foil: 4})),
        units=[UnitDriver(unit=names[0], role="member", brings=share(4, 4))],
        search=SearchRecord(candidates=32, generations=90, largest_group=40, largest_share=1.0),
        sufficiency=sufficiency(0, 4),
        cut_points=cuts(1, 0, 0),
        words=words,
        caveats=["A very long sentence to be kept in mind by whoever reads it. " * 5] * 6,
    )


ALL: tuple[Callable[[], Diagnosis], ...] = (
    single_unit,
    set_of_three,
    whole_location,
    no_small_set,
    quick,
    open_prompt,
    match,
    sound_broke,
    one_take,
    all_different,
    long_prompt,
)


def seconds() -> list[SecondDriver]:
    """Two stretches of time."""
    return [
        SecondDriver(
            start=at, end=at + 1, target_probability=0.5, foil_probability=0.5, estimated=STILL, verified=STILL
        )
        for at in (0.0, 1.0)
    ]
