"""A whole ``carrefour serve`` that is killed with all its processes, and those who talk to it and listen meanwhile.

What each of them notes is what the instance has answered for: the tests hold it to that.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from ap_peer_server import Asked, PeerServer, answer
from ap_site import PUBLIC, Sender
from carrefour_site import COMMAND, PARTNER, ROOT, SECONDS, CarrefourSite

from federation.activitypub import signatures
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.ledger import Ledger
from federation.ledger.ap_inbox import WAITING
from federation.ledger.operations import Operations, Refused

AS2: Final = "https://www.w3.org/ns/activitystreams"
BOUND: Final = "pages"
MOST_WAITING: Final = 25
DELETES: Final = 5
"""Of each talker. Together they stay under what the guard would hold back until a person agrees."""
PUSHED: Final = f"""\
[source]
id = "{BOUND}"
partner = "{BOUND}"
name = "Réseau des pages"
url = "%s/outbox"
profile = "activitypub"
licence = "https://creativecommons.org/licenses/by/4.0/"
schedule = "manual"
"""


class DoomedSite(CarrefourSite):
    """An instance whose processes are a group, so that they can be killed at one blow."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.groups: list[int] = []
        self.publish({str(number): (f"Le jardin {number}", "opendata") for number in range(1, 161)})
        (folder / "sources" / f"{PARTNER}.toml").write_text(
            (folder / "sources" / f"{PARTNER}.toml").read_text("utf-8").replace(
                'format = "csv"', 'format = "csv"\nschedule = "manual"'
            ),
            "utf-8",
        )  # fmt: skip

    def launch(self) -> None:
        """Start ``carrefour serve``, and wait for nothing."""
        with (self.folder / "serve.err").open("a") as errors:
            self._process = subprocess.Popen(
                [*COMMAND, "--instance", self.folder, "--lang", "en", "serve"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self.groups.append(self._process.pid)

    def answers(self) -> None:
        """Wait until it answers."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], SECONDS)
        assert ready, self.errors()
        assert process.stdout.readline(), self.errors()

    def kill(self, alone: bool) -> None:
        """Kill the server that runs, with all its processes, or ``alone`` as ``kill -9 PID`` does."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.poll() is None, f"it ended by itself\n{self.errors()}"
        if alone:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL, self.errors()
        process.stdout.close()
        self._process = None

    def left(self) -> list[int]:
        """The groups of killed servers in which a process still lives."""
        found = []
        for group in self.groups:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                continue
            found.append(group)
        return found

    def end(self) -> None:
        """Let nothing of it live on."""
        self.stop()
        for group in self.left():
            os.killpg(group, signal.SIGKILL)

    # ---- its partner with a feed

    def publish(self, rows: dict[str, tuple[str, str]]) -> None:
        """Give the feed other rows, in one step: a visit reads the old or the new."""
        self.rows = rows
        feed = self.folder / "feeds" / "jardins.csv"
        aside = feed.with_suffix(".new")
        lines = [
            f"{key};{title};Un jardin que tout le quartier cultive, été comme hiver.;Jardinage;{access}"
            for key, (title, access) in rows.items()
        ]
        aside.write_text("\n".join(["n°;Titre;Texte;Thème;Accès", *lines, ""]), "utf-8")
        aside.replace(feed)


class Gardener(threading.Thread):
    """Changes the feed now and then, and asks for a harvest of it, as an operator does on the pages."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        super().__init__(daemon=True)
        self._site, self._traffic = traffic.site, traffic
        self._operations = Operations(traffic.ledger, lambda: datetime.now(UTC), lambda _: "manual")
        self._chance = random.Random(seed)
        self.rounds = 0

    def run(self) -> None:
        """Until the traffic ends."""
        while not self._traffic.ended.wait(self._chance.uniform(1.0, 4.0)):
            if self._traffic.pauses():
                continue
            try:
                self._operations.queue_harvest(PARTNER, "op")
            except Refused:
                continue  # the one asked for before has not begun
            self.change()

    def change(self) -> None:
        """Other titles for two; now and then one more, one closed to the public, one opened again."""
        self.rounds += 1
        rows = dict(self._site.rows)
        for key in self._chance.sample(sorted(rows), 2):
            rows[key] = (f"Le jardin {key} au tour {self.rounds}", rows[key][1])
        if self.rounds % 4 == 0:
            rows[str(len(rows) + 1)] = (f"Le jardin {len(rows) + 1}", "opendata")
        if self.rounds % 5 == 0:
            key = self._chance.choice(sorted(rows))
            rows[key] = (rows[key][0], "private" if rows[key][1] == "opendata" else "opendata")
        self._site.publish(rows)


@dataclass
class Traffic:
    """What all who talk share: whether they are to pause, and to end.

    No more waits in the inbox than a part of what is online: all of it changed at once would be for a person to judge.
    """

    site: DoomedSite
    ledger: Ledger
    quiet: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def pauses(self) -> bool:
        """Whether nothing more is to be said for now."""
        counts = self.ledger.ap_inbox.counts()
        return self.quiet.is_set() or sum(counts.get(state.value, 0) for state in WAITING) > MOST_WAITING


@dataclass
class Said:
    """An activity that was answered with 202. ``sendings``: how often it had to be sent for that."""

    id: str
    actor: str
    kind: str
    object: str
    body: bytes
    sendings: int


class _Origin:
    """What :class:`Sender` wants to know of a site."""

    def __init__(self, origin: str) -> None:
        self.origin = origin


class Talker(threading.Thread):
    """Says one thing after the other, each again and again until it is answered with 202. ``steps`` says what."""

    def __init__(self, traffic: Traffic, sender: Sender, seed: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.traffic, self.sender = traffic, sender
        self.chance, self._pause = random.Random(seed), pause
        self.said: list[Said] = []
        self.refused: list[tuple[int, str]] = []
        self.broken = 0
        """Requests that were under way when the server died."""

    def run(self) -> None:
        """Until the traffic ends; what is begun is brought to its 202."""
        while not self.traffic.ended.wait(self.chance.uniform(0.0, 2 * self._pause)):
            if not self.traffic.pauses():
                self.step()

    def step(self) -> None:
        """Say something."""
        raise NotImplementedError

    def say(self, kind: str, thing: Any, name: str, **more: Any) -> Said:
        """Say it until it is answered for."""
        document = {**self.sender.activity(type=kind, object=thing), **more}
        body = json.dumps(document).encode()
        said = Said(document["id"], self.sender.id, kind, name, body, 0)
        while True:
            said.sendings += 1
            status = self._post(body)
            if status == 202:
                self.said.append(said)
                return said
            if status is not None and status != 503:
                self.refused.append((status, said.id))
            time.sleep(0.03)

    def _post(self, body: bytes) -> int | None:
        """Sign it and send it; None if there is no answer."""
        origin = self.traffic.site.origin
        plain = Message("POST", "/inbox", (("Content-Type", "application/activity+json"),), body)
        key = SigningKey(self.sender.key_id, self.sender.rsa)
        dialect = self.chance.choice([Dialect.CAVAGE, Dialect.RFC9421])
        message = signatures.sign(plain, origin=origin, key=key, now=datetime.now(UTC), dialect=dialect)
        connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=20)
        try:
            connection.request("POST", "/inbox", body, dict(message.headers))
            return connection.getresponse().status
        except ConnectionRefusedError:
            return None
        except (OSError, http.client.HTTPException):
            self.broken += 1
            return None
        finally:
            connection.close()


class Pages(Talker):
    """A part of what a bound partner has: creates its pages, then changes, deletes and brings back one or another."""

    def __init__(self, traffic: Traffic, sender: Sender, seed: int, pause: float, pages: int, liked: str) -> None:
        super().__init__(traffic, sender, seed, pause)
        self._most, self._liked = pages, liked
        self._last = datetime.min.replace(tzinfo=UTC)
        self.state: dict[str, str | None] = {}
        """The name of each page by its id, as it was said and answered for last; None: it was deleted."""
        self.told: dict[str, list[str]] = {}
        """What was said of each page, in order."""
        self._deletes = 0
        self._returns: dict[str, str] = {}

    def step(self) -> None:
        """Say something of a page, or like a garden."""
        if len(self.state) < self._most:
            self._put("Create", f"{self.sender.server.origin}/pages/{self.sender.name}-{len(self.state)}")
            return
        chosen = self.chance.choice(sorted(self.state))
        if self._is_coming_back(chosen):
            return
        if self.chance.random() < 0.1:
            self.say("Like", self._liked, self._liked)
        elif self.state[chosen] is None:
            self._returns[chosen] = self._put("Create", chosen)
        elif self._deletes < DELETES and self.chance.random() < 0.05:
            self._withdraw(chosen)
        else:
            self._put("Update", chosen)

    def _is_coming_back(self, page: str) -> bool:
        """Whether it is not worked on yet that a page is there again: what is read of it then must be what was said."""
        row = self.traffic.ledger.ap_inbox.by_activity(self._returns.get(page, ""))
        return row is not None and row.state in WAITING

    def _put(self, kind: str, page: str) -> str:
        said = self.told.setdefault(page, [])
        name = f"Page {page.rpartition('/')[2]} état {len(said)}"
        thing = {
            "id": page, "type": "Page", "attributedTo": self.sender.id, "url": f"{page}.html", "name": name,
            "content": "<p>Tous les samedis, des voisins réparent ce qui est cassé.</p>", "updated": self._now(),
            "to": [PUBLIC],
        }  # fmt: skip
        path = page.removeprefix(self.sender.server.origin)
        self.sender.server.answers[path] = answer(json.dumps({"@context": AS2, **thing}).encode())
        id_ = self.say(kind, thing, page, cc=[self.traffic.site.commons]).id
        said.append(kind)
        self.state[page] = name
        return id_

    def _withdraw(self, page: str) -> None:
        self._deletes += 1
        tomb = {"id": page, "type": "Tombstone", "formerType": "Page", "deleted": self._now()}
        path = page.removeprefix(self.sender.server.origin)
        gone = answer(json.dumps({"@context": AS2, **tomb}).encode(), status="410 Gone")
        self.sender.server.answers[path] = gone
        self.say("Delete", tomb, page, cc=[self.traffic.site.commons])
        self.told[page].append("Delete")
        self.state[page] = None

    def _now(self) -> str:
        """The time, later than the last."""
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return self._last.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Crowd(Talker):
    """Many actors of one server, which share an inbox: each follows the commons; most take it back again."""

    def __init__(self, traffic: Traffic, server: PeerServer, seed: int, pause: float) -> None:
        super().__init__(traffic, Sender(server, "first"), seed, pause)
        self._server, self.inbox = server, f"{server.origin}/inbox"
        self._members: dict[str, Sender] = {}
        server.answers["/inbox"] = answer(b"", status="202 Accepted", kind=None)
        self.follows: dict[str, str] = {}
        """Follows by their ids: who follows."""
        self.left: list[str] = []

    def step(self) -> None:
        """One more follows, or one of them no more."""
        fickle = [id_ for id_ in self.follows if id_ not in self.left]
        if len(fickle) > 3 and self.chance.random() < 0.5:
            chosen = self.chance.choice(fickle)
            self.sender = self._members[self.follows[chosen]]
            follow = {"id": chosen, "type": "Follow", "actor": self.sender.id, "object": self.traffic.site.commons}
            self.say("Undo", follow, chosen)
            self.left.append(chosen)
            return
        self.sender = Sender(self._server, f"u{len(self._members)}")
        self.sender.serve(endpoints={"sharedInbox": self.inbox})
        self._members[self.sender.id] = self.sender
        commons = self.traffic.site.commons
        self.follows[self.say("Follow", commons, commons).id] = self.sender.id


class Sink:
    """A follower: keeps what it receives. ``slow``: seconds at most that it takes to answer."""

    def __init__(self, slow: float = 0.0) -> None:
        self.server = PeerServer()
        self.sender = Sender(self.server, "reader")
        self.inbox = f"{self.sender.id}/inbox"
        path = self.inbox.removeprefix(self.server.origin)
        self._slow, self._chance = slow, random.Random(path)
        taken = answer(b"", status="202 Accepted", kind=None)
        self.server.answers[path] = self._late if slow else taken

    def _late(self, _asked: Asked, connection: socket.socket, stop: threading.Event) -> None:
        stop.wait(self._chance.uniform(0.0, self._slow))
        connection.sendall(answer(b"", "Connection: close", status="202 Accepted", kind=None))


def received(server: PeerServer) -> list[tuple[str, bytes]]:
    """The activities that came to a server, by id, each time they came."""
    posts = [asked.body for asked in server.asked if asked.method == "POST"]
    return [(json.loads(body)["id"], body) for body in posts]


def until(true: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Look again and again; fails when it takes too long."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not true():
        assert time.monotonic() < end, what()
        pause.wait(0.1)
