"""A repair: what helps is found, proven in fresh takes, and never claimed where it was not heard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.diagnose.repair.word_states import session
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.jobs.suggest_job import JOB, SuggestParameters
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.repair import suggestion
from tonescope.diagnose.repair.race import Runner
from tonescope.diagnose.repair.rewrites import Rewrite, Wish
from tonescope.diagnose.repair.side_effects import InstrumentChange, SideEffects, TempoChange
from tonescope.diagnose.repair.suggest_schema import Conclusion, Suggestion, Verified
from tonescope.diagnose.repair.suggest_sentences import beside, concluded
from tonescope.diagnose.repair.suggestion import complete_one, conclusion, suggest
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES, MOST_SETS
from tonescope.diagnose.report.suggest_views import _offered
from tonescope.diagnose.report.view import Offer
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, Interval, share
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling

SHORT = Settings(seconds=0.5)


def found(made: Session, prompt: str, budget: int = 60, intended: str | None = None, **about: object) -> Suggestion:
    result, _ = suggest(made, Request(prompt, SHORT, intended), Watch(), budget=budget, **about)  # type: ignore[arg-type]
    return result


def test_a_word_that_spoils_a_prompt_is_found_and_the_repair_is_proven_in_fresh_takes() -> None:
    made = session(spoilers={"banjo": "polka"})
    result = found(made, "house with banjo")
    assert result.conclusion == "fixed" and result.instead == "polka" and result.best is not None
    assert "banjo" not in result.best.prompt and "house" in result.best.prompt
    assert result.original.matched.count == 0 and result.best.matched.value == 1
    assert result.best.matched.total == result.seeds[1] - result.seeds[0] + 1
    assert result.best.prompt in result.sentence and result.takes <= 60


def test_the_fresh_takes_are_none_that_anything_was_chosen_by() -> None:
    made = session(spoilers={"banjo": "polka"})
    played: list[tuple[str, int]] = []
    generate = made.generator.generate

    def noted(prompts, seeds, *rest, **about):
        played.extend(zip(prompts, seeds, strict=True))
        return generate(prompts, seeds, *rest, **about)

    made.generator.generate = noted  # type: ignore[method-assign]
    result = found(made, "house with banjo")
    assert result.best is not None
    fresh = range(result.seeds[0], result.seeds[1] + 1)
    in_fresh = {prompt for prompt, seed in played if seed in fresh}
    assert in_fresh <= {"house with banjo", result.best.prompt, "house"}
    assert [seed for prompt, seed in played if prompt == result.best.prompt and seed in fresh] == list(fresh)


def test_a_rewrite_that_only_won_by_chance_is_not_called_better() -> None:
    made, race_seeds = session(), range(129, 129 + 64)
    made.generator.plays = lambda prompt, seed: (  # type: ignore[attr-defined]
        "house" if "luck" in prompt and seed in race_seeds else "techno"
    )
    tried = [Rewrite("add", what, f"techno with {what}", Sampling()) for what in ("banjo", "luck")]
    result = found(made, "techno house", candidates=tried, intended="house")
    winner = result.tried[0]
    assert winner.told == "luck" and winner.heard == winner.takes  # as sure as can be, in the race
    assert result.best is not None and result.best.matched.count == 0 and result.conclusion == "genre missing"


def test_where_the_winner_drops_a_phrase_the_best_that_keeps_all_is_put_to_fresh_takes_too() -> None:
    made = session()
    made.generator.plays = lambda prompt, seed: (  # type: ignore[attr-defined]
        "polka" if "banjo" in prompt and prompt.count("house") < 2 else "house"
    )
    result = found(made, "house with banjo", budget=120)
    one = result.complete
    assert result.best is not None and "banjo" not in result.best.prompt
    assert one is not None and "banjo" in one.prompt and one.matched.value == 1 and result.takes <= 120
    assert one.matched.total == result.best.matched.total == 16


def test_a_rewrite_that_plays_otherwise_offers_its_settings() -> None:
    made = session()
    wish = Sampling(guidance=3.0)
    other = Rewrite("guidance", "guidance 6", "house with banjo", Sampling(guidance=6.0))
    generate = made.generator.generate

    def strong(prompts, seeds, seconds, sampling=wish, *rest, **about):
        made.generator.spoilers = {} if sampling.guidance > 3 else {"banjo": "polka"}  # type: ignore[attr-defined]
        return generate(prompts, seeds, seconds, sampling, *rest, **about)

    made.generator.generate = strong  # type: ignore[method-assign]
    result, evidence = suggest(
        made, Request("house with banjo", SHORT), Watch(), budget=FEWEST_TAKES, candidates=[other]
    )
    card = next(view for view in JOB.views(result, evidence) if view.offer is not None)
    assert card.offer == Offer("house with banjo", (("guidance", "6"),)) and "with guidance 6" in card.title


def test_what_is_heard_first_is_told_at_once_with_its_sound() -> None:
    told: list[str] = []
    watch = Watch(
        announce=lambda views: told.extend(text for view in views for text, _ in view.sentences),
        played=lambda sets: told.extend(sets),
        expect=lambda seconds: told.append("expected") if "expected" not in told else None,
    )
    made = session(spoilers={"banjo": "polka"})
    JOB.run(made, SuggestParameters(prompt="house with banjo", seconds=0.5, budget=FEWEST_TAKES), watch)
    assert "untouched" in told and "expected" in told and any("polka in 4 of 4 takes" in text for text in told)


def test_where_nothing_helps_every_player_says_its_words_and_what_is_heard() -> None:
    made = session(missing={"jazz": "house"})
    result, evidence = suggest(made, Request("calm jazz with flute", SHORT), Watch(), budget=60)
    listen = next(view for view in JOB.views(result, evidence) if view.key == "takes")
    assert result.best is not None and len(listen.sounds) == result.original.matched.total
    for row in listen.sounds:
        assert row[0].title == "as it was typed" and f"“{result.best.prompt}”" in [sound.title for sound in row]
        assert {sound.heard for sound in row} == {"house"}


def test_a_genre_that_the_model_lacks_is_told_from_a_prompt_that_is_bad() -> None:
    hopeless = found(session(missing={"jazz": "house"}), "calm jazz with flute")
    assert hopeless.conclusion == "genre missing"
    assert "or the judge does not hear it (how often it mishears jazz was not measured)" in hopeless.sentence
    measured = hopeless.model_copy(update={"judge_error": share(1, 40)})
    assert "As far as these takes tell, the genre is missing in the model, not in the prompt." in concluded(measured)
    original = hopeless.original
    comes = f"What comes most often is house, in {original.heard['house']} of {original.matched.total} takes."
    assert concluded(measured).endswith(comes)
    sung = measured.model_copy(update={"sung": "[verse] la"})
    assert "the lyrics keep it out" in concluded(sung)
    fine = found(session(), "calm jazz with flute")
    assert fine.conclusion == "plays as meant" and "Nothing has to be repaired" in fine.sentence


def test_case_a_budget_too_small_for_one_comparison_says_what_would_do() -> None:
    made = session()
    with pytest.raises(TonescopeError, match=f"{FEWEST_TAKES} are the fewest"):
        found(made, "house", budget=FEWEST_TAKES - 1)
    assert made.generator.played == 0  # type: ignore[attr-defined]
    assert found(made, "house with banjo", budget=FEWEST_TAKES).takes <= FEWEST_TAKES


def test_case_without_a_genre_that_is_meant_nothing_can_be_called_better() -> None:
    with pytest.raises(TonescopeError, match="--intended"):
        found(session(), "a lovely tune")
    with pytest.raises(TonescopeError, match="does not know"):
        found(session(), "a lovely tune", intended="gamelan")
    assert found(session(), "a lovely tune", intended="jazz").conclusion == "fixed"


def test_what_was_found_is_shown_with_sounds_before_and_after(tmp_path: Path) -> None:
    made = session(spoilers={"banjo": "polka"})
    outcome = JOB.run(made, SuggestParameters(prompt="house with banjo", seconds=0.5, budget=40), Watch())
    views = {view.key: view for view in JOB.views(outcome.result, outcome.evidence)}
    card = views["card-best"]
    assert [sound.takes for sound in card.sounds[0]] == ["untouched", "best"]
    assert card.offer is not None and card.offer.prompt == outcome.result.best.prompt  # type: ignore[attr-defined]
    said = " ".join(text for text, _ in card.sentences)
    assert "fresh takes (100 %, between" in said and "Tempo" in said and "Cost of the search" in said
    assert any("contrast" in command.line for command in views["next"].commands)
    assert outcome.result.conclusion in ("fixed", "better")  # type: ignore[attr-defined]
    outcome.evidence.save(tmp_path)
    assert not list(tmp_path.iterdir())  # no steering, no file


def test_what_keeps_all_is_tried_only_where_the_winner_does_not_and_only_if_it_was_heard() -> None:
    wish = Wish("house with banjo", Sampling(), "house", session().taxonomy, None)

    def runner(prompt: str, heard: bool = True) -> Runner:
        return Runner(Rewrite("wording", "", prompt, Sampling()), {1: 1.0}, {1: heard})

    def chosen(*runners: Runner, sets: int = MOST_SETS) -> str | None:
        found = complete_one(SimpleNamespace(sets=sets), wish, runners)  # type: ignore[arg-type]
        return found.prompt if found else None

    drops, whole, other = runner("house house"), runner("banjo house"), runner("house banjo")
    assert chosen(drops, runner("house"), runner("house, calm"), whole, other) == "banjo house"
    assert chosen(drops, whole, sets=MOST_SETS - 1) is None and chosen(whole, other) is None
    assert chosen(drops, runner("banjo house", heard=False), other) == "house banjo"
    assert chosen(drops, runner("house, calm")) is None and chosen() is None


def heard(count: int, prompt: str = "house", low: float | None = None, **about: Any) -> Verified:
    """So many of 16 fresh takes heard as meant; ``low``, the lower end of how much more."""
    change = None if low is None else Effect(mean=1.0, interval=Interval(low=low, high=2.0), takes=16, p=0.01)
    matched = share(count, 16)
    usual: dict[str, Any] = {"prompt": prompt, "matched": matched, "effect": change, "change": "drop", "ruined": 0}
    return Verified.model_construct(**(usual | {"side_effects": None, "told": "", "badge": "tested"} | about))


def test_what_follows_from_fresh_takes_is_said_of_the_prompt_that_holds() -> None:
    assert conclusion(heard(6), heard(8, low=0.5), None) == "better"
    assert (
        conclusion(heard(6), heard(8, low=-0.5), None) == "no better" == conclusion(heard(8), heard(8, low=0.5), None)
    )
    assert conclusion(heard(0), heard(3), None, heard(13)) == "fixed"
    assert conclusion(heard(0), heard(3), None) == "genre missing"
    assert not heard(13).fixes(heard(13)) and not heard(11, low=0.5).fixes(heard(0))
    assert heard(14, low=0.1).fixes(heard(13)) and heard(13).fixes(heard(0))  # the shares lie apart
    found = Suggestion.model_construct(
        intended="house",
        conclusion="fixed",
        original=heard(0),
        best=heard(3, "a", 0.5),
        complete=heard(13, "b"),
        bare=None,
    )
    assert concluded(found).startswith("Type “b” instead")


def test_what_else_changed_is_told_where_a_listener_notices_it() -> None:
    def told(level: float, *, kept: bool = True, ruined: int = 0) -> str:
        change = Effect(mean=level, interval=None, takes=1, p=None)
        tempo = TempoChange.model_construct(before=None, after=None)
        banjo = InstrumentChange.model_construct(instrument="banjo", kept=kept)
        other = SideEffects.model_construct(tempo=tempo, instruments=[banjo], unheard=[], level_db=change)
        return " ".join(beside(heard(16, side_effects=other, ruined=ruined)))

    assert "by 2.0 dB" in told(-2.0) and "quieter" in told(-2.0) and "dB" not in told(0.9)
    assert "Surely less banjo" in told(0, kept=False) and "Surely less" not in told(0)
    assert "broke in 2 of 16 takes" in told(0, ruined=2) and "broke" not in told(0)


def test_cards_are_of_what_was_heard_to_be_better_the_one_that_the_finding_names_first() -> None:
    def cards(verdict: Conclusion, **sets: Verified) -> list[str]:
        usual: dict[str, Any] = {"best": None, "bare": None, "complete": None, "original": heard(0)}
        return [key for key, _ in _offered(Suggestion.model_construct(conclusion=verdict, **(usual | sets)))]

    assert cards("fixed", best=heard(13), bare=heard(1), complete=heard(16)) == ["best", "complete"]
    assert cards("better", best=heard(3), bare=heard(5, low=0.1)) == ["bare_genre_word"]
    assert cards("no better", best=heard(3)) == []
    assert cards("plays as meant", best=heard(16), original=heard(13)) == []


def test_case_a_difference_of_one_take_is_no_repair() -> None:
    assert conclusion(heard(11), heard(12, low=-0.1), None) == "no better"
    assert conclusion(heard(11), heard(12, low=0.1), None) == "fixed"


def test_case_the_genre_word_alone_counts_as_a_repair_and_no_steering_is_looked_for() -> None:
    assert conclusion(heard(4), heard(4), heard(14)) == "fixed"
    assert conclusion(heard(4), heard(4), heard(9, low=0.3)) == "better"
    found = Suggestion.model_construct(
        intended="house", conclusion="fixed", original=heard(4), best=heard(4, "a"), complete=None, bare=heard(14, "b")
    )
    assert concluded(found).startswith("Type “b” instead: house is then heard in 14 of 16")


def test_case_a_genre_that_is_heard_in_a_quarter_of_few_takes_is_not_called_missing() -> None:
    def few(count: int, total: int) -> Verified:
        return heard(0).model_copy(update={"matched": share(count, total)})

    assert conclusion(few(0, 4), few(1, 4), few(1, 4)) == "genre missing"
    assert conclusion(few(1, 1), few(0, 1), few(0, 1)) == "plays as meant"
    assert conclusion(few(0, 1), None, None) == "no better"  # of one take anything may be true
    assert conclusion(few(0, 4), few(2, 4), few(0, 4)) == "no better"


def test_case_where_takes_are_hardly_more_the_judge_is_said_to_be_nearer() -> None:
    found = Suggestion.model_construct(
        intended="house", conclusion="better", original=heard(4), best=heard(5, "b", low=0.2), complete=None, bare=None
    )
    assert "the judge is surely nearer to house; takes heard so: 5 of 16, before 4." in concluded(found)
    apart = found.model_copy(update={"original": heard(0), "best": heard(9, "b")})
    assert "surely more often and not yet mostly" in concluded(apart)


def test_case_a_judge_that_knows_another_world_of_sound_concludes_nothing() -> None:
    made = session()
    made.judge.domain = "music of Mars"  # type: ignore[misc]
    with pytest.raises(TonescopeError, match=r"knows only music of Mars.*choose another with --judge"):
        found(made, "house with banjo")
    assert made.generator.played == 0  # type: ignore[attr-defined]


def test_what_has_to_be_known_of_a_diagnosis_is_said_of_a_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    result = found(session(), "house with banjo", budget=FEWEST_TAKES)
    assert any("mishears these genres was not measured" in caveat for caveat in result.caveats)
    near = Intent(label="house", how="nearest", confidence=1.0, named="hard house", nearest="house")
    monkeypatch.setattr(suggestion, "read_intent", lambda *_: near)
    result = found(session(), "hard house with banjo", budget=FEWEST_TAKES)
    assert any("does not know hard house as such" in caveat for caveat in result.caveats)


def test_every_line_to_paste_has_the_models_and_settings_of_the_repair() -> None:
    made = session(spoilers={"banjo": "polka"})
    settings = Settings(seconds=0.5, seed=7, guidance=4.0)
    result, evidence = suggest(made, Request("house with banjo", settings), Watch(), budget=40)
    lines = [command.line for view in JOB.views(result, evidence) for command in view.commands]
    assert len(lines) == 2 and lines[0].startswith("tonescope contrast")
    for line in lines:
        assert f"--model {made.generator.name}" in line and "--seed 7 --guidance 4" in line and "--seconds 0.5" in line
