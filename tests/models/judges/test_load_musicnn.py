"""A folder that is a tagger by name only is refused, and the taggers that are shipped say what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.models.judges.test_musicnn import TAGS, noise, tiny
from tests.models.ruined import change_weights, refused, set_field
from tonescope.diagnose.taxonomy import common
from tonescope.models.loading import MUSICNN, load_judge, load_tagger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random tagger on disk."""
    (tmp_path / "config.json").write_text('{"model_type": "musicnn"}')
    rows = [{"tag": tag.name, "kind": tag.kind, "means": tag.means, "family": tag.family} for tag in TAGS]
    (tmp_path / "tonescope.json").write_text(json.dumps({"tags": rows, "domain": "noise", "data_set": "nothing"}))
    save_file(tiny().model.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def refuse(folder: Path, *words: str) -> None:
    refused(lambda: load_tagger(str(folder)), *words)


def test_a_folder_is_loaded_as_it_was_saved(folder: Path) -> None:
    loaded = load_tagger(str(folder))
    assert (loaded.tags, loaded.domain, loaded.description) == (TAGS, "noise", "musicnn with 3 tags of nothing")
    assert torch.equal(loaded.probabilities(noise(3.0), 16_000), tiny().probabilities(noise(3.0), 16_000))
    assert loaded.fingerprint() == tiny().fingerprint() != tiny(1).fingerprint()


@pytest.mark.parametrize("name", MUSICNN)
def test_the_shipped_taggers_say_what_they_are(name: str) -> None:
    tagger = load_tagger(name)
    assert tagger.name == name and len(tagger.tags) == 50 and "real music" in tagger.domain
    labels, families = set(common().labels), {genre.family for genre in common().genres}
    genres = [tag for tag in tagger.tags if tag.kind == "genre"]
    assert len(genres) > 10 and all(tag.means in {*labels, ""} and tag.family in {*families, ""} for tag in genres)
    assert all(tag.family == common().family(tag.means) for tag in genres if tag.means)
    assert all(tag.means and not tag.family for tag in tagger.tags if tag.kind != "genre")


def test_a_tagger_is_no_judge_and_a_judge_no_tagger(folder: Path, copies: tuple[Path, Path]) -> None:
    refused(lambda: load_judge(str(folder)), "“musicnn” model", "cannot be used as the judge", "tagger")
    refuse(copies[1], "“clap” model", "cannot be used as the tagger")


@pytest.mark.parametrize("name", ["nowhere", "embedded", ""])
def test_a_name_that_leads_nowhere(name: str) -> None:
    refused(lambda: load_tagger(name), "musicnn-msd")


def test_weights_of_another_network(folder: Path) -> None:
    change_weights(folder, lambda weights: {name: weights[name] for name in weights if name != "output.bias"})
    refuse(folder, "output.bias is missing")
    save_file({"weight": torch.zeros(3)}, folder / "model.safetensors")
    refuse(folder, "no musicnn's")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights | {"more": torch.zeros(1)}, "more is missing, too many"),
        (lambda weights: weights | {"output.weight": torch.zeros(3, 9)}, "output.weight"),
        (lambda weights: weights | {"output.bias": torch.full((3,), float("nan"))}, "not all numbers"),
    ],
)
def test_weights_that_are_not_whole(folder: Path, change: Any, words: str) -> None:
    change_weights(folder, change)
    refuse(folder, words)


def test_weights_that_are_cut_off(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-10])
    refuse(folder, "cut off")


def test_tags_that_do_not_fit_the_weights(folder: Path) -> None:
    set_field(folder, "tags", [{"tag": "rock", "kind": "genre"}], "tonescope.json")
    refuse(folder, "names 1 tags and its weights have 3")
    for rows, word in (
        ([{"tag": "rock", "kind": "smell"}], "kind"),
        ([{"tag": "rock", "kind": "genre"}] * 2, "more than once"),
    ):
        set_field(folder, "tags", rows, "tonescope.json")
        refuse(folder, word)
