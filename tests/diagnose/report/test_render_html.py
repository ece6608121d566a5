"""Views as HTML: one page that fetches nothing and runs nothing that came from outside."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.diagnosis_views import views
from tonescope.diagnose.report.lanes import Stretch, Stretches
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Command, Figure, Sound, Table, View


class Elements(HTMLParser):
    """Tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open not in ("script", "style"):
            self.text += data

    def listening(self) -> list[dict[str, Any]]:
        """What the players of the page are given."""
        return [json.loads(about["data"] or "") for about in self.named("tonescope-ab")]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def players() -> Players:
    generator = shown.session().generator
    sets = {name: generator.generate(["house"] * 2, [1, 2], 0.5) for name in ("slow", "fast")}
    return Players(Sounds(generator), sets)


def test_a_report_that_no_code_knows_is_shown_whole(players: Players) -> None:
    page = Elements(render_html.page("Tonescope audit", shown.toy_views(), players))
    for part in ("Audit of tempo", "tempo comes in time.", "tempo on a card.", "A note on tempo.", "tempo in numbers."):
        assert part in page.text
    assert len(page.named("tonescope-ab")) == 1 and len(page.named("table")) == 1 and len(page.named("figure")) == 1
    (take,) = page.listening()[0]["takes"]
    assert take["title"] == "Take 1" and take["versions"][0]["name"] == "slow tempo"
    assert take["versions"][0]["heard"] == "tempo"
    assert any(about.get("class") == "headline good" for about in page.named("div"))
    assert [about.get("id") for about in page.named("section")] == ["headline", "card"]
    assert [about.get("id") for about in page.named("details")][:1] == ["all"]  # folded, and open to who asks
    assert "A figure of tempo" in page.text and "tempo rises." in page.text


def test_a_page_by_itself_names_no_folder_beside_it(players: Players) -> None:
    views = shown.toy_views()
    assert "the folder <code>audio</code>" in render_html.page("T", views, players)
    assert "<code>audio</code> has" not in render_html.page("T", views, players, has_folder=False)


def test_a_label_with_markdown_or_html_is_text_in_the_report(players: Players) -> None:
    page = render_html.page("Audit", shown.toy_views(shown.BEACON), players)
    elements = Elements(page)
    assert not elements.named("img") and not elements.named("a") and not elements.named("link")
    assert elements.text.count("![x](https://example.org/x) <img src=x> $x$ ${1} {{1}}") >= 7
    assert elements.listening()[0]["takes"][0]["versions"][0]["heard"] == shown.BEACON
    assert "</script><b>" not in render_html.page("Audit", shown.toy_views("</script><b>"), players)


def test_a_page_fetches_nothing(players: Players) -> None:
    page = Elements(render_html.page("Audit", shown.toy_views(), players))
    assert not [name for _, about in page.tags for name in ("src", "href", "srcset", "action") if name in about]
    versions = [version for given in page.listening() for take in given["takes"] for version in take["versions"]]
    assert len(versions) == 2 and all(version["address"].startswith("data:audio/") for version in versions)
    policies = [about["content"] for about in page.named("meta") if about.get("http-equiv")]
    assert policies and "default-src 'none'" in str(policies[0])


def test_a_page_without_figures_carries_no_library() -> None:
    page = render_html.page("Audit", [View("one", "One", [("Told.", "observed")])])
    assert page.count("<section") == 1  # where nothing is first, nothing is folded
    assert len(page) < 26_000 and "<script" not in page and "Told." in page
    assert render_html.page("Audit", []).count("<section") == 0


def test_sounds_that_nothing_plays_are_refused() -> None:
    with pytest.raises(ValueError, match="all"):
        render_html.page("Audit", shown.toy_views())


def test_views_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="key of its own"):
        render_html.page("Audit", [View("one", "One"), View("one", "Another")])


def test_a_page_holds_no_more_sound_than_a_browser_opens(players: Players, monkeypatch: pytest.MonkeyPatch) -> None:
    found, evidence = shown.diagnosed()
    shown_views = views(found, evidence)
    whole = Players(players.sounds, evidence.sounds)
    assert "takes; all of them" not in render_html.page("Diagnosis", shown_views, whole)
    monkeypatch.setattr(render_html, "MOST_SOUND", 1)
    page = Elements(render_html.page("Diagnosis", shown_views, whole))
    shown_once = sum(len(view.sounds[0]) for view in shown_views if view.sounds)
    versions = [take["versions"] for given in page.listening() for take in given["takes"]]
    assert page.text.count("The first 1 of 2 takes") == 3 and sum(map(len, versions)) == shown_once


def test_the_page_follows_the_dark_and_the_narrow() -> None:
    style = render_html.style("@media (prefers-color-scheme: dark)")
    assert style.count("prefers-color-scheme: dark") == 1 and "max-width: 640px" in style
    inks = re.findall(r"--ink: (#\w+)", style)
    assert len(inks) == 2 == len(set(inks))


