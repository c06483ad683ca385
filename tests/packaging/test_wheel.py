"""What is in the wheels."""

from __future__ import annotations

import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PACKAGES = {
    "vcat-core": "vcat",
    "vcat-backend-localfs": "vcat_backend_localfs",
    "vcat-deploy-localshell": "vcat_deploy_localshell",
    "vcat-cli": "vcat_cli",
    "vcat-all": None,
}

pytestmark = pytest.mark.slow


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _read(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(ending))
        return archive.read(name).decode()


def _metadata(wheel: Path) -> Message:
    return Parser().parsestr(_read(wheel, ".dist-info/METADATA"))


@pytest.mark.parametrize("distribution", _PACKAGES)
def test_a_wheel_has_its_package_and_nothing_else(
    distribution: str, wheels: dict[str, Path]
) -> None:
    """Every file of the package is shipped, and no test, cache or stray file."""
    package = _PACKAGES[distribution]
    source = _ROOT / distribution / "src"
    files = (source / package).rglob("*") if package else iter(())
    expected = {
        each.relative_to(source).as_posix()
        for each in files
        if each.is_file() and "__pycache__" not in each.parts
    }
    shipped = {each for each in _names(wheels[distribution]) if ".dist-info/" not in each}

    assert shipped == expected


@pytest.mark.parametrize("distribution", _PACKAGES)
def test_a_wheel_has_its_licence_and_description(
    distribution: str, wheels: dict[str, Path]
) -> None:
    """Who downloads a wheel reads there what it is and what he may do with it."""
    wheel = wheels[distribution]
    readme = (_ROOT / distribution / "README.md").read_text(encoding="utf-8")
    licence = (_ROOT / "LICENSE").read_text(encoding="utf-8")
    metadata = _metadata(wheel)

    assert metadata.get_payload().strip() == readme.strip()
    assert _read(wheel, "/LICENSE") == licence
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"


def test_plugins_are_found_through_entry_points(wheels: dict[str, Path]) -> None:
    """The names by which the core finds its own plugins, as it finds a stranger's."""
    points = {
        name: _read(wheel, ".dist-info/entry_points.txt").split("\n")
        for name, wheel in wheels.items()
        if name != "vcat-all"
    }

    assert "builtin=vcat._plugins.builtin" in points["vcat-core"]
    assert "localfs=vcat_backend_localfs._plugin" in points["vcat-backend-localfs"]
    assert "localshell=vcat_deploy_localshell._plugin" in points["vcat-deploy-localshell"]
    assert "vcat=vcat_cli:main" in points["vcat-cli"]


def test_the_core_requires_five_pure_distributions(wheels: dict[str, Path]) -> None:
    """The bundle carries the core's requirements, so each one more is sent with every job."""
    required = _metadata(wheels["vcat-core"]).get_all("Requires-Dist", [])
    names = {each.split(";")[0].split(">")[0].strip() for each in required if "extra" not in each}

    assert names == {"pluggy", "PyYAML", "dill", "importlib-metadata", "pathspec"}


def test_the_wheels_are_pure(wheels: dict[str, Path]) -> None:
    """A wheel built anywhere runs anywhere."""
    assert {each.name.split("-", 2)[2] for each in wheels.values()} == {"py3-none-any.whl"}


def test_no_wheel_knows_the_machine_that_built_it(wheels: dict[str, Path]) -> None:
    """No path of the building machine is in what users install."""
    home = str(_ROOT).encode()
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            assert [each for each in archive.namelist() if home in archive.read(each)] == []
