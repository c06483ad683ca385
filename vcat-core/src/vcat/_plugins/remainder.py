"""What is left of a configuration of which something is wrong, for who looks on all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vcat._plugins.configuration import Configuration, gather, load
from vcat._plugins.inheritance import inherited
from vcat._plugins.problem import Problems
from vcat._plugins.reference import nearest
from vcat._plugins.resolution import bind_all
from vcat._plugins.schema import KEYS
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._plugins.binding import Binding

#: What says by what, and with which variables, a job would be run.
_SURROUNDINGS = frozenset({"deployment_implementation", "run_script_environment"})


class Remainder(NamedTuple):
    """A configuration, and what is wrong with it.

    Attributes:
        configuration: What can be used of it, with the defaults in the place of what cannot.
        errors: What is wrong with the rest.
        names_surroundings: Whether it says where a job would run, and in which environment.
    """

    configuration: Configuration
    errors: tuple[VcatError, ...] = ()
    names_surroundings: bool = True


def load_remainder(directory: str) -> Remainder:
    """Return what can be used of the configuration for scripts that run in *directory*.

    All its backends can be built.
    """
    problems, lost = Problems(), set[str]()
    if inherited(directory) is None:
        configuration, lost = gather(directory, None, problems)
    else:
        configuration = load(directory)
    try:
        problems.raise_any()
        configuration.freeze()
    except VcatError as error:
        return _without_faults(directory, configuration, error, lost)
    return Remainder(configuration)


def _without_faults(
    directory: str, configuration: Configuration, error: VcatError, lost: set[str]
) -> Remainder:
    errors = {str(error): error}
    told = str(error).split("\n")
    sound: dict[str, Binding] = {}
    for slot, binding in configuration.bindings.items():
        try:
            binding.build()
        except VcatError as fault:
            if str(fault) not in told:
                errors[str(fault)] = fault
        else:
            sound[slot] = binding
    meant = {each if each in KEYS else nearest(each, list(KEYS)) for each in lost}
    return Remainder(
        Configuration(
            bind_all(directory, {}, None, Problems()) | sound,
            bundle_name=configuration.bundle_name,
            target_path=configuration.target_path,
            environment=configuration.environment,
            log_level=configuration.log_level,
            default_cache_enabled=configuration.default_cache_enabled,
        ),
        tuple(errors.values()),
        "deployment" in sound and _SURROUNDINGS.isdisjoint(meant),
    )
