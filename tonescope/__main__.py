"""``python -m tonescope``."""

from .ui.cli import main

main()
