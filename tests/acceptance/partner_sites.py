"""Real projects, said again by a local server in the forms in which partners publish. Must never leave the loopback.

Each site knows one form; all can lie about totals, fail for good on a page, and answer a condition with 304.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

DAY = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)  # when the first project was written; each day the next


@dataclass(frozen=True)
class Project:
    """One real project: its number at the site, and the words of its row."""

    number: int
    name: str
    text: str
    themes: tuple[str, ...] = ()
    modified: datetime = DAY


@dataclass(frozen=True)
class Answer:
    """What a site says to one request."""

    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def real_projects(shared: Path, count: int) -> list[Project]:
    """The first projects of three real feeds that have a name and a text, each name once, numbered from 1."""
    found: dict[str, Project] = {}
    for name, text, themes in _rows(shared / "feeds"):
        # what cleaning takes away on purpose is tested elsewhere: entities, zero-width spaces, words for nothing
        name, text = (" ".join(html.unescape(words).replace("\u200b", "").split()) for words in (name, text))
        if len(name) >= 3 and len(text) >= 5 and not {"<", "\ufffd", "Ã"} & set(name + text):
            number = len(found) + 1
            found.setdefault(name, Project(number, name, text, themes, DAY + timedelta(hours=number)))
    return list(found.values())[:count]


def _rows(feeds: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for row in _table(feeds / "la-france-s-engage" / "projets.csv"):
        themes = (row["Tag CIS - Niveau - 1 - Thématiques 1"], row["Tag CIS - Niveau - 1 - Thématiques 2"])
        yield row["Nom du projet "], row["Description"], tuple(theme.strip() for theme in themes if theme.strip())
    for row in _table(feeds / "initiatives-covid" / "initiatives-2020-04-06.csv"):
        if row["a_publier"] == "OUI":
            yield row["titre_initiative"], row["resume_initiative"], (row["tag_besoin_niv1_code"],)
    for row in json.loads((feeds / "data-inclusion" / "structures.json").read_text("utf-8")):
        yield row["nom"], row.get("presentation_resume") or "", ()


def _table(path: Path) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))


class Site:
    """A site of projects. ``entry`` is the path of its feed; a form says what lies at a path.

    ``down``: requests whose path and query match this pattern fail for good. ``lie``: added to every announced total.
    ``by_date``: conditions are dates (Last-Modified), else ETags.
    """

    entry = "/"
    size = 100

    def __init__(self, projects: Sequence[Project], by_date: bool = False) -> None:
        self.projects = list(projects)
        self.by_date, self.down, self.lie = by_date, "", 0
        self.asked: list[tuple[str, int]] = []
        self._seen: dict[str, tuple[str, datetime]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.serve(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    def take(self) -> list[tuple[str, int]]:
        """What was asked for since the last time, with the status of each answer; robots.txt left out."""
        asked, self.asked = self.asked, []
        return [(path, status) for path, status in asked if path != "/robots.txt"]

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """What lies at a path."""
        raise NotImplementedError

    def pages(self) -> list[list[Project]]:
        """The projects, page by page."""
        return [self.projects[at : at + self.size] for at in range(0, len(self.projects), self.size)] or [[]]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            answer = Answer(status=404)
        elif self.down and re.search(self.down, handler.path):
            answer = Answer(b"Erreur interne", status=500)
        else:
            answer = self.answer(parts.path, query)
        headers = self._headers(handler.path, answer) if answer.status == 200 else {}
        status = 304 if headers and self._knows(handler, headers) else answer.status
        self.asked.append((handler.path, status))
        handler.send_response(status)
        for name, value in {**headers, **answer.headers}.items():
            handler.send_header(name, value)
        if status == 304:
            handler.end_headers()
            return
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _headers(self, path: str, answer: Answer) -> dict[str, str]:
        digest = hashlib.sha256(answer.body).hexdigest()[:20]
        before = self._seen.get(path)
        if before is None or before[0] != digest:
            changed = DAY if before is None else before[1] + timedelta(hours=1)
            self._seen[path] = before = (digest, changed)
        return {"Last-Modified": format_datetime(before[1], usegmt=True)} if self.by_date else {"ETag": f'"{digest}"'}

    def _knows(self, handler: BaseHTTPRequestHandler, headers: Mapping[str, str]) -> bool:
        since = handler.headers.get("If-Modified-Since")
        if self.by_date:
            last = parsedate_to_datetime(headers["Last-Modified"])
            return since is not None and parsedate_to_datetime(since) >= last
        return handler.headers.get("If-None-Match") == headers["ETag"]


class WordPress(Site):
    """The REST interface of WordPress: a hundred posts a page, totals in headers, 400 past the end."""

    entry = "/wp-json/wp/v2/posts"

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """A page of posts, or of those modified after a date."""
        if path != self.entry:
            return Answer(status=404)
        size, page = int(asked.get("per_page", "10")), int(asked.get("page", "1"))
        after = asked.get("modified_after")
        since = datetime.fromisoformat(after.replace("Z", "+00:00")) if after else DAY - timedelta(days=1)
        chosen = [project for project in self.projects if project.modified > since]
        pages = -(-len(chosen) // size)
        if page > max(pages, 1):
            return Answer(b'{"code":"rest_post_invalid_page_number"}', "application/json", status=400)
        posts = [self._post(project) for project in chosen[(page - 1) * size : page * size]]
        totals = {"X-WP-Total": str(len(chosen) + self.lie), "X-WP-TotalPages": str(pages)}
        return Answer(json.dumps(posts).encode(), "application/json; charset=UTF-8", totals)

    def _post(self, project: Project) -> dict[str, object]:
        date = project.modified.strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "id": project.number,
            "link": f"{self.address}/{project.number}/",
            "status": "publish",
            "date_gmt": DAY.strftime("%Y-%m-%dT%H:%M:%S"),
            "modified_gmt": date,
            "title": {"rendered": html.escape(project.name)},
            "content": {"rendered": f"<p>{html.escape(project.text)}</p>\n", "protected": False},
            "excerpt": {"rendered": "", "protected": False},
            "_embedded": {"wp:term": [[{"taxonomy": "category", "name": theme} for theme in project.themes], []]},
        }


class Feed(Site):
    """RSS as WordPress gives it, page by page (``?paged=2``), 404 past the end. ``linked``: pages name the next one."""

    entry = "/feed/"
    linked = True

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """A page of the feed."""
        number, pages = int(asked.get("paged", "1")), self.pages()
        if path != self.entry or number > len(pages):
            return Answer(status=404)
        more = f'<atom:link rel="next" href="{self.address}/feed/?paged={number + 1}"/>' if number < len(pages) else ""
        items = "".join(map(self._item, pages[number - 1]))
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Réseau</title>'
            f"<link>{self.address}</link>{more if self.linked else ''}{items}</channel></rss>"
        )
        return Answer(body.encode(), "application/rss+xml; charset=UTF-8")

    def _item(self, project: Project) -> str:
        date = format_datetime(project.modified)
        themes = "".join(f"<category><![CDATA[{theme}]]></category>" for theme in project.themes)
        return (
            f"<item><title>{escape(project.name)}</title><link>{self.address}/{project.number}/</link>"
            f'<pubDate>{date}</pubDate>{themes}<guid isPermaLink="false">{self.address}/?p={project.number}</guid>'
            f"<content:encoded><![CDATA[<p>{html.escape(project.text)}</p>]]></content:encoded></item>"
        )


class NumberedFeed(Feed):
    """The same feed whose pages do not say that there are more."""

    linked = False


class Repository(Site):
    """An OAI-PMH repository: Dublin Core, resumption tokens with the size of the whole list, changes by day."""

    entry = "/oai"

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """A page of ListRecords."""
        if path != self.entry or asked.get("verb") != "ListRecords":
            return self._said('<error code="badVerb"/>')
        since, at = asked.get("from", ""), 0
        if token := asked.get("resumptionToken"):
            since, _, place = token.rpartition("/")
            at = int(place)
        chosen = [project for project in self.projects if project.modified.isoformat() >= since]
        if not chosen:
            return self._said('<error code="noRecordsMatch"/>')
        records = "".join(map(self._record, chosen[at : at + self.size]))
        following = f"{since}/{at + self.size}" if at + self.size < len(chosen) else ""
        size = len(chosen) + self.lie
        return self._said(
            f'<ListRecords>{records}<resumptionToken completeListSize="{size}" cursor="{at}">{following}'
            "</resumptionToken></ListRecords>"
        )

    def _said(self, content: str) -> Answer:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
            f"<responseDate>2026-11-21T02:00:00Z</responseDate><request>{self.address}{self.entry}</request>"
            f"{content}</OAI-PMH>"
        )
        return Answer(body.encode(), "text/xml; charset=utf-8")

    def _record(self, project: Project) -> str:
        subjects = "".join(f"<dc:subject>{escape(theme)}</dc:subject>" for theme in project.themes)
        return (
            f"<record><header><identifier>oai:reseau.example:{project.number}</identifier>"
            f"<datestamp>{project.modified:%Y-%m-%d}</datestamp></header><metadata>"
            '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{escape(project.name)}</dc:title><dc:description>{escape(project.text)}</dc:description>"
            f"{subjects}<dc:identifier>{self.address}/{project.number}/</dc:identifier></oai_dc:dc></metadata></record>"
        )


class Pages(Site):
    """A web site with a sitemap, one page for each project, described in JSON-LD. ``dead``: numbers that answer 404."""

    entry = "/sitemap.xml"

    def __init__(self, projects: Sequence[Project], by_date: bool = False) -> None:
        super().__init__(projects, by_date)
        self.dead: set[int] = set()

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """The sitemap, or the page of a project. A lie is an address that leads nowhere."""
        known = {project.number: project for project in self.projects}
        if path == self.entry:
            named = [*known, *range(9001, 9001 + self.lie)]
            lines = "".join(f"<url><loc>{self.address}/projets/{number}</loc></url>" for number in named)
            body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{lines}</urlset>'
            return Answer(body.encode(), "application/xml")
        number = int(path.rpartition("/")[2])
        if number in self.dead or number not in known:
            return Answer(status=404)
        body = (
            '<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Réseau</title></head><body>'
            f"{self.described(known[number])}</body></html>"
        )
        return Answer(body.encode(), "text/html; charset=utf-8")

    def described(self, project: Project) -> str:
        """How a page says what the project is."""
        said = {
            "@context": "https://schema.org",
            "@type": "Project",
            "@id": f"{self.address}/projets/{project.number}",
            "url": f"{self.address}/projets/{project.number}",
            "name": project.name,
            "description": project.text,
            "keywords": list(project.themes),
        }
        text = json.dumps(said, ensure_ascii=False).replace("</", "<\\/")
        return f'<h1>{html.escape(project.name)}</h1><script type="application/ld+json">{text}</script>'


class MicrodataPages(Pages):
    """The same site, described in microdata."""

    def described(self, project: Project) -> str:
        """How a page says what the project is."""
        address = f"{self.address}/projets/{project.number}"
        themes = "".join(f'<span itemprop="keywords">{html.escape(theme)}</span>' for theme in project.themes)
        return (
            f'<div itemscope itemtype="https://schema.org/Project" itemid={quoteattr(address)}>'
            f'<h1 itemprop="name">{html.escape(project.name)}</h1><link itemprop="url" href={quoteattr(address)}>'
            f'<p itemprop="description">{html.escape(project.text)}</p>{themes}</div>'
        )


class Outbox(Site):
    """An ActivityPub actor whose outbox is a collection in pages, newest first or not."""

    entry = "/@reseau"

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """The actor, its outbox, or a page of that."""
        actor, outbox = f"{self.address}{self.entry}", f"{self.address}/outbox"
        said: dict[str, object] = {"@context": "https://www.w3.org/ns/activitystreams"}
        pages = self.pages()
        if path == self.entry:
            said |= {"id": actor, "type": "Organization", "name": "Réseau", "outbox": outbox}
        elif path == "/outbox" and "page" not in asked:
            total = len(self.projects) + self.lie
            said |= {"id": outbox, "type": "OrderedCollection", "totalItems": total, "first": f"{outbox}?page=1"}
        elif path == "/outbox" and int(asked["page"]) <= len(pages):
            number = int(asked["page"])
            items = [self._created(project, actor) for project in pages[number - 1]]
            said |= {"id": f"{outbox}?page={number}", "type": "OrderedCollectionPage", "partOf": outbox}
            said |= {"orderedItems": items, **({"next": f"{outbox}?page={number + 1}"} if number < len(pages) else {})}
        else:
            return Answer(status=404)
        return Answer(json.dumps(said).encode(), "application/activity+json")

    def _created(self, project: Project, actor: str) -> dict[str, object]:
        address = f"{self.address}/projets/{project.number}"
        created = {
            "id": address,
            "type": "Article",
            "attributedTo": actor,
            "name": project.name,
            "content": f"<p>{html.escape(project.text)}</p>",
            "url": address,
            "published": DAY.isoformat(),
            "updated": project.modified.isoformat(),
            "tag": [{"type": "Hashtag", "name": f"#{theme}"} for theme in project.themes],
        }
        return {"id": f"{address}#create", "type": "Create", "actor": actor, "object": created}
