"""``tonescope`` and ``python -m tonescope``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; what goes wrong while it is still being imported ends it as plainly as later."""
    try:
        from tonescope.ui.cli import main as run
    except KeyboardInterrupt:
        sys.exit(_fail("stopped by Ctrl-C; run the same command to start again.", 2))
    except (MemoryError, OSError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        sys.exit(_fail(f"Tonescope cannot be loaded ({reason}); free some memory, or install it again.", 2))
    run()


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


if __name__ == "__main__":
    main()
