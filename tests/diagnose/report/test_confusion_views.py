"""A confusion report is told in sentences that a musician understands, and shown alike everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.confusion import planted_genres
from tonescope import confusion
from tonescope.diagnose.confusion.confusion import ConfusionEvidence
from tonescope.diagnose.confusion.confusion_schema import ConfusionReport, Explanation, SharedUnits
from tonescope.diagnose.report import confusion_views, render_html, render_markdown
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.report.view_data import as_data, check_foreign, from_data
from tonescope.diagnose.store.run_files import played_by

PLANTED = {"jazz": {"polka": 1.0}, "house": {"techno": 0.4}}
Found = tuple[ConfusionReport, ConfusionEvidence]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    session = planted_genres.session(PLANTED, planted_genres.record())
    return confusion(session, seconds=0.2, explain=0, shards=tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Found:
    session = planted_genres.session({}, planted_genres.record())
    return confusion(session, seconds=0.2, explain=0, shards=tmp_path_factory.mktemp("shards"))


def view(found: Found, key: str) -> View:
    return next(view for view in confusion_views.views(*found) if view.key == key)


def players(found: Found) -> Players:
    return Players(Sounds(planted_genres.session().generator), found[1].sounds)


def test_the_first_sentence_says_what_is_played_as_what(found: Found, right: Found) -> None:
    told = view(found, "confusion")
    assert told.tone == "bad" and told.sentences[0][0].startswith(
        "Asked for 6 genres, planted plays 4 as asked; it plays jazz as polka (24 of 24 clearly heard takes), house as "
        "techno ("
    )
    assert view(right, "confusion").sentences == [
        ("Asked for 6 genres, planted plays each of them as asked.", "observed")
    ]
    assert view(right, "confusion").tone == "good"


def test_the_small_matrix_holds_what_does_not_come_as_asked(found: Found, right: Found) -> None:
    (table,) = view(found, "confusion").tables
    assert [row[0] for row in table.rows] == ["jazz", "house"] and table.columns[:3] == (
        "asked for",
        "as asked",
        "polka",
    )
    assert table.rows[0][1:3] == ("0", "24") and len(table.columns) <= 2 + confusion_views.SMALL_COLUMNS + 1
    assert not view(right, "confusion").tables


def test_cells_are_coloured_marked_and_played(found: Found) -> None:
    (matrix,) = view(found, "confusion").matrices
    row, column = matrix.rows.index("jazz"), matrix.columns.index("polka")
    cell = matrix.cells[row][column]
    assert (cell.text, cell.strength, cell.marked, cell.wanted) == ("24", 1.0, True, False)
    assert cell.told == "asked for jazz: 24 of 24 takes heard as polka" and cell.sound is not None
    diagonal = matrix.cells[matrix.rows.index("waltz")][matrix.columns.index("waltz")]
    assert diagonal.wanted and not diagonal.marked and diagonal.text == "24"


def test_the_page_plays_cells_from_within_itself(found: Found) -> None:
    html = render_html.page("Tonescope confusion", confusion_views.views(*found), players(found))
    (matrix,) = view(found, "confusion").matrices
    sounding = sum(cell.sound is not None for cells in matrix.cells for cell in cells)
    assert html.count('data-plays="data:audio/') == sounding > 6
    assert 'aria-label="asked for jazz: 24 of 24 takes heard as polka"' in html and "prefers-color-scheme: dark" in html
    assert re.search(r"\.matrix \.scroll \{ overflow-x: auto", html)


def test_what_is_kept_of_a_run_is_shown_as_it_was(found: Found) -> None:
    views = confusion_views.views(*found)
    again = from_data(json.loads(json.dumps(as_data(views))))
    check_foreign(again)
    assert render_html.page("T", again, players(found)) == render_html.page("T", views, players(found))
    assert len(played_by(again)) == len(found[0].examples)


@pytest.mark.parametrize("spoilt", [{"strength": 2}, {"strength": "1;x"}, {"marked": "yes"}, {"text": 3}])
def test_a_matrix_that_tonescope_would_not_write_is_refused(found: Found, spoilt: dict[str, Any]) -> None:
    data = json.loads(json.dumps(as_data([view(found, "confusion")])))
    data[0]["matrices"][0]["cells"][0][0] |= spoilt
    with pytest.raises(ValueError, match=r"."):
        from_data(data)


def test_without_players_the_matrix_is_shown_and_nothing_plays(found: Found) -> None:
    html = render_html.page("Tonescope confusion", confusion_views.views(found[0], None))
    assert "data-plays" not in html and "cellPlayer" not in html and 'class="card matrix"' in html


def test_a_page_without_room_plays_the_findings_first(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(players(found).uri(Sound("", "examples", row))) for row in range(len(found[0].examples))]
    monkeypatch.setattr(render_html, "MOST_SOUND", 2 * max(sizes) + min(sizes) // 2)
    html = render_html.page("Tonescope confusion", confusion_views.views(*found), players(found))
    played = re.findall(r'data-plays="data:[^"]*" aria-label="([^"]*)"', html)
    assert len(played) == 2 and all("polka" in told or "techno" in told for told in played)


def test_labels_of_a_strange_judge_are_text_everywhere(found: Found) -> None:
    cell = MatrixCell("3", 0.5, "<img src=x onerror=alert(1)>", marked=True)
    matrix = Matrix("<b>title</b>", "![x](x)", ("<script>",), ("a|b",), ((cell,),))
    strange = View("m", "*x*", [("<img> ![x](http://x) | `a`", "observed")], matrices=[matrix])
    html = render_html.page("Tonescope", [strange])
    assert "<script>" not in html.replace("<script>\n", "") and "<img" not in html and "<b>title" not in html
    markdown = render_markdown.page("Tonescope", [strange])
    assert not re.search(r"(?<!\\)[<!\[]", markdown) and "a\\|b" in markdown and "**3**" in markdown


def test_markdown_holds_what_the_page_holds(found: Found) -> None:
    markdown = render_markdown.page("Tonescope confusion", confusion_views.views(*found))
    for shown in confusion_views.views(*found):
        assert f"## {render_markdown.written(shown.title)}" in markdown
        for text, _ in shown.sentences:
            assert render_markdown.written(text) in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| jazz |")]
    assert rows and all(line.endswith("|") for line in rows)


def test_markdown_tables_have_as_many_cells_in_every_row() -> None:
    table = Table(("a", "b"), (("1", "x|y"), ("2", "z")), ("observed", None), title="t")
    lines = [line for line in render_markdown.page("T", [View("v", "V", tables=[table])]).splitlines() if "|" in line]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}


def test_explanations_and_what_they_have_in_common_are_told(found: Found) -> None:
    why = Explanation(
        prompt="jazz music",
        seed=1,
        command='tonescope diagnose "jazz music"',
        about_pair=True,
        told=[("Because of the word “jazz”.", "verified"), ("It is decided early.", "tested")],
    )
    failed = Explanation(prompt="house", seed=1, problem="the machine ran out of memory.")
    pairs = [pair.model_copy(update={"why": why if pair.asked == "jazz" else failed}) for pair in found[0].pairs]
    shared = SharedUnits(pairs=("a → b", "c → b"), units=["decoder.1.mlp:7", "decoder.1.mlp:9"], by_chance=0.02)
    told = found[0].model_copy(update={"pairs": pairs, "shared_units": [shared]})
    shown = {view.key: view for view in confusion_views.views(told, None)}
    sentences = [text for text, _ in shown["why"].sentences]
    assert sentences[0] == "jazz as polka, by “jazz music”: Because of the word “jazz”."
    assert any("could not be found out: the machine ran out of memory" in text for text in sentences)
    assert sentences[-1] == "2 units are in the verified sets of both a → b and c → b (by chance about 0.02)."
    assert shown["shared_units"].depth == "details" and len(shown["shared_units"].tables[0].rows) == 2
    assert shown["next"].commands[0].line.endswith("--out why")


def test_cells_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Matrix("", "", ("a",), ("b", "c"), ((MatrixCell(),),))


def test_every_view_has_a_key_of_its_own_and_the_first_ones_fit_a_screen(found: Found, tmp_path: Path) -> None:
    views = confusion_views.views(*found)
    assert len({view.key for view in views}) == len(views)
    assert [view.key for view in views if view.depth == "first"] == ["confusion"]
