"""An audit finds what was planted, flags nothing else, and says what it rests on and what is missing."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.diagnose.audit import planted_audit
from tests.diagnose.audit.planted_audit import DESIGN, PLANTED, AuditedGenerator, found, redesigned, report
from tests.diagnose.confusion.planted_genres import LABELS, SILENCE, record
from tonescope import TonescopeError, audit
from tonescope.diagnose.audit import audit_command, audit_sound
from tonescope.diagnose.audit.audit_schema import AuditReport
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.report import audit_sentences, audit_views
from tonescope.diagnose.runtime.work_items import first_seed
from tonescope.diagnose.store.take_shards import database, parquet


def test_everything_planted_is_found_and_nothing_else(asked: dict[str, Any]) -> None:
    session = planted_audit.session(PLANTED, record(), words={"accordion": "polka"}, default="techno")
    made = report(session, asked)
    drifts = {finding for finding in found(made) if finding[:2] == ("confusion", "waltz")}
    assert found(made) - drifts == {
        ("confusion", "jazz", "polka"),
        ("under-represented", "jazz", ""),
        ("under-represented", "waltz", ""),
        ("misleading word", "accordion", "polka"),
        ("default", "neutral prompts", "techno"),
    }
    assert made.defaults is not None and made.defaults.top == "techno" and made.defaults.top_share.count == 16
    assert made.design.takes == sum(made.design.prompts[kind] * 8 for kind in ("plain", "neutral")) + 2 * 60


def test_a_generator_that_plays_what_is_asked_is_not_accused(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session({}, record(), default=""), asked)
    assert not made.findings and all(row.verdict == "match" for row in made.rows)
    assert made.passed is None and not made.passages
    assert "6 of 6 genres are mostly played as asked, corrected" in audit_sentences.basis(made)
    assert all(row.gap.value == 0 for row in made.gaps)


def test_a_passage_that_comes_again_is_found_where_it_comes(asked: dict[str, Any]) -> None:
    longer = redesigned(asked, DESIGN.replace("seconds: 0.2", "seconds: 0.8"))
    made = report(planted_audit.session({}, record(), default="", repeats={"polka": 0.5}), longer)
    passages = [row for row in made.passages if row.by == "symbols and sound"]
    assert passages and passages[0].most_of == "polka" and passages[0].seconds >= 0.5
    assert {("repetition", "polka", "")} == found(made)
    assert 0.3 < passages[0].most_share.value < 0.7 and set(passages[0].genres) == {"polka"}
    (finding,) = made.findings
    assert finding.q is None and "in no shuffled copy" in finding.sentence


def test_silent_takes_are_left_out_and_counted(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session({"house": {SILENCE: 0.5}}, record(), default=""), asked)
    assert set(made.exclusions) == {"silent"} and made.exclusions["silent"] > 10
    assert "house" not in {where for _, where, _ in found(made)}
    assert any("left out of everything: " in caveat for caveat in made.caveats)


def test_a_model_that_plays_nothing_is_refused_in_a_sentence(asked: dict[str, Any]) -> None:
    silent = {label: {SILENCE: 1.0} for label in LABELS}
    with pytest.raises(TonescopeError, match="in none of 20 takes anything can be heard"):
        design = DESIGN.replace("all", "[house]").replace("instruments: [accordion, piano]", "instruments: []")
        design = design.replace("moods: [happy]", "moods: []").replace("takes: 8", "takes: 5")
        audit(planted_audit.session(silent, default="house", words={"a ": SILENCE}), **redesigned(asked, design))


def test_what_words_do_is_known_where_tempo_and_instruments_are_compared(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list[Any]()

    def told(_: Any, words: Any) -> list[Any]:
        given.append(words)
        return []

    monkeypatch.setattr(audit_sound, "follows", told)
    monkeypatch.setattr(audit_sound.Embedded, "instruments", told)
    made = report(planted_audit.session({}, record(), words={"accordion": "polka"}, default=""), asked)
    assert any(row.flagged for row in made.words) and given == [made.words, made.words]


def test_every_prompt_is_played_from_a_seed_of_its_own(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session(PLANTED, record(), default=""), asked)
    apart = {take.prompt: take.seed - first_seed(take.prompt, made.settings.seed) for take in made.examples}
    assert len(apart) > 1 and all(0 <= number < 8 for number in apart.values())


# --- planning, stopping, resuming -------------------------------------------------------------------------------------


def test_a_dry_run_tells_power_time_and_cost_and_plays_a_few_takes(asked: dict[str, Any]) -> None:
    session = planted_audit.session({}, record(), default="")
    text = DESIGN + "cost: {per_hour: 3.6, currency: EUR}\n"
    made, evidence = audit(session, **redesigned(asked, text), dry_run=True)
    generator = session.generator
    assert isinstance(generator, AuditedGenerator) and generator.played == 8
    assert made.planned_only and not made.rows and made.power and made.forecast is not None
    assert made.forecast.takes == made.design.takes and made.forecast.cost == pytest.approx(3.6 * made.forecast.hours)
    again, _ = audit(session, **asked, dry_run=True)
    assert again.forecast is not None and again.forecast.takes == made.design.takes - 8
    shown = audit_views.views(made, evidence)
    assert shown[0].key == "audit" and shown[0].tone == "open" and {view.key for view in shown} >= {"power", "design"}


def test_a_stopped_audit_goes_on_where_it_was_and_finds_the_same(asked: dict[str, Any], tmp_path: Path) -> None:
    made = report(planted_audit.session(PLANTED, record(), default=""), asked)
    session = planted_audit.session(PLANTED, record(), default="")
    generator = session.generator
    assert isinstance(generator, AuditedGenerator)
    generator.stops_after = 100
    again = asked | {"shards": tmp_path / "others"}
    with pytest.raises(KeyboardInterrupt):
        report(session, again)
    generator.stops_after, generator.played = None, 0
    resumed = report(session, again)
    assert resumed.work is not None and resumed.work.before == resumed.design.takes - generator.played > 0
    assert resumed.findings == made.findings and resumed.rows == made.rows and resumed.words == made.words


def test_a_part_of_the_design_is_played_where_there_is_a_bound(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session({}, record(), default=""), asked, takes_at_most=152)
    assert made.design.takes == 152 and made.design.played == 20 < made.design.combinations == 60
    assert any("20 of 60 combinations" in caveat for caveat in made.caveats)
    with pytest.raises(TonescopeError, match="112 takes, and 100 are the most"):
        report(planted_audit.session({}, record()), asked, takes_at_most=100)


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_every_finding_can_be_heard_and_every_take_is_exported(asked: dict[str, Any], tmp_path: Path) -> None:
    session = planted_audit.session(PLANTED, record(), words={"accordion": "polka"}, repeats={"house": 0.6})
    made, evidence = audit(session, **redesigned(asked, DESIGN.replace("seconds: 0.2", "seconds: 0.8")))
    sounds = evidence.sounds
    assert {take.prompt for take in made.examples} == set(sounds["examples"].prompts)
    assert isinstance(session.generator, AuditedGenerator)
    for take, prompt, seed in zip(made.examples, sounds["examples"].prompts, sounds["examples"].seeds, strict=True):
        assert (take.prompt, take.seed) == (prompt, seed) and session.generator.plays(prompt, seed) == take.heard
    assert len(sounds["passage_examples"]) == len(made.passage_examples) > 0
    shown = audit_views.views(made, evidence)
    assert {view.key for view in shown} >= {"audit", "findings", "genres", "words", "passages", "checklist", "limits"}
    heard = [sound for view in shown for sound in view.every_sound]
    assert all(sound.row < len(sounds[sound.takes]) for sound in heard) and heard
    evidence.save(tmp_path)
    with database() as opened:
        rows = opened.execute(f"SELECT kind, count(*) FROM {parquet([tmp_path / 'takes.parquet'])} GROUP BY ALL")
        assert dict(rows.fetchall()) == {"plain": 96, "neutral": 16, "words": 120}


def test_next_steps_name_the_models_and_a_prompt_that_was_heard(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session({}, record(), words={"accordion": "polka"}, default=""), asked)
    assert made.command == audit_command.NONE and not list(audit_sentences.next_steps(made))
    models = 'tonescope audit --model m --adapter "my lora"'
    ((_, line),) = audit_sentences.next_steps(made.model_copy(update={"command": models}))
    prompt = shlex.split(line)[2]
    assert "accordion" in prompt and prompt in {take.prompt for take in made.examples}
    assert line.endswith('--model m --adapter "my lora"')
    plain = {"examples": [], "command": "tonescope audit"}
    ((_, line),) = audit_sentences.next_steps(made.model_copy(update=plain))
    assert line == 'tonescope diagnose "music with accordion"'


def test_the_report_is_what_its_schema_says(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session(PLANTED, record()), asked)
    data = json.loads(made.model_dump_json())
    assert AuditReport.model_validate(data) == made and set(data) == set(AuditReport.model_fields)


def test_the_plan_is_told_before_anything_is_played_and_stays(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonescope.diagnose.runtime.engine.MOST_TAKES", 40)
    monkeypatch.setattr("tonescope.diagnose.audit.audit.WORTH_TELLING", 0.0)
    session = planted_audit.session({}, record())
    generator, told = session.generator, list[tuple[int, str, list[str]]]()
    assert isinstance(generator, AuditedGenerator)

    def announce(views: Any) -> None:
        told.extend((generator.played, view.key, [text for text, _ in view.sentences]) for view in views)

    made, _ = audit(session, watch=Watch(announce=announce), **asked)
    (at, key, sentences), *rest = told
    assert (at, key) == (0, "declared") and made.design.hash in sentences[0] and made.design.declared_at in sentences[0]
    assert (
        "coarsest" in sentences[1] and [row[1] for row in rest] == ["forecast"] and 0 < rest[0][0] < made.design.takes
    )
    assert made.forecast is not None and made.forecast.takes == made.design.takes
    kept = {view.key: [text for text, _ in view.sentences] for view in audit_views.views(made, None)}
    assert kept["declared"] == sentences and kept["forecast"] == rest[0][2]


def test_the_example_of_a_misleading_word_asked_for_something_else(asked: dict[str, Any]) -> None:
    """Of the takes with the word the first asks for polka itself."""
    design = DESIGN.replace("genres: all", "genres: [polka, house, techno, ambient, jazz]")
    session = planted_audit.session({}, record(), words={"accordion": "polka"}, default="")
    made = report(session, redesigned(asked, design))
    (take,) = [take for take in made.examples if take.about.startswith("“accordion” brings polka")]
    assert take.heard == "polka" != take.asked and "accordion" in take.prompt


def test_progress_ends_and_an_estimate_is_told(asked: dict[str, Any]) -> None:
    shares, left = [], list[float]()
    watch = Watch(progress=lambda _, share: shares.append(share), expect=left.append)
    audit(planted_audit.session({}, record()), watch=watch, **asked)
    assert shares == sorted(shares) and shares[-1] == 1.0 and left and left[-1] == 0.0


def test_a_real_model_is_audited_with_embeddings_and_layers(asked: dict[str, Any]) -> None:
    design = """
