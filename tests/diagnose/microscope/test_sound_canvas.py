from __future__ import annotations

import torch

from tests import tiny
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas, UsualSound, istft, stft
from tonescope.models.units import Location

RATE = 1600


def usual() -> UsualSound:
    torch.manual_seed(0)
    return UsualSound.of(0.1 * torch.randn(4, RATE), RATE)


def canvas(seeds: list[int], start: torch.Tensor | None = None) -> SoundCanvas:
    sight = Sight.at(tiny.generator(), tiny.judge(), [Location.parse("judge.0.mlp")])
    return SoundCanvas(sight, usual(), seeds, 800, start)


def test_a_spectrogram_gives_its_sound_back() -> None:
    sound = torch.randn(2, 800)
    assert torch.allclose(istft(stft(sound, RATE), RATE, 800), sound, atol=1e-4)


def test_a_canvas_that_starts_from_a_sound_is_that_sound() -> None:
    start = 0.05 * torch.randn(2, 800)
    assert torch.allclose(canvas([1, 2], start).sound(), start, atol=1e-3)


def test_its_level_is_the_usual_one_and_no_band_is_beyond_the_ceiling() -> None:
    paper = canvas([1, 2])
    with torch.no_grad():
        paper.parameters *= 100
    assert torch.allclose(paper.sound().square().mean(1).sqrt(), torch.full((2,), usual().level), rtol=1e-3)
    assert float(paper.spectrogram().abs().max()) <= 4.0


def test_rows_do_not_depend_on_the_others_in_their_batch() -> None:
    both, alone = canvas([1, 2]), canvas([2])
    seen, single = (one.look(3, 9).seen[Location.parse("judge.0.mlp")] for one in (both, alone))
    assert torch.allclose(seen[1], single[0], atol=1e-5)


def test_it_is_seen_otherwise_at_every_step() -> None:
    paper, here = canvas([1]), Location.parse("judge.0.mlp")
    assert not torch.allclose(paper.look(0, 9).seen[here], paper.look(1, 9).seen[here])


def test_a_band_far_above_the_usual_costs() -> None:
    paper = canvas([1, 2])
    with torch.no_grad():
        paper.parameters.fill_(0.01)
        paper.parameters[0, :, 5] = 3.0
    loud, even = paper.look(0, 9).penalty.tolist()
    assert loud > even == 0
