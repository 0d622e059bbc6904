"""Commands on the accounts of those who look after the instance. A password is never an argument, nor shown."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from federation.cli.shell import Shell
from federation.ledger.accounts import SHORTEST, Account, Role

_STDIN = click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input: one line.")


@click.group("account")
def account_group() -> None:
    """Look after the accounts of operators, who log in at /admin.

    An `operator` looks after sources and runs; an `admin` may also read who asked for what. A new password, and
    `disable`, end all sessions of the account. A password has at least 12 characters; only its argon2id hash is kept.
    """


@account_group.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.OPERATOR.value,
    show_default=True,
    help="What the account may do.",
)
@_STDIN
@click.pass_obj
def add_command(shell: Shell, name: str, role: str, from_stdin: bool) -> None:
    """Make the account NAME. Its password is asked for twice."""
    accounts = shell.platform().accounts
    accounts.add(name, _password(shell, from_stdin), Role(role), datetime.now(UTC))
    click.echo(shell.say({"fr": f"Compte {name} créé ({role}).", "en": f"Account {name} made ({role})."}), err=True)


@account_group.command("list")
@click.pass_obj
def list_command(shell: Shell) -> None:
    """List the accounts: name, role, day of making, and whether they are disabled."""
    accounts = shell.platform().accounts.all()
    for one in accounts:
        click.echo(_line(one, shell))
    if not accounts:
        text = {"fr": "Aucun compte. carrefour account add NOM", "en": "No account. carrefour account add NAME"}
        click.echo(shell.say(text), err=True)


@account_group.command("password")
@click.argument("name")
@_STDIN
@click.pass_obj
def password_command(shell: Shell, name: str, from_stdin: bool) -> None:
    """Give the account NAME another password, which is asked for twice."""
    platform = shell.platform()
    platform.accounts.set_password(name, _password(shell, from_stdin))
    platform.gate.forgive(name)
    text = {
        "fr": f"Mot de passe de {name} changé ; ses sessions sont closes.",
        "en": f"Password of {name} changed; its sessions have ended.",
    }
    click.echo(shell.say(text), err=True)


@account_group.command("disable")
@click.argument("name")
@click.pass_obj
def disable_command(shell: Shell, name: str) -> None:
    """Let nobody log in to the account NAME any more."""
    shell.platform().accounts.disable(name, datetime.now(UTC))
    text = {
        "fr": f"Compte {name} désactivé ; ses sessions sont closes.",
        "en": f"Account {name} disabled; its sessions have ended.",
    }
    click.echo(shell.say(text), err=True)


@account_group.command("enable")
@click.argument("name")
@click.pass_obj
def enable_command(shell: Shell, name: str) -> None:
    """Let people log in to the disabled account NAME again, with the password that it had."""
    shell.platform().accounts.enable(name)
    click.echo(shell.say({"fr": f"Compte {name} réactivé.", "en": f"Account {name} enabled."}), err=True)


def _line(one: Account, shell: Shell) -> str:
    disabled = {"fr": "désactivé", "en": "disabled"}
    end = f"\t{shell.say(disabled)} {one.disabled.date()}" if one.disabled else ""
    return f"{one.name}\t{one.role.value}\t{one.made.date()}{end}"


def _password(shell: Shell, from_stdin: bool) -> str:
    """The password, from one line of standard input or twice from the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    question = {"fr": f"Mot de passe ({SHORTEST} caractères au moins)", "en": f"Password (at least {SHORTEST})"}
    again = {"fr": "Encore une fois", "en": "Once more"}
    answer: str = click.prompt(shell.say(question), hide_input=True, confirmation_prompt=shell.say(again), err=True)
    return answer
