"""A stop is noticed inside a pass, by the thread it is meant for, and leaves the models as they were."""

from __future__ import annotations

from threading import Thread

import pytest
import torch

from tests import tiny
from tests.diagnose.report import shown
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import Playback, margin
from tonescope.diagnose.runtime.stopping import Stop, Stopped, stoppable
from tonescope.models.hooks import hooked, read


def test_a_generation_ends_within_a_step() -> None:
    session, stop, steps = shown.session(), Stop(), list[int]()
    generator = session.generator

    def count(_: torch.Tensor) -> None:
        steps.append(1)
        if len(steps) == 5:
            stop.ask()

    last = generator.location("decoder.2.residual")
    before = generator.generate(["house"], [1], 0.5)
    with pytest.raises(Stopped), stoppable(session, stop), hooked([read(generator.place(last), count)]):
        generator.generate(["house"], [1], 0.5)
    assert len(steps) == 5
    after = generator.generate(["house"], [1], 0.5)
    assert torch.equal(after.waveform, before.waveform)


def test_the_judge_is_stopped_as_well() -> None:
    session, stop = shown.session(), Stop()
    waveform = torch.zeros(2, 800)
    session.judge.logits(waveform, 1600)
    stop.ask()
    with pytest.raises(Stopped), stoppable(session, stop):
        session.judge.logits(waveform, 1600)
    session.judge.logits(waveform, 1600)


def test_a_backward_pass_is_stopped_and_else_gives_the_same() -> None:
    session, stop = shown.session(), Stop()
    context = session.context(shown.QUICK)
    takes = session.generator.generate(["house"], [1], 0.5)
    plain = margin(session.judge, "house")

    def asked_at_the_end(playback: Playback) -> torch.Tensor:
        value = plain(playback)
        stop.ask()
        return value

    before = attribute(context, takes, plain)
    with stoppable(session, Stop()):
        watched = attribute(context, takes, plain)
    assert all(torch.equal(watched.units[place], before.units[place]) for place in before.units)
    with pytest.raises(Stopped), stoppable(session, stop):
        attribute(context, takes, asked_at_the_end)
    again = attribute(context, takes, plain)
    assert all(torch.equal(again.units[place], before.units[place]) for place in before.units)


def test_what_is_computed_stays_as_it_is() -> None:
    session, stop = shown.session(), Stop()
    before = session.generator.generate(["house"], [1], 0.5)
    with stoppable(session, stop):
        assert torch.equal(session.generator.generate(["house"], [1], 0.5).waveform, before.waveform)
    modules = list(session.generator.model.modules())
    hooks = [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in modules]
    assert sum(hooks) == 0


def test_a_stop_in_the_first_check_of_a_generator_is_no_fault_of_it() -> None:
    session, stop = tiny.session(), Stop()
    stop.ask()
    with pytest.raises(Stopped), stoppable(session, stop):
        session.generator.generate(["house"], [1], 0.5)
    assert len(session.generator.generate(["house"], [1], 0.5)) == 1


def test_another_thread_goes_on() -> None:
    session, stop, heard = shown.session(), Stop(), list[torch.Tensor]()
    stop.ask()
    with stoppable(session, stop):
        other = Thread(target=lambda: heard.append(session.judge.logits(torch.zeros(1, 800), 1600)))
        other.start()
        other.join()
    assert len(heard) == 1


def test_asking_twice_is_asking_once() -> None:
    stop = Stop()
    stop.check()
    for _ in range(2):
        stop.ask()
    with pytest.raises(Stopped):
        stop.check()
