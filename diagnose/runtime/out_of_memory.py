"""Whether an error says that there is no more memory. Imports nothing: torch itself may be what finds no room."""

from __future__ import annotations

RAN_OUT = "the machine ran out of memory; ask for fewer takes or seconds, or bound diagnose, edit and ui with --memory."

HINTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "failed to map segment",
    "std::bad_alloc",
    "can't start new thread",
)
"""What torch, the loader of shared libraries, C++ and threads say, in lower case."""


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that there was no more memory."""
    while error is not None:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(hint in said for hint in HINTS):
            return True
        error = error.__cause__ or error.__context__
    return False
