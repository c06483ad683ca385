"""Stands in for the local backends, which the configuration falls back to."""

import os
from dataclasses import dataclass

from vcat.abc import ArchiveBackend, CacheBackend, DeploymentBackend, ListingBackend
from vcat.hookspecs import hookimpl

BUILT = []


@dataclass(frozen=True)
class LocalFileSystemCacheBackend(CacheBackend):
    path: str

    def __post_init__(self):
        BUILT.append(self)
        object.__setattr__(self, "path", os.path.abspath(self.path))

    def get(self, key):
        return None

    def put(self, key, value):
        pass


@dataclass(frozen=True)
class LocalFileSystemPipelineArchive(ArchiveBackend):
    path: str

    def __post_init__(self):
        BUILT.append(self)
        object.__setattr__(self, "path", os.path.abspath(self.path))

    def store(self, job_name, name, data):
        pass

    def fetch(self, job_name, name):
        return None

    def names(self, job_name):
        return iter(())


@dataclass(frozen=True)
class LocalFileSystemPipelineListing(ListingBackend):
    path: str

    def __post_init__(self):
        BUILT.append(self)
        object.__setattr__(self, "path", os.path.abspath(self.path))

    def put(self, record):
        pass

    def records(self):
        return iter(())


@dataclass(frozen=True)
class LocalShellJobDeployment(DeploymentBackend):
    path: str | None = None
    python: str | None = None

    def submit(self, bundle):
        return ""

    def status(self, job_id):
        raise LookupError(job_id)

    def read(self, job_id, name, start=0, size=None):
        return None

    def cancel(self, job_id):
        pass


@hookimpl
def vcat_cache_types():
    return {"vcat.LocalFileSystemCacheBackend": "fake_local:LocalFileSystemCacheBackend"}


@hookimpl
def vcat_archive_types():
    return {"vcat.LocalFileSystemPipelineArchive": LocalFileSystemPipelineArchive}


@hookimpl
def vcat_listing_types():
    return {"vcat.LocalFileSystemPipelineListing": LocalFileSystemPipelineListing}


@hookimpl
def vcat_deployment_types():
    return {"vcat.LocalShellJobDeployment": LocalShellJobDeployment}
