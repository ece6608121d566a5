"""Read and write hooks on plain torch modules, and nothing else.

Two verbs on a place (a module's first input, or its output): *read* it, or *write* what goes on instead. One context
manager puts hooks on and takes them off, and refuses to end quietly when one never fired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from tonescope.models.errors import TonescopeError

T = TypeVar("T")
Named = TypeVar("Named")


@dataclass(frozen=True)
class Place:
    """A module's first positional input, or its output (the first tensor of it, where it gives several).

    Attributes:
        module: the module; its forward must get the tensor by position.
        side: input or output.
        name: what error messages call it: the location, as a rule.
    """

    module: nn.Module
    side: Literal["input", "output"]
    name: str


@dataclass
class Hook:
    """What to do at a place.

    Attributes:
        place: where.
        action: gets the tensor there and gives its replacement, of the same shape, or ``None`` to leave it.
        fired: how often it was called.
    """

    place: Place
    action: Callable[[Tensor], Tensor | None]
    fired: int = 0


_depth: ContextVar[int] = ContextVar("depth", default=0)  # how many blocks of :func:`aside` are open


@contextmanager
def aside() -> Iterator[None]:
    """Suspend the hooks that are attached: within the block only hooks that are attached there fire."""
    token = _depth.set(_depth.get() + 1)
    try:
        yield
    finally:
        _depth.reset(token)


def read(place: Place, look: Callable[[Tensor], None]) -> Hook:
    """A hook that calls ``look`` with each tensor and changes nothing."""
    return Hook(place, look)


def write(place: Place, change: Callable[[Tensor], Tensor]) -> Hook:
    """A hook that puts ``change(tensor)``, of the same shape, in place of the tensor."""
    return Hook(place, change)


def _attach(hook: Hook) -> Any:
    depth = _depth.get()

    def act(tensor: Tensor) -> Tensor | None:
        if depth != _depth.get():
            return None
        hook.fired += 1
        changed = hook.action(tensor)
        if changed is not None and changed.shape != tensor.shape:
            raise ValueError(
                f"hook at {hook.place.name} turned shape {tuple(tensor.shape)} into {tuple(changed.shape)}"
            )
        return changed

    def before(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not inputs:
            raise TonescopeError(
                f"{hook.place.name} gets its input by name, which hooks do not see; "
                "report this model family as unsupported."
            )
        changed = act(inputs[0])
        return None if changed is None else (changed, *inputs[1:])

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, tuple):
            changed = act(output[0])
            return None if changed is None else (changed, *output[1:])
        return act(output)

    if hook.place.side == "input":
        return hook.place.module.register_forward_pre_hook(before)
    return hook.place.module.register_forward_hook(after)


@contextmanager
def hooked(hooks: Iterable[Hook]) -> Iterator[None]:
    """Attach ``hooks`` for the duration of the block.

    Raises:
        TonescopeError: a module is compiled, so that its hooks would be skipped; or a hook never fired, in a block that
            ended without another error.
        ValueError: an action changed the shape of a tensor.
    """
    hooks = list(hooks)
    for hook in hooks:
        if compiled(hook.place.module):
            raise TonescopeError(
                f"{hook.place.name} cannot be watched because the model was compiled and compiled code skips hooks; "
                "load the model without torch.compile."
            )
    handles = [_attach(hook) for hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    if silent := [hook.place.name for hook in hooks if not hook.fired]:
        shown = ", ".join(silent[:3]) + (f" and {len(silent) - 3} more" if len(silent) > 3 else "")
        raise TonescopeError(
            f"nothing passed through {shown} while it was being watched, so the result would be wrong; report this "
            "model family as unsupported."
        )


def shapes_at(places: Mapping[Named, Place], run: Callable[[], object]) -> dict[Named, torch.Size]:
    """The shape of what passes at each place while ``run`` runs, without gradients; the last, where several pass."""
    shapes = dict[Named, torch.Size]()

    def look(name: Named) -> Callable[[Tensor], None]:
        return lambda tensor: shapes.update({name: tensor.shape})

    with torch.no_grad(), hooked([read(place, look(name)) for name, place in places.items()]):
        run()
    return shapes


class _Enough(Exception):
    """Ends a pass in which everything that was wanted has been seen."""


def run_until(hooks: Iterable[Hook], run: Callable[[], T], enough: Callable[[], bool]) -> T | None:
    """Run a pass with ``hooks`` attached, and end it after the first hook by which there is ``enough``: what would come
    later is not computed. Gives what ``run`` gives, where it came to its own end first, otherwise ``None``.

    Raises as :func:`hooked` does.
    """

    def ending(hook: Hook) -> Hook:
        def act(tensor: Tensor) -> Tensor | None:
            changed = hook.action(tensor)
            if enough():
                raise _Enough
            return changed

        return Hook(hook.place, act)

    try:
        with hooked([ending(hook) for hook in hooks]):
            return run()
    except _Enough:
        return None


def compiled(module: nn.Module) -> bool:
    """Whether calls of a module go through compiled or scripted code, which skips hooks."""
    inside = vars(module)
    return (
        "_orig_mod" in module._modules
        or inside.get("_compiled_call_impl") is not None
        or hasattr(inside.get("forward"), "_torchdynamo_orig_callable")
        or isinstance(module, torch.jit.ScriptModule)
    )
