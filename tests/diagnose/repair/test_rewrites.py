"""Candidates: of every kind, each once, readable, and never the prompt as it is."""

from __future__ import annotations

from tests import tiny
from tests.diagnose.repair.word_states import session
from tonescope.diagnose.repair.rewrites import Rewrite, Wish, bare, keeps_all, random_rewrites, rewrites
from tonescope.models.generator import Sampling

PROMPT = "calm house with banjo and flute"


def wish(prompt: str = PROMPT, intended: str = "house") -> Wish:
    return Wish(prompt, Sampling(), intended, session().taxonomy, "polka")


def test_every_kind_of_change_is_tried_and_each_candidate_once() -> None:
    found = rewrites(wish(), session().generator)
    kinds = {one.change for one in found}
    assert kinds == {"drop", "replace", "add", "reorder", "wording", "guidance", "temperature", "top_k"}
    places = [(one.prompt, one.sampling) for one in found]
    assert len(places) == len(set(places)) and (PROMPT, Sampling()) not in places


def test_the_genre_that_is_meant_is_never_dropped_and_another_is_replaced() -> None:
    dropped = [one.prompt for one in rewrites(wish(), session().generator) if one.change == "drop"]
    assert dropped and all("house" in prompt for prompt in dropped)
    replaced = [one.prompt for one in rewrites(wish("polka with banjo", "house"), session().generator)]
    assert "house with banjo" in replaced


def test_what_cannot_be_read_or_played_is_no_candidate() -> None:
    generator = tiny.generator()  # reads no negative prompt
    assert not [one for one in rewrites(wish(), generator) if one.change == "negative"]
    long = "house " + ", ".join(f"word{at}" for at in range(38))
    assert all(len(one.prompt.replace(",", " ").split()) <= 40 for one in rewrites(wish(long), session().generator))


def test_random_changes_are_as_many_as_asked_for_and_come_again_from_their_seed() -> None:
    reader = session().generator
    found = random_rewrites(wish(), reader, 6, seed=3)
    assert len(found) == 6 == len({one.prompt for one in found})
    assert found == random_rewrites(wish(), reader, 6, seed=3) != random_rewrites(wish(), reader, 6, seed=4)


def test_a_rewrite_keeps_all_where_it_says_every_phrase_but_the_genre_and_what_is_refused() -> None:
    def kept(prompt: str, rewritten: str) -> bool:
        return keeps_all(wish(prompt), Rewrite("wording", "", rewritten, Sampling()))

    assert kept("calm house with banjo", "techno, Calm,  with BANJO") and not kept(
        "calm house with banjo", "calm house"
    )
    assert kept("house with banjo, no drums", "house with banjo")


SUNG = "\n[verse] dancing in the rain"


def test_case_lyrics_are_never_rewritten() -> None:
    song = Wish(f"techno, piano{SUNG}", Sampling(), "house", session().taxonomy, "polka", SUNG)
    found = [*rewrites(song, session().generator), *random_rewrites(song, session().generator, 4), bare(song)]
    assert len(found) > 10 and all(one.prompt.endswith(SUNG) for one in found)
    assert all(one.prompt.count("dancing") == 1 for one in found)
    assert f"techno, piano, house{SUNG}" in [one.prompt for one in found]
    assert not keeps_all(song, Rewrite("drop", "", f"house{SUNG}", Sampling()))
    assert keeps_all(song, Rewrite("drop", "", f"house, piano{SUNG}", Sampling()))


def test_the_guidance_that_a_model_is_made_for_is_tried_first() -> None:
    other = Wish(PROMPT, Sampling(guidance=6.0), "house", session().taxonomy)
    tried = [one.sampling.guidance for one in rewrites(other, session().generator) if one.change == "guidance"]
    assert tried[0] == 3.0 and len(tried) > 1
    usual = [one.sampling.guidance for one in rewrites(wish(), session().generator) if one.change == "guidance"]
    assert 3.0 not in usual
