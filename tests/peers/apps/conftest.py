"""The fixtures of whole programs that need packages of the extra `apps`, and Debian's Redis."""

from collections.abc import Iterator

import pytest
from appprogram import environment, relay, start
from redisserver import redis_server

__all__ = ["environment", "redis_url", "relay", "start"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that all tests here share; their keys and queues differ."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url
