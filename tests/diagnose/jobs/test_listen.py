"""Hearing files: the rest goes on where one fails, a stopped run resumes, and a judge claims what it knows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tonescope
from tests import tiny
from tests.synthetic import chords, clicks, noise, write
from tonescope.diagnose.audio_files.collecting import collect
from tonescope.diagnose.elsewhere.hear_file import hear_recording
from tonescope.diagnose.elsewhere.listen_schema import Listening
from tonescope.diagnose.elsewhere.request_plan import TABLE, PlanWish, as_csv, plan
from tonescope.diagnose.elsewhere.surrogate_trace import trace_through
from tonescope.diagnose.jobs import listen as job
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.listen import ListenRequest, run
from tonescope.diagnose.report import listen_views
from tonescope.diagnose.runtime.judge_session import JudgeSession
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models import loading
from tonescope.models.errors import TonescopeError


def session(domain: str = "") -> JudgeSession:
    judge = tiny.judge()
    judge.domain = domain
    return JudgeSession(judge, from_rows(tiny.ROWS))


def heard(*named: Path, domain: str = "", watch: Watch | None = None, **how: Any) -> Listening:
    collection = how.pop("collection", None) or collect(list(named))
    return run(ListenRequest(collection, **how), session(domain), watch or Watch())


@pytest.fixture(autouse=True)
def _no_taggers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "tags" not in request.node.name:
        monkeypatch.setattr(loading, "MUSICNN", ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.wav", chords(9, True, 5.0))
    write(tmp_path / "b.wav", clicks(120, 5.0))
    return tmp_path


def test_a_file_is_heard_measured_and_held_against_its_prompt(folder: Path) -> None:
    found = heard(folder / "a.wav", prompt="house, 120 BPM, in A minor, with accordion")
    (file,) = found.files
    assert file.heard.key.key == "A minor" and {row.aspect for row in file.adherence} == {"genre", "tempo", "key"}
    assert found.obeyed["key"].count == 1 and "accordion" in file.unchecked
    assert found.summary.startswith("a.wav (5 s): heard as") or "no clear genre" in found.summary


def test_case_a_judge_of_another_domain_abstains_and_says_so(folder: Path) -> None:
    found = heard(folder, domain="the toy world", prompt="house")
    assert found.heard == {} and found.obeyed == {} and "claims no genre" in found.summary
    assert "the toy world" in found.summary and any("--in-domain" in caveat for caveat in found.caveats)
    assert "house" in found.files[0].unchecked
    told = " ".join(text for view in listen_views.views(found) for text, _ in view.sentences)
    tables = [cell for view in listen_views.views(found) for table in view.tables for row in table.rows for cell in row]
    assert not any(label in cell for cell in tables for label in session().judge.labels), told


def test_within_its_domain_it_counts_and_that_is_said(folder: Path) -> None:
    found = heard(folder, domain="the toy world", in_domain=True)
    assert sum(value.count for value in found.heard.values()) == 2
    assert any("was said, not measured" in caveat for caveat in found.caveats)


def test_the_rest_of_a_batch_goes_on_and_what_was_left_out_is_listed(folder: Path) -> None:
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("no sound")
    write(folder / "silent.wav", np.zeros(20_000))
    write(folder / "nan.wav", np.full(20_000, np.nan), subtype="FLOAT")
    write(folder / "short.wav", noise(0.2))
    found = heard(folder)
    assert [file.name for file in found.files] == ["a.wav", "b.wav"]
    assert {row.name for row in found.left_out} == {"empty.wav", "text.wav", "silent.wav", "nan.wav", "short.wav"}
    assert "5 files were left out" in found.summary
    (view,) = [view for view in listen_views.views(found) if view.key == "left_out"]
    assert len(view.tables[0].rows) == 5


def test_case_nothing_that_can_be_heard_is_refused_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(TonescopeError, match=r"nothing could be heard: a\.wav \(empty\)"):
        heard(tmp_path)


def test_files_with_a_table_of_prompts_give_a_matrix_and_files_are_compared(folder: Path) -> None:
    names = ("house", "house", "smooth jazz")
    write(folder / "c.wav", noise(2.0, seed=5))
    rows = "".join(f"{name},{prompt}\n" for name, prompt in zip(("a.wav", "b.wav", "c.wav"), names, strict=True))
    (folder / "metadata.csv").write_text(f"file_name,prompt\n{rows}")
    found = heard(collection=collect([folder], folder / "metadata.csv"))
    assert [file.asked for file in found.files] == list(names) and found.genres is not None
    assert {row.asked: row.matched.total for row in found.genres.rows} == {"house": 2, "smooth jazz": 1}
    assert found.passages == []
    shown = {view.key: view for view in listen_views.views(found)}
    assert shown["genres"].matrices[0].title.startswith("Files by the genre asked for")
    assert "No passage was found" in shown["passages"].sentences[0][0]
    foreign = heard(collection=collect([folder], folder / "metadata.csv"), domain="the toy world")
    assert foreign.genres is None and all(file.asked is None for file in foreign.files)


def test_a_passage_in_two_files_and_in_a_library_is_told_and_one_file_alone_is_not_compared(tmp_path: Path) -> None:
    loop = clicks(133, 3.0)
    for name in ("files", "library"):
        (tmp_path / name).mkdir()
    for at, name in enumerate(("a", "b")):
        sound = np.concatenate([0.3 * noise(1.0 + at, seed=at), chords(4 + at, True, 1.0), chords(9, False, 4.0)])
        write(tmp_path / "files" / f"{name}.wav", sound)
    write(tmp_path / "library" / "mine.wav", np.concatenate([loop, chords(9, False, 4.0)]))
    found = heard(tmp_path / "files", library=tmp_path / "library")
    assert found.passages and [place.name for place in found.passages[0].places] == ["a.wav", "b.wav"]
    assert found.passages[0].library == ["mine.wav"] and found.library == {"mine.wav": 2}
    told = next(view for view in listen_views.views(found) if view.key == "passages").sentences[0]
    assert "comes again in 2 of 2 files" in told[0] and told[1] == "observed"
    assert heard(tmp_path / "files" / "a.wav").passages is None


def counted(monkeypatch: pytest.MonkeyPatch, fail_at: int = 0) -> list[str]:
    """The names of files that are really heard; the run is stopped at one of them."""
    names: list[str] = []
    real = hear_recording

    def hear(recording: Any, listeners: Any) -> Any:
        names.append(recording.name)
        if len(names) == fail_at:
            raise KeyboardInterrupt
        return real(recording, listeners)

    monkeypatch.setattr(job, "hear_recording", hear)
    return names


def test_case_a_stopped_run_goes_on_where_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(folder / ".cache"))
    write(folder / "c.wav", noise(1.0, seed=5))
    names = counted(monkeypatch, fail_at=2)
    with pytest.raises(KeyboardInterrupt):
        heard(folder)
    assert names == ["a.wav", "b.wav"]
    found = heard(folder)
    assert names[2:] == ["b.wav", "c.wav"] and len(found.files) == 3
    assert heard(folder).files == found.files and len(names) == 4
    heard(folder, fresh=True)
    assert len(names) == 7


def test_copies_are_heard_once_and_said_to_be_copies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "d.wav").write_bytes((folder / "a.wav").read_bytes())
    names = counted(monkeypatch)
    found = heard(folder, fresh=True)
    assert names == ["a.wav", "b.wav"] and found.files[-1].same_as == "a.wav"
    assert any("copies: d.wav" in caveat for caveat in found.caveats)


def test_progress_is_told_with_what_is_left(folder: Path) -> None:
    told: list[tuple[str, float]] = []
    left: list[float] = []
    heard(folder, fresh=True, watch=Watch(lambda what, done: told.append((what, done)), expect=left.append))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0 and any("b.wav (2 of 2)" in what for what, _ in told)
    assert len(left) == 2 and left[0] > left[1] == 0.0


def test_a_second_judge_agrees_with_itself(folder: Path, folders: tuple[Path, Path]) -> None:
    found = heard(folder, second_judge=str(folders[1]))
    assert found.agreement is not None and found.agreement.alike.count == 2 and len(found.judges) == 2
    assert any(view.key == "agreement" for view in listen_views.views(found))


def test_a_surrogate_is_called_one_everywhere(folder: Path, folders: tuple[Path, Path]) -> None:
    found = heard(folder / "a.wav", surrogate=str(folders[0]))
    assert found.surrogate is not None and found.files[0].surrogate is not None
    (view,) = [view for view in listen_views.views(found) if view.key == "surrogate"]
    assert "surrogate" in view.title and "did not make these files" in view.notes[0]
    assert heard(folder / "a.wav", surrogate=str(folders[0])).files == found.files  # kept as well


def test_case_a_prompt_that_the_surrogate_cannot_read_leaves_the_others(
    folder: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trace_through

    def refuses(recording: Any, *rest: Any) -> Any:
        if recording.name == "a.wav":
            raise TonescopeError("the prompt is too long.")
        return real(recording, *rest)

    monkeypatch.setattr(job, "trace_through", refuses)
    found = heard(folder, surrogate=str(folders[0]), prompt="a prompt of its own")
    assert [file.surrogate is None for file in found.files] == [True, False]
    assert "Not put through the surrogate: a.wav (the prompt is too long)." in found.caveats


def test_case_judges_that_know_no_such_sounds_are_not_compared(folder: Path, folders: tuple[Path, Path]) -> None:
    assert heard(folder, domain="the toy world", second_judge=str(folders[1])).agreement is None


def test_answers_to_a_plan_are_tested(tmp_path: Path) -> None:
    made = plan(PlanWish("dark house with piano", "lyria-2", 2, 1))
    (tmp_path / TABLE).write_text(as_csv(made), encoding="utf-8")
    for row in made.requests[:-1]:
        write(tmp_path / row.file, clicks(100 + 10 * (row.variant != "whole"), 3.0, seed=row.seed or 0))
    found = heard(collection=collect([], tmp_path / TABLE), variants=tmp_path)
    assert found.words is not None and found.words.missing == [made.requests[-1].file]
    assert {word.variant for word in found.words.words} <= {row.variant for row in made.requests}
    (view,) = [view for view in listen_views.views(found) if view.key == "words"]
    assert view.depth == "first" and any("missing" in note for note in view.notes)


def test_tags_stand_where_the_judge_abstains_and_are_never_called_its_genres(folder: Path) -> None:
    found = heard(folder, domain="the toy world", prompt="techno")
    assert [each.tagger for each in found.files[0].heard.tags] == list(loading.MUSICNN) and found.heard == {}
    assert "claims no genre" in found.summary and "genre tag" in listen_views._files(found).tables[0].columns
    assert all("musicnn" in row.sentence for file in found.files for row in file.adherence)
    assert any(view.key == "tags" for view in listen_views.views(found))


def test_results_come_back_from_json(folder: Path) -> None:
    found = heard(folder, prompt="house, 90 BPM")
    assert Listening.model_validate_json(found.model_dump_json()) == found


def test_views_have_keys_of_their_own_and_draw_nothing_twice(folder: Path) -> None:
    views = listen_views.views(heard(folder))
    assert len({view.key for view in views}) == len(views)
    assert views[0].sentences and views[0].depth == "first"


def test_python_hears_files_too(folder: Path, folders: tuple[Path, Path]) -> None:
    found = tonescope.listen([folder / "b.wav"], prompt="120 BPM", judge=str(folders[1]))
    assert found.obeyed["tempo"].count == 1