def test_fragments_are_escaped_and_carry_the_look() -> None:
    view = View("one", "<i>", [("<b>", "observed"), ("<u>", None)], [Table(("<s>",), (("<q>",),), kinds=("unit",))])
    for made in (render_html.text(view), render_html.tables(view)):
        assert made.startswith('<div class="tonescope">')
        assert not {tag for tag, _ in Elements(made).tags} & {"i", "b", "u", "s", "q"}
    assert "<code>&lt;q&gt;</code>" in render_html.tables(view)


def test_tables_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Table(("a", "b"), (("1",),))
    with pytest.raises(ValueError, match="does not fit"):
        Table(("a",), (("1",), ("2",)), ("observed",))


def test_what_can_be_pasted_is_shown_as_it_is() -> None:
    line = 'tonescope diagnose "a <b> & c"'
    page = Elements(render_html.page("Audit", [View("next", "Next", commands=[Command("Try:", line)], depth="first")]))
    assert "Try:" in page.text and line in page.text and not page.named("b")


def test_how_to_hear_sounds_is_not_told_where_they_are_heard(players: Players) -> None:
    command = Command("To hear it:", "tonescope --out there")
    view = View("hear", "Hear it", sounds=[[Sound("a", "slow", 0)]], commands=[command], depth="first")
    page = Elements(render_html.page("Audit", [view], players))
    assert len(page.named("tonescope-ab")) == 1 and "To hear it" not in page.text


def test_takes_that_belong_together_are_versions_with_one_playhead(players: Players) -> None:
    rows = [[Sound("clean", "slow", row), Sound("edited", "fast", row)] for row in range(2)]
    page = Elements(render_html.page("Audit", [View("hear", "Hear it", sounds=rows, depth="first")], players))
    (given,) = page.listening()
    assert [take["title"] for take in given["takes"]] == ["Take 1", "Take 2"]
    assert [[one["name"] for one in take["versions"]] for take in given["takes"]] == [["clean", "edited"]] * 2
    assert not page.named("tonescope-score")  # nothing is drawn over them


def test_a_score_is_there_where_something_is_drawn_over_a_take(players: Players) -> None:
    lane = Stretches(title="Changed", stretches=(Stretch(start=0, end=0.5, text="</script><b>"),))
    view = View("hear", "Hear it", sounds=[[Sound("clean", "slow", 0, lanes=(lane,))]], depth="first")
    page = Elements(render_html.page("Audit", [view], players))
    assert [about["for"] for about in page.named("tonescope-score")] == [page.named("tonescope-ab")[0]["id"]]
    assert page.listening()[0]["takes"][0]["versions"][0]["score"]["lanes"][0]["stretches"][0]["text"] == "</script><b>"
    assert not page.named("b")


def test_what_can_be_heard_stands_before_what_to_try(players: Players) -> None:
    views = [
        View("head", "Head", [("Told.", None)], depth="first", tone="open"),
        View("next", "Next", commands=[Command("Try.")], depth="first"),
        View("hear", "Hear", sounds=[[Sound("a", "slow", 0)]], depth="first"),
        View("why", "Why", [("Because.", "tested")], depth="first"),
        View("rest", "Rest", [("More.", None)]),
    ]
    page = Elements(render_html.page("Audit", views, players))
    assert [about["id"] for about in page.named("section")] == ["head", "why", "hear", "next"]


def test_plotly_comes_once_and_only_for_what_it_alone_draws(players: Players) -> None:
    heat = Figure("Heat", {"data": [{"type": "heatmap", "z": [[1, 2]]}], "layout": {}}, "Heat.")
    bars = Figure("Bars", {"data": [{"type": "bar", "orientation": "h", "x": [1], "y": ["a"]}], "layout": {}}, "Bars.")
    page = render_html.page("Audit", [View("one", "One", figures=[bars, heat]), View("two", "Two", figures=[heat])])
    assert page.count("Plotly.newPlot(place") == 1 and page.count('id="figure-') == 2
    assert len(render_html.page("Audit", [View("one", "One", figures=[bars])])) < 30_000


def test_a_page_tells_its_size() -> None:
    page = render_html.page("Audit", [View("one", "<!--size--> a", [("x" * 1_500_000, None)])])
    assert "This page is 1.5 MB" in page and "&lt;!--size--&gt; a" in page


def test_what_an_app_puts_into_its_head_defines_the_components_once(players: Players) -> None:
    head = render_html.head()
    assert head.count("<script") == 1 == head.count("</script>") and head.count("<style") == 1
    assert ".dark { .tonescope" in head and "tonescope-score" in head
    made = render_html.player(shown.toy_views()[2], players)
    assert Elements(made).listening() and "<script" not in made
    assert render_html.player(shown.toy_views()[0], players) == ""
