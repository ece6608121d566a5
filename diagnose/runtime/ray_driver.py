"""The process that is connected to a Ray cluster, so that no other has to be.

It reads one order and then work items, and writes what came of them, as frames (length, pickle) on its standard input
and output. Whatever else would be printed, by Ray and its daemons, goes nowhere.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from tonescope.diagnose.runtime.work_items import Finished, ModelSpec, TakeSetting, WorkItem
from tonescope.models.errors import TonescopeError

LENGTH_BYTES = 8
POLL_SECONDS = 1.0
MOST_DEATHS = 3  # of workers in a row, without any item done in between
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}  # nothing is reported to anybody
GONE = "what was finished is kept; run the same command again."

Kind = Literal["workers", "next", "finished", "refused"]
"""What a frame of the driver says: how many workers there are, that one is idle, what is done, why nothing more is."""


@dataclass(frozen=True)
class Order:
    """What is to be done where: see :class:`tonescope.diagnose.runtime.ray_engine.RayEngine`."""

    spec: ModelSpec
    setting: TakeSetting
    address: str | None
    count: int | None
    memory_gib: float | None


def send(stream: IO[bytes], value: Any) -> None:
    """Write a frame."""
    data = pickle.dumps(value)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read a frame. Raises ``EOFError`` where the other end is gone."""
    head = stream.read(LENGTH_BYTES)
    data = stream.read(int.from_bytes(head, "little")) if len(head) == LENGTH_BYTES else b""
    if not data:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from the process that started this one, or from the one it started


def main() -> None:
    """Do as the order says, until there is nothing left to do or nobody left to ask."""
    reads, writes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    try:
        _drive(receive(reads), reads, writes)
    except TonescopeError as error:
        send(writes, ("refused", str(error)))
    except (EOFError, BrokenPipeError):
        pass  # who asked is gone
    except Exception as error:
        send(writes, ("refused", f"the Ray cluster failed ({type(error).__name__}: {first_line(error)}); {GONE}"))


def _drive(order: Order, reads: IO[bytes], writes: IO[bytes]) -> None:
    import ray

    where: dict[str, Any] = {"address": order.address} if order.address else {"address": "local"}
    if not order.address:
        where["include_dashboard"] = False
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise no_answer(order.address, error) from error

    def asked() -> WorkItem | None:
        send(writes, ("next", None))
        item: WorkItem | None = receive(reads)
        return item

    pool = _Pool(ray, order, iter(asked, None))
    pool.start()
    send(writes, ("workers", pool.count))
    for finished in pool.done():
        send(writes, ("finished", finished))
    writes.close()
    ray.shutdown()


def no_answer(address: str | None, error: Exception | None = None) -> TonescopeError:
    """That no cluster answers at an address, or that none can be started here."""
    why = f" ({first_line(error)})" if error and str(error) else ""
    if address is None:
        return TonescopeError(f"Ray cannot be started on this machine{why}; leave out --engine.")
    return TonescopeError(
        f"no Ray cluster answers at {address[:200]}{why}; start one with ray start --head, check the address (and set "
        "RAY_AUTH_MODE=token where the cluster asks for a token), or leave out --ray-address."
    )


def first_line(error: Exception) -> str:
    """What an error says first."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")


# --- the workers ------------------------------------------------------------------------------------------------------


class _Actor:
    """What runs on a worker: models opened there by their spec, and the worker of the setting on them."""

    def __init__(self, order: Order, neighbours: int) -> None:
        session = order.spec.open()
        self.worker = order.setting.worker(session, order.memory_gib or _part(session.generator.device, neighbours))
        self.worker.check(order.setting)

    def do(self, item: WorkItem) -> Finished | str:
        """What came of it, or why nothing did: an error of ours travels as its sentence."""
        try:
            return self.worker.do(item)
        except TonescopeError as error:
            return str(error)


def _part(device: Any, neighbours: int) -> float | None:
    """GiB that one of several workers of a machine may take; a GPU is a worker's own."""
    from tonescope.diagnose.runtime.memory import GIB, budget

    return None if device.type == "cuda" else budget(device).bytes / neighbours / GIB


@dataclass
class _Pool:
    """Workers, and what they are at.

    Attributes:
        ray: Ray's module, connected.
        order: what workers open.
        items: asked for the next one whenever a worker is idle.
        again: items whose worker died.
    """

    ray: Any
    order: Order
    items: Iterator[WorkItem]
    count: int = 0
    again: deque[WorkItem] = field(default_factory=deque)
    idle: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, WorkItem]] = field(default_factory=dict)
    deaths: int = 0
    spawn: Callable[[], Any] = field(init=False)

    def start(self) -> None:
        """Start the workers."""
        needs, self.count = self._needs()
        machines = sum(bool(node["Alive"]) for node in self.ray.nodes()) or 1
        actor, neighbours = self.ray.remote(**needs)(_Actor), -(-self.count // machines)
        self.spawn = lambda: actor.remote(self.order, neighbours)
        self.idle = [self.spawn() for _ in range(self.count)]

    def done(self) -> Iterator[Finished]:
        """What is done, as it comes."""
        while self._give():
            ready, _ = self.ray.wait(list(self.busy), timeout=POLL_SECONDS)
            for reference in ready:
                finished = self._taken(reference, *self.busy.pop(reference))
                if finished is not None:
                    yield finished

    def _needs(self) -> tuple[dict[str, Any], int]:
        """What each worker asks for, and how many there are."""
        resources = self.ray.cluster_resources()
        gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
        if self.order.spec.device.startswith("cuda"):
            if not gpus:
                raise TonescopeError("the Ray cluster has no GPU; add a machine with one, or use --device cpu.")
            return {"num_gpus": 1, "num_cpus": 1}, min(self.order.count or gpus, gpus)
        # One core each, and one thread: Ray sets OMP_NUM_THREADS to the cores that were asked for.
        return {"num_cpus": 1}, max(1, min(self.order.count or cores, cores))

    def _give(self) -> bool:
        """Give every idle worker an item; whether anything is under way."""
        while self.idle:
            item = self.again.popleft() if self.again else next(self.items, None)
            if item is None:
                break
            actor = self.idle.pop()
            self.busy[actor.do.remote(item)] = (actor, item)
        return bool(self.busy)

    def _taken(self, reference: Any, actor: Any, item: WorkItem) -> Finished | None:
        """What a worker gives back; nothing, where it died: then its item is done again, by a new one."""
        errors = self.ray.exceptions
        try:
            finished: Finished | str = self.ray.get(reference)
        except errors.RayActorError as error:
            if why := _refusal(error):
                raise TonescopeError(why) from error
            self.deaths += 1
            if self.deaths >= MOST_DEATHS:
                raise TonescopeError(
                    f"{self.deaths} workers died one after the other, most likely because the machine ran out of "
                    f"memory; ask for fewer --workers or bound each with --memory: {GONE}"
                ) from error
            self.again.append(item)
            self.idle.append(self.spawn())
            return None
        except errors.RayError as error:
            raise TonescopeError(f"the Ray cluster failed ({first_line(error)}); {GONE}") from error
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
    said, name = str(error), "TonescopeError: "
    return said.rpartition(name)[2].strip().splitlines()[0] if name in said else None
