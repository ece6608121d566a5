from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from tonescope.diagnose.microscope.ascent import Finished, Look, ascend
from tonescope.diagnose.microscope.objectives import Objective, channel
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit

HERE = Location.parse("decoder.0.mlp")
FIRST, SECOND = channel(Unit(HERE, 0)), channel(Unit(HERE, 1))


@dataclass
class Paper:
    """A canvas whose activations are its parameters, at most 1 by a penalty."""

    parameters: Tensor
    rate: float = 0.1
    exact: bool = True
    kept: list[list[bool]] = field(default_factory=list)

    def look(self, step: int, steps: int) -> Look:
        penalty = 10 * (self.parameters.amax(-1) - 1).clamp_min(0)
        return Look({HERE: self.parameters[:, None]}, penalty, self.exact)

    def keep(self, rows: Tensor) -> None:
        self.kept.append(rows.tolist())

    def finish(self) -> Finished:
        rows = len(self.parameters)
        takes = Takes(("",) * rows, tuple(range(rows)), {}, torch.zeros(rows, 1))
        return Finished(takes, {HERE: self.parameters.detach()[:, None]})


def paper(rows: int = 4, *, exact: bool = True) -> Paper:
    return Paper(torch.zeros(rows, 2).requires_grad_(), exact=exact)


def test_every_row_goes_up_by_its_own_objective() -> None:
    ascent = ascend(paper(), [FIRST, -SECOND], 5)
    values = ascent.finished.seen[HERE][:, 0]
    assert bool((values[:2, 0] > 0.3).all()) and bool((values[2:, 1] < -0.3).all())
    assert bool((values[:2, 1] == 0).all()) and bool((values[2:, 0] == 0).all())
    assert ascent.values.shape == (5, 4) and bool((ascent.values[-1] > ascent.values[0]).all())


def test_a_penalty_holds_back() -> None:
    ascent = ascend(paper(1), [FIRST], 60)
    assert float(ascent.finished.seen[HERE][0, 0, 0]) < 1.3 and float(ascent.penalties.max()) > 0


def test_only_what_is_better_and_exact_is_kept() -> None:
    rising = paper(2)
    ascend(rising, [FIRST], 3)
    assert rising.kept == [[True, True]] * 3
    never = paper(2, exact=False)
    ascend(never, [FIRST], 3)
    assert never.kept == []


def test_what_is_no_number_is_refused() -> None:
    lost = Objective(frozenset([HERE]), lambda seen: seen[HERE].sum((1, 2)) * torch.nan, "lost")
    with pytest.raises(TonescopeError, match="not a number"):
        ascend(paper(), [lost], 2)


def test_rows_that_cannot_be_shared_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shared"):
        ascend(paper(3), [FIRST, SECOND], 1)


def test_parameters_are_brought_back_where_they_may_be() -> None:
    canvas = paper(1)
    ascend(canvas, [FIRST], 10, constrain=lambda parameters: parameters.clamp_(max=0.25))  # type: ignore[arg-type,return-value]
    assert float(canvas.parameters.max()) == 0.25
