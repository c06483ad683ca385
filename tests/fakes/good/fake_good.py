"""A plugin as a stranger would write it."""

from dataclasses import dataclass

from vcat.abc import CacheBackend
from vcat.hookspecs import hookimpl


@dataclass(frozen=True)
class MemoryCacheBackend(CacheBackend):
    """Keep nothing; only the registration is of interest."""

    size: int = 0

    def get(self, key):
        return None

    def put(self, key, value):
        pass


@hookimpl
def vcat_cache_types():
    return {
        "fake.MemoryCacheBackend": MemoryCacheBackend,
        "fake.LazyCacheBackend": "fake_good:MemoryCacheBackend",
    }
