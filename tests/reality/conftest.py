"""The comparison takes minutes and ends its lab: it runs only when it is asked for by its marker."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "reality" in config.getoption("-m"):
        return
    left = [item for item in items if item.get_closest_marker("reality") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left
