"""A user's own backends, as a project has them, and the ways to get one wrong."""

from dataclasses import InitVar, dataclass, field
from pathlib import Path

from vcat.abc import CacheBackend


class Store(CacheBackend):
    def get(self, key):
        return None

    def put(self, key, value):
        pass


@dataclass(frozen=True)
class DataStore(Store):
    host: str
    port: int = 6379
    ratio: float = 0.5
    strict: bool = False
    password: str | None = None
    note: "str | None" = None


@dataclass(frozen=True)
class OddStore(Store):
    """Fields that are no JSON, are not given, or are not kept."""

    folder: Path
    seed: InitVar[int] = 0
    lock: object = field(default_factory=object)
    derived: int = field(init=False, default=1)

    def __post_init__(self, seed):
        object.__setattr__(self, "folder", Path(self.folder).absolute())


class PlainStore(Store):
    """No dataclass."""

    def __init__(self, url, token="", *, depth=1):
        self.url, self.token, self.depth = url, token, depth


class RefusingStore(Store):
    def __init__(self, url, password):
        raise ConnectionError(f"cannot log in to {url}\nwith {password}")


class GreedyStore(Store):
    def __init__(self, path, **options):
        pass


class WideStore(Store):
    def __init__(self, alpha, beta, gamma, delta, epsilon, zeta, eta):
        pass


class NoArgumentStore(Store):
    pass


class AbstractStore(CacheBackend):
    def get(self, key):
        return None


class NotABackend:
    pass


def function():
    pass
