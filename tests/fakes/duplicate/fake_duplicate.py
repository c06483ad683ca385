"""A plugin that offers a type string of another one."""

# ruff: noqa: D103 - what is registered matters here, not what it does

from vcat.hookspecs import hookimpl


@hookimpl
def vcat_cache_types():
    return {"fake.MemoryCacheBackend": "fake_good:MemoryCacheBackend"}
