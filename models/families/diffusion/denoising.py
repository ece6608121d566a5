"""Generators that denoise latents: playing, and replaying all steps of finished takes as rows.

The state of takes: what was ``predicted`` at every step, guidance merged, (takes, steps, width, frames), and how many
``seconds`` were asked for (takes,). First latents and noise follow from the seed, and with them the latents of every
step, to the last bit: the solver is run again on what was predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tonescope.models.families.diffusion.guidance import LinearGuidance
from tonescope.models.families.diffusion.latent_places import LatentPlaces
from tonescope.models.families.diffusion.prompted_rows import prompted_rows
from tonescope.models.families.diffusion.solver import Solver
from tonescope.models.families.diffusion.step_noise import step_noise
from tonescope.models.generator import Replay, Sampling, Takes, Text
from tonescope.models.hooks import Hook, hooked
from tonescope.models.units import Location

Told = dict[str, Tensor]
"""What the denoiser is told beside latents and time, by the names of its arguments."""

DECODED_TOGETHER = 1  # takes: the codec's widest tensors run at the full sample rate
ASKED_A_PASS = 8  # steps at which a pass of a prediction asks the denoiser
NEIGHBOURHOOD = 0.1  # how far a neighbour of a take is, in standard deviations of latents


def _rows(text: Text, rows: Sequence[int]) -> Text:
    """Some of the prompts, without what all of them are padded with."""
    mask = text.mask[list(rows)]
    used = int(mask.sum(1).max()) if len(rows) < len(text.mask) else mask.shape[1]
    spans = tuple(text.spans[row][:used] for row in rows) if text.spans else ()
    tokens = tuple(text.tokens[row][:used] for row in rows)
    return replace(text, states=text.states[list(rows), :used], mask=mask[:, :used], tokens=tokens, spans=spans)


class Denoising(LatentPlaces):
    """A generator that denoises latents; a family says what its denoiser is told, and calls it."""

    solver: Solver
    rows_together, rows_kept = 32, 2
    """Rows of a replay that go through the denoiser together, guidance halves counted, but one step at least; and with
    gradients, where each of the published model keeps some 6 GB."""
    steps_followed = 6  # that gradients are followed through, where a few will do

    # --- what a family says ------------------------------------------------------------------------------------------

    def told(self, text: Text, seconds: Tensor, sampling: Sampling) -> Told:
        """What the denoiser is told of takes of so many seconds (takes,): tensors of (branches x takes, ...), in the
        order of the rows."""
        raise NotImplementedError

    def denoise(self, latents: Tensor, times: Tensor, told: Told) -> Tensor:
        """What the denoiser predicts, (rows, width, frames), of scaled latents (rows, width, frames) at times
        (rows,)."""
        raise NotImplementedError

    def guide(self, scale: float) -> LinearGuidance:
        """Guidance for one take or batch of takes, from its first step on."""
        return LinearGuidance(scale)

    @property
    def latent_width(self) -> int:
        """Width of what is denoised."""
        raise NotImplementedError

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as the denoiser is told them, for takes of so many seconds."""
        return self.reader.read(prompts, seconds)

    def _read(self, takes: Takes) -> Text:
        """The prompts of finished takes."""
        return self.read_text(takes.prompts, self.frames_of(takes) / self.codec.frame_rate)

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        """Rows that may share a batch: all, where prompts are padded to one length."""
        return [list(range(len(prompts)))]

    def denoise_in(self, steps: int) -> None:
        """Play in so many steps from now on; what was measured or recorded before is another model's."""
        self.denoising_steps, self.solver = steps, self.solver.in_steps(steps)

    @property
    def shorter_is_cheaper(self) -> bool:
        """Whether a shorter take costs less to denoise."""
        return self.fixed_frames is None

    def in_steps(self, steps: int) -> Self:
        """The same modules, played in so many steps."""
        other = copy(self)
        other.denoise_in(steps)
        return other

    def nearest_steps(self, steps: int) -> Tensor:
        """For each of so many steps, which one here is nearest to it in denoising time (steps,)."""
        wanted = self.solver.in_steps(steps).times.double()
        return (wanted[:, None] - self.solver.times.double()).abs().argmin(1)

    # --- the denoiser ------------------------------------------------------------------------------------------------

    @property
    def latent_dtype(self) -> torch.dtype:
        """The precision of latents: single at least, because they are hundreds at first."""
        return torch.promote_types(self.dtype, torch.float32)

    def by_step(self, numbers: Tensor) -> Tensor:
        """One number a step (steps,), to multiply (takes, steps, width, frames) by."""
        return numbers.to(self.device, self.latent_dtype)[:, None, None]

    def _branches(self, latents: Tensor, first: int, sampling: Sampling, names: Sequence[str], *told: Tensor) -> Tensor:
        """(branches, takes, steps, width, frames), the conditional branch first, for latents (takes, steps, width,
        frames) of the steps from ``first`` on."""
        takes, steps = latents.shape[:2]
        here, branches = slice(first, first + steps), 2 if sampling.guidance > 1 else 1
        self.clock = replace(self.clock, first=first, steps=steps, frames=latents.shape[3])
        scaled = latents * self.by_step(self.solver.scales[here])
        rows = scaled.transpose(0, 1).flatten(0, 1).to(self.dtype).repeat(branches, 1, 1)
        times = self.solver.times[here].to(self.device).repeat_interleave(takes).repeat(branches)
        spread = {
            name: part.unflatten(0, (branches, 1, takes)).expand(-1, steps, -1, *part.shape[1:]).flatten(0, 2)
            for name, part in zip(names, told, strict=True)
        }
        skipped = self.skipped_attention() if branches == 2 else ()
        with prompted_rows(skipped, others_read=bool(sampling.negative)):
            found = self.denoise(rows, times, spread)
        canonical = found.to(self.latent_dtype).unflatten(0, (branches, steps, takes)).transpose(1, 2)
        return canonical.flip(0) if branches == 2 and self.order[0] == "uncond" else canonical

    def _few_steps(self, sampling: Sampling) -> list[int]:
        """The middles of so many equal stretches of the denoising; none, where all have to be followed."""
        steps, few = self.solver.steps, self.steps_followed
        if few >= steps or (sampling.guidance > 1 and self.guide(sampling.guidance).has_memory):
            return []
        return [(2 * index + 1) * steps // (2 * few) for index in range(few)]

    def _predict_few(self, latents: Tensor, told: Told, sampling: Sampling, takes: Takes, chosen: list[int]) -> Tensor:
        """What is predicted at the ``chosen`` steps, guidance merged; at the others, what was when the takes were
        played."""
        predicted = list(takes.state["predicted"].to(self.device, self.latent_dtype).unbind(1))
        guide = self.guide(sampling.guidance)
        for step in chosen:
            given = (latents[:, step : step + 1], step, sampling, tuple(told), *told.values())
            found = checkpoint(self._branches, *given, use_reentrant=True, preserve_rng_state=False)
            predicted[step] = guide(found[:, :, 0])
        return torch.stack(predicted, 1)

    def _predict(self, latents: Tensor, told: Told, sampling: Sampling) -> tuple[list[Tensor], Tensor]:
        """What is predicted at every step of latents (takes, steps, width, frames), guidance merged, a few steps at a
        time; and the latents in those parts.

        Steps do not depend on each other. So where there are several parts, none keeps what a backward pass needs, and
        each is computed again when it comes to it, after the codec's turn: memory is that of one part, or of the codec.
        """
        takes, branches = len(latents), 2 if sampling.guidance > 1 else 1
        together = self.rows_kept if torch.is_grad_enabled() else self.rows_together
        parts = list(latents.split(max(1, together // (takes * branches)), 1))
        if latents.requires_grad:
            parts = [part.detach().clone().requires_grad_() for part in parts]
        found, first, again = list[Tensor](), 0, torch.is_grad_enabled() and len(parts) > 1
        for part in parts:
            given = (part, first, sampling, tuple(told), *told.values())
            if again and any(isinstance(each, Tensor) and each.requires_grad for each in given):
                found.append(checkpoint(self._branches, *given, use_reentrant=True, preserve_rng_state=False))
            else:
                found.append(self._branches(*given))
            first += part.shape[1]
        guide = self.guide(sampling.guidance)
        return parts, torch.stack([guide(step) for step in torch.cat(found, 2).unbind(2)], 1)

    # --- playing -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        seconds: float,
        sampling: Sampling = Sampling(),
        hooks: Iterable[Hook] = (),
        *,
        decode: bool = True,
    ) -> Takes:
        """One take for each (prompt, seed) row, as one batch. Temperature and top-k have no meaning here."""
        if len(prompts) != len(seeds) or not seeds:
            raise ValueError("generate takes one seed for each prompt")
        frames, groups = self.frames(seconds), self.batches(prompts)
        asked = torch.full((len(seeds),), seconds, dtype=torch.float64)
        found: list[tuple[Tensor, Tensor]] = []
        with hooked(hooks), self.working_on(None):
            text = self.read_text(prompts, frames / self.codec.frame_rate)
            for group in groups:
                rows = None if len(groups) == 1 else torch.tensor(group)
                with self.working_on(rows):
                    found.append(
                        self._played(_rows(text, group), [seeds[row] for row in group], asked[group], sampling)
                    )
            back = torch.tensor([row for group in groups for row in group]).argsort()
            finished, predicted = (torch.cat(parts)[back.to(parts[0].device)] for parts in zip(*found, strict=True))
            waveform = torch.zeros(len(seeds), 0)
            if decode:
                waveform = self._sides(finished, frames).mean(1).float().cpu()
        return Takes(tuple(prompts), tuple(seeds), {"predicted": predicted.cpu(), "seconds": asked}, waveform)

    def _played(self, text: Text, seeds: Sequence[int], asked: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
        """The finished latents of takes that may share a batch, and what was predicted at every step."""
        told, guide = self.told(text, asked, sampling), self.guide(sampling.guidance)

        def predict(step: int, now: Tensor) -> Tensor:
            return guide(self._branches(now[:, None], step, sampling, tuple(told), *told.values())[:, :, 0])

        start, noise = self.noise(seeds, self.frames(float(asked[0])))
        path, predicted = self.solver.run(start, predict, noise)
        return path[:, -1], predicted

    def noise(self, seeds: Sequence[int], frames: int) -> tuple[Tensor, Tensor]:
        """First latents (takes, width, frames) and the noise of every step (takes, steps, width, frames), of takes of
        so many frames. Where lengths differ in what is denoised, a shorter take has the beginning of a longer one's."""
        steps, width = self.solver.steps, self.latent_width
        if self.fixed_frames:
            drawn = step_noise(seeds, steps, (width, self.fixed_frames))
        else:
            drawn = step_noise(seeds, steps, (frames, width)).transpose(2, 3)
        drawn = drawn.to(self.device, self.latent_dtype)
        return drawn[:, 0] * self.solver.start, drawn[:, 1:]

    def noise_of(self, takes: Takes) -> tuple[Tensor, Tensor]:
        """The noise that finished takes were made of, as :meth:`noise` gives it."""
        return self.noise(takes.seeds, self.frames_of(takes))

    def trajectory(self, takes: Takes) -> Tensor:
        """The latents of takes before every step and after the last: (takes, steps + 1, width, frames)."""
        predicted = takes.state["predicted"].to(self.device, self.latent_dtype)
        return self.solver.led_by(predicted, *self.noise_of(takes))

    @torch.no_grad()
    def predict(self, takes: Takes, sampling: Sampling, passes: int = 1) -> Takes:
        """Denoise again, asking the denoiser at a few steps only. In between, what a step's prediction amounts to
        changes by as much as at the step before.

        A replay of all steps costs as much as playing them, so a pass is ``ASKED_A_PASS`` steps, evenly spread; where
        that is all of them, the result is the edited generation itself.
        """
        if len(groups := self.batches(takes.prompts)) > 1:
            parts, rows = [], self.clock.rows
            for group in groups:
                here = torch.tensor(group)
                with self.working_on(here if rows is None else rows[here]):
                    parts.append(self.predict(takes.pick(group), sampling, passes))
            order = torch.tensor([row for group in groups for row in group])
            return Takes.join(parts).pick(order.argsort().tolist())
        steps, guide = self.solver.steps, self.guide(sampling.guidance)
        count = min(steps, max(1, passes * ASKED_A_PASS))
        asked = {int(step) for step in torch.linspace(0, steps - 1, count).round()} if count > 1 else {0}
        told = self.told(self._read(takes), takes.state["seconds"], sampling)
        path, before = self.trajectory(takes)[:, :-1], takes.state["predicted"].to(self.device, self.latent_dtype)
        skips, outs = self.by_step(self.solver.skips), self.by_step(self.solver.outs)
        finished, change = skips * path + outs * before, torch.zeros((), device=self.device, dtype=self.latent_dtype)

        def predict(step: int, now: Tensor) -> Tensor:
            nonlocal change
            if step not in asked:
                return (finished[:, step] + change - skips[step] * now) / outs[step]
            branches = self._branches(now[:, None], step, sampling, tuple(told), *told.values())
            found = guide(branches[:, :, 0])
            change = skips[step] * now + outs[step] * found - finished[:, step]
            return found

        start, noise = self.noise_of(takes)
        path, predicted = self.solver.run(start, predict, noise)
        waveform = self._sides(path[:, -1], self.frames_of(takes)).mean(1).float().cpu()
        return replace(takes, state={**takes.state, "predicted": predicted.cpu()}, waveform=waveform)

    # --- replaying ---------------------------------------------------------------------------------------------------

    def replay(
        self, takes: Takes, text: Text, sampling: Sampling, *, follow_inputs: bool = False, few_steps: bool = False
    ) -> Replay:
        """All steps of finished takes as rows, a few at a time; ``predicted`` is (takes, steps, width, frames)."""
        told = self.told(text, takes.state["seconds"], sampling)
        with torch.no_grad():
            latents = self.trajectory(takes)[:, :-1]
        if few_steps and not follow_inputs and (chosen := self._few_steps(sampling)):
            predicted = self._predict_few(latents, told, sampling, takes, chosen)
            return Replay(takes, text, sampling, predicted, followed=len(chosen) / self.solver.steps)
        if follow_inputs:
            latents.requires_grad_()
        parts, predicted = self._predict(latents, told, sampling)
        return Replay(takes, text, sampling, predicted, dict(enumerate(parts)) if follow_inputs else {})

    def run(self, takes: Takes, sampling: Sampling, locations: Iterable[Location]) -> Text:
        """Pass finished takes once through the networks that the locations are in, for the hooks there."""
        sites, text = {(location.network, location.name) for location in locations}, self._read(takes)
        if any(network == "denoiser" for network, _ in sites):
            self.replay(takes, text, sampling)
        if any(network == "codec" for network, _ in sites):
            sound = self._sound(self._sounded(self.trajectory(takes)[:, -1], self.frames_of(takes)))
            if ("codec", "encoder") in sites:
                self.clock = replace(self.clock, frames=self.frames_of(takes))
                self.codec.encode(sound)
        return text

    def expected(self, replay: Replay) -> tuple[Tensor, ...]:
        """The latents that the predictions lead to, on the noise of the takes: (takes, frames, width); some more frames
        than the take has, where the codec looks ahead."""
        path = self.solver.led_by(replay.predicted, *self.noise_of(replay.takes))
        return (self._sounded(path[:, -1], self.frames_of(replay.takes)).transpose(1, 2),)

    def latents(
        self, replay: Replay, anchor: Sequence[Tensor] | None = None, *, version: int = 0
    ) -> tuple[Tensor, ...]:
        """The finished latents (with a little noise, for a version above 0), and the gradient of where the predictions
        lead."""
        (expected,) = self.expected(replay)
        with torch.no_grad():
            finished = self._sounded(self.trajectory(replay.takes)[:, -1], self.frames_of(replay.takes)).transpose(1, 2)
            if version:
                frames = self.frames_of(replay.takes)
                moved = self._sounded(self.noise([version], frames)[0] / self.solver.start, frames)
                finished = finished + NEIGHBOURHOOD * moved.transpose(1, 2)
        return (finished + expected - (anchor[0] if anchor else expected.detach()),)

    def rollout(self, replay: Replay) -> Tensor:
        """What the latents of later steps pull at is where the predictions of earlier ones have led: the gradient of
        the solver.

        Raises ``ValueError`` for a replay without ``follow_inputs``."""
        if not replay.inputs:
            raise ValueError("a rollout needs a replay that follows its inputs")
        pulls = [torch.zeros_like(part) if part.grad is None else part.grad for part in replay.inputs.values()]
        for part in replay.inputs.values():
            part.grad = None
        with torch.enable_grad():
            predicted = replay.predicted.detach().requires_grad_()
            path = self.solver.led_by(predicted, *self.noise_of(replay.takes))
            return torch.autograd.grad(path[:, :-1], predicted, torch.cat(pulls, 1))[0]

    def log_likelihood(self, replay: Replay) -> Tensor:
        """How well each step predicts the finished take: minus the squared error of what it predicts, which is what
        the denoiser was trained to make small, mean over steps and width (takes, frames)."""
        with torch.no_grad():
            path = self.trajectory(replay.takes)
        skips, outs = self.by_step(self.solver.skips), self.by_step(self.solver.outs)
        wanted = (path[:, -1:] - skips * path[:, :-1]) / outs
        return -(replay.predicted - wanted).square().mean((1, 2))[:, : self.frames_of(replay.takes)]

    def frames_of(self, takes: Takes) -> int:
        """Whole frames of finished takes."""
        return self.frames(float(takes.state["seconds"][0]))

    # --- sound -------------------------------------------------------------------------------------------------------

    def _sounded(self, latents: Tensor, frames: int) -> Tensor:
        """Those of (takes, width, frames) that the codec works on for a take of so many frames."""
        return latents[..., : self.sounded_frames(frames)]

    def _sound(self, latents: Tensor) -> Tensor:
        """(takes, channels, samples) of the take, of the latents (takes, width, frames) that the codec works on."""
        sounded = latents.shape[2]
        self.clock = replace(self.clock, frames=sounded)
        return self.codec.sound(latents)[..., : self.heard_frames(sounded) * self.codec.hop]

    @torch.no_grad()
    def _sides(self, latents: Tensor, frames: int) -> Tensor:
        """(takes, channels, samples) of finished latents (takes, width, frames), a few takes at a time."""
        sounded, parts = self._sounded(latents, frames), []
        for rows in torch.arange(len(sounded)).split(DECODED_TOGETHER):
            with self.working_on(rows):
                parts.append(self._sound(sounded[rows.to(sounded.device)]))
        return torch.cat(parts)

    def decode(self, latents: Sequence[Tensor]) -> Tensor:
        """Waveform (takes, samples) of latents, the sides averaged; differentiable."""
        return self._sound(latents[0].transpose(1, 2)).mean(1)

    def channels(self, takes: Takes) -> Tensor:
        """Waveform (takes, channels, samples), as listeners hear it, on the CPU."""
        with torch.no_grad():
            return self._sides(self.trajectory(takes)[:, -1], self.frames_of(takes)).float().cpu()

    @torch.no_grad()
    def round_trip(self, waveform: Tensor) -> Tensor:
        """(takes, samples) through the codec and back, all sides alike."""
        samples = waveform.shape[1]
        whole = torch.nn.functional.pad(waveform, (0, -samples % self.codec.hop))
        latents = self.codec.encode(whole[:, None].expand(-1, self.codec.channels, -1))
        return self.codec.sound(latents).mean(1)[:, :samples]

    @property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""
        return self.codec.silence
