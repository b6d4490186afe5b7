"""A fixture for tests that run event loops of their own; a conftest.py makes it its own by importing it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_running_loop() -> Iterator[None]:
    """Hide the event loop that Playwright's synchronous interface leaves running in a process of browser tests."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


@pytest.fixture(autouse=True)
def no_loop_of_another_test() -> Iterator[None]:
    with no_running_loop():
        yield
