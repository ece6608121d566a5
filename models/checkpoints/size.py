"""How large a model is, known before it is built, and whether its weights and the memory allow for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.nn.modules import module as torch_module

from tonescope.models.errors import TonescopeError

GIB = 2**30
# What a model may have beyond its file: tensors made anew (positions, windows), and parts registered twice.
SLACK, MORE_TENSORS, MORE_ELEMENTS = 4, 1_000, 2**26
_CGROUP = Path("/sys/fs/cgroup")


class _TooLarge(Exception):
    """A model under construction outgrew its weights."""


@contextmanager
def at_most(tensors: int, elements: int, refusal: str) -> Iterator[None]:
    """Within the block, modules may not be built that hold far more than so many tensors and elements.

    Their configuration may ask for a million layers: building ends as soon as it outgrows the weights. Other threads
    are left alone. Raises :class:`TonescopeError` with ``refusal``.
    """
    thread, most_modules = threading.get_ident(), SLACK * (SLACK * tensors + MORE_TENSORS)
    most_tensors, most_elements = SLACK * tensors + MORE_TENSORS, SLACK * elements + MORE_ELEMENTS
    seen = {"modules": 0, "tensors": 0, "elements": 0}

    def note(_: Any, __: str, added: Any) -> None:
        if threading.get_ident() != thread:
            return
        if isinstance(added, torch.Tensor):
            seen["tensors"] += 1
            seen["elements"] += added.numel()
        else:
            seen["modules"] += 1
        if seen["modules"] > most_modules or seen["tensors"] > most_tensors or seen["elements"] > most_elements:
            raise _TooLarge

    handles = [
        torch_module.register_module_parameter_registration_hook(note),
        torch_module.register_module_buffer_registration_hook(note),
        torch_module.register_module_module_registration_hook(note),
    ]
    try:
        yield
    except _TooLarge as error:
        raise TonescopeError(refusal) from error
    finally:
        for handle in handles:
            handle.remove()


def free_bytes(device: str | torch.device) -> int:
    """Bytes that can still be taken on a device; of main memory the least that system, container or process allows."""
    where = torch.device(device)
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    return min(int(psutil.virtual_memory().available), _container(), _process())


def _container() -> int:
    """What the control group of this process leaves (version 2, as mounted in a container)."""
    try:
        most = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return max(0, int(most) - used + int(cached.get("inactive_file", 0)))
    except (OSError, ValueError):  # no control group, or no bound ("max")
        return 2**62


def _process() -> int:
    """What the limit on the address space (``ulimit -v``) leaves."""
    try:
        import resource
    except ImportError:  # not on this system
        return 2**62
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return 2**62 if most == resource.RLIM_INFINITY else max(0, most - psutil.Process().memory_info().vms)


def check_memory(name: str, needed: int, parameters: int, dtype: torch.dtype, device: str | torch.device) -> None:
    """Raise :class:`TonescopeError` when weights of ``needed`` bytes exceed main memory or the device."""
    for place in dict.fromkeys(("cpu", str(device))):
        free = free_bytes(place)
        if needed > free:
            where = "on this machine" if torch.device(place).type == "cpu" else f"on {place}"
            half = " use --dtype bfloat16, which takes half, or" if dtype.itemsize > 2 else ""
            raise TonescopeError(
                f"{name} does not fit into memory: its {parameters / 1e6:,.1f} million parameters take "
                f"{needed / GIB:.3g} GiB "
                f"as {str(dtype).removeprefix('torch.')} and {free / GIB:.3g} GiB are free {where};{half} run "
                "where there is more."
            )
