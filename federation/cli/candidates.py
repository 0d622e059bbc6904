"""Commands on requests to join: see them, accept one, decline one."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from federation.cli.shell import Shell
from federation.errors import ConfigError, os_reason
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.times import to_seconds

_STATES: Mapping[str, Mapping[CandidacyState, str]] = MappingProxyType(
    {
        "fr": {
            CandidacyState.OPEN: "à décider",
            CandidacyState.APPROVED: "acceptée",
            CandidacyState.REFUSED: "refusée",
        },
        "en": {CandidacyState.OPEN: "open", CandidacyState.APPROVED: "approved", CandidacyState.REFUSED: "refused"},
    }
)


@click.command("candidates")
@click.option("--all", "every", is_flag=True, help="Show also those that have been decided.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per request.")
@click.pass_obj
def candidates_command(shell: Shell, every: bool, as_json: bool) -> None:
    """List the requests to join that wait for a decision, the oldest first."""
    found = shell.platform().joining.all(None if every else CandidacyState.OPEN)
    for one in found:
        click.echo(json.dumps(_values(one), ensure_ascii=False) if as_json else "\n".join(_lines(one, shell.lang)))
    if not found and not as_json:
        click.echo(shell.say({"fr": "Aucune demande.", "en": "No request."}), err=True)


@click.command("candidate")
@click.argument("action", type=click.Choice(["show", "approve", "refuse"]))
@click.argument("reference")
@click.option("--reason", default="", help="Why it is refused; kept with the request.")
@click.option("--id", "identity", help="Id of the source to write. Default: made from the network's name.")
@click.option(
    "--source",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Source file to use instead of the one that came with the request.",
)
@click.option("--by", help="Who decides. Default: the user of this terminal.")
@click.pass_obj
def candidate_command(
    shell: Shell, action: str, reference: str, reason: str, identity: str | None, file: Path | None, by: str | None
) -> None:
    """Show, approve or refuse the request REFERENCE.

    Approving writes sources/ID.toml from the source file that was proposed, with the name, licence and contact of the
    request; it never writes over a file. The source is harvested by hand until its `schedule` says otherwise.
    """
    desk = shell.platform().joining
    if action == "show":
        one = desk.find(reference)
        click.echo("\n".join(_lines(one, shell.lang)))
        if toml := one.detail.get("toml"):
            click.echo(f"\n{toml}")
        return
    who = by or getpass.getuser()
    if action == "refuse":
        desk.refuse(reference, who, reason)
        text = {"fr": f"Demande {reference} refusée.", "en": f"Request {reference} refused."}
    else:
        path = desk.approve(reference, who, identity, None if file is None else _read(file))
        text = {
            "fr": f"Demande {reference} acceptée : {path} est écrit. Ensuite : carrefour preview {path.stem}",
            "en": f"Request {reference} approved: {path} is written. Next: carrefour preview {path.stem}",
        }
    click.echo(shell.say(text))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = os_reason(error)
        raise ConfigError(f"{path}: {why['en']}.", f"{path} : {why['fr']}.") from error


def _lines(one: Candidacy, lang: str) -> list[str]:
    state = _STATES[lang][one.state]
    lines = [
        f"{one.id}  {to_seconds(one.made)[:10]}  {state}  {one.name}",
        f"  {one.url}  {one.contact}",
        f"  {one.detail.get('feed')}  {one.detail.get('licence')}",
    ]
    if one.decided is not None:
        why = f" : {one.reason}" if one.reason else ""
        lines.append(f"  {to_seconds(one.decided)[:10]}  {one.decided_by}{why}")
    return lines


def _values(one: Candidacy) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "url": one.url,
        "contact": one.contact,
        "state": one.state.value,
        "made": to_seconds(one.made),
        "decided": None if one.decided is None else to_seconds(one.decided),
        "decided_by": one.decided_by,
        "reason": one.reason,
        **one.detail,
    }
