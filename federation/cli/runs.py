"""Commands on runs: list and show them, approve what is held, undo, replay; and a person's request to be forgotten.

They note orders and have them carried out; what may be done, and what follows, is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from federation.catalogue.reports import account
from federation.cli.following import carry_out, erase
from federation.cli.harvesting import exit_code
from federation.cli.people import YES, confirm, operator, unknown
from federation.cli.reports import (
    account_line,
    finding_lines,
    finding_values,
    held_lines,
    opening,
    run_line,
    run_values,
)
from federation.cli.shell import Shell
from federation.errors import ConfigError
from federation.ledger.operations import APPROVED_FOR, RunSheet, Withheld
from federation.ledger.records import RecordState
from federation.model import Rule, RunReport
from federation.platform import Platform

KINDS = 20  # kinds of findings printed after an order
SHOWN = 200  # records that wait, of each kind; --json gives MOST of them
MOST = 10_000
_Names = Mapping[str, Mapping[str, str]]  # by record, then by language


@click.command("runs")
@click.argument("source", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run.")
@click.pass_obj
def runs_command(shell: Shell, source: str | None, limit: int, as_json: bool) -> None:
    """List the latest runs, newest first; of SOURCE if it is named: id, start, source, kind, state, counts, holds."""
    operations = shell.platform().operations
    if source is not None and operations.source(source) is None:
        raise unknown(source)
    reports, total = operations.runs(source=source, size=limit)
    for report in reports:
        if as_json:
            click.echo(json.dumps(_values(report), ensure_ascii=False))
        else:
            told = run_line(report, shell.lang, later=operations.taken_up(report))
            click.echo(f"{report.run}  {report.started:%Y-%m-%d %H:%M}  {told}")
    if not as_json and total > len(reports):
        more = total - len(reports)
        text = {"fr": f"… et {more} de plus : --limit", "en": f"… and {more} more: --limit"}
        click.echo(shell.say(text), err=True)


def _values(report: RunReport) -> dict[str, Any]:
    """A run of a list as JSON values: its findings have not been read."""
    return {key: value for key, value in run_values(report).items() if key != "findings"}


@click.group("run")
def run_group() -> None:
    """One run, named by its id: show it, approve what it holds, undo it, or read its stored bytes again.

    Exit codes of approve, undo and replay are those of the run that they make. While `carrefour serve` or `carrefour
    worker` writes to the instance, the order is left to it and followed to its end.
    """


@run_group.command("show")
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show_command(shell: Shell, run: str, as_json: bool) -> None:
    """Tell of RUN: its account, what the guard holds and why, what was found, the records that wait.

    Values that are not open data are shown too.
    """
    platform = shell.platform()
    sheet = _sheet(platform, run)
    findings = list(platform.ledger.findings(run))
    waits = run in {each.run for each in platform.operations.held()}
    waiting = platform.operations.withheld_of(sheet.report, MOST) if waits else Withheld(sheet.report)
    names = platform.titles([state.record for state in (*waiting.records, *waiting.deletes)])
    if as_json:
        value = {
            **_values(sheet.report),
            "by": sheet.by,
            "approvals": [
                {"rule": each.rule.value, "ceiling": each.ceiling, "by": each.by, "until": each.until.isoformat()}
                for each in sheet.approvals
            ],
            "orders": [{"run": each.run, "kind": each.kind.value, "state": each.state.value} for each in sheet.orders],
            "findings": [finding_values(finding) for finding in findings],
            "waiting": {
                "total": waiting.total,
                "records": [_waiting_values(state, names) for state in waiting.records],
                "asked": waiting.asked,
                "deletes": [_waiting_values(state, names) for state in waiting.deletes],
            },
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    for line in (*_sheet_lines(shell, sheet, waits), *finding_lines(findings, shell.lang)):
        click.echo(line)
    for line in _waiting_lines(shell, waiting, names):
        click.echo(line)


def _sheet(platform: Platform, run: str) -> RunSheet:
    sheet = platform.operations.run(run)
    if sheet is None:
        raise unknown(run)
    return sheet


def _waiting_values(state: RecordState, names: _Names) -> dict[str, Any]:
    return {
        "record": state.record,
        "key": state.key,
        "title": names.get(state.record, {}),
        "missing_since": state.missing_since,
        "misses": state.misses,
    }


def _sheet_lines(shell: Shell, sheet: RunSheet, waits: bool) -> Iterator[str]:
    report, french = sheet.report, shell.lang == "fr"
    asked = "" if sheet.by is None else f", {'demandée par' if french else 'asked for by'} {sheet.by}"
    about = "" if report.of is None else f" → {report.of}"
    ended = "…" if report.ended is None else f"{report.ended:%Y-%m-%d %H:%M}"
    yield f"{report.run}{about}  {report.started:%Y-%m-%d %H:%M} – {ended} UTC{asked}"
    yield opening(report, shell.lang)
    if report.counts.read:
        yield shell.say(account(report.counts))
    yield from held_lines(report, shell.lang)
    if waits:
        yield f"  → carrefour run approve {report.run}"
        each = " ".join(f"--ceiling {hold.rule.value}={hold.figure}" for hold in report.holds)
        yield f"    {'ou, règle par règle :' if french else 'or, rule by rule:'} {each}"
    for given in sheet.approvals:
        until = f"{given.until:%Y-%m-%d %H:%M}"
        yield (
            f"  Approuvé par {given.by} : {given.rule.value}={given.ceiling}, jusqu'au {until} UTC"
            if french
            else f"  Approved by {given.by}: {given.rule.value}={given.ceiling}, until {until} UTC"
        )
    for order in sheet.orders:
        yield f"  → {order.run}  {run_line(order, shell.lang)}"


def _waiting_lines(shell: Shell, waiting: Withheld, names: _Names) -> Iterator[str]:
    absent = {
        "fr": f"Fiches en attente de retrait : {waiting.total}",
        "en": f"Records that wait to be withdrawn: {waiting.total}",
    }
    asked = {
        "fr": f"Fiches que le flux demande de retirer, en attente d'un accord : {waiting.asked}",
        "en": f"Records that the feed asks to delete, waiting for approval: {waiting.asked}",
    }
    for text, total, states in ((absent, waiting.total, waiting.records), (asked, waiting.asked, waiting.deletes)):
        if total:
            yield shell.say(text)
            yield from (_waiting_line(shell, state, names) for state in states[:SHOWN])
        if total > SHOWN:
            yield shell.say({"fr": f"  … et {total - SHOWN} autres", "en": f"  … and {total - SHOWN} more"})


def _waiting_line(shell: Shell, state: RecordState, names: _Names) -> str:
    texts = names.get(state.record, {})
    title = texts.get(shell.lang) or next(iter(texts.values()), state.key)
    absent = {"fr": "absente depuis le", "en": "missing since"}
    since = f" ({shell.say(absent)} {state.missing_since[:10]})" if state.missing_since else ""
    return f"  {title}  {state.record}{since}"


# -- orders ---------------------------------------------------------------------------------------------------------


@run_group.command("approve")
@click.argument("run")
@click.option("--ceiling", "ceilings", multiple=True, metavar="RULE=N", help="Approve only this rule, up to N records.")
@click.option("--absent-now", is_flag=True, help="The partner confirms that what is absent is gone: withdraw it now.")
@YES
@click.pass_obj
def approve_command(shell: Shell, run: str, ceilings: tuple[str, ...], absent_now: bool, yes: bool) -> int:
    """Let pass what RUN holds, up to its own figures or those given, for three days; then harvest its source afresh.

    A feed that has become worse than the figures is held again. Absent records are withdrawn after their time of
    grace (three whole runs and seven days), unless --absent-now.
    """
    platform = shell.platform()
    report = _sheet(platform, run).report
    allowed = _ceilings(ceilings) if ceilings else {hold.rule: hold.figure for hold in report.holds}
    platform.operations.approvable(run, allowed)  # refused before anything is promised
    figures = ", ".join(f"{rule.value}={ceiling}" for rule, ceiling in allowed.items())
    days = APPROVED_FOR.days
    now = {"fr": " Ce qui est absent sera retiré tout de suite.", "en": " What is absent will be withdrawn at once."}
    text = {
        "fr": f"{report.source} : jusqu'à {figures or '0'}, pendant {days} jours.{now['fr'] if absent_now else ''}",
        "en": f"{report.source}: up to {figures or '0'}, for {days} days.{now['en'] if absent_now else ''}",
    }
    confirm(shell, yes, text)
    return _ordered(shell, platform, report, lambda: platform.operations.approve(run, allowed, absent_now, operator()))


def _ceilings(given: tuple[str, ...]) -> Mapping[Rule, int]:
    """Read ``rule=N`` pairs. Raises ConfigError."""
    found: dict[Rule, int] = {}
    for each in given:
        name, _, figure = each.partition("=")
        if name not in {rule.value for rule in Rule} or not (figure.isascii() and figure.isdigit()):
            rules = ", ".join(rule.value for rule in Rule)
            raise ConfigError(
                f"`{each}` is no ceiling: write RULE=NUMBER, with one of the rules {rules}.",
                f"« {each} » n'est pas un plafond : écrivez RÈGLE=NOMBRE, avec une des règles {rules}.",
            )
        found[Rule(name)] = int(figure)
    return found


@run_group.command("undo")
@click.argument("run")
@click.pass_obj
def undo_command(shell: Shell, run: str) -> int:
    """Put back what RUN changed, and pause its source: else the next harvest would bring it again.

    Records that a later run has changed are left, and listed. Possible for 90 days, and once.
    """
    platform = shell.platform()
    report = _sheet(platform, run).report
    code = _ordered(shell, platform, report, lambda: platform.operations.undo(run, operator()))
    text = {
        "fr": f"{report.source} est en pause : carrefour source resume {report.source}",
        "en": f"{report.source} is paused: carrefour source resume {report.source}",
    }
    click.echo(shell.say(text), err=True)
    return code


@run_group.command("replay")
@click.argument("run")
@click.pass_obj
def replay_command(shell: Shell, run: str) -> int:
    """Map the stored bytes that RUN read once more, without network: after a change of mapping, say.

    A source that is paused, as `run undo` leaves it, is replayed too and stays paused: what was undone comes back, and
    this is said first.
    """
    platform = shell.platform()
    report = _sheet(platform, run).report
    if report.source in platform.operations.idle():
        _tell_idle(shell, platform, report)
    return _ordered(shell, platform, report, lambda: platform.operations.replay(run, operator()))


def _tell_idle(shell: Shell, platform: Platform, report: RunReport) -> None:
    """Say that a source which is not harvested gets records back all the same, and why it is not."""
    state = platform.operations.source(report.source)
    note = state.row.note if state is not None else None
    why = f" ({note})" if note else ""
    text = {
        "fr": f"{report.source} est en pause ou retirée{why}. La relecture remet quand même en ligne ce que dit le "
        f"flux de {report.run}, même ce qui a été annulé ou retiré ; la source, elle, reste comme elle est. Pour "
        "défaire : carrefour run undo, avec le nom de la relecture.",
        "en": f"{report.source} is paused or retired{why}. The replay puts online what the feed of {report.run} says "
        "all the same, even what was undone or withdrawn; the source itself stays as it is. To take it back: "
        "carrefour run undo, with the name of the replay.",
    }
    shell.tell(text)


def _ordered(shell: Shell, platform: Platform, about: RunReport, ask: Callable[[], str]) -> int:
    """Have an order on a run done, tell how it ended, and give the exit code."""
    platform.source(about.source)  # an order that nobody can carry out must not wait for ever
    report = carry_out(shell, platform, about.source, ask)
    click.echo(f"{report.run}  {run_line(report, shell.lang, alone=False)}")
    for line in finding_lines(report.findings, shell.lang, KINDS):
        click.echo(line)
    if not account_line(report, shell.lang):
        click.echo(f"carrefour run show {report.run}", err=True)
    return exit_code([report])


@click.command("forget")
@click.argument("record", metavar="RECORD_IRI")
@YES
@click.pass_obj
def forget_command(shell: Shell, record: str, yes: bool) -> None:
    """Remove a record for good, because a person asked for it: RECORD_IRI is its address (…/records/PARTNER/KEY).

    It goes from the public graph, the search index and the ledger, with its earlier versions and what was found about
    it; so do the stored bytes of its partner's sources: none of their earlier runs can be replayed. The files of store,
    index and ledger are written anew, so that none keeps deleted bytes. A hash stays, so that no harvest, replay or
    undo brings it back, and a tombstone under an opaque name; its address answers 410. As long as the feed brings it,
    the feed is not kept: ask the partner to remove it there too. While `carrefour serve` or `carrefour worker` writes
    to the instance, the order is left to it and followed to its end.
    """
    platform = shell.platform()
    state = platform.operations.record(record)
    if state is None:
        base = f"{platform.settings.base_url}/records"
        raise ConfigError(
            f"No record is known as {record}. Its address has the form {base}/PARTNER/KEY.",
            f"Aucune fiche n'est connue sous {record}. Son adresse a la forme {base}/PARTENAIRE/CLÉ.",
        )
    text = {
        "fr": f"Pour toujours : la fiche {record}, ses versions antérieures, ses champs réservés, les constats à son "
        f"sujet, et les octets gardés des sources de {state.partner} (on ne pourra plus relire leurs moissons).",
        "en": f"For good: the record {record}, its earlier versions, its restricted fields, the findings about it, and "
        f"the stored bytes of the sources of {state.partner} (their past runs can no longer be replayed).",
    }
    confirm(shell, yes, text)
    erase(shell, platform, record)
    platform.operations.note_forgotten(state.source, operator())
    done = {
        "fr": "C'est fait : son adresse répond 410, aucun fichier n'en garde rien, et rien ne la ramènera. Tant que "
        "le flux la contient, il n'est pas gardé : demandez au partenaire de l'en retirer.",
        "en": "Done: its address answers 410, no file keeps anything of it, and nothing brings it back. As long as the "
        "feed holds it, the feed is not kept: ask the partner to remove it there.",
    }
    click.echo(shell.say(done))
