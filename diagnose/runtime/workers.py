"""All cores at work: groups of rows that share nothing are played side by side, each in a process of its own.

A step of a few rows is too small a piece of work to be shared between cores: a second OpenMP thread does nothing but
wait. So each worker plays its rows on its share of the threads. The caller is one worker; the others are copies of this
process, made by fork: they have its models without copying the weights, nobody sees another's hooks, edits, clocks or
caches, and they are gone when their takes are there. Python threads would not do: between the operations of a step they
wait for one interpreter as long as they compute. How rows are split changes takes as little as the size of a batch
does.

A copy has no thread but the one that made it. What another thread held at that moment, such as the lock of a module
that was being imported, is held forever there. So a copy that gives no answer for much longer than the caller needed is
ended, and the caller does its tasks.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import pickle
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
import torch
from torch import nn
from torch.nn.modules import module as torch_module

from tonescope.diagnose.runtime.idle_cores import idle_cores
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator

ASKED = "TONESCOPE_WORKERS"
"""The environment variable that says how many workers there are; 1 keeps all rows together."""
MOST_BYTES = 256 * 2**20  # of weights: larger ones are read from memory at every step, once for each worker
FEWEST_ROWS = 2  # for a worker: one row is played no faster than two, and copying the process takes a moment
FEW_ROWS = 8  # of a small model, which more threads than one play no faster
PATIENCE = 30.0  # seconds that a copy may need more than the caller
SLOWER = 5.0  # times that it may need longer: other programs may have its core

Result = TypeVar("Result")
Task = Callable[[], Result]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HARMLESS = ("transformers.", "diffusers.", "torch.nn.utils.", "tonescope.diagnose.runtime.stopping")
"""Where hooks are from that note nothing; a stop is noticed by the caller, who ends the others."""


# --- how many ---------------------------------------------------------------------------------------------------------


def most_workers(generator: Generator) -> int:
    """How many workers may play at once: as :data:`ASKED` says, or else as many as there are cores. One, where rows
    have to stay together; warns if more were asked for.

    Raises:
        TonescopeError: what the environment asks for is no number.
    """
    asked = _asked()
    if asked == 1:
        return 1
    if reason := together_reason(generator):
        if asked:
            warnings.warn(f"{generator.name} plays all takes in this process: {reason}.", stacklevel=2)
        return 1
    return asked or (cores() if small(generator) else 1)


def workers_now(generator: Generator, rows: int, most: int | None = None) -> int:
    """How many workers should play so many rows now: no more than ``most`` and :func:`most_workers`, and unless
    somebody asked for so many, no more than have :data:`FEWEST_ROWS` each, and than there are idle cores.

    Rows in two groups are more work than in one: where others want the cores, everybody would wait for longer.
    """
    allowed = min(rows, most or rows, most_workers(generator))
    allowed = allowed if _asked() else min(allowed, max(1, rows // FEWEST_ROWS))
    return allowed if allowed <= 1 or _asked() else max(1, min(allowed, idle_cores()))


def _asked() -> int | None:
    given = os.environ.get(ASKED, "").strip()
    if not given:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise TonescopeError(f"{ASKED} is “{given[:40]}”, which is no number of workers; set it to 1 or more.")
    return int(given)


def small(generator: Generator) -> bool:
    """Whether a model is on the CPU and so small that a step of a few rows is no work for several cores."""
    model = _module(generator)
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters()) if model else math.inf
    return generator.device.type == "cpu" and size <= MOST_BYTES


def _module(generator: Generator) -> nn.Module | None:
    """The model, where it is one of torch."""
    model = getattr(generator, "model", None)
    return model if isinstance(model, nn.Module) else None


def together_reason(generator: Generator) -> str | None:
    """Why all rows have to be played in this process; ``None`` where they need not.

    What somebody put on the modules would act in copies of the process: what it notes there would be lost.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return "this system cannot copy a process"
    if multiprocessing.current_process().daemon:
        return "it is a worker itself"
    if generator.device.type != "cpu" or torch.cuda.is_initialized():
        return "a GPU is at work"
    if generator.dtype.itemsize < torch.float32.itemsize:
        return "half precision makes takes depend on how many are played together"
    if any(getattr(torch_module, f"_global{hooks}", None) for hooks in _HOOKS):
        return "hooks are on every module there is"
    model = _module(generator)
    return next(_put_on(model), None) if model else "it is no module of torch"


def _put_on(model: nn.Module) -> Iterator[str]:
    """What somebody put on the modules of a model."""
    for name, module in model.named_modules():
        if "forward" in vars(module):
            yield f"the forward of {name or 'it'} was replaced"
        hooks = (hook for kind in _HOOKS for hook in (vars(module).get(kind) or {}).values())
        if any(not str(getattr(hook, "__module__", "")).startswith(_HARMLESS) for hook in hooks):
            yield f"somebody’s hooks are on {name or 'it'}"


def cores() -> int:
    """Physical cores that this process may use: no more than torch was told, than it is bound to, or than its control
    group grants."""
    logical = psutil.cpu_count() or 1
    siblings = max(1, logical // (psutil.cpu_count(logical=False) or logical))
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, int(min(torch.get_num_threads(), math.ceil(bound / siblings), granted())))


def granted(groups: Path = Path("/sys/fs/cgroup"), mine: Path = Path("/proc/self/cgroup")) -> float:
    """Cores that Linux' control groups grant this process; infinite where they limit nothing."""
    found = [math.inf]
    try:
        lines = mine.read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    for line in lines:
        _, kinds, own = line.split(":", 2)
        if kinds and "cpu" not in kinds.split(","):
            continue
        top = groups / kinds if kinds else groups
        # Inside a container the path may be the host's; then the group is the top of what is seen.
        for folder in (top / own.lstrip("/"), *(top / own.lstrip("/")).parents):
            found.append(_quota(folder))
            if folder == top:
                break
    return max(1.0, min(found))


