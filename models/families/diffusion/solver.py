"""Solvers: a scheduler of diffusers, run on noise that is given to it.

A scheduler counts its steps and remembers what was predicted before, so every run has a fresh one. The same loop plays
a take (the denoiser is asked at every step), says where given predictions lead (for gradients), and finds the latents
of a finished take again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

Predict = Callable[[int, Tensor], Tensor]
"""What the denoiser predicts at a step, of the latents (takes, width, frames) that it starts from."""


class Solver:
    """A scheduler and a number of steps.

    Args:
        scheduler: one of diffusers; it is copied and stays as it is.
        steps: how many steps a generation has.

    Attributes:
        times: what the denoiser is told of each step (steps,).
        scales: what the latents are multiplied by before the denoiser gets them (steps,).
        skips, outs: the finished latents that a prediction amounts to are ``skip x latents + out x prediction``
            (steps,) each.
        start: the standard deviation of the first latents.
    """

    times: Tensor
    scales: Tensor
    skips: Tensor
    outs: Tensor
    start: float

    def __init__(self, scheduler: Any, steps: int) -> None:
        self.scheduler, self.steps = scheduler, steps

    def in_steps(self, steps: int) -> Self:
        """The same in another number of steps."""
        return type(self)(self.scheduler, steps)

    def _fresh(self, first: int = 0) -> Any:
        """A scheduler that stands at step ``first``."""
        fresh = type(self.scheduler).from_config(self.scheduler.config)
        fresh.set_timesteps(self.steps)
        fresh.set_begin_index(first)
        return fresh

    def _advance(self, scheduler: Any, predicted: Tensor, time: Tensor, latents: Tensor, noise: Tensor) -> Tensor:
        """The latents after one step of ``scheduler``, with ``noise`` in place of any that it would draw."""
        raise NotImplementedError

    def run(self, start: Tensor, predict: Predict, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Denoise ``start`` (takes, width, frames) with ``noise`` (takes, steps, width, frames).

        Returns:
            The latents before every step and after the last, (takes, steps + 1, width, frames), and what was predicted
            at every step, (takes, steps, width, frames). Gradients pass from predictions to latents.
        """
        scheduler, path, predicted = self._fresh(), [start], list[Tensor]()
        for step, time in enumerate(scheduler.timesteps):
            predicted.append(predict(step, path[-1]))
            path.append(self._advance(scheduler, predicted[-1], time, path[-1], noise[:, step]))
        return torch.stack(path, 1), torch.stack(predicted, 1)

    def led_by(self, predicted: Tensor, start: Tensor, noise: Tensor) -> Tensor:
        """The latents, as :meth:`run` gives them, that predictions (takes, steps, width, frames) lead to."""
        return self.run(start, lambda step, _: predicted[:, step], noise)[0]


class SdeSolver(Solver):
    """Multistep solvers of the diffusion SDE with preconditioned in- and outputs (Karras et al. 2022, arXiv 2206.00364;
    DPM-Solver++: Lu et al. 2022, arXiv 2211.01095), as ``CosineDPMSolverMultistepScheduler`` is one."""

    def __init__(self, scheduler: Any, steps: int) -> None:
        super().__init__(scheduler, steps)
        fresh, one, none = self._fresh(), torch.ones(()), torch.zeros(())
        self.times, self.start = fresh.timesteps, float(fresh.init_noise_sigma)
        at = zip(map(self._fresh, range(steps)), self.times, strict=True)
        self.scales = torch.stack([scheduler.scale_model_input(one, time) for scheduler, time in at])
        sigmas = fresh.sigmas[:steps]
        self.skips = torch.stack([fresh.precondition_outputs(one, none, sigma) for sigma in sigmas])
        self.outs = torch.stack([fresh.precondition_outputs(none, one, sigma) for sigma in sigmas])

    def _advance(self, scheduler: Any, predicted: Tensor, time: Tensor, latents: Tensor, noise: Tensor) -> Tensor:
        # Its own noise comes of one Brownian tree for the whole batch, so that takes would depend on each other, and
        # fails where rounding puts the first sigma outside of the tree. Increments over steps are independent.
        scheduler.noise_sampler = lambda *_: noise
        advanced: Tensor = scheduler.step(predicted, time, latents).prev_sample
        return advanced


class FlowSolver(Solver):
    """Rectified flow (Liu et al. 2022, arXiv 2209.03003): a prediction is the velocity from data to noise. Euler steps
    along it; or, where the scheduler is ``stochastic_sampling``, to the data that it points at and back with new noise.

    Args:
        scheduler: a ``FlowMatchEulerDiscreteScheduler``, which may bend the sigmas that it is given.
        steps: how many steps a generation has.
        sigmas: gives for a number of steps the share of noise at each, falling from 1; the last step ends at 0.
    """

    start = 1.0

    def __init__(self, scheduler: Any, steps: int, sigmas: Callable[[int], Tensor]) -> None:
        super().__init__(scheduler, steps)
        self.sigmas = sigmas
        fresh = self._fresh()
        self._shares = fresh.sigmas  # (steps + 1,)
        self.times, self.scales = fresh.timesteps, torch.ones(steps)
        self.skips, self.outs = torch.ones(steps), -self._shares[:-1]

    def in_steps(self, steps: int) -> Self:
        """The same in another number of steps."""
        return type(self)(self.scheduler, steps, self.sigmas)

    def bent(self, sigmas: Callable[[int], Tensor]) -> Self:
        """The same with other shares of noise."""
        return type(self)(self.scheduler, self.steps, sigmas)

    def _fresh(self, first: int = 0) -> Any:
        fresh = type(self.scheduler).from_config(self.scheduler.config)
        fresh.set_timesteps(sigmas=self.sigmas(self.steps).tolist())
        fresh.set_begin_index(first)
        return fresh

    def _advance(self, scheduler: Any, predicted: Tensor, time: Tensor, latents: Tensor, noise: Tensor) -> Tensor:
        # Its own step works in single precision, and its noise comes of one generator for the whole batch.
        step = int((scheduler.timesteps == time).nonzero()[0])
        here, there = float(scheduler.sigmas[step]), float(scheduler.sigmas[step + 1])
        if scheduler.config.stochastic_sampling:
            return (1 - there) * (latents - here * predicted) + there * noise
        return latents + (there - here) * predicted
