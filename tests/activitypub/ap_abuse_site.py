"""A whole Carrefour at work on the loopback, served as in production, and the other servers that attack it.

What it thinks of an attack is asked of its ledger (the end of each activity) and of its public face, over HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from ap_peer_server import PeerServer, answer
from ap_site import PUBLIC, Clock, Sender, Told, rsa_key, send
from waitress import wasyncore

from federation.activitypub.signatures import Dialect, Message
from federation.cli.instance import listen
from federation.ledger.ap_inbox import WAITING, InboxRow, InboxState
from federation.platform import open_platform
from federation.settings import Settings
from federation.web import create_app

AS2 = "https://www.w3.org/ns/activitystreams"
SECONDS = 150
"""On a busy machine: a fetch that fails for a moment is tried again after a minute."""
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Victim:
    """The instance. ``post`` sends it a message, ``end`` waits for what becomes of an activity."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self._app: Any = None
        self._server = listen(lambda *call: self._app(*call), "127.0.0.1", 0, proxied=False)
        self.port: int = self._server.effective_port
        self.origin = f"http://127.0.0.1:{self.port}"
        self.commons = f"{self.origin}/actors/commons"
        self.sources = folder / "sources"
        self.sources.mkdir(parents=True)
        settings = Settings(
            base_url=self.origin, data_dir=folder / "data", sources_dir=self.sources, workers=1, query_workers=1,
            fetch_private=True,
        )  # fmt: skip
        self.platform = open_platform(settings)
        self.ledger = self.platform._ledger
        self._app = create_app(self.platform)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._server.run, daemon=True)]
        self._threads[0].start()
        self._web = requests.Session()
        self._web.trust_env = False

    def partner(self, name: str, actor: str) -> None:
        """Harvest the outbox of a partner once, and let its actor push."""
        (self.sources / f"{name}.toml").write_text(
            f'[source]\nid = "{name}"\npartner = "{name}"\nurl = "{actor}/outbox"\nprofile = "activitypub"\n'
            'licence = "https://creativecommons.org/licenses/by/4.0/"\n',
            "utf-8",
        )
        with self.platform.writing() as writer:
            writer.harvest(self.platform.source(name), lambda *_: None, confirmed=True)
        self.bind(actor, name)

    def bind(self, actor: str, partner: str) -> None:
        """Let one more actor push for a partner."""
        self.platform.peers.bind(actor, partner, partner, "op")

    def work(self) -> None:
        """Let the station work from now on."""
        self._threads.append(threading.Thread(target=self._work, daemon=True))
        self._threads[-1].start()

    def _work(self) -> None:
        with self.platform.writing() as writer, self.platform.station.at_work(writer) as errand:
            while not self._stop.is_set():
                if not errand():
                    self._stop.wait(0.02)

    def close(self) -> None:
        """Stop working and serving."""
        self._stop.set()
        for thread in self._threads[1:]:
            thread.join(30)
        self._server.task_dispatcher.shutdown(timeout=1)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._threads[0].join(10)
        self._web.close()
        self.platform.close()

    # ---- attacks

    def post(self, sender: Sender, activity: Mapping[str, Any], **how: Any) -> Told:
        """Deliver an activity as its sender signs it, in the two dialects by turns; ``target`` says to which inbox."""
        how.setdefault("dialect", list(Dialect)[sender.said % 2])
        return self.send(sender.message(self, dict(activity), **how))  # type: ignore[arg-type]

    def send(self, message: Message) -> Told:
        """Send a message as it is."""
        return send(self.port, message)

    def give(self, sender: Sender, *activities: Mapping[str, Any]) -> list[str]:
        """Deliver activities one after the other, and give what became of each: ``state:rule``, or the status."""
        told = [self.post(sender, one).status for one in activities]
        return [
            str(status) if status != 202 else self.end(str(one["id"]))
            for status, one in zip(told, activities, strict=True)
        ]

    def end(self, activity: str) -> str:
        """Wait for the end of an accepted activity: ``state:rule``."""
        until(lambda: self.row(activity).state not in WAITING, lambda: f"the end of {self.row(activity)}")
        row = self.row(activity)
        return f"{row.state}:{row.outcome}"

    def row(self, activity: str) -> InboxRow:
        """An accepted activity, as it is kept."""
        row = self.ledger.ap_inbox.by_activity(activity)
        assert row is not None, activity
        return row

    @property
    def quarantined(self) -> int:
        """How many activities wait for a person, or for a mended reader."""
        return self.ledger.ap_inbox.counts().get(InboxState.QUARANTINED, 0)

    # ---- what anybody sees

    def says(self, text: str) -> bool:
        """Whether any public graph has a value that contains a text."""
        asked = f"ASK {{ GRAPH ?g {{ ?s ?p ?o FILTER(CONTAINS(STR(?o), {json.dumps(text)})) }} }}"
        found: bool = self._sparql(asked)["boolean"]
        return found

    def speaks_of(self, subject: str) -> bool:
        """Whether any public graph says anything of a subject."""
        found: bool = self._sparql(f"ASK {{ GRAPH ?g {{ <{subject}> ?p ?o }} }}")["boolean"]
        return found

    def records(self, partner: str) -> dict[str, str]:
        """The public records of a partner: names by IRI."""
        home = f"{self.origin}/records/{partner}/"
        found = self._sparql(
            "PREFIX schema: <http://schema.org/> SELECT ?g ?name WHERE { GRAPH ?g { ?s schema:name ?name } "
            f'FILTER(STRSTARTS(STR(?g), "{home}") && STR(?s) = CONCAT(STR(?g), "#project")) }}'
        )
        return {one["g"]["value"]: one["name"]["value"] for one in found["results"]["bindings"]}

    def _sparql(self, query: str) -> Any:
        accept = {"Accept": "application/sparql-results+json"}
        told = self._web.get(f"{self.origin}/sparql", params={"query": query}, headers=accept, timeout=SECONDS)
        assert told.status_code == 200, told.text
        return told.json()

    def document(self, path: str) -> Any:
        """An AS2 document of it."""
        told = self._web.get(self.origin + path, headers={"Accept": "application/activity+json"}, timeout=SECONDS)
        assert told.status_code == 200, (path, told.status_code)
        return told.json()

    def page(self, address: str) -> requests.Response:
        """A page for people."""
        return self._web.get(address, headers={"Accept": "text/html"}, timeout=SECONDS)

    @property
    def followers(self) -> int:
        """How many follow the commons."""
        return int(self.document("/actors/commons/followers")["totalItems"])

    @property
    def following(self) -> int:
        """How many it follows."""
        return int(self.document("/actor/following")["totalItems"])


