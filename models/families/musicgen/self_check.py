"""A short take, played and replayed before the first generation, proves that clock and replay are what they say.

Edits with seconds, traces and every estimate rest on two things that a release of transformers can take away without a
word: that the clock counts the steps of a generation, and that a replay sees what the generation saw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tonescope.models import versions
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import delay
from tonescope.models.hooks import aside, hooked, read
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.models.families.musicgen.musicgen import MusicGen
    from tonescope.models.generator import Sampling

Tick = tuple[int, int, int]  # clock.start, clock.prefix, and the length of the tensor that came by
# Rounding parts the two by 1e-6 in single precision; where the past is lost, most of the sum is.
ALLOWED, ALLOWED_HALF = 1e-2, 0.25


def once(generator: MusicGen, prompt: str, sampling: Sampling) -> None:
    """:func:`check` a generator before its first take, and not again once it passed."""
    if generator.checked:
        return
    generator.checked = True  # the short take is not checked in its turn
    try:
        check(generator, prompt, sampling)
    except BaseException:
        generator.checked = False
        raise


def check(generator: MusicGen, prompt: str, sampling: Sampling) -> None:
    """Play a few frames and replay them, unseen by any hook that is on already.

    Raises :class:`TonescopeError` when that ends in an error, when the clock does not count the steps, or when the
    replay sees something else.
    """
    try:
        _compare(generator, prompt, sampling)
    except (TonescopeError, MemoryError):
        raise
    except Exception as error:  # what a release changed may show anywhere
        if "memory" in str(error).lower():
            raise
        reason = f"{type(error).__name__} {str(error).strip().partition(chr(10))[0][:200]}".rstrip(" .")
        raise _refused(generator, f"a short take ends in an error ({reason})") from error


def _compare(generator: MusicGen, prompt: str, sampling: Sampling) -> None:
    frames = delay.shortest(generator.delay)
    positions = delay.positions_for(frames, generator.delay)
    with aside(), torch.no_grad():
        steps, takes = _watched(
            generator,
            lambda: generator.generate([prompt], [0], frames / generator.frame_rate, sampling, decode=False),
        )
        whole, _ = _watched(
            generator, lambda: generator.hidden(takes.state["codes"], generator.read_text([prompt]), sampling.guidance)
        )
    (_, prefix, _), replayed = whole[0]
    steps = steps[-positions:]  # transformers may play the first step twice
    ticks = [tick for tick, _ in steps]
    if ticks != _due(positions, prefix):
        shown = ", ".join(str(start) for start, _, _ in ticks)
        stood = f"the clock stood at {shown} where it should count the steps from 0 to {positions - 1}"
        raise _refused(generator, f"{stood}, so edits and traces would be wrong")
    played = torch.cat([tensor[:, -1:] for _, tensor in steps], dim=1)
    apart = _apart(played, replayed[:, -positions:])
    if not apart <= (ALLOWED_HALF if played.element_size() < 4 else ALLOWED):
        sees = f"a replay sees something else than the generation did ({100 * apart:.0f} % off)"
        raise _refused(generator, f"{sees}, so edits and traces would be wrong")


def _watched(generator: MusicGen, run: Any) -> tuple[list[tuple[Tick, Tensor]], Any]:
    """What came by at the last layer's self-attention, whose heads see all of the past, while ``run`` ran; and what
    it gave.

    Each tensor is (rows, positions, width), beside what the clock showed.
    """
    seen: list[tuple[Tick, Tensor]] = []

    def look(tensor: Tensor) -> None:
        clock = generator.clock
        seen.append(((clock.start, clock.prefix, tensor.shape[1]), tensor.detach().clone()))

    with hooked([read(generator.place(Location("decoder", generator.layers - 1, "self")), look)]):
        done = run()
    return seen, done


def _due(positions: int, prefix: int) -> list[Tick]:
    """What a clock that runs shows: one position a step, and a prompt that is a prefix before the first."""
    return [(step, prefix, prefix + 1) if step == 0 else (step, 0, 1) for step in range(positions)]


def _apart(one: Tensor, other: Tensor) -> float:
    """How far two tensors of one shape are apart, as a share of the second."""
    one, other = one.float(), other.float()
    return float((one - other).norm() / other.norm().clamp_min(1e-12))


def _refused(generator: MusicGen, what: str) -> TonescopeError:
    running = " and ".join(f"{name} {version}" for name, version in versions.running().items())
    return TonescopeError(f"{generator.name} cannot be trusted on {running}: {what}; {versions.remedy()}.")
