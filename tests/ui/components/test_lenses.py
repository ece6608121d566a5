"""Lenses: what can be started where; a new technique is one without a word here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import tiny
from tests.ui import test_unit_commands
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.diagnose.microscope.artifact_views import artifact_view
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.store.artifact_catalogue import ArtifactCatalogue
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location
from tonescope.ui.components.lenses import CLIP, LENSES, every_lens, fields_of, lens_of, lenses_of, started
from tonescope.ui.workshop import Workshop

OF_THE_MACHINE = {"corpus", "index", "runs_of", "engine", "ray_address", "workers", "memory_gib"}


def test_every_lens_is_a_job_and_its_fields_are_the_jobs() -> None:
    for lens in every_lens():
        row = job_registry.find(lens.job)
        assert row is not None
        about = row.load().parameters.model_fields
        assert {*lens.fields, *lens.fixed} <= set(about) and (not lens.place or lens.place in about), lens.name
        assert not OF_THE_MACHINE & set(lens.fields), lens.name
        assert [field.name for field in fields_of(lens)] == list(lens.fields)
    assert len({lens.name for lens in every_lens()}) == len(every_lens())
    assert [lens.name for lens in LENSES if CLIP in lens.fields] == ["tuning", "dream", "caricature"]
    assert all(set(lens.without_clip) <= set(lens.fields) for lens in LENSES)


def test_lenses_suit_their_places() -> None:
    def names(about: str, place: str | None) -> set[str]:
        return {lens.name for lens in lenses_of(about, Location.parse(place) if place else None)}  # type: ignore[arg-type]

    assert {"visualize", "words", "tuning", "name", "mute"} <= names("unit", "decoder.1.mlp")
    assert "visualize" not in names("unit", "text.1.mlp") and "words" in names("unit", "text.1.mlp")
    assert "mute" not in names("unit", "judge.1.mlp") and "mute" not in names("unit", "codec.1.encoder")
    assert names("model", None) == {"find", "layers"} and "dream" in names("location", "judge.1.mlp")


def test_a_clip_takes_the_place_of_what_a_form_sends_without_one(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mine.wav", 0.2 * np.sin(0.3 * np.arange(8000)), 8000)
    with Workspace.open(tmp_path / "space") as workspace:
        workshop = Workshop(tiny.session(), workspace)
        workshop.queue.close(0)  # nothing is to be rendered
        workshop.queue._closing = False
        given = {"start": "noise", "strength": "0.8"}
        run = started(workshop, "me", "dream", "judge.1.mlp", given, tmp_path / "mine.wav")
        assert run.parameters["start"] == "neutral" and run.parameters["strength"] == 0.8
        assert str(run.parameters["clip"]).startswith(str(workspace.folder))
        plain = started(workshop, "me", "dream", "judge.1.mlp", given)
        assert plain.parameters["start"] == "noise" and plain.parameters["clip"] is None
        own = started(workshop, "me", "tuning", "decoder.1.mlp:3", {"prompt": ""}, tmp_path / "mine.wav")
        assert own.parameters["clip"] and own.parameters["prompt"] is None
        with pytest.raises(TonescopeError, match="told nothing by a clip"):
            started(workshop, "me", "words", "decoder.1.mlp:3", {}, tmp_path / "mine.wav")
        workshop.close()


def test_a_new_technique_is_a_lens_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row("toylens", "technique", "tests.ui.toy_lens", "Two takes of a unit.")
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, row])
    monkeypatch.setattr(Microscope, "of", classmethod(test_unit_commands._of))
    (lens,) = [one for one in lenses_of("unit", Location.parse("decoder.1.mlp")) if one.name == "toylens"]
    assert (lens.title, lens.told, lens.place) == ("Toylens", "Two takes of a unit.", "unit")
    with Workspace.open(tmp_path) as workspace:
        workshop = Workshop(tiny.session(), workspace)
        run = workshop.queue.wait(started(workshop, "me", "toylens", "decoder.1.mlp:3", {}).name)
        assert run.state == "done", run.problem
        assert run.owner == "me" and lens_of(run) == (lens, "decoder.1.mlp:3")
        with pytest.raises(TonescopeError, match="cannot be chosen"):
            started(workshop, "me", "toylens", "decoder.1.mlp:3", {"unit": "decoder.1.mlp:4"})
        scope = Microscope.of(workshop.session)
        models = {"generator": scope.generator.fingerprint(), "judge": scope.judge.fingerprint()}
        (made,) = ArtifactCatalogue(scope.store).about("decoder.1.mlp:3", models)
        view, takes = artifact_view(ArtifactCatalogue(scope.store).read(made.key))
        assert made.technique == "toylens" and len(view.sounds) == 2 and takes is not None and len(takes) == 2
        workshop.close()
