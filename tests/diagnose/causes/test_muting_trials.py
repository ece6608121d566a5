"""What muting does is measured in takes that were heard as the target, beside the same takes untouched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.diagnose.causes.known_cause import (
    BYSTANDER,
    CONTRAST,
    FIRST,
    FOIL,
    PLAYS,
    PROMPT,
    READS,
    SEEDS,
    TARGET,
    NearestJudge,
    known,
)
from tonescope.diagnose.causes import muting_trials
from tonescope.diagnose.causes.muting_trials import (
    CERTAIN,
    ENOUGH_TAKES,
    Group,
    Muted,
    MutingTrials,
    bounded,
    locations_of,
)
from tonescope.diagnose.context import SeedPlan
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.schema import Contrast
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit


def trials(takes: Takes | None = None, contrast: Contrast = CONTRAST) -> MutingTrials:
    return MutingTrials(known().context, takes or known().takes, contrast)


def heard_as_foil(seeds: tuple[int, ...]) -> Takes:
    """Takes of the same prompt that are not heard as the target: the cause is muted in them."""
    return play(known().context, [PROMPT] * len(seeds), seeds, [Edit((FIRST,))] * len(seeds))


def same(one: Muted, other: Muted) -> bool:
    return (
        one.back == other.back
        and one.broke == other.broke
        and one.changes == {seed: pytest.approx(change, abs=1e-3) for seed, change in other.changes.items()}
    )


def test_the_cause_turns_every_take_back_and_another_unit_none() -> None:
    cause, other = trials().measure([(FIRST,), (BYSTANDER,)])
    assert cause.turns and cause.share == 1.0 and set(cause.back) == set(SEEDS) and cause.effect < -5
    assert not other.turns and other.share == 0.0 and abs(other.effect) < 1


def test_a_whole_location_is_muted_like_a_unit() -> None:
    (muted,) = trials().measure([(PLAYS,)])
    assert muted.turns and muted.group == (PLAYS,)


def test_measuring_a_group_in_pieces_gives_what_measuring_it_at_once_does() -> None:
    groups: list[Group] = [(FIRST,), (BYSTANDER,), (FIRST, BYSTANDER), (READS,)]
    pieces, at_once = trials(), trials()
    pieces.measure(groups[:2], SEEDS[:1])
    pieces.measure(groups[1:], SEEDS[1:3])
    found = pieces.measure(groups)
    for piece, whole in zip(found, at_once.measure(groups), strict=True):
        assert same(piece, whole)
    assert pieces.rows == at_once.rows == len(groups) * len(SEEDS)


def test_batches_of_any_size_give_the_same() -> None:
    context, groups = known().context, list[Group]([(FIRST,), (BYSTANDER,), (READS,)])
    one_by_one = MutingTrials(context.with_batches(played=1), known().takes, CONTRAST).measure(groups)
    for alone, together in zip(one_by_one, trials().measure(groups), strict=True):
        assert same(alone, together)


def test_what_was_played_once_is_kept_whatever_the_order_of_its_units() -> None:
    here = trials()
    (first,) = here.measure([(FIRST, BYSTANDER)])
    played = here.rows
    (again,) = here.measure([(BYSTANDER, FIRST)])
    assert again is first and here.rows == played
    assert here.measure([]) == [] and here.rows == played


def test_takes_that_are_not_heard_as_the_target_are_left_out() -> None:
    mixed = Takes.join([heard_as_foil((7, 8)), known().takes])
    assert trials(mixed).seeds == SEEDS and trials(mixed).heard_as_target == len(SEEDS)
    here = trials(known().takes.pick([0, 1]))
    here.add(heard_as_foil((7, 8)))
    assert here.seeds == (1, 2)
    here.add(play(known().context, [PROMPT], (9,)))
    assert list(here.seeds) == [1, 2, 9] and here.heard_as_target == 3
    assert here.measure([(FIRST,)])[0].share == 1.0


def test_things_are_tried_in_a_few_takes_however_many_there_are() -> None:
    many = Takes.join([known().takes, play(known().context, [PROMPT] * 2, (9, 10))])
    assert trials(many).seeds == SEEDS and len(SEEDS) == ENOUGH_TAKES
    here = trials()
    here.add(many.pick([4, 5]))
    assert here.seeds == SEEDS


def test_takes_are_added_until_there_are_enough_that_are_heard_as_the_target() -> None:
    plan = SeedPlan(1, 2)
    here, blocks = trials(known().takes.pick([0])), [plan.round(1), plan.round(2), plan.round(3)]
    here.fill(blocks, fewest=4)
    assert here.seeds == (1, *blocks[0], *blocks[1])[:ENOUGH_TAKES] and here.rows == 4
    here.fill([(100, 101)], fewest=4)
    assert here.rows == 4
    none = trials(heard_as_foil((7, 8)))
    none.fill([(9, 10)], fewest=2)
    assert none.seeds == (9, 10) and none.measure([(FIRST,)])[0].turns  # those that are not heard so are gone


@pytest.mark.parametrize("ruin", [float("nan"), 0.0, 50.0], ids=["no number", "silent", "clipped"])
def test_a_sound_that_broke_never_counts_as_turned_back(ruin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def ruined(*given: Any, **more: Any) -> Takes:
        takes = play(*given, **more)
        edits = given[3]
        waveform = takes.waveform.clone()
        for row, edit in enumerate(edits):
            if BYSTANDER in edit.targets:
                waveform[row] = ruin if ruin != 50.0 else waveform[row].sign()
        return replace(takes, waveform=waveform)

    monkeypatch.setattr(muting_trials, "play", ruined)
    broken, intact = trials().measure([(FIRST, BYSTANDER), (FIRST,)])
    assert broken.broke == set(SEEDS) and not any(broken.back.values()) and not broken.changes
    assert broken.effect == 0.0 and not broken.turns
    assert intact.turns and not intact.broke


def test_takes_that_are_not_made_of_numbers_are_not_added() -> None:
    new = play(known().context, [PROMPT] * 2, (9, 10))
    waveform = new.waveform.clone()
    waveform[0, 100] = float("nan")
    here = trials(known().takes.pick([0]))
    here.add(replace(new, waveform=waveform))
    assert here.seeds == (1, 10)


def test_case_a_judge_that_is_never_sure_lets_no_take_turn_back() -> None:
    unsure = NearestJudge(known().context.listener.centres, sharpness=0.0, labels=("a", "b", "c"))  # type: ignore[attr-defined]
    unsure = replace(unsure, centres=torch.cat([unsure.centres, unsure.centres[:1]]))
    for contrast in (Contrast(target="a"), Contrast(target="a", foil="b")):
        here = MutingTrials(replace(known().context, judge=unsure), known().takes, contrast)
        assert here.heard_as_target == 0 and here.seeds == SEEDS
        assert not any(muted.share for muted in here.measure([(FIRST,), (PLAYS,)]))


def test_case_no_take_is_heard_as_the_target_so_none_can_turn_back() -> None:
    here = trials(contrast=Contrast(target=FOIL))
    assert here.heard_as_target == 0
    assert not any(muted.share for muted in here.measure([(FIRST,), (BYSTANDER,)]))


def test_without_a_foil_a_take_turns_back_when_it_is_no_longer_heard_as_the_target() -> None:
    cause, other = trials(contrast=Contrast(target=TARGET)).measure([(FIRST,), (BYSTANDER,)])
    assert cause.turns and not other.turns


def test_case_a_neuron_that_is_silent_and_silent_on_average_has_no_effect() -> None:
    """In the ReLU of a T5 many are; an edit of one changes nothing, which is a result and no mistake."""
    generator, dead = known().context.generator, Unit(READS, 3)
    dense = generator.model.text_encoder.encoder.block[READS.layer].layer[-1].DenseReluDense  # type: ignore[attr-defined]
    kept = dense.wi.weight[dead.index].clone()
    means = known().context.means
    assert means is not None
    values = means.values | {READS: means.values[READS].clone()}
    values[READS][..., dead.index] = 0.0
    context = replace(known().context, means=replace(means, values=values))
    try:
        dense.wi.weight.data[dead.index] = 0.0
        with pytest.raises(TonescopeError, match="changed nothing"):
            play(context, [PROMPT], [1], [Edit((dead,))])
        takes = play(context, [PROMPT] * 2, (1, 2))
        (muted,) = MutingTrials(context, takes, CONTRAST).measure([(dead,)])
        assert muted.effect == 0.0 and not muted.turns and not muted.broke
    finally:
        dense.wi.weight.data[dead.index] = kept


def test_other_takes_are_of_other_seeds_and_counted_apart() -> None:
    chosen_in = trials()
    blocks = [(901, 902), (903, 904), (905, 906)]
    other = chosen_in.anew(blocks)
    assert other.seeds == (901, 902, 903, 904) and other.rows == 4 and chosen_in.rows == 0  # enough after two blocks
    (muted,) = other.measure([(FIRST,)])
    assert muted.turns_all and set(muted.back) == set(other.seeds)


def test_all_takes_turn_only_where_each_does() -> None:
    assert not Muted((FIRST,)).turns_all
    most = Muted((FIRST,), {}, {}, {1: True, 2: True, 3: True, 4: False})
    assert most.turns and not most.turns_all


def test_shorter_takes_are_of_the_same_seeds_and_half_as_long() -> None:
    assert trials().shortened() is None  # half a second would be too little
    context = replace(known().context, seconds=2.0)
    long = MutingTrials(context, play(context, [PROMPT] * 3, (1, 2, 3)), CONTRAST)
    short = long.shortened()
    assert short is not None and set(short.seeds) <= {1, 2, 3} and short.rows == 3
    assert short.context.seconds == 1.0 and short.measure([(FIRST,)], short.seeds[:1])[0].turns


def test_effect_and_share_are_those_of_the_takes() -> None:
    changes, back = {1: -20.0, 2: -4.0}, {1: True, 2: True, 3: False, 4: True}
    muted = Muted((FIRST,), changes, {1: -2.0, 2: -4.0}, back, {3, 4})
    assert muted.effect == -3.0 and muted.share == 0.75 and muted.turns
    assert not Muted((FIRST,)).turns and Muted((FIRST,)).effect == Muted((FIRST,)).share == 0.0


def test_margins_beyond_what_is_certain_count_no_more() -> None:
    judge = known().context.listener
    assert isinstance(judge, NearestJudge)
    certain = replace(known().context, judge=replace(judge, sharpness=100.0))
    (cause,) = MutingTrials(certain, known().takes, CONTRAST).measure([(FIRST,)])
    assert set(cause.bounded.values()) == {-2 * CERTAIN} and max(cause.changes.values()) < -2 * CERTAIN
    assert [bounded(margin) for margin in (-99.0, -1.0, 0.5, 99.0)] == [-CERTAIN, -1.0, 0.5, CERTAIN]


def test_the_locations_of_a_group_are_those_of_its_units_and_its_own() -> None:
    group = (Unit(PLAYS, 3), Unit(PLAYS, 4), READS)
    assert locations_of(group) == sorted([PLAYS, READS]) and isinstance(READS, Location)


def test_a_sound_is_intact_where_it_broke_in_less_than_half_of_the_takes() -> None:
    back = {seed: False for seed in range(4)}
    assert Muted((), back=back, broke={0}).sounds and not Muted((), back=back, broke={0, 1}).sounds
