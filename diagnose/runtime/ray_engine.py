"""Work items done by Ray: a worker is an actor that holds one pair of models; what travels are specs and results.

Ray (Moritz et al. 2018, arXiv 1712.05889) runs on this machine, or is reached by its address. A worker that dies is
replaced and its item done again. When the head of the cluster dies, Ray ends the process that is connected to it after
a minute, whatever that is doing; so the head is asked for its life while we wait, and the run ends before, in a
sentence. What was finished is kept, as always.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tonescope.diagnose.runtime.work_items import Finished, ModelSpec, TakeSetting, WorkItem
from tonescope.models.errors import TonescopeError

ANSWER_SECONDS = 5.0  # in which an address has to answer
POLL_SECONDS = 1.0
SILENT_POLLS = 3  # without an answer of the head, after which it counts as dead
LEAVE_SECONDS = 5.0  # that leaving a cluster may take
MOST_DEATHS = 3  # of workers in a row, without any item done in between
HERE = "local"  # address: a cluster of this machine alone, for the length of the run
CLIENT = "ray://"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}  # nothing is reported to anybody
GONE = "what was finished is kept; run the same command again."


class _Actor:
    """What runs on a worker: models opened there by their spec, and a :class:`.take_worker.TakeWorker` on them."""

    def __init__(self, engine: RayEngine, neighbours: int) -> None:
        from tonescope.diagnose.runtime.take_worker import TakeWorker

        session = engine.spec.open()
        self.worker = TakeWorker(session, engine.memory_gib or _part(session.generator.device, neighbours))
        self.worker.check(engine.setting)

    def do(self, item: WorkItem) -> Finished | str:
        """What came of it, or why nothing did: an error of ours travels as its sentence."""
        try:
            return self.worker.do(item)
        except TonescopeError as error:
            return str(error)

    def process(self) -> int:
        """The id of its process."""
        return os.getpid()


def _part(device: Any, neighbours: int) -> float | None:
    """GiB that one of several workers of a machine may take; a GPU is a worker's own."""
    from tonescope.diagnose.runtime.memory import GIB, budget

    return None if device.type == "cuda" else budget(device).bytes / neighbours / GIB


@dataclass
class RayEngine:
    """On Ray.

    Attributes:
        spec: how a worker opens its models.
        setting: what they have to be.
        address: of a running cluster (``host:6379``, ``ray://host:10001``, ``auto``); a cluster of this machine alone
            if absent.
        count: workers; one a GPU, or where there are none one a core, if absent.
        memory_gib: that each worker may take beside its models.
    """

    spec: ModelSpec
    setting: TakeSetting
    address: str | None = None
    count: int | None = None
    memory_gib: float | None = None
    workers: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        self.spec = replace(self.spec, **{name: _absolute(getattr(self.spec, name)) for name in PLACES})

    def run(self, items: Iterator[WorkItem]) -> Iterator[Finished]:
        """Do items; see :class:`tonescope.diagnose.runtime.engine.Engine`."""
        first = next(items, None)
        if first is None:
            return
        with _cluster(self.address) as cluster:
            pool = _Pool(self, cluster, deque([first]), items)
            yield from pool.done()


PLACES = ("model", "judge", "adapter")


def _absolute(name: str | None) -> str | None:
    """A folder by its whole path: workers start elsewhere."""
    return str(Path(name).expanduser().resolve()) if name and Path(name).expanduser().is_dir() else name


# --- the cluster ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cluster:
    """A cluster that answers: Ray's module, and where its head listens."""

    ray: Any
    head: tuple[str, int]

    def lives(self) -> bool:
        """Whether the head accepts a connection."""
        return _answers(self.head, POLL_SECONDS)


