"""What commands that people answer for share: who gives the order, the question before it, and names that are unknown.

It must never decide whether an order can be carried out: that is the ledger's to say.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from federation.cli.shell import Shell
from federation.errors import ConfigError
from federation.model import Text

T = TypeVar("T")
YES = click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")


def operator() -> str:
    """Who gives the order: the user of the operating system, not what the environment claims."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container often has no such entry
        return f"uid {number}"


def confirm(shell: Shell, yes: bool, text: Text) -> None:
    """Say what will be done, and ask unless ``yes``. Raises ConfigError where nobody can answer, Abort."""
    click.echo(shell.say(text), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("Nothing was done. Add --yes to confirm.", "Rien n'a été fait. Ajoutez --yes pour confirmer.")
    click.confirm(shell.say({"fr": "Continuer ?", "en": "Go on?"}), abort=True, err=True)


def known(name: str, ask: Callable[[], T]) -> T:
    """Give what is asked of a run or a source. Raises ConfigError if there is none of that name."""
    try:
        return ask()
    except LookupError as error:
        raise unknown(name) from error


def unknown(name: str) -> ConfigError:
    """What to say of a run or a source that the ledger does not know."""
    return ConfigError(
        f"Nothing here is named `{name}`. `carrefour runs` lists the runs, `carrefour status` the sources.",
        f"Rien ne s'appelle « {name} » ici. `carrefour runs` donne les moissons, `carrefour status` les sources.",
    )
