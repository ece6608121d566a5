"""``tonescope`` and ``python -m tonescope``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported ends it as quietly as later."""
    try:
        from tonescope.ui.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: stopped by Ctrl-C; run the same command to start again.\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
