"""Tasks: what a worker needs for a call of the function of a stage, and values as it gets them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph, fill
from vcat._authoring.stage import Stage
from vcat._keeping.codec import dumps, serialize
from vcat._keeping.entry import VALUE, Content, Entry
from vcat._keeping.layout import Serialized
from vcat._running.holding import Held, Values
from vcat._running.workers.exchange import Exchange, Piece, Slot, write
from vcat._running.workers.hanging import stacks_of
from vcat._running.workers.task import Input, Task
from vcat.errors import UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vcat._keys.recipe import Key
    from vcat._running.workers.crew import Call


class Passing:
    """The values of a run that lie in files of it, which go with the last value that needs them.

    Args:
        values: The values.
        exchange: Where the files are.
    """

    def __init__(self, values: Values, exchange: Exchange) -> None:
        self._values = values
        self._exchange = exchange
        # Of how many values a file has the bytes: of a whole, and of items of it.
        self._files: dict[str, int] = {}

    def hold(self, number: int, piece: Piece, output: str = "", key: Key | None = None) -> None:
        """Take note of where the value of a stage is.

        Args:
            number: The stage.
            piece: Its bytes.
            output: What it counts by, where that is known.
            key: What the cache has it under, where it has.
        """
        content = Content(VALUE, "", piece.size, piece.digest, piece.data)
        entry = Entry(output, "", "", [], {}, [content])
        self._values.hold(number, Held(key, entry, (), piece.file, piece.head), loaded=False)
        self.count(number)

    def hold_item(self, number: int, whole: int, item: Any, output: str) -> bool:
        """Take note of an item that a worker has looked at and left where it is."""
        held = self._values.held(whole)
        if held is None:
            return False
        entry = held.entry._replace(output=output)
        self._values.hold(number, held._replace(entry=entry, path=(*held.path, item)), loaded=False)
        self.count(number)
        return True

    def count(self, number: int) -> None:
        """Take note of one more value that is where it is held."""
        held = self._values.held(number)
        if held is not None and held.file:
            self._files[held.file] = self._files.get(held.file, 0) + 1

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of values, and of the files that have no others."""
        for each in numbers:
            held = self._values.held(each)
            if held is not None and held.file:
                self._files[held.file] -= 1
                if not self._files[held.file]:
                    del self._files[held.file]
                    self._exchange.remove(held.file)
                if (left := held.without_file()) is not None:
                    self._values.hold(each, left, loaded=False)
                else:
                    self._values.lose(each)
            self._values.drop(each)


class Packing:
    """Makes the tasks of one run.

    Args:
        graph: The stages.
        parameters: The values of all hyperparameters.
        values: The values of stages that have completed.
        passing: Those of them that are in files.
        exchange: Where files of the run are.
        counting: The stages whose results count in keys; ``None`` where none do.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        values: Values,
        passing: Passing,
        exchange: Exchange,
        counting: set[int] | None,
    ) -> None:
        self._graph = graph
        self._parameters = parameters
        self._values = values
        self._passing = passing
        self._exchange = exchange
        self._counting = counting
        self._count = len(graph.stages)  # those beyond are items, whose list may count
        self._functions: dict[tuple[int, int], Piece] = {}

    def task(self, call: Call, *, is_lasting: bool, seed: int | None) -> Task:
        """Return one call of the function of a stage.

        Args:
            call: The call.
            is_lasting: Whether the result is kept beyond the run, apart from the cache.
            seed: What random numbers start from.

        Raises:
            LostValueError: A value that it reads has gone.
            UnpicklableError: Its function, or an argument, cannot be sent.
        """
        stage, number, filing = call.stage, call.number, call.filing
        scratch = self._exchange.directory
        inputs = [self._passed(each) for each in self._graph.upstream[number]]
        if stage.options.timeout is not None:
            call.began = os.path.join(scratch, f"began-{number}-{call.attempts}")
            call.temporary += [call.began, stacks_of(call.began)]
        args = tuple([fill(each, self._slot) for each in stage.args])
        kwargs = {name: fill(each, self._slot) for name, each in (stage.kwargs or {}).items()}
        try:
            arguments = write(scratch, f"arguments-{number}", serialize((args, kwargs)))
        except UnpicklableError as error:
            raise UnpicklableError(
                f"{stage.label}: its arguments cannot be sent to another process: {error}"
            ) from error
        if arguments.file:
            call.temporary.append(arguments.file)
        return Task(
            number=number,
            attempts=call.attempts,
            key=None if filing is None else filing.key.hex,
            lookup=None if filing is None else filing.lookup,
            insists=call.insists,
            function=self._function(stage),
            arguments=arguments,
            inputs=inputs,
            is_lasting=is_lasting,
            counts=self._is_counting(number),
            seed=seed,
            began=call.began,
        )

    def _is_counting(self, number: int) -> bool:
        counting = self._counting
        return counting is not None and (number in counting or number >= self._count)

    def _function(self, stage: Stage) -> Piece:
        """Return the function and the options of a stage, pickled once for all that share them."""
        known = id(stage.function), id(stage.options)
        piece = self._functions.get(known)
        if piece is None:
            try:
                data = dumps((stage.function, stage.options))
            except UnpicklableError as error:
                raise UnpicklableError(
                    f"{stage.label} cannot be sent to another process: {error}; create it inside"
                    " the function"
                ) from error
            piece = write(self._exchange.directory, "function", Serialized([data]))
            self._functions[known] = piece
        return piece

    def _passed(self, number: int) -> Input:
        """Return where a worker finds the value of a stage."""
        if number in self._graph.items:
            return number, None, [self._passed(each) for each in self._values.parts(number)]
        held = self._values.held(number)
        if held is None:
            value = self._values.value(number)  # raises where it is nowhere
            piece = write(self._exchange.directory, f"{number}", serialize(value))
            self._passing.hold(number, piece)
            return number, piece, ()
        content = held.entry.value
        if content.data is None:
            key = "" if held.key is None else held.key.hex
            piece = Piece(content.digest, content.size, None, held.file, key, held.head)
            return number, piece, held.path
        return number, Piece(content.digest, content.size, content.data), held.path

    def _slot(self, promise: Any) -> Any:
        if type(promise) is Stage:
            return Slot(self._graph.number[id(promise)])
        return self._parameters[promise.name]