def _quota(group: Path) -> float:
    """The cores that one control group grants, as either version of Linux' writes it."""
    names = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
    for files in names:
        try:
            quota, period = " ".join((group / name).read_text(encoding="utf-8") for name in files).split()
            return float(quota) / float(period) if quota not in ("max", "-1") else math.inf
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return math.inf


def split(rows: int, together: int, workers: int) -> list[slice]:
    """Rows as groups of about equal size, so many for each worker, of which all workers together hold no more than
    ``together`` rows at a time."""
    workers = max(1, min(workers, rows, together))
    if workers == 1:
        return [slice(start, min(rows, start + together)) for start in range(0, rows, together)]
    turns = math.ceil(rows / (workers * (together // workers)))
    groups = min(rows, workers * turns)
    bounds = [rows * index // groups for index in range(groups + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def threads_for(generator: Generator, parts: Sequence[slice], workers: int) -> int:
    """Threads of torch for each worker: its share of :func:`threads_now`, or one where it has a few rows of a small
    model, for then a second thread gains nothing."""
    if small(generator) and max((part.stop - part.start for part in parts), default=0) <= FEW_ROWS:
        return 1
    return max(1, threads_now() // max(1, min(workers, len(parts))))


def threads_now() -> int:
    """Threads of torch that have a core each, now; all, where somebody asked for a number of workers. With more, at
    every operation one would wait for another to get its core back."""
    most = torch.get_num_threads()
    return most if most == 1 or _asked() else max(1, min(most, idle_cores()))


# --- at work ----------------------------------------------------------------------------------------------------------


class _Helper(Generic[Result]):
    """A copy of this process that does some tasks, and nothing else.

    Raises:
        OSError: the system has no room for one more.
    """

    def __init__(self, tasks: Sequence[Task[Result]]) -> None:
        context = multiprocessing.get_context("fork")
        self.answers, answer = context.Pipe(duplex=False)
        self.stands = False  # it gave no answer
        self.process = context.Process(target=self._work, args=(tasks, answer), daemon=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the copy ignores it
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are not copied is what we want
                self.process.start()
        except OSError:
            self.answers.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            answer.close()

    def _work(self, tasks: Sequence[Task[Result]], answer: Connection) -> None:
        """In the copy: the result of each task, or the error that ends it. Ctrl-C is for the caller to hear."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # what is old stays shared with the caller
        self.answers.close()
        with suppress(BrokenPipeError):
            try:
                for task in tasks:
                    answer.send_bytes(pickle.dumps((task(), None)))
            except BrokenPipeError:
                raise
            except BaseException as error:
                answer.send_bytes(_packed(error))

    def result(self, task: Task[Result], patience: float) -> Result:
        """The result of the next task, waited for; what the task raised is raised. Without an answer it is done here,
        as are those after it."""
        if self.stands or not self.answers.poll(patience):
            if not self.stands:
                warnings.warn(
                    "a process that played some of the takes stood still; they are played again.", stacklevel=4
                )
                self.stands = True
                self.process.kill()
            return task()
        try:
            found, error = self.answers.recv()
        except (EOFError, OSError) as gone:
            raise TonescopeError(
                "a process that played some of the takes was ended from outside, perhaps for want of memory; set "
                f"{ASKED}=1, which needs less."
            ) from gone
        if error:
            raise error
        return found  # type: ignore[no-any-return]

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.answers.close()


def _packed(error: BaseException) -> bytes:
    """An error for the caller, with where it was raised; one that cannot be sent is told in words."""
    where = f"In a process of its own:\n{traceback.format_exc()}"
    error.add_note(where)
    try:
        packed = pickle.dumps((None, error))
        pickle.loads(packed)  # noqa: S301 - ours, of a moment ago
        return packed
    except Exception:
        return pickle.dumps((None, RuntimeError(where)))


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within the block torch computes on so many threads."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_parallel(
    tasks: Sequence[Task[Result]], workers: int, *, threads: int, done: Callable[[int], Any] = lambda _: None
) -> list[Result]:
    """The results of tasks that share nothing, in their order. What a task changes beside its result may be lost.

    An error in one reaches the caller, and all others are given up; so they are when the caller is interrupted.

    Args:
        workers: how many are at work at once; one does all of them here.
        threads: of torch, for each worker.
        done: told how many tasks are done.
    """
    count, results = max(1, min(workers, len(tasks))), list[Result]()
    with on_threads(threads), _helping(tasks, count) as helpers:
        for first in range(0, len(tasks), 1 + len(helpers)):
            mine, *others = tasks[first : first + 1 + len(helpers)]
            started = time.monotonic()
            results.append(mine())
            patience = PATIENCE + SLOWER * (time.monotonic() - started)
            results += [helper.result(task, patience) for helper, task in zip(helpers, others, strict=False)]
            done(len(results))
    return results


@contextmanager
def _helping(tasks: Sequence[Task[Result]], count: int) -> Iterator[list[_Helper[Result]]]:
    """All helpers beside the caller, at work on every task but the first of each turn; none, with a warning, where
    there is no room for a copy of this process."""
    helpers: list[_Helper[Result]] = []
    try:
        try:
            for first in range(1, count):
                helpers.append(_Helper(tasks[first::count]))
        except OSError as error:
            warnings.warn(f"all takes are played in one process: it could not be copied ({error}).", stacklevel=4)
            for helper in helpers:
                helper.end()
            helpers.clear()
        yield helpers
    finally:
        for helper in helpers:
            helper.end()
