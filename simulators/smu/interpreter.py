"""Carries out program messages: finds the commands of a line, lets them take their time, and joins their answers."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from simulators.smu.command_tree import CommandTree, split_outside_quotes
from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.status import Complaint, Status
from simulators.smu.values import Arguments


class Speaks(Protocol):
    """Something that has commands."""

    commands: Commands


class Interpreter:
    """The parser of one unit in one dialect (reference smu-and-ovens, section 5); ``headers`` are all that it knows."""

    def __init__(self, dialect: Speaks, status: Status, unknown: int = -113) -> None:
        """``unknown`` is the error of a header that there is not."""
        self._status, self._unknown = status, unknown
        self.headers = tuple(dialect.commands)
        self._tree: CommandTree[Command] = CommandTree(dialect.commands)

    def run(self, line: str) -> Generator[float, None, str | None]:
        """Carry out a line: yields the seconds that its commands take, and returns the answer, None without one.

        After a command that is not understood the rest of the line is ignored; one that cannot be carried out leaves
        an error behind, and the next one is carried out.
        """
        answers: list[str] = []
        path: tuple[str, ...] = ()
        for text in split_outside_quotes(line, ";"):
            header, _, rest = text.strip().partition(" ")
            if not header:
                continue
            try:
                command, is_query, path = self._find(header, path)
                answer = yield from self._carry_out(command, rest, is_query=is_query)
            except Complaint as complaint:
                self._status.complain(complaint.number)
                if -200 < complaint.number <= -100 or complaint.number == self._unknown:
                    break
                continue
            if answer is not None:
                answers.append(answer)
        return ";".join(answers) if answers else None

    def _find(self, header: str, path: tuple[str, ...]) -> tuple[Command, bool, tuple[str, ...]]:
        """Return the command of a header, whether it is asked, and the path for the next one."""
        is_query = header.endswith("?")
        text = header.removesuffix("?").upper()
        if text.lstrip(":").startswith("*"):
            # A star command leaves the path; a colon before it is taken by real units (section 5).
            words: tuple[str, ...] = (text.lstrip(":"),)
        elif text.startswith(":"):
            words = tuple(text[1:].split(":"))
            path = words[:-1]
        else:
            words = (*path, *text.split(":"))
            path = words[:-1]
        if not text.isascii():
            raise Complaint(-101)
        command = self._tree.find(words)
        if command is None or (command.query if is_query else command.write) is None:
            raise Complaint(self._unknown)
        return command, is_query, path

    @staticmethod
    def _carry_out(command: Command, rest: str, *, is_query: bool) -> Generator[float, None, str | None]:
        action = command.query if is_query else command.write
        result = action(Arguments(rest)) if action is not None else None
        if isinstance(result, Generator):
            result = yield from result
        return result
