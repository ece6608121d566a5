"""Whether a set brings what it takes away: its activations put into another prompt, beside those of random units."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnose.jobs.test_verification_plan import TAKES, estimates, neurons, searched
from tests.diagnose.jobs.test_verification_results import WHOLE, Heard, results
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.jobs.verification_plan import Interchange, Plan


def test_the_set_is_enough_where_its_activations_bring_the_target() -> None:
    def sufficiency(heard: list[str], change: float) -> Any:
        told = Heard({names.PUT_IN: change})
        told.heard = {names.PUT_IN: heard}
        return results(told).sufficiency

    enough = sufficiency(["techno"] * TAKES, 3.0)
    assert (enough.before.count, enough.put_in.count, enough.prompt) == (0, TAKES, "jazz")
    assert enough.brings and enough.badge == "verified" and enough.effect.mean == pytest.approx(3.0)
    assert not sufficiency(["house"] * TAKES, 3.0).brings
    assert not sufficiency(["techno"] * TAKES, 0.0).brings
    assert not sufficiency(["techno"] * TAKES, -3.0).brings


def test_a_set_is_enough_only_beyond_what_random_units_bring_and_in_takes_whose_sound_is_intact() -> None:
    told = Heard({names.PUT_IN: 3.0, names.PUT_IN_CONTROL: 3.0})
    told.heard = {names.PUT_IN: ["techno"] * TAKES, names.PUT_IN_CONTROL: ["techno"] * TAKES}
    alike = results(told).sufficiency
    assert alike is not None and alike.random is not None and alike.random.count == TAKES and not alike.brings
    told = Heard({names.PUT_IN: 3.0}, broken=names.PUT_IN)
    told.heard = {names.PUT_IN: ["techno"] * TAKES}
    broken = results(told).sufficiency
    assert broken is not None and broken.put_in.count == 0 and not broken.brings


def test_without_a_control_nothing_is_sure_to_be_enough() -> None:
    told = Heard({names.PUT_IN: 3.0})
    told.heard = {names.PUT_IN: ["techno"] * TAKES}
    plan = Plan.make(estimates(searched(*neurons(7))), WHOLE, None, lambda group, draws: Interchange("jazz", ()))
    found = results(told, plan).sufficiency
    assert found is not None and found.random is None and found.q is None and found.badge == "tested"
