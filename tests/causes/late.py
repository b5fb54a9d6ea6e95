"""The cloud with something that happens at the last moment: after nmigrate's last look, before its order arrives."""

from collections.abc import Callable
from typing import Any

from nmigrate.cloud import api


class Late:
    """Everything is passed on. `before["migrate"]` happens once, just before that call; `instead` replaces it."""

    def __init__(self, cloud: api.Cloud) -> None:
        self.cloud = cloud
        self.before: dict[str, Callable[[], object]] = {}
        self.instead: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        found = self.instead.get(name) or getattr(self.cloud, name)
        if name not in self.before:
            return found

        def late(*args: Any, **kwargs: Any) -> Any:
            happen = self.before.pop(name, None)
            if happen is not None:
                happen()
            return found(*args, **kwargs)

        return late