class Attacker(Sender):
    """An actor of another server, with a page per key, an inbox that takes everything, and an outbox."""

    def __init__(self, server: PeerServer, name: str, number: int = 0) -> None:
        super().__init__(server, name, rsa_key(number))
        server.answers[f"/users/{name}/inbox"] = TAKEN
        self.serve_at("/outbox", {"type": "OrderedCollection", "orderedItems": []}, under=self.id)

    def page(self, key: str, minutes: float = -5, **more: Any) -> dict[str, Any]:
        """A page of its own, said so many minutes from now."""
        at = (Clock().now() + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "id": f"{self.server.origin}/pages/{key}", "type": "Page", "attributedTo": self.id,
            "url": f"{self.server.origin}/pages/{key}.html", "name": f"Projet {key}", "content": "<p>Un projet</p>",
            "updated": at, "to": [PUBLIC], **more,
        }  # fmt: skip

    def says(self, kind: str, thing: Any, **more: Any) -> dict[str, Any]:
        """A new activity of its own."""
        return self.activity(type=kind, object=thing, **more)

    def publish(self, *pages: Mapping[str, Any]) -> None:
        """Have pages in the outbox."""
        creates = [self.says("Create", one) for one in pages]
        self.serve_at("/outbox", {"type": "OrderedCollection", "orderedItems": creates}, under=self.id)

    def serve_at(self, path: str, document: Mapping[str, Any], under: str = "") -> str:
        """Serve a document at a path of the server, under that id if it names no other; give its address."""
        address = (under or self.server.origin) + path
        body = json.dumps({"@context": AS2, "id": address, **document}).encode()
        self.server.answers[address.removeprefix(self.server.origin)] = answer(body)
        return address

    def got(self, kind: str) -> list[dict[str, Any]]:
        """The activities of a kind that came to its inbox."""
        target = f"/users/{self.name}/inbox"
        bodies = [json.loads(asked.body) for asked in self.server.asked if asked.target == target]
        return [body for body in bodies if body["type"] == kind]


@contextmanager
def served(*servers: PeerServer) -> Iterator[None]:
    """Close servers in the end."""
    try:
        yield
    finally:
        for server in servers:
            server.close()


def until(true: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Look again and again; fails when it takes too long."""
    end, pause = time.monotonic() + SECONDS, threading.Event()
    while not true():
        assert time.monotonic() < end, f"in vain waited for {what if isinstance(what, str) else what()}"
        pause.wait(0.01)