@contextmanager
def _cluster(address: str | None) -> Iterator[_Cluster]:
    """Connect to a cluster, and leave it when the block ends.

    Raises:
        TonescopeError: Ray is not installed, the address does not answer, or what answers is no Ray.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    try:
        import ray
    except ImportError as error:
        raise TonescopeError(
            'Ray is not installed, so nothing can be run on it; pip install "tonescope[ray]", or leave out --engine.'
        ) from error
    if address is not None and address != "auto" and not _answers(_place(address), ANSWER_SECONDS):
        raise _no_answer(address)
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL, "ignore_reinit_error": False}
    where: dict[str, Any] = {"address": HERE, "include_dashboard": False} if address is None else {"address": address}
    _silence(ray)
    try:
        context = ray.init(**where, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise _no_answer(address or HERE, error) from error
    try:
        known = getattr(context, "address_info", None) or {}
        head = address if address and address.startswith(CLIENT) else known.get("gcs_address")
        yield _Cluster(ray, _place(str(head)))
    finally:
        _leave(ray)


def _silence(ray: Any) -> None:
    """Keep Ray from printing what its daemons say (a worker died) to standard output, as it does whatever it was told
    of logs: JSON goes there, and we say ourselves what matters."""
    with suppress(AttributeError):
        if hasattr(ray._private.worker, "print_to_stdstream"):
            ray._private.worker.print_to_stdstream = lambda *_, **__: None


def _no_answer(address: str, error: Exception | None = None) -> TonescopeError:
    why = f" ({str(error).splitlines()[0][:200]})" if error and str(error) else ""
    if address == HERE:
        return TonescopeError(f"Ray cannot be started on this machine{why}; leave out --engine.")
    return TonescopeError(
        f"no Ray cluster answers at {address[:200]}{why}; start one with ray start --head, check the address (and set "
        "RAY_AUTH_MODE=token where the cluster asks for a token), or leave out --ray-address."
    )


def _place(address: str) -> tuple[str, int]:
    """Host and port. Raises :class:`TonescopeError` for what is no address."""
    host, _, port = address.removeprefix(CLIENT).partition("/")[0].rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise TonescopeError(
            f"“{address[:60]}” is no address of a Ray cluster; write host:port as ray start --head says it, or "
            "ray://host:port."
        )
    return host.strip("[]"), int(port)


def _answers(place: tuple[str, int], seconds: float) -> bool:
    try:
        with socket.create_connection(place, timeout=seconds):
            return True
    except OSError:
        return False


def _leave(ray: Any) -> None:
    """Disconnect. Of a head that is dead that takes for ever, so it is waited for a while only."""
    leaving = threading.Thread(target=lambda: _quietly(ray.shutdown), daemon=True)
    leaving.start()
    leaving.join(LEAVE_SECONDS)
    if leaving.is_alive():  # else the end of the process would wait for it again
        _quietly(lambda: atexit.unregister(ray._private.worker.shutdown))


def _quietly(act: Any) -> None:
    with suppress(Exception):
        act()


# --- the workers ------------------------------------------------------------------------------------------------------


@dataclass
class _Pool:
    """Workers, and what they are at."""

    engine: RayEngine
    cluster: _Cluster
    again: deque[WorkItem]
    items: Iterator[WorkItem]
    idle: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, WorkItem]] = field(default_factory=dict)
    deaths: int = 0
    silent: int = 0
    start: Callable[[], Any] = field(init=False)

    def done(self) -> Iterator[Finished]:
        """What is done, as it comes."""
        ray = self.cluster.ray
        resources = ray.cluster_resources()
        kind, count = self._kind(resources)
        self.engine.workers = count
        machines = sum(bool(node["Alive"]) for node in ray.nodes()) or 1
        remote, neighbours = ray.remote(**kind)(_Actor), -(-count // machines)
        self.start = lambda: remote.remote(self.engine, neighbours)
        self.idle = [self.start() for _ in range(count)]
        while self._give():
            ready, _ = ray.wait(list(self.busy), timeout=POLL_SECONDS)
            self._listen(bool(ready))
            for reference in ready:
                actor, item = self.busy.pop(reference)
                finished = self._taken(reference, actor, item)
                if finished is not None:
                    yield finished

    def _kind(self, resources: dict[str, float]) -> tuple[dict[str, Any], int]:
        """What each worker asks for, and how many there are."""
        gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
        if self.engine.spec.device.startswith("cuda"):
            if not gpus:
                raise TonescopeError("the Ray cluster has no GPU; add a machine with one, or use --device cpu.")
            return {"num_gpus": 1, "num_cpus": 1, "max_restarts": 0}, self.engine.count or gpus
        # One core each, and one thread: Ray sets OMP_NUM_THREADS to the cores that were asked for.
        return {"num_cpus": 1, "max_restarts": 0}, min(self.engine.count or cores, max(cores, 1))

    def _give(self) -> bool:
        """Give every idle worker an item; whether anything is under way."""
        while self.idle:
            item = self.again.popleft() if self.again else next(self.items, None)
            if item is None:
                break
            actor = self.idle.pop()
            self.busy[actor.do.remote(item)] = (actor, item)
        return bool(self.busy)

    def _listen(self, heard: bool) -> None:
        """Count how long the head has been silent. Raises :class:`TonescopeError` when it is dead."""
        if heard:
            self.silent = 0
        elif not self.cluster.lives():
            self.silent += 1
        else:
            self.silent = 0
        if self.silent >= SILENT_POLLS:
            raise TonescopeError(f"the head of the Ray cluster no longer answers; start it again: {GONE}")

    def _taken(self, reference: Any, actor: Any, item: WorkItem) -> Finished | None:
        """What a worker gives back; nothing, where it died: then its item is done again, by a new one."""
        errors = self.cluster.ray.exceptions
        try:
            finished: Finished | str = self.cluster.ray.get(reference)
        except errors.RayActorError as error:
            if why := _refusal(error):
                raise TonescopeError(why) from error
            self.deaths += 1
            self.again.append(item)
            if not self.cluster.lives():
                raise TonescopeError(f"the head of the Ray cluster died; start it again: {GONE}") from error
            if self.deaths >= MOST_DEATHS:
                raise TonescopeError(
                    f"{self.deaths} workers died one after the other, most likely because the machine ran out of "
                    f"memory; ask for fewer --workers or bound each with --memory: {GONE}"
                ) from error
            self.idle.append(self.start())
            return None
        except errors.RayError as error:
            raise TonescopeError(f"the Ray cluster failed ({_first_line(error)}); {GONE}") from error
        if isinstance(finished, str):
            raise TonescopeError(finished)
        self.deaths = 0
        self.idle.append(actor)
        return finished


def _refusal(error: Exception) -> str | None:
    """Why models could not be opened on a worker, where the error of an actor's start says so."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TonescopeError):
            return str(cause)
        if isinstance(cause, ModuleNotFoundError):
            return f"a machine of the Ray cluster lacks Tonescope ({cause.name}); install the same version on all."
        cause = getattr(cause, "cause", None) or cause.__cause__
    said = str(error)
    name = "TonescopeError: "
    return said.rpartition(name)[2].strip().splitlines()[0] if name in said else None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
