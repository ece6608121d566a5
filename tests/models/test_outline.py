"""Places that a model has not are refused from its files, as the loaded model refuses them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tonescope.models.anatomy import Anatomy
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.read_outline import outline
from tonescope.models.loading import check_places, load_generator
from tonescope.models.sites import SITES
from tonescope.models.units import Location, Unit


@pytest.fixture(scope="module")
def model(folders: tuple[Path, Path]) -> Anatomy:
    found = load_generator(str(folders[0]))
    assert isinstance(found, Anatomy)
    return found


def refusal(refuse: object, *arguments: object) -> str | None:
    try:
        refuse(*arguments)  # type: ignore[operator]
    except TonescopeError as error:
        return str(error)
    return None


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.key)
def test_what_files_tell_is_what_the_model_has(model: Anatomy, folders: tuple[Path, Path], site: object) -> None:
    told = outline(folders[0], model.name)
    key = (site.network, site.name)  # type: ignore[attr-defined]
    places = model.locations(site.key)  # type: ignore[attr-defined]
    if key[0] == "codec":
        assert told.layers[key] is None and key not in told.units
    else:
        assert told.layers.get(key, 0) == len(places)
        assert [told.units.get(key)] * len(places) == [model.units(place) for place in places]


@pytest.mark.parametrize(
    "name",
    [
        "decoder.9.mlp",
        "decoder.9.mlp:3",
        "decoder.1.mlp:4000",
        "decoder.1.self:99",
        "decoder.0.residual:99999",
        "denoiser.0.mlp:1",
        "nosuch.place:3",
        "decoder.1.mlp:x",
        "decoder.mlpp",
        "decoder.1.mlp",
        "decoder.1.cross:0",
        "text.0.mlp:1",
        "codec.0.decoder:1",
    ],
)
def test_case_a_wrong_place_is_refused_from_the_files_in_the_words_of_the_model(
    name: str, model: Anatomy, folders: tuple[Path, Path]
) -> None:
    early = refusal(check_places, [name], str(folders[0]))
    assert early == refusal(model.unit if ":" in name else model.location, name)


def test_a_site_is_refused_where_the_model_lacks_it(folders: tuple[Path, Path]) -> None:
    check_places(["decoder.mlp", "codec.decoder"], str(folders[0]))
    with pytest.raises(TonescopeError, match="has no location denoiser"):
        check_places(["denoiser.mlp"], str(folders[0]))


def test_what_a_melody_model_lacks_is_said(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    copy = shutil.copytree(folders[0], tmp_path / "melody")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "musicgen_melody"}))
    with pytest.raises(TonescopeError, match=r"look at decoder\.LAYER\.self instead"):
        check_places(["decoder.0.cross:1"], str(copy))


def test_what_a_configuration_does_not_state_is_left_to_the_model(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    copy = shutil.copytree(folders[0], tmp_path / "terse")
    config = json.loads((copy / "config.json").read_text())
    del config["decoder"]["num_attention_heads"]
    (copy / "config.json").write_text(json.dumps(config))
    check_places(["decoder.0.self:999"], str(copy))
    assert outline(copy, "terse").layers["decoder", "self"] == len(tiny.generator().locations("decoder.self"))


def test_a_model_of_the_hub_is_not_fetched_to_check_a_name() -> None:
    check_places(["decoder.900.mlp:1"], "owner/name")
    with pytest.raises(TonescopeError, match="is not a location"):
        check_places(["nosuch.place:3"], "owner/name")


@pytest.mark.parametrize(
    ("name", "told"), [("nosuch.place:3", "is not a location"), ("decoder.3.mlp:1280", "0 to 1279")]
)
def test_case_a_wrong_place_is_refused_before_heavy_imports(name: str, told: str) -> None:
    code = (
        "import sys\nfrom tonescope.models.loading import check_places\n"
        f"try: check_places(['{name}'])\n"
        "except Exception as error: print(error)\n"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told in done.stdout and done.stdout.rstrip().endswith("[]")


def test_the_widest_units_are_there(model: Anatomy, folders: tuple[Path, Path]) -> None:
    for site in SITES:
        for place in model.locations(site.key):
            last = Unit(place, model.units(place) - 1)
            check_places([str(last), str(Location.parse(str(place)))], str(folders[0]))