name: tiny
factors: {genres: [house, smooth jazz], instruments: [piano], tempos: [slow, fast]}
wordings: ["{genre}", "{genre} music"]
takes: 3
seconds: 0.6
"""
    session = tiny.session()
    made = report(session, redesigned(asked, design), depth=True)
    assert [row.genre for row in made.diversity] and made.diversity[0].takes == 5
    assert all(1 <= row.vendi.value <= 5 for row in made.diversity)
    layers = len(session.generator.locations("decoder.residual"))
    assert made.depth is None or [row.layer for row in made.depth.layers] == list(range(layers))
    assert {row.instrument for row in made.instruments} == {"piano"} and [row.word for row in made.tempo] == [
        "slow",
        "fast",
    ]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"takes_at_most": 0}, "0 takes cannot be played"),
        ({"sign": " "}, "--sign takes the name"),
        ({"sign": "a\nb"}, "--sign takes the name"),
        ({"known": Path("/nowhere")}, "--known /nowhere is no folder"),
        ({"known": Path()}, "--known names no folder"),
        ({"library": Path("/etc/hostname")}, "is no folder"),
        ({"design": Path("/nowhere.yaml")}, "is no file that holds a design"),
        ({"design": Path()}, "--design names no file"),
        ({"workers": 2}, "--workers is for Ray"),
        ({"second_judge": ""}, "--second-judge"),
        ({"engine": "ray"}, "made in memory"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_values_get_one_sentence(asked: dict[str, Any], given: dict[str, Any], told: str) -> None:
    with pytest.raises(TonescopeError) as refused:
        audit(planted_audit.session({}, record()), **asked | given)
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_a_library_without_sound_is_refused_and_one_with_sound_is_read(asked: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "a.wav").write_bytes(b"")
    with pytest.raises(TonescopeError, match="holds no sound"):
        report(planted_audit.session({}, record()), asked, library=tmp_path / "library")
