"""Why, in sentences that a musician understands: nothing invented, nothing without what it is compared with."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.diagnose.report import made_up
from tests.diagnose.report.made_up import ASKED, HEARD, NEURON, trial
from tonescope.diagnose.report import unit_views
from tonescope.diagnose.report.why import why
from tonescope.diagnose.schema import Blame, Diagnosis, Exclusion, UnitDriver
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share


def told(found: Diagnosis) -> list[str]:
    return [text for text, _ in why(found)]


def one(found: Diagnosis, part: str) -> str:
    """The one sentence that has this in it."""
    (sentence,) = [text for text in told(found) if part in text]
    return sentence


def changed(found: Diagnosis, **drivers: object) -> Diagnosis:
    return found.model_copy(update={"drivers": found.drivers.model_copy(update=drivers)})


def test_one_neuron_that_does_it_is_said_with_its_badge_and_beside_a_random_one() -> None:
    sentence, badge = why(made_up.single_unit())[0]
    assert sentence == (
        f"One neuron does it: {NEURON}. Muted, 4 of 4 takes are {ASKED}, as asked (a random neuron instead: 0 of 4)."
    )
    assert badge == "verified"


def test_a_word_that_does_it_is_said_with_what_the_takes_are_without_it() -> None:
    sentence, badge = why(made_up.quick())[0]
    assert sentence.startswith("Because of the word “accordion”: without it, 4 of 4 takes are no longer polka, and 3")
    assert badge == "verified"


def test_of_words_and_units_what_turns_more_takes_into_what_was_asked_stands_first() -> None:
    first, second = told(made_up.whole_location())[:2]
    assert first.startswith("One place in the model does it") and second.startswith("Because of the word")
    first, second = told(made_up.set_of_three())[:2]
    assert first.startswith("Because of the words “with accordion”") and second.startswith("3 neurons do it together")
    assert "but none is lo-fi hip hop" in first


@pytest.mark.parametrize(("needed", "is_told"), [(3, True), (2, False)])
def test_only_members_that_are_all_needed_are_said_to_be(needed: int, is_told: bool) -> None:
    sentence = one(made_up.set_of_three(needed), "do it together")
    assert ("without any one of them fewer than half" in sentence) is is_told


def test_a_place_that_does_it_comes_with_what_smaller_things_did_not() -> None:
    sentence = one(made_up.whole_location(), "One place")
    assert "takes in the prompt (decoder.1.cross); no small set of units that was tried does" in sentence


def test_where_no_small_set_does_it_the_largest_share_is_said() -> None:
    sentence = one(made_up.no_small_set(), "None of the sets")
    assert sentence == (
        "None of the sets that were tried, of up to 52 units, makes lo-fi hip hop likelier than polka: the best that "
        "was tried in the search did, in 50 % of its takes."
    )
    assert "There is no clear cause: at most, without “accordion”, 1 of 4" in told(made_up.no_small_set())[0]


def test_a_share_that_would_do_it_is_not_said_to_be_too_small() -> None:
    sentence = one(made_up.no_small_set(largest_share=1.0), "No small set")
    assert "brings polka to another prompt" in sentence and "100 %" in sentence


def test_what_was_chosen_in_the_takes_of_the_search_is_observed_and_not_tested() -> None:
    for largest, said in ((0.5, "None of the sets"), (1.0, "No small set")):
        badge = next(badge for sentence, badge in why(made_up.no_small_set(largest)) if sentence.startswith(said))
        assert badge == "observed"


def test_that_the_genre_alone_fails_too_is_told() -> None:
    found = made_up.whole_location()
    assert ("Of “lo-fi hip hop” alone only 2 of 4 takes are lo-fi hip hop.", "observed") in why(found)
    assert found.blame.bare is not None
    always = found.blame.bare.model_copy(update={"heard": {"lo-fi hip hop": 4}})
    sure = found.model_copy(update={"blame": found.blame.model_copy(update={"bare": always})})
    assert not [sentence for sentence in told(sure) if "alone" in sentence and sentence.startswith("Of")]


def test_what_the_other_takes_become_is_named() -> None:
    row = next(row for row in made_up.whole_location().drivers.words if row.verified)
    assert row.verified is not None
    half = row.verified.model_copy(update={"flips": 4, "heard": {ASKED: 2, "house": 2}})
    words = [row.model_copy(update={"verified": half})]
    assert "and 2 are lo-fi hip hop, as asked (the rest: house)" in one(
        changed(made_up.whole_location(), words=words), "“accordion”"
    )


def test_the_strongest_units_that_do_it_together_are_no_small_set() -> None:
    found = made_up.no_small_set()
    group = made_up.group([f"decoder.1.mlp:{at}" for at in range(52)], "gradients", trial(4, {ASKED: 4}))
    assert one(changed(found, group=group), "52 strongest").startswith("No small set of units does it, but the 52")


def test_it_is_decided_by_the_second_from_which_on_nothing_turns() -> None:
    assert one(made_up.single_unit(), "decided") == (
        "It is decided in the first second, mostly in the first 0.5 s: muted from the start, 4 of 4 takes stop being "
        "polka; muted only from 0.5 s on, 1; muted only from 1 s on, 0."
    )


@pytest.mark.parametrize(
    ("flips", "says"),
    [
        ((0, 0, 0), "It is decided in the first 0.5 s: "),
        ((1, 1, 1), "It is mostly decided in the first 0.5 s: "),
        ((4, 1, 1), "It is mostly decided in the first second: "),
        ((4, 3, 0), "It is decided in the first 2 s: "),
        ((4, 0, 0), "It is decided in the first second: muted from the start, 4 of 4 takes stop"),
        ((0, 0, 4), "It is not decided early: "),
        ((4, 4, 3), "It is not decided early: "),
        ((4, 4, 2), "It is not decided early: "),
    ],
)
def test_when_it_is_decided_follows_from_the_cuts(flips: tuple[int, ...], says: str) -> None:
    assert one(changed(made_up.single_unit(), cut_points=made_up.cuts(*flips)), "decided").startswith(says)


def test_that_it_is_decided_by_then_is_not_made_sure_by_what_a_later_cut_surely_still_does() -> None:
    cuts = [cut.model_copy(update={"trial": trial(0, {}, q=made_up.SURE)}) for cut in made_up.cuts(0, 0, 0)]
    found = changed(made_up.single_unit(), cut_points=cuts)
    assert [badge for text, badge in why(found) if "decided in" in text] == ["tested"]


def test_cuts_that_broke_the_sound_decide_nothing() -> None:
    cuts = [cut.model_copy(update={"trial": trial(0, {}, broke=True)}) for cut in made_up.cuts(0, 0, 0)]
    assert not [text for text in told(changed(made_up.single_unit(), cut_points=cuts)) if "decided" in text]


@pytest.mark.parametrize(
    ("before", "put_in", "broke", "says"),
    [
        (0, 4, False, f"The other way round: copied into takes of “{ASKED}”, what {NEURON} does makes 4 of 4"),
        (0, 1, False, f"It is not enough alone: copied into takes of “{ASKED}”, what {NEURON} does makes 1"),
        (3, 4, False, f"Whether it is enough is unknown: “{ASKED}” is heard as {HEARD} anyway, in 3 of 4 takes."),
        (0, 4, True, f"Copied into “{ASKED}”, {NEURON} broke the sound"),
    ],
)
def test_whether_the_set_brings_it_is_told_beside_takes_without(
    before: int, put_in: int, broke: bool, says: str
) -> None:
    row = made_up.sufficiency(before, put_in, broke=broke)
    assert [text for text in told(changed(made_up.single_unit(), sufficiency=row)) if text.startswith(says)]


def test_what_random_units_bring_stands_beside_what_the_set_does() -> None:
    row = made_up.sufficiency(0, 4).model_copy(update={"random": share(1, 4)})
    sentence = one(changed(made_up.single_unit(), sufficiency=row), "copied into")
    assert sentence.endswith("(without it, 0 of 4; with a random neuron, 1).")


def test_what_brings_it_in_too_few_takes_to_be_sure_is_no_denial() -> None:
    row = made_up.sufficiency(0, 4, q=made_up.UNSURE)
    sentence = one(changed(made_up.single_unit(), sufficiency=row), "copied into")
    assert sentence.startswith("Perhaps enough: ") and sentence.endswith("; these takes are too few to be sure.")


@pytest.mark.parametrize(("brings", "is_told"), [(0, True), (1, True), (2, False), (4, False)])
def test_a_unit_that_turns_takes_and_brings_nothing_is_said_not_to_be_enough(brings: int, is_told: bool) -> None:
    unit = UnitDriver(unit="text.1.mlp:607", brings=share(brings, 4))
    text = " ".join(told(changed(made_up.whole_location(), units=[unit])))
    said = f"text.1.mlp:607 turns takes too, but put into another prompt it brings polka in {brings} of 4 takes"
    assert (said in text) is is_told
    assert said not in " ".join(told(changed(made_up.single_unit(), units=[unit])))  # where a better one was found


def test_what_was_asked_and_played_is_carried_and_nobodys_fault() -> None:
    first, second = told(made_up.match())
    assert first.startswith(
        "One attention head carries it: decoder.2.cross:3. Muted, 4 of 4 takes are no longer techno"
    )
    assert second == "The word “techno” carries it: without it, 3 of 4 takes are no longer techno (but house)."


def test_where_the_sound_broke_no_cause_is_invented() -> None:
    assert told(made_up.sound_broke()) == [
        "What does it is not clear: where units were muted the sound broke, so nothing follows."
    ]


def test_first_takes_that_were_luck_are_said_to_be() -> None:
    found = made_up.match()
    target, drivers = found.contrast.target, found.drivers
    other = [take.model_copy(update={"heard": "ambient"}) for take in drivers.tested[1:]]
    drivers = drivers.model_copy(update={"tested": [drivers.tested[0], *other]})
    lucky = found.model_copy(update={"drivers": drivers})
    first, fresh = len(found.takes), len(drivers.tested)
    assert told(lucky)[0].startswith(
        f"Of {fresh} fresh takes only 1 is {target}: in all {first + 1} of {first + fresh} ("
    )
    assert not told(found)[0].startswith("Of ")


def test_where_no_fresh_take_is_heard_so_no_cause_is_invented() -> None:
    assert told(made_up.all_different())[0].startswith(
        "What does it cannot be told: none of the 16 fresh takes is heard as"
    )


def test_what_one_take_shows_is_perhaps() -> None:
    sentences = why(made_up.one_take())
    assert [text.startswith("Perhaps because of ") for text, _ in sentences] == [True, True]
    assert {badge for _, badge in sentences} == {"tested"}


def test_a_set_that_fresh_takes_do_not_confirm_is_not_blamed() -> None:
    weak = made_up.group([NEURON], "alone", trial(1, {HEARD: 3, "house": 1}), convincing=False)
    found = changed(made_up.whole_location(), group=weak)
    sentence = one(found, "No units are sure to do it")
    assert NEURON in sentence and "1 of 4 takes is no longer polka" in sentence


def test_a_word_that_makes_it_worse_is_no_cause() -> None:
    word = made_up.quick().drivers.words[0]
    assert word.verified is not None
    worse = word.verified.effect.model_copy(update={"mean": 2.0})
    rows = [word.model_copy(update={"verified": word.verified.model_copy(update={"effect": worse})})]
    assert "Because" not in " ".join(told(changed(made_up.quick(), words=rows)))


def test_a_quick_diagnosis_says_that_units_were_not_looked_for() -> None:
    assert made_up.quick().settings == Settings(quick=True)
    assert "a quick look does not search for them" in told(made_up.quick())[-1]


def test_a_listener_that_mishears_is_said_before_anything_is_believed() -> None:
    blame = Blame(where="codec and judge", sentence="", misheard=share(12, 30))
    found = made_up.single_unit().model_copy(update={"blame": blame})
    assert "real lo-fi hip hop is heard as polka in 12 of 30 clips" in one(found, "listener")


def test_a_set_that_was_tested_in_more_takes_is_counted_in_those() -> None:
    """Two of four tested takes were polka, so the set was muted in six that were; cuts are of the tested takes."""
    found = made_up.single_unit()
    tested = [
        take.model_copy(update={"heard": ASKED}) if at < 2 else take for at, take in enumerate(found.drivers.tested)
    ]
    cuts = [cut.model_copy(update={"trial": trial(0, {HEARD: 2, ASKED: 2}, of=2)}) for cut in made_up.cuts(1, 0, 0)]
    group = made_up.group([NEURON], "alone", trial(6, {ASKED: 6}, of=6))
    some = changed(found, group=group, tested=tested, cut_points=cuts)
    assert "Muted, 6 of the 6 takes that were polka are lo-fi hip hop, as asked" in told(some)[0]
    assert one(some, "decided").endswith("6 of 6 takes stop being polka; muted only from 0.5 s on, 0 of 2.")


def test_takes_that_were_something_else_before_are_not_counted() -> None:
    group = made_up.group([NEURON], "alone", trial(2, {ASKED: 4}, of=2))
    assert "2 of the 2 takes that were polka no longer are" in told(changed(made_up.single_unit(), group=group))[0]


def test_what_a_prompt_refuses_is_told_on_the_first_screen() -> None:
    found = made_up.quick()
    refusing = found.drivers.words[0].model_copy(
        update={"word": "no drums", "exclusions": [Exclusion(thing="drums", how="unheard")]}
    )
    said = one(changed(found, words=[refusing]), "cannot hear “drums”")
    assert said.startswith("“no drums”: ") and not [text for text in told(found) if "no drums" in text]


@pytest.mark.parametrize("made", made_up.ALL, ids=lambda made: made.__name__)
def test_no_sentence_speaks_of_odds_or_leaves_a_number_alone(made: Callable[[], Diagnosis]) -> None:
    for sentence in told(made()):
        assert not re.search(r"log-odds|\bq\b|margin|[+−]\d", sentence), sentence
        assert sentence.endswith(".") and "  " not in sentence.replace(" ,", ",").replace("long  ", "long ")


def test_what_a_unit_brought_in_the_search_alone_is_observed_and_not_tested() -> None:
    unit = UnitDriver(unit="text.1.mlp:607", brings=share(0, 4))
    found = changed(made_up.whole_location(), units=[unit])
    assert [badge for text, badge in why(found) if "is not enough" in text] == ["observed"]
    shown = unit_views.units(found)
    assert shown is not None and [badge for _, badge in shown.sentences] == ["observed"]
