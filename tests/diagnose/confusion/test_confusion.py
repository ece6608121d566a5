"""The confusion report finds what was planted, flags nothing else, and goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.diagnose.confusion import planted_genres
from tests.diagnose.confusion.planted_genres import LABELS, NOISE, SILENCE, PlantedGenerator, record
from tonescope import TonescopeError, confusion
from tonescope.diagnose.confusion import pair_explanations
from tonescope.diagnose.confusion.confusion import ConfusionEvidence
from tonescope.diagnose.confusion.confusion_schema import ConfusedPair, ConfusionReport, Explanation
from tonescope.diagnose.jobs.confusion_job import ConfusionParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.report import confusion_views
from tonescope.diagnose.runtime.engine import LocalEngine, Production
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.work_items import TakeSetting, Wanted
from tonescope.diagnose.stats import share
from tonescope.diagnose.store.take_shards import TakeShards, database, parquet
from tonescope.models.judges.calibration import ConfusionRecord

PLANTED = {"jazz": {"polka": 1.0}, "house": {"techno": 0.4}}


SEED = 3  # of takes of which about as many are techno as planted
UNITS = {"jazz": ["decoder.1.mlp:7", "decoder.2.mlp:1"], "waltz": ["decoder.1.mlp:7", "decoder.0.mlp:3"]}


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    return {"seconds": 0.2, "explain": 0, "shards": tmp_path / "shards"}


def report(session: Session, asked: dict[str, Any], **more: Any) -> ConfusionReport:
    return confusion(session, **asked, **more)[0]


def flagged(found: ConfusionReport) -> set[tuple[str, str]]:
    return {(pair.asked, pair.heard) for pair in found.flagged}


def test_planted_confusions_are_flagged_and_nothing_else(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session(PLANTED, record()), asked, seed=SEED)
    assert flagged(found) == {("jazz", "polka"), ("house", "techno")}
    rows = {row.asked: row for row in found.rows}
    assert (rows["jazz"].verdict, rows["jazz"].instead, rows["jazz"].relation) == ("family drift", "polka", "family")
    assert (rows["house"].verdict, rows["house"].relation) == ("partial drift", "sibling")
    assert all(row.verdict == "match" for label, row in rows.items() if label not in PLANTED)
    assert found.correction.used and rows["jazz"].corrected is not None and rows["jazz"].corrected.value == 0
    assert [row.matched.total for row in found.rows] == [24] * 6


def test_a_generator_that_plays_what_is_asked_is_not_accused(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session({}, record()), asked)
    assert not found.pairs and not found.attractors and all(row.verdict == "match" for row in found.rows)


def test_what_the_judge_mishears_as_often_is_not_the_generators(asked: dict[str, Any]) -> None:
    wrong = record({("house", "techno"): 12})
    found = report(planted_genres.session(PLANTED, wrong), asked, seed=SEED)
    assert flagged(found) == {("jazz", "polka")}
    pair = next(pair for pair in found.pairs if pair.asked == "house")
    assert pair.judge is not None and (pair.judge.count, pair.judge.total) == (12, 30)
    corrected = next(row.corrected for row in found.rows if row.asked == "house")
    assert corrected is not None and corrected.value > 0.9 and corrected.interval.low < 0.9


def test_a_label_that_draws_many_genres_is_an_attractor(asked: dict[str, Any]) -> None:
    planted = {label: {"ambient": 0.4} for label in planted_genres.LABELS if label != "ambient"}
    found = report(planted_genres.session(planted, record()), asked)
    assert [(row.label, row.sure, row.genres) for row in found.attractors] == [("ambient", True, 5)]
    alone = report(planted_genres.session({"jazz": {"ambient": 1.0}}, record()), asked)
    assert [row.sure for row in alone.attractors] == [False]


def test_a_judge_that_was_not_measured_corrects_nothing_and_it_is_said(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session(PLANTED), asked)
    assert not found.correction.used and flagged(found) >= {("jazz", "polka")}
    assert any("was not measured" in caveat for caveat in found.caveats)
    poor = report(planted_genres.session(PLANTED, record(clips=3)), asked)
    assert not poor.correction.used and "3 clips" in str(poor.correction.reason)


def test_a_judge_of_another_domain_flags_nothing(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session(PLANTED, record(), domain="somebody's pieces"), asked)
    assert not found.flagged and {row.verdict for row in found.rows} == {"unclear"}
    assert any("somebody's pieces" in caveat for caveat in found.caveats)


def test_silent_takes_and_takes_of_no_numbers_are_counted_apart(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session({"house": {SILENCE: 0.3, NOISE: 0.3}}, record()), asked)
    house = found.rows[0]
    assert set(house.excluded) == {"silent", "not made of numbers"}
    assert house.matched.total + sum(house.excluded.values()) == 24 and house.verdict == "match"
    assert any("left out of everything" in caveat for caveat in found.caveats) and not found.flagged


def test_a_model_that_plays_nothing_is_refused_in_a_sentence(asked: dict[str, Any]) -> None:
    with pytest.raises(TonescopeError, match="in none of 6 takes anything can be heard"):
        report(planted_genres.session({"house": {NOISE: 1.0}}, record()), asked, genres="house", takes=2)


def test_genres_may_be_named_as_people_name_them(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session({}, record()), asked, genres=["jazz music", "polka"], wordings=2)
    assert [(row.asked, row.typed) for row in found.rows] == [("jazz", "jazz music"), ("polka", "polka")]
    assert found.rows[0].prompts == ["jazz music", "jazz music music"]


def test_every_cell_can_be_heard_and_every_take_is_exported(asked: dict[str, Any], tmp_path: Path) -> None:
    session = planted_genres.session(PLANTED, record())
    found, evidence = confusion(session, **asked)
    cells = {(row.asked, label) for row in found.rows for label in row.heard}
    assert {(take.asked, take.heard) for take in found.examples} == cells
    takes = evidence.sounds["examples"]
    for place, take in enumerate(found.examples):
        assert isinstance(session.generator, PlantedGenerator)
        assert session.generator.plays(takes.prompts[place], takes.seeds[place]) == take.heard
        assert takes.prompts[place] == take.prompt and takes.waveform[place].abs().max() > 0.4
    evidence.save(tmp_path)
    with database() as opened:
        rows = opened.execute(
            f"SELECT asked, heard, count(*) FROM {parquet([tmp_path / 'takes.parquet'])} GROUP BY ALL"
        )
        counted = {(asked_for, heard): count for asked_for, heard, count in rows.fetchall()}
    assert counted == {(row.asked, label): count for row in found.rows for label, count in row.heard.items()}


def test_examples_whose_state_was_not_kept_are_played_again(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonescope.diagnose.runtime.take_worker.LARGEST_STATE", 0)
    session = planted_genres.session(PLANTED, record())
    found, evidence = confusion(session, **asked)
    takes = evidence.sounds["examples"]
    assert len(takes) == len(found.examples) and takes.waveform.abs().amax(-1).min() > 0.4


# --- stopped and resumed ----------------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_where_it_was_and_finds_the_same(asked: dict[str, Any], tmp_path: Path) -> None:
    whole = report(planted_genres.session(PLANTED, record()), asked)
    again = asked | {"shards": tmp_path / "others"}
    session = planted_genres.session(PLANTED, record())
    generator = session.generator
    assert isinstance(generator, PlantedGenerator)
    generator.stops_after = 70
    with pytest.raises(KeyboardInterrupt):
        report(session, again)
    kept = {path: path.read_bytes() for path in (tmp_path / "others").rglob("*.parquet")}
    generator.stops_after, generator.played = None, 0
    resumed = report(session, again)
    assert kept and all(path.read_bytes() == data for path, data in kept.items())
    assert resumed.work.before == 144 - generator.played > 0
    assert resumed.rows == whole.rows and resumed.pairs == whole.pairs and resumed.attractors == whole.attractors


def test_a_second_report_plays_nothing_and_more_takes_play_only_what_is_new(asked: dict[str, Any]) -> None:
    session = planted_genres.session(PLANTED, record())
    generator = session.generator
    assert isinstance(generator, PlantedGenerator)
    report(session, asked)
    report(session, asked)
    assert generator.played == 144
    report(session, asked, takes=9)
    assert generator.played == 144 + 18


def test_wordings_of_a_genre_share_no_noise_and_takes_of_before_are_not_counted(asked: dict[str, Any]) -> None:
    """Takes that were kept by a version in which all wordings had the seeds 1 to 8 are of the same prompts."""
    session = planted_genres.session(PLANTED, record())
    setting = TakeSetting.of(session, 0.2, Request("", ConfusionParameters(seconds=0.2).playing).sampling)
    shards = TakeShards(setting, asked["shards"])
    old = [Wanted(prompt, seed) for prompt in ("house", "house music") for seed in range(1, 9)]
    Production(shards, old).make(LocalEngine(session))
    found, evidence = confusion(session, **asked, genres="house,techno")
    assert found.work.before == 0 and [row.matched.total for row in found.rows] == [24, 24]
    seeds = [seed for row in evidence.asked for seed in row.seeds]
    assert len(set(seeds)) == len(seeds) == 48 and not set(seeds) & set(range(1, 9))


def test_progress_ends_and_an_estimate_is_told(asked: dict[str, Any]) -> None:
    shares, left = [], list[float]()
    watch = Watch(progress=lambda _, share: shares.append(share), expect=left.append)
    confusion(planted_genres.session(PLANTED, record()), watch=watch, **asked)
    assert shares == sorted(shares) and shares[-1] == 1.0 and left and left[-1] == 0.0


def test_the_report_is_what_its_schema_says(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session(PLANTED, record()), asked)
    data = json.loads(found.model_dump_json())
    assert ConfusionReport.model_validate(data) == found and set(data) == set(ConfusionReport.model_fields)


# --- why --------------------------------------------------------------------------------------------------------------


def test_the_surest_pairs_are_explained_and_only_so_many(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosed: list[tuple[str, str, int]] = []

    def explained(session: Session, pair: ConfusedPair, prompt: str, settings: Any, progress: Any) -> Explanation:
        progress("search", 0.5)
        diagnosed.append((pair.asked, prompt, settings.seed))
        told: list[Any] = [("One neuron does it.", "verified")]
        return Explanation(prompt=prompt, seed=settings.seed, about_pair=True, told=told, units=UNITS[pair.asked])

    monkeypatch.setattr(pair_explanations, "explained", explained)
    shares: list[float] = []
    session = planted_genres.session({**PLANTED, "waltz": {"polka": 1.0}}, record())
    found, _ = confusion(session, watch=Watch(progress=lambda _, s: shares.append(s)), **asked | {"explain": 2})
    assert len(diagnosed) == 2 and len(found.flagged) == 3 and shares == sorted(shares)
    assert {pair.asked for pair in found.flagged if pair.why} == {"jazz", "waltz"} == {pair for pair, *_ in diagnosed}
    (shared,) = found.shared_units
    assert set(shared.pairs) == {"jazz → polka", "waltz → polka"} and shared.units == ["decoder.1.mlp:7"]
    assert shared.by_chance == pytest.approx(2 * 2 / 200)
    told = next(view for view in confusion_views.views(found, None) if view.key == "why").sentences
    assert [badge for text, badge in told if "in the verified sets of both" in text] == ["observed"]
    assert any("1 further confusion was not explained" in caveat for caveat in found.caveats)


def test_a_prompt_and_seeds_are_chosen_in_which_the_confusion_is_heard() -> None:
    cell = {"house": {1, 9}, "house music": {2, 5, 6, 7}}
    seeds = {"house": range(1, 9), "house music": range(1, 9)}
    assert pair_explanations.chosen_prompt(cell, seeds) == ("house music", 4)
    assert pair_explanations.chosen_prompt({"house": {3}}, {"house": range(3, 4)}) == ("house", 3)
    apart = {"house": range(1, 9), "house music": range(101, 109)}
    assert pair_explanations.chosen_prompt({"house": {1}, "house music": {103, 104}}, apart) == ("house music", 101)


def test_a_pair_of_a_real_model_is_explained_by_its_diagnosis() -> None:
    session = tiny.session()
    pair = ConfusedPair(
        asked="house",
        heard="smooth jazz",
        relation="family",
        share=share(4, 4),
        corrected=None,
        judge=None,
        p=0.0,
        q=0.0,
        flagged=True,
    )
    settings = ConfusionParameters(takes=2, seconds=0.3).playing.model_copy(update={"quick": True, "tested_words": 0})
    found = pair_explanations.explained(session, pair, "house", settings)
    assert found.problem is None and found.told and found.command.startswith('tonescope diagnose "house"')
    assert found.seconds > 0 and "--takes 2" in found.command and found.seed == 1
    broken = pair_explanations.explained(session, pair, " ", settings)
    assert broken.problem is not None and "prompt" in broken.problem and not broken.told


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"genres": ""}, "names no genre"),
        ({"genres": " , ,"}, "names no genre"),
        ({"genres": "house,House"}, "twice"),
        ({"genres": "house,house music"}, "one genre for the judge"),
        ({"genres": "house,klezmer"}, "does not know “klezmer”"),
        ({"genres": "house,!!"}, "no word in it"),
        ({"genres": ",".join(f"g{n}" for n in range(501))}, "501 genres"),
        ({"genres": "x" * 3000}, "characters long"),
        ({"takes": 0}, "0 takes cannot be made"),
        ({"wordings": 9}, "in 9 wordings"),
        ({"explain": -1}, "-1 pairs cannot be explained"),
        ({"seconds": 100}, "100 seconds cannot be made"),
        ({"seconds": 50}, "more than planted learned to play"),
        ({"temperature": 0}, "without chance"),
        ({"workers": 2}, "--workers is for Ray"),
        ({"ray_address": "host:1"}, "--ray-address is for Ray"),
        ({"engine": "spark"}, "engine"),
        ({"engine": "ray"}, "made in memory"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_values_get_one_sentence(asked: dict[str, Any], given: dict[str, Any], told: str) -> None:
    with pytest.raises(TonescopeError) as refused:
        confusion(planted_genres.session({}, record()), **asked | given)
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_shards_that_are_a_file_are_refused(asked: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TonescopeError, match="is a file"):
        confusion(planted_genres.session({}, record()), **asked | {"shards": tmp_path / "file"})


def test_evidence_without_examples_has_no_sounds() -> None:
    generator = planted_genres.session().generator
    assert ConfusionEvidence(generator, None, [], []).sounds == {}  # type: ignore[arg-type]


def test_verdicts_are_corrected_for_what_the_judge_mishears(asked: dict[str, Any]) -> None:
    found = report(planted_genres.session(PLANTED, record({("waltz", "polka"): 9})), asked)
    rows = {row.asked: row for row in found.rows}
    assert {label: row.corrected_verdict for label, row in rows.items() if label not in PLANTED} == dict.fromkeys(
        ("techno", "ambient", "polka", "waltz"), "match"
    )
    assert rows["jazz"].corrected_verdict == "family drift" and rows["house"].corrected_verdict in ("match", "unclear")
    family = rows["house"].corrected_family
    assert family is not None and family.value > 0.95 and family.interval.low > 0.7
    unmeasured = report(planted_genres.session(PLANTED), asked)
    assert all(row.corrected_verdict is None and row.corrected_family is None for row in unmeasured.rows)


def test_labels_without_clips_hinder_no_correction_where_no_take_meets_them(asked: dict[str, Any]) -> None:
    partly = record()
    rows = zip(LABELS, partly.clean, strict=True)
    table = tuple((0,) * 6 if label in ("polka", "waltz") else row for label, row in rows)
    judged = planted_genres.session({"house": {"techno": 0.4}}, ConfusionRecord(LABELS, table, (), 0.0, source="mine"))
    found = report(judged, asked, genres="house,techno,jazz")
    assert found.correction.used and found.correction.unmeasured == 2
    assert flagged(found) == {("house", "techno")}
    assert found.judge.calibration == (
        "calibrated on 120 clips of mine; its probabilities are off by 0.0 percentage points (ECE)"
    )
    every = report(judged, asked)
    assert not every.correction.used and "0 clips of polka" in str(every.correction.reason)


def test_a_second_judge_is_compared_take_by_take(asked: dict[str, Any]) -> None:
    session = planted_genres.session(PLANTED, record())
    deaf = planted_genres.TonalJudge(name="deaf", labels=("house", "techno", "jazz"))
    both = report(replace(session, second=deaf), asked)  # type: ignore[arg-type]
    assert both.second is not None and both.second.calibration == "no calibration"
    assert both.agreement is not None and both.agreement.compared == 144
    pairs = {(pair.asked, pair.heard): pair for pair in both.pairs}
    assert pairs["jazz", "polka"].second is None  # a label that the second does not know
    told = pairs["house", "techno"].second
    assert told is not None and told.count == told.total == pairs["house", "techno"].share.count
    itself = report(replace(session, second=session.judge), asked)
    assert itself.agreement is not None and itself.agreement.kappa == pytest.approx(1.0)
    assert not itself.agreement.disagreements
    assert report(session, asked).agreement is None
    assert any(view.key == "agreement" for view in confusion_views.views(both, None))
