"""``python -m psg_cli`` is ``psg``."""

from __future__ import annotations

from psg_cli.entry import main

if __name__ == "__main__":
    main()
