"""A scheduler of diffusers, run on given noise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import CosineDPMSolverMultistepScheduler
from torch import Tensor

from tonescope.models.families.diffusion.solver import SdeSolver
from tonescope.models.families.diffusion.step_noise import step_noise

TAKES, SHAPE = 2, (3, 5)
SCHEDULES: dict[str, dict[str, Any]] = {
    "published": {},
    "first order": {"solver_order": 1},
    "heun": {"solver_type": "heun"},
    "karras": {"sigma_schedule": "karras", "rho": 7.0},
}


@pytest.fixture(params=list(SCHEDULES.values()), ids=list(SCHEDULES))
def solver(request: pytest.FixtureRequest) -> SdeSolver:
    return SdeSolver(CosineDPMSolverMultistepScheduler(**request.param), 20)


def _start(solver: SdeSolver) -> tuple[Tensor, Tensor]:
    noise = step_noise([1, 2], solver.steps, SHAPE).double()
    return noise[:, 0] * solver.start, noise[:, 1:]


def test_who_predicts_the_finished_latents_ends_there(solver: SdeSolver) -> None:
    wanted = torch.randn(TAKES, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    path, _ = solver.run(
        _start(solver)[0],
        lambda step, now: (wanted - solver.skips[step] * now) / solver.outs[step],
        _start(solver)[1],
    )
    assert torch.allclose(path[:, -1], wanted, atol=1e-5)
    sizes = path.square().mean((0, 2, 3)).sqrt()
    assert (sizes[1:] < sizes[:-1]).all() or solver.scheduler.config.solver_order > 1  # noise is taken away


def test_where_predictions_lead_is_where_they_led(solver: SdeSolver) -> None:
    start, noise = _start(solver)
    path, predicted = solver.run(start, lambda step, now: (now / 500).sin(), noise)
    assert path.shape == (TAKES, 21, *SHAPE) and predicted.shape == (TAKES, 20, *SHAPE)
    assert torch.equal(solver.led_by(predicted, start, noise), path)  # and the run before is forgotten


def test_takes_do_not_depend_on_each_other(solver: SdeSolver) -> None:
    start, noise = _start(solver)
    together, _ = solver.run(start, lambda step, now: (now / 500).sin(), noise)
    alone, _ = solver.run(start[1:], lambda step, now: (now / 500).sin(), noise[1:])
    assert torch.equal(alone[0], together[1])


def test_gradients_pass_from_latents_to_every_prediction_before(solver: SdeSolver) -> None:
    start, noise = _start(solver)
    predicted = torch.randn(TAKES, 20, *SHAPE, dtype=torch.float64, requires_grad=True)
    solver.led_by(predicted, start, noise)[:, 7].sum().backward()
    assert predicted.grad is not None
    assert (predicted.grad[:, :7] != 0).all() and (predicted.grad[:, 7:] == 0).all()


def test_the_denoiser_gets_latents_of_unit_size(solver: SdeSolver) -> None:
    """Those of the data are, so at any amount of noise (c_in of Karras et al.)."""
    sigmas = solver._fresh().sigmas[:20]
    assert torch.allclose(solver.scales, (sigmas**2 + 1).rsqrt())
    assert solver.times.shape == (20,) and (solver.times.diff() < 0).all()


def test_noise_belongs_to_seed_and_step_alone() -> None:
    few, more = step_noise([5], 3, SHAPE), step_noise([9, 5, 9], 8, SHAPE)
    assert torch.equal(few[0], more[1, :4]) and torch.equal(more[0], more[2])
    assert not torch.isclose(more[1, 0], more[1, 1]).any() and not torch.isclose(more[0], more[1]).any()
    assert torch.equal(step_noise([2**64 - 1], 1, SHAPE), step_noise([-1], 1, SHAPE))
