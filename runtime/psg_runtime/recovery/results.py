"""Results that were there before, to stand in for one that fails to come."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


class ResultCache:
    """The latest result of each key in this process; of more than ``most`` the one used longest ago is forgotten."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._results: OrderedDict[str, Any] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def get(self, key: str) -> Any:
        """Return the result of a key, ``None`` when there is none."""
        if key not in self._results:
            return None
        self._results.move_to_end(key)
        return self._results[key]

    def put(self, key: str, result: Any) -> None:
        """Keep the result of a key."""
        self._results[key] = result
        self._results.move_to_end(key)
        while len(self._results) > self._most:
            self._results.popitem(last=False)
