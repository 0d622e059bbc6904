"""Commands on other servers: whom we follow, who pushes, who is held back or blocked, and what waits for a decision."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import click

from federation.activitypub.peers import Peers
from federation.activitypub.subjects import Peer, Waiting, plain
from federation.cli.shell import Shell
from federation.ledger.ap_follows import FollowRow
from federation.ledger.ap_peers import SyncRow
from federation.ledger.times import from_text, to_seconds

_MODES = click.Choice(["allow", "ask", "deny", "default"])
_STATES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "fr": {
        "pending": "en attente", "requested": "demandé", "accepted": "accepté", "rejected": "refusé",
        "undone": "annulé", "removed": "retiré",
    },
    "en": {},
})  # fmt: skip
_KINDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "fr": {"follow": "abonnement", "moderation": "fiche", "reply": "réponse", "flag": "signalement"},
        "en": {"follow": "follow", "moderation": "record", "reply": "reply", "flag": "report"},
    }
)


def _peers(shell: Shell) -> Peers:
    return shell.platform().peers


def _by(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--by", help="Who decides. Default: the user of this terminal.")(command)


def _as_json(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")(command)


@click.group("peers")
def peers_group() -> None:
    """Other servers: follow them, bind partners who push, hold back, block, decide."""


@peers_group.command("list")
@_as_json
@click.pass_obj
def list_command(shell: Shell, as_json: bool) -> None:
    """List the servers that anything is known of."""
    found = _peers(shell).all()
    for peer in found:
        click.echo(_json(plain(peer)) if as_json else _line(shell, peer))
    if not found and not as_json:
        click.echo(shell.say({"fr": "Aucun serveur.", "en": "No server."}), err=True)


@peers_group.command("show")
@click.argument("subject")
@_as_json
@click.pass_obj
def show_command(shell: Shell, subject: str, as_json: bool) -> None:
    """Show one server, named by its host or by an actor on it."""
    peer = _peers(shell).show(subject)
    if as_json:
        click.echo(_json(plain(peer)))
        return
    click.echo(_line(shell, peer))
    for row in peer.followers:
        click.echo(f"  {row.follower} → {row.followed}  {_state(shell, row)}")
    for row in peer.following:
        click.echo(f"  → {row.followed}  {_state(shell, row)}")
    for sync in peer.syncs:
        for line in _sync_lines(shell, sync):
            click.echo(line)
    for binding in peer.bindings:
        click.echo(f"  {binding.actor} = {binding.partner} ({binding.source})")
    for block in peer.blocks:
        said = shell.say({"fr": "bloqué", "en": "blocked"})
        click.echo(f"  {block.subject}  {said}  {block.at[:10]}  {block.by}  {block.reason or ''}".rstrip())


@peers_group.command("follow")
@click.argument("actor")
@_by
@click.pass_obj
def follow_command(shell: Shell, actor: str, by: str | None) -> None:
    """Follow ACTOR, a person, partner or commons: its address or @name@host."""
    row = _peers(shell).follow(actor, by or getpass.getuser())
    click.echo(f"{row.followed}  {_state(shell, row)}")


@peers_group.command("unfollow")
@click.argument("actor")
@_by
@click.pass_obj
def unfollow_command(shell: Shell, actor: str, by: str | None) -> None:
    """Follow ACTOR no more."""
    row = _peers(shell).unfollow(actor, by or getpass.getuser())
    click.echo(f"{row.followed}  {_state(shell, row)}")


@peers_group.command("bind")
@click.argument("actor")
@click.argument("partner")
@click.option("--source", help="Source that takes what it pushes (format `activitypub`). Default: the partner's name.")
@_by
@click.pass_obj
def bind_command(shell: Shell, actor: str, partner: str, source: str | None, by: str | None) -> None:
    """Let ACTOR push the records of PARTNER."""
    row = _peers(shell).bind(actor, partner, source or partner, by or getpass.getuser())
    click.echo(f"{row.actor} = {row.partner} ({row.source})")


@peers_group.command("unbind")
@click.argument("actor")
@_by
@click.pass_obj
def unbind_command(shell: Shell, actor: str, by: str | None) -> None:
    """Take nothing more from ACTOR. What it has pushed stays."""
    _peers(shell).unbind(actor, by or getpass.getuser())
    shell.tell({"fr": f"{actor} ne pousse plus.", "en": f"{actor} pushes no more."})


@peers_group.command("mode")
@click.argument("host")
@click.option("--follow", type=_MODES, help="Whether its actors may follow ours. Default: allow.")
@click.option("--records", type=_MODES, help="Whether its records are let in. Default: ask, for whoever is not bound.")
@_by
@click.pass_obj
def mode_command(shell: Shell, host: str, follow: str | None, records: str | None, by: str | None) -> None:
    """Say what a server may do."""
    row = _peers(shell).set_modes(host, follow, records, by or getpass.getuser())
    click.echo(f"{row.host}  follow={row.follow_mode or 'default'}  records={row.record_mode or 'default'}")


@peers_group.command("block")
@click.argument("subject")
@click.option("--reason", default="", help="Why; kept with the block.")
@_by
@click.pass_obj
def block_command(shell: Shell, subject: str, reason: str, by: str | None) -> None:
    """Block a server or one actor: nothing is taken or sent, its records are hidden until `unblock`."""
    count = _peers(shell).block(subject, by or getpass.getuser(), reason)
    shell.tell({"fr": f"Bloqué ; abonnés retirés : {count}.", "en": f"Blocked; followers removed: {count}."})


@peers_group.command("unblock")
@click.argument("subject")
@_by
@click.pass_obj
def unblock_command(shell: Shell, subject: str, by: str | None) -> None:
    """Lift a block: what was hidden comes back. Follows, which the block ended both ways, do not."""
    _peers(shell).unblock(subject, by or getpass.getuser())
    shell.tell(
        {
            "fr": "Débloqué : ce qui était caché revient. Le blocage a mis fin aux abonnements, dans les deux sens : "
            "pour suivre de nouveau ce serveur, `carrefour peers follow`.",
            "en": "Unblocked: what was hidden comes back. The block ended follows, both ways: "
            "to follow this server again, `carrefour peers follow`.",
        }
    )


@peers_group.command("queue")
@_as_json
@click.pass_obj
def queue_command(shell: Shell, as_json: bool) -> None:
    """List what waits for a decision: follows, records of strangers, replies, reports."""
    found = _peers(shell).queue()
    for one in found:
        click.echo(_json(_values(one)) if as_json else _waiting(shell, one))
    if not found and not as_json:
        click.echo(shell.say({"fr": "Rien à décider.", "en": "Nothing to decide."}), err=True)


@peers_group.command("approve")
@click.argument("reference")
@_by
@click.pass_obj
def approve_command(shell: Shell, reference: str, by: str | None) -> None:
    """Let in what waits under REFERENCE. A record enters only if its actor is bound to a partner."""
    _peers(shell).approve(reference, by or getpass.getuser())
    shell.tell({"fr": f"{reference} : accepté.", "en": f"{reference}: approved."})


@peers_group.command("reject")
@click.argument("reference")
@_by
@click.pass_obj
def reject_command(shell: Shell, reference: str, by: str | None) -> None:
    """Turn down what waits under REFERENCE."""
    _peers(shell).reject(reference, by or getpass.getuser())
    shell.tell({"fr": f"{reference} : refusé.", "en": f"{reference}: rejected."})


@peers_group.command("replay")
@click.argument("references", nargs=-1)
@_by
@click.pass_obj
def replay_command(shell: Shell, references: tuple[str, ...], by: str | None) -> None:
    """Work once more on quarantined activities: those named, else all that were put aside for a fault."""
    count = _peers(shell).replay(references, by or getpass.getuser())
    shell.tell({"fr": f"À reprendre : {count}.", "en": f"To be worked on again: {count}."})


@peers_group.command("sync")
@click.argument("peer", required=False)
@click.option("--confirmed", is_flag=True, help="Take in what the guard withheld of all that differs, too.")
@_by
@click.pass_obj
def sync_command(shell: Shell, peer: str | None, confirmed: bool, by: str | None) -> None:
    """Catch up now with PEER, named by its host or by an actor on it; else with all Carrefours that are followed.

    The worker does it (`carrefour serve`, `carrefour worker`): it reads what has changed there, then compares digests
    and fetches what differs. What would change or withdraw much of a partner waits for a person, as ever.
    """
    platform = shell.platform()
    for actor in _peers(shell).sync(peer, by or getpass.getuser(), confirmed):
        click.echo(actor)
    if platform.has_worker():
        shell.tell({
            "fr": "Le processus au travail les interroge dans les secondes qui viennent, dès que chacun répond : "
            "ce qui a changé, puis la comparaison. Résultat : carrefour peers show HÔTE, carrefour status.",
            "en": "The process at work asks them within seconds, as soon as each answers: what has changed, then the "
            "comparison. Result: carrefour peers show HOST, carrefour status.",
        })  # fmt: skip
    else:
        shell.tell({
            "fr": "C'est noté ; personne n'est au travail ici : ce sera fait au prochain départ de `carrefour serve` "
            "ou `carrefour worker`.",
            "en": "Noted; nobody is at work here: it will be done when `carrefour serve` or `carrefour worker` starts.",
        })  # fmt: skip


@peers_group.command("rotate")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All actors of this instance.")
@_by
@click.pass_obj
def rotate_command(shell: Shell, names: tuple[str, ...], every: bool, by: str | None) -> None:
    """Change the keys of actors of ours: NAME is a contributor, `commons` or `instance.actor`.

    For a key that may be known to others, or once in a while. The worker tells followers of the new keys, signed by the
    old ones; the new keys sign when that has arrived, after an hour at the latest. Nobody has to do anything.
    """
    if bool(names) == every:
        raise click.UsageError(
            shell.say({"fr": "Nommez des acteurs, ou dites --all.", "en": "Name some actors, or say --all."})
        )
    for actor in shell.platform().station.rekeying.rotate(names, by or getpass.getuser()):
        click.echo(actor)
    shell.tell({
        "fr": "De nouvelles clés attendent ; `carrefour serve` (ou `worker`) les annonce dans la minute, puis signe "
        "avec elles.",
        "en": "New keys wait; `carrefour serve` (or `worker`) announces them within a minute, then signs with them.",
    })  # fmt: skip


def _line(shell: Shell, peer: Peer) -> str:
    words = [peer.host.host]
    words += [shell.say({"fr": "BLOQUÉ", "en": "BLOCKED"})] if peer.blocked else []
    words.append(shell.say({"fr": f"abonnés {len(peer.followers)}", "en": f"followers {len(peer.followers)}"}))
    words.append(shell.say({"fr": f"suivis {len(peer.following)}", "en": f"following {len(peer.following)}"}))
    words.append(f"follow={peer.host.follow_mode or 'default'} records={peer.host.record_mode or 'default'}")
    if peer.waiting:
        words.append(shell.say({"fr": f"envois en attente {peer.waiting}", "en": f"deliveries waiting {peer.waiting}"}))
    return "  ".join(words)


def _sync_lines(shell: Shell, sync: SyncRow) -> Iterator[str]:
    """How far we are with a sync peer, and what the guard withholds of all that differs."""
    never = shell.say({"fr": "jamais", "en": "never"})
    when = to_seconds(from_text(sync.compared))[:16] if sync.compared else never
    asked = shell.say({"fr": " ; demandé", "en": "; asked for"}) if sync.asked else ""
    yield f"  {sync.actor}  " + shell.say({"fr": f"comparé : {when}{asked}", "en": f"compared: {when}{asked}"})
    for name, known in sync.digests.items():
        for rule, figure, limit in known[2:] if isinstance(known, list) else ():
            yield f"    {name}  " + shell.say({
                "fr": f"retenu : {rule}={figure} (limite {limit}) ; carrefour peers sync --confirmed {sync.actor}",
                "en": f"withheld: {rule}={figure} (limit {limit}); carrefour peers sync --confirmed {sync.actor}",
            })  # fmt: skip


def _waiting(shell: Shell, one: Waiting) -> str:
    kind = _KINDS[shell.lang].get(one.kind, one.kind)
    return f"{one.reference}  {to_seconds(from_text(one.since))[:16]}  {kind}  {one.actor}  {_shown(one.about)}"


def _shown(text: str) -> str:
    """What a stranger wrote, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:500])


def _state(shell: Shell, row: FollowRow) -> str:
    return _STATES[shell.lang].get(row.state, row.state)


def _values(one: Waiting) -> dict[str, Any]:
    return {"reference": one.reference, "kind": one.kind, "actor": one.actor, "about": one.about, "since": one.since}


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)
