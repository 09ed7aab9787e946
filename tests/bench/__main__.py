"""Entry of ``python tests/bench``; ``psg bench`` and ``make bench`` call it."""

from __future__ import annotations

import sys

from bench_main import main

if __name__ == "__main__":
    sys.exit(main())
