"""Builds of the command line what was asked for alone: the options of forty commands take longer than most commands.

Of a command that no word names, name and help are enough: help shows no more of it, and it cannot be run.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from copy import copy
from inspect import getdoc

import typer
from typer.models import CommandInfo, TyperInfo


def narrowed(app: typer.Typer, words: Collection[str]) -> typer.Typer:
    """Return the command line with whole commands where a word names them; shells that complete get all of it."""
    if any(name.startswith("_") and name.endswith("_COMPLETE") for name in os.environ):
        return app
    twin = copy(app)
    twin.registered_commands = [_command(info, words) for info in app.registered_commands]
    twin.registered_groups = [_group(info, words) for info in app.registered_groups]
    return twin


def _command(info: CommandInfo, words: Collection[str]) -> CommandInfo:
    callback = info.callback
    name = info.name or (callback.__name__.replace("_", "-").lower() if callback else "")
    if name in words:
        return info
    told = copy(info)
    told.name, told.callback = name, _not_named
    told.help = (getdoc(callback) or "") if info.help is None else info.help
    return told


def _group(info: TyperInfo, words: Collection[str]) -> TyperInfo:
    if info.typer_instance is None or not isinstance(info.name, str):
        return info
    told = copy(info)
    if info.name in words:
        told.typer_instance = narrowed(info.typer_instance, words)
    else:
        told.typer_instance = copy(info.typer_instance)
        told.typer_instance.registered_commands, told.typer_instance.registered_groups = [], []
    return told


def _not_named() -> None:
    """Stand for a command that no word of the command line names."""
