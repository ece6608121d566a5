"""Work items done by Ray: a worker is an actor that holds one pair of models; what travel are specs and results.

Ray (Moritz et al. 2018, arXiv 1712.05889) runs on this machine, or is reached by its address. A worker that dies is
replaced and its item done again. When the head of a cluster dies, Ray ends the process that is connected to it, sooner
or later and with whatever exit code; so that process is another one (:mod:`.ray_driver`). This one asks the head for
its life meanwhile, and says in a sentence what became of it. What was finished is kept, as always.
"""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from tonescope.diagnose.runtime.ray_driver import GONE, Order, no_answer, receive, send
from tonescope.diagnose.runtime.work_items import Finished, ModelSpec, TakeSetting, WorkItem
from tonescope.models.errors import TonescopeError

ANSWER_SECONDS = 5.0  # in which an address has to answer
POLL_SECONDS = 2.0
SILENT_POLLS = 2  # without an answer of the head, after which it counts as dead
LEAVE_SECONDS = 10.0  # that leaving a cluster may take
CLIENT = "ray://"
AUTO = "auto"  # the address of whatever cluster this machine is in
PLACES = ("model", "judge", "adapter", "second")
FILES = ("labels", "calibration", "steer")
START = "import sys; sys.path[:] = {path!r}; from tonescope.diagnose.runtime.ray_driver import main; main()"


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
        places: dict[str, Any] = {name: _absolute(getattr(self.spec, name)) for name in PLACES}
        places |= {name: _absolute_file(getattr(self.spec, name)) for name in FILES}
        self.spec = replace(self.spec, **places)

    def run(self, items: Iterator[WorkItem], under_way: object = None) -> Iterator[Finished]:
        """Do items; see :class:`tonescope.diagnose.runtime.engine.Engine`. How far one is is not known here."""
        first = next(items, None)
        if first is None:
            return
        self._check()
        driver = _Driver(Order(self.spec, self.setting, self.address, self.count, self.memory_gib), self._head())
        waiting = [first]
        try:
            for kind, value in driver.frames():
                if kind == "workers":
                    self.workers = value
                elif kind == "next":
                    driver.tell(waiting.pop() if waiting else next(items, None))
                elif kind == "refused":
                    raise TonescopeError(value)
                else:
                    yield value
        finally:
            driver.leave()

    def _check(self) -> None:
        """Refuse what would not run, before anything is started. Raises :class:`TonescopeError`."""
        if ("ray" not in sys.modules and find_spec("ray") is None) or sys.modules.get("ray", ...) is None:
            raise TonescopeError(
                'Ray is not installed, so nothing can run on it; pip install "tonescope[ray]", or leave out --engine.'
            )
        if (head := self._head()) and not _answers(head, ANSWER_SECONDS):
            raise no_answer(self.address)

    def _head(self) -> tuple[str, int] | None:
        return None if self.address in (None, AUTO) else _place(str(self.address))


def _absolute(name: str | None) -> str | None:
    """A folder by its whole path: workers start elsewhere."""
    return str(Path(name).expanduser().resolve()) if name and Path(name).expanduser().is_dir() else name


def _absolute_file(name: str | None) -> str | None:
    """A file by its whole path. What has no ending is a name, and no file."""
    is_file = name and Path(name).suffix and Path(name).expanduser().is_file()
    return str(Path(str(name)).expanduser().resolve()) if is_file else name


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


class _Driver:
    """The process that is connected to the cluster, seen from here.

    Args:
        order: what it is to do.
        head: where the head of the cluster listens, where that is known: it is asked for its life.
    """

    def __init__(self, order: Order, head: tuple[str, int] | None) -> None:
        self.head = head
        start = [sys.executable, "-c", START.format(path=[path or str(Path.cwd()) for path in sys.path])]
        self.process = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._told: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.tell(order)

    def tell(self, value: Any) -> None:
        """Send it something; whether it is still there is seen in :meth:`frames`."""
        with suppress(OSError):
            send(self._stream(self.process.stdin), value)

    def frames(self) -> Iterator[tuple[str, Any]]:
        """What it says, until it is done.

        Raises:
            TonescopeError: it is gone, or the head of the cluster is.
        """
        silent = 0
        while True:
            try:
                said = self._told.get(timeout=POLL_SECONDS)
            except queue.Empty:
                silent = 0 if self.head is None or _answers(self.head, POLL_SECONDS) else silent + 1
                if silent >= SILENT_POLLS:
                    raise TonescopeError(
                        f"the head of the Ray cluster no longer answers; start it again: {GONE}"
                    ) from None
                continue
            if said is not None:
                silent = 0
                yield said
            elif self.process.wait() == 0:
                return
            else:
                raise TonescopeError(f"the Ray cluster was lost; start it again: {GONE}")

    def leave(self) -> None:
        """End it: it leaves the cluster by itself once nobody talks to it."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError, ValueError):
                self._stream(stream).close()
        try:
            self.process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _listen(self) -> None:
        with suppress(EOFError, OSError, ValueError):
            while True:
                self._told.put(receive(self._stream(self.process.stdout)))
        self._told.put(None)

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise ValueError("a driver without pipes")
        return stream
