"""One Chromium and one platform per file of tests; without Chromium these tests are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from console_browser import NAMES, Console, chromium, running_chromium, running_console


@pytest.fixture(scope="module")
async def console(neo4j_server: Any, anyio_backend: str) -> AsyncIterator[Console]:
    """The console of an API that asks nobody who they are."""
    if chromium() is None:
        pytest.skip(f"no Chromium here ({', '.join(NAMES)}): Debian and Ubuntu have it as the package chromium")
    async with neo4j_server.database() as db, running_chromium() as browser, running_console(db, browser) as running:
        yield running
