"""Wrong caches, each with what its suite must find."""

from __future__ import annotations

from pathlib import Path

import right

_memory: dict[tuple[str, str], bytes] = {}


class Right(right.RightCache):
    """Nothing is wrong with it."""

    fails = set()


class AcceptsAnything(right.AcceptsAnything, right.RightCache):
    """Swallows misspelt options."""

    fails = {"test_unknown_option_is_refused"}


class Eager(right.Eager, right.RightCache):
    """Makes its directory when it is built."""

    fails = {"test_construction_does_no_input_output"}


class Locked(right.Locked, right.RightCache):
    """Cannot be pickled."""

    fails = {
        "test_survives_pickling",
        "test_pickled_instance_has_the_same_store",
        "test_another_process_sees_the_value",
    }


class Identical(right.Identical, right.RightCache):
    """Is equal to itself alone."""

    fails = {"test_equal_options_make_equal_backends", "test_survives_pickling"}


class Inventive(right.RightCache):
    """Answers for keys that were never put."""

    def get(self, key: str) -> bytes | None:
        return super().get(key) or b""

    def contains(self, key: str) -> bool:
        return super().get(key) is not None

    fails = {"test_absent_key_gives_none"}


class Textual(right.RightCache):
    """Translates line ends."""

    def put(self, key: str, value: bytes) -> None:
        super().put(key, value.replace(b"\r\n", b"\n"))

    fails = {"test_round_trip"}


class Padding(right.RightCache):
    """Strips NULs from the end, as fixed-width columns do."""

    def get(self, key: str) -> bytes | None:
        value = super().get(key)
        return value if value is None else value.rstrip(b"\0")

    fails = {"test_round_trip"}


class Overwriting(right.RightCache):
    """Overwrites from the start and does not cut off the rest."""

    def put(self, key: str, value: bytes) -> None:
        super().put(key, value + (super().get(key) or b"")[len(value) :])

    fails = {"test_put_replaces", "test_keys_do_not_interfere"}


class FirstWins(right.RightCache):
    """Keeps the first value."""

    def put(self, key: str, value: bytes) -> None:
        if super().get(key) is None:
            super().put(key, value)

    fails = {
        "test_put_replaces",
        "test_keys_do_not_interfere",
        "test_pickled_instance_has_the_same_store",
        "test_another_process_sees_the_value",
    }


class Shortening(right.RightCache):
    """Files everything under the first 16 digits of its key."""

    def get(self, key: str) -> bytes | None:
        return super().get(key[:16])

    def put(self, key: str, value: bytes) -> None:
        super().put(key[:16], value)

    fails = {"test_keys_do_not_interfere", "test_many_threads_use_one_instance"}


class TruthOfTheValue(right.RightCache):
    """Says that an empty value is not there."""

    def contains(self, key: str) -> bool:
        return bool(self.get(key))

    fails = {"test_contains_agrees_with_get"}


class InTheInstance(right.RightCache):
    """Keeps values in the instance, which takes them along when pickled."""

    def values(self) -> dict[str, bytes]:
        return self.__dict__.setdefault("_values", {})

    def get(self, key: str) -> bytes | None:
        return self.values().get(key)

    def put(self, key: str, value: bytes) -> None:
        self.values()[key] = value

    fails = {
        "test_second_instance_sees_the_value",
        "test_another_process_sees_the_value",
        "test_pickled_instance_has_the_same_store",
    }


class InTheProcess(right.RightCache):
    """Keeps values in the process."""

    def get(self, key: str) -> bytes | None:
        return _memory.get((self.path, key))

    def put(self, key: str, value: bytes) -> None:
        _memory[self.path, key] = value

    fails = {"test_another_process_sees_the_value"}


class ByTurns(right.RightCache):
    """Keeps what it is about in the instance."""

    def put(self, key: str, value: bytes) -> None:
        right.commit_by_turns(self, Path(self.path) / key, value)

    fails = {"test_many_threads_use_one_instance"}


class InPlace(right.RightCache):
    """Overwrites the file itself."""

    def put(self, key: str, value: bytes) -> None:
        right.commit_slowly(Path(self.path) / key, value)

    fails = {"test_reader_never_sees_a_partial_value"}


class Gap(right.RightCache):
    """Removes the old value before the new one is there."""

    def put(self, key: str, value: bytes) -> None:
        (Path(self.path) / key).unlink(missing_ok=True)
        super().put(key, value)

    fails = {"test_reader_never_sees_a_partial_value"}
