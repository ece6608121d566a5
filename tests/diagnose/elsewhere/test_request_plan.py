"""A plan: every phrase is left out once, seeds are used where there are any, and its table comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.elsewhere.hosted_services import service_of, services
from tonescope.diagnose.elsewhere.request_plan import (
    TABLE,
    PlanWish,
    as_csv,
    enough_takes,
    genre_alone,
    plan,
    read_answers,
    variants_of,
)
from tonescope.diagnose.report import plan_views
from tonescope.models.errors import TonescopeError

PROMPT = "mellow jazz fusion with saxophone, 90 BPM"


def test_every_phrase_is_left_out_once_and_the_genre_stands_alone() -> None:
    rows = {variant: prompt for variant, _, prompt in variants_of(PROMPT)}
    assert rows["whole"] == PROMPT and rows["genre"] == "jazz fusion"
    assert "mellow jazz fusion, 90 BPM" in rows.values() and "mellow jazz fusion with saxophone" in rows.values()
    assert len(rows) == len(set(rows.values()))


def test_lyrics_stay_as_they_are_in_every_request() -> None:
    sung = "\n\n[verse]\nslow piano, with saxophone\n"
    rows = {variant: (left_out, prompt) for variant, left_out, prompt in variants_of(PROMPT + sung)}
    assert all(prompt.endswith(sung) for _, prompt in rows.values())
    assert [(left_out, prompt.removesuffix(sung)) for left_out, prompt in rows.values()] == [
        (left_out, prompt) for _, left_out, prompt in variants_of(PROMPT)
    ]
    assert variants_of("[verse] slow piano, with saxophone") == [("whole", "", "[verse] slow piano, with saxophone")]


def test_a_genre_that_is_refused_is_not_asked_for_alone() -> None:
    assert genre_alone("no techno, slow piano") is None and genre_alone("house, no techno") == "house"


@pytest.mark.parametrize("service", ["lyria-2", "stable-audio-2-5", "other"])
def test_takes_share_their_seeds_over_the_requests(service: str) -> None:
    made = plan(PlanWish(PROMPT, service, takes=3, seed=7))
    by_variant: dict[str, list[int | None]] = {}
    for row in made.requests:
        by_variant.setdefault(row.variant, []).append(row.seed)
    assert by_variant.pop("whole_again") == [7]
    assert all(seeds == [7, 8, 9] for seeds in by_variant.values())
    assert len({row.file for row in made.requests}) == len(made.requests)


def test_a_service_without_seeds_is_asked_for_none() -> None:
    made = plan(PlanWish(PROMPT, "suno", takes=2, seed=1))
    assert all(row.seed is None for row in made.requests) and "whole_again" not in {
        row.variant for row in made.requests
    }
    assert any("not paired" in note for note in made.notes)


def test_too_few_takes_are_said_beforehand_with_how_many_are_enough() -> None:
    assert enough_takes(1) == 6 and enough_takes(4) == 8  # 2/2^6 = .031; 4 tests of 2/2^8 = .031
    assert any("no phrase can be sure" in note for note in plan(PlanWish(PROMPT, "other", 2, 1)).notes)
    assert not any("no phrase can be sure" in note for note in plan(PlanWish(PROMPT, "other", 12, 1)).notes)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (PlanWish(PROMPT, "napster", 2, 1), "no service that is known here"),
        (PlanWish(PROMPT, "lyria-2", 2, 1, 20.0), "cannot choose its length"),
        (PlanWish(PROMPT, "stable-audio-2-5", 2, 1, 400.0), "does not play 400 seconds"),
        (PlanWish(PROMPT, "stable-audio-2-5", 2, 0), "the seed 0 cannot be used"),
        (PlanWish(PROMPT, "lyria-2", 2, 2**40), "cannot be used"),
        (PlanWish("techno", "other", 2, 1), "nothing can be left out"),
    ],
)
def test_case_what_cannot_be_planned_is_refused(wanted: PlanWish, told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        plan(wanted)


def test_services_are_data_and_every_name_of_one_finds_it() -> None:
    assert {"lyria-2", "stable-audio-2-5", "suno", "udio", "other"} == set(services())
    assert service_of("Stable Audio 2.5").key == "stable-audio-2-5" and service_of("LYRIA 2").seed == "yes"
    assert all(service.notes and "prompt" in service.fields for service in services().values())


def test_the_table_comes_back_as_it_was(tmp_path: Path) -> None:
    made = plan(PlanWish('say "hello, world" slowly, techno', "lyria-2", 2, 5))
    (tmp_path / TABLE).write_text(as_csv(made), encoding="utf-8")
    for where in (tmp_path, tmp_path / TABLE):
        found = read_answers(where)
        assert found.prompt == made.prompt and found.service == "lyria-2"
        assert [row.about["prompt"] for row in found.files] == [row.prompt for row in made.requests]
        assert [row.about["seed"] for row in found.files] == [str(row.seed) for row in made.requests]
        assert found.files[0].path == tmp_path / made.requests[0].file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file,prompt\na.wav,x\n", "rows without variant"),
        ("file,variant,prompt\na.wav,without:1,x\n", "no row of the whole prompt"),
        ("file,variant,prompt\na.wav,whole,x\nb.wav,whole,y\n", "whole prompts that differ"),
        ("file,variant,prompt\na.wav,whole,x\nb.wav,half,y\n", "not known"),
    ],
)
def test_case_tables_of_no_plan(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / TABLE).write_text(text)
    with pytest.raises(TonescopeError, match=told):
        read_answers(tmp_path)


def test_case_a_folder_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match=f"holds no {TABLE}"):
        read_answers(tmp_path)


def test_case_the_line_that_writes_the_table_makes_the_same_plan() -> None:
    def line(wish: PlanWish) -> str:
        found = [command.line for view in plan_views.views(plan(wish)) for command in view.commands]
        return next(one for one in found if one.startswith("tonescope plan"))

    assert "--seed 7 --seconds 20 --csv" in line(PlanWish(PROMPT, "stable-audio-2-5", 2, 7, 20.0))
    assert "--seconds" not in line(PlanWish(PROMPT, "lyria-2", 2, 7))
    assert "--seed" not in line(PlanWish(PROMPT, "suno", 2, 7))


def test_what_the_documentation_says_of_requests_is_what_a_plan_says() -> None:
    told = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
    for key in ("lyria-2", "stable-audio-2-5"):
        service = services()[key]
        named = [*service.fields.values(), *service.constant.values(), *map(str, service.seed_range)]
        assert all(name in told for name in named) and "".join(service.endpoint.split()) in "".join(told.split())
