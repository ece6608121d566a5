"""A generator of every family in turn, with two takes and mean activations."""

from __future__ import annotations

import pytest

from tests.models.families.seam import FAMILIES, PROMPT, SECONDS, of_family
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.generator import Generator, Sampling, Takes


@pytest.fixture(scope="module", params=FAMILIES)
def generator(request: pytest.FixtureRequest) -> Generator:
    return of_family(request.param)


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate([PROMPT] * 2, [1, 2], SECONDS)


@pytest.fixture(scope="module")
def means(generator: Generator) -> MeanActivations:
    return mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house", "a song"))
