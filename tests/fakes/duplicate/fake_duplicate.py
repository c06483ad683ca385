"""A plugin that offers a type string of another one."""

from vcat.hookspecs import hookimpl


@hookimpl
def vcat_cache_types():
    return {"fake.MemoryCacheBackend": "fake_good:MemoryCacheBackend"}
