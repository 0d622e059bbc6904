"""Whole harvests over HTTP of feeds that say odd things: what is read of them, what is told, and what stays online."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rdflib
from lying_server import LyingServer, http
from misbehaving import answer, data, describe, harmless, told
from years import NIGHT, Instance, iri, is_held, row, rows

from federation.model import Rule, RunReport, RunState

THEME = "https://w3id.org/carrefour/theme/"


def table(here: Instance, fields: str, *lines: str, more: str = "") -> RunReport:
    """Harvest a CSV file with its columns id, name, url and those of the first line."""
    describe(here, "csv", fields + more)
    answer(here, http("\n".join((f"id;name;url;{lines[0]}", *lines[1:], "")).encode(), "Content-Type: text/csv"))
    return here.night()


def of(here: Instance, key: str, partner: str = "p") -> str:
    """The graph of a record."""
    return here.graphs().get(iri(key, partner), "")


ENTITY = '<!DOCTYPE r [<!ENTITY x SYSTEM "{url}">]><rss version="2.0"><channel><title>&x;</title></channel></rss>'
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><{0}>&d;</{0}>'
)


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("feed", ENTITY),
        ("oai-pmh", ENTITY),
        ("feed", LAUGHS.replace("{0}", "rss")),
        ("oai-pmh", LAUGHS.replace("{0}", "OAI-PMH")),
        ("json", "[" * 5000 + "]" * 5000),
        ("json-ld", '{"@graph":' * 5000 + "[]" + "}" * 5000),
    ],
    ids=["entity in a feed", "entity in XML", "laughs in a feed", "laughs in XML", "deep JSON", "deep JSON-LD"],
)
def test_a_hostile_document_is_refused_without_a_request(
    here: Instance, server: LyingServer, kind: str, body: str
) -> None:
    """External and nested entities, endless depth: a failure in plain words; nothing else is asked of any server."""
    here.run(rows(5))
    before = here.dump()
    describe(here, kind, records='id = "id"\npage = "link"\n')
    answer(here, http(body.replace("{url}", server.url("/stolen")).encode(), "Content-Type: application/xml"))
    report = here.night()
    harmless(here, before, report, RunState.FAILED, RunState.INCOMPLETE)
    assert told(report)
    assert "/stolen" not in server.paths


@pytest.mark.fault(14)
def test_numbers_that_are_none_and_keys_given_twice_are_told(here: Instance) -> None:
    """NaN, an infinite number, a second `name`: the record is read as far as it can be, and the rest is a finding."""
    body = (
        '[{"id": "1", "url": "https://p.example/1", "name": "Projet 1", "name": "Projet un", "lat": NaN, "lon": 1e400},'
        '{"id": "2", "url": "https://p.example/2", "name": "Projet 2"}]'
    )
    here.map(extra='location.latitude = "lat"\nlocation.longitude = "lon"\n')
    answer(here, http(body.encode(), "Content-Type: application/json"))
    report = here.night()
    assert report.counts.accepted == 2
    assert {"duplicate-key", "number-not-finite"} <= told(report), told(report)
    assert "latitude" not in of(here, "1")


@pytest.mark.fault(15)
def test_a_remote_context_is_named_and_never_fetched(here: Instance, server: LyingServer) -> None:
    """The server that holds it hears nothing; the finding names it."""
    here.run(rows(3))
    before = here.dump()
    describe(here, "json-ld", records='id = "@id"\npage = "url"\n')
    context = server.url("/context.jsonld")
    answer(here, data({"@context": context, "@id": "https://p.example/1", "name": "A"}))
    report = here.night()
    harmless(here, before, report)
    assert "/context.jsonld" not in server.paths
    assert any(context in finding.message["fr"] + str(finding.value) for finding in report.findings)


@pytest.mark.fault(18)
def test_an_id_that_is_missing_or_a_placeholder_is_told_and_the_live_record_stays(here: Instance) -> None:
    """Nothing, `TODO`, another row's id, one id for all: each is a finding, and what is online is as it was."""
    here.run(rows(10))
    before = here.dump()
    for wrong, rule in (("", "id-from-page"), ("TODO", "id-placeholder"), ("1", "id-duplicate")):
        report = here.night([{**row("0", "Autre"), "id": wrong}, *rows(9, start=1)])
        assert rule in told(report), wrong
        assert iri("0") in here.graphs()
        assert here.night(rows(10)).counts.accepted == 10
    report = here.night([{**each, "id": "7"} for each in rows(10)])
    assert report.state in {RunState.FAILED, RunState.HELD}
    assert {name: content for name, content in here.graphs().items() if name in before} == {
        name: content for name, content in here.graphs().items() if len(name) < 50
    }
    assert here.night(rows(10)).counts.changed == 0


@pytest.mark.fault(21)
def test_the_same_tag_means_at_each_source_what_it_means_there(here: Instance) -> None:
    """Each source has its crosswalk; a word that neither knows is kept, counted, and offered the nearest of ours."""
    words = {"s": "AGR", "t": "NUM"}
    for source, code in words.items():
        more = f'theme = "tags"\n[crosswalk.theme]\n"Culture" = "{code}"\n'
        here.map(source, {"s": "p", "t": "q"}[source], extra=more)
        report = here.run([row(str(n), tags=["CULTURE ", "Agricultur"]) for n in range(12)], source)
        (unknown,) = {finding.value: finding for finding in report.findings if finding.rule == "unknown-word"}.values()
        assert unknown.value == "Agricultur"
        assert sum(finding.count for finding in report.findings if finding.rule == "unknown-word") == 12
        assert "AGR" in (unknown.suggestion or "")
    for partner, code in (("p", "AGR"), ("q", "NUM")):
        graph = of(here, "3", partner)
        assert f"<{THEME}{code}>" in graph
        assert graph.count(f"<{THEME}") == 1
        assert '"Agricultur"' in graph


@pytest.mark.fault(22)
def test_no_script_reaches_the_graph(here: Instance) -> None:
    """Markup that does something and addresses that are code are taken out; the words and the record stay."""
    evil = (
        'Un <script>mal()</script><iframe src="https://m.example"></iframe><img src=x onerror="mal()">jardin '
        '&lt;script&gt;mal()&lt;/script&gt;<a href="javascript:mal()">ici</a><a href="data:text/html,x">là</a>'
    )
    here.map(extra='url = "site"\nimage.contentUrl = "photo"\nsameAs = "meme"\n')
    bad = [
        row("1", evil, site="javascript:mal()", photo="data:image/png;base64,AA==", meme="JaVaScRiPt:mal()"),
        row("2", site=" \tjavascript:mal()", photo="vbscript:x", meme="file:///etc/passwd"),
    ]
    report = here.run(bad)
    assert report.counts.accepted == 2
    assert "jardin" in of(here, "1")
    public = here.dump().lower()
    for word in ("mal()", "<script", "<iframe", "onerror", "data:image", "data:text", "file:", "m.example"):
        assert word not in public, word
    assert "iri-unreadable" in told(report) or any(rule.startswith("iri") for rule in told(report))


@pytest.mark.fault(23)
def test_places_and_codes_are_put_right_only_when_that_is_certain(here: Instance) -> None:
    """Swapped axes, (0, 0), overseas, decimal commas, words for nothing, lost zeros, SIRETs that are none."""
    fields = (
        'description = "texte"\nlocation.latitude = "lat"\nlocation.longitude = "lon"\n'
        'location.address.postalCode = "cp"\nholder.name = "porteur"\nholder.siret = "siret"\n'
    )
    line = "{0};Projet {0};https://p.example/{0};{1}"
    rows_ = [
        ("swapped", "Un jardin;2,3522;48,8566;75011;Asso;00000000000000"),
        ("null", "NR;0;0;#N/D;Asso;1"),
        ("overseas", "Un jardin;-20,88;55,45;97400;Asso;35600000049837"),
        ("zero", "Un jardin;46,2;5,22;1000;Asso;227 400 017 00074"),
        ("unsure", "Un jardin;2,3522;48,8566;;Asso;"),
    ]
    report = table(here, fields, "texte;lat;lon;cp;porteur;siret", *(line.format(*each) for each in rows_))
    assert report.counts.accepted == 5
    swapped, null, overseas, zero, unsure = (of(here, key) for key, _ in rows_)
    assert '/latitude> "48.8566"' in swapped
    assert '/longitude> "2.3522"' in swapped
    assert "latitude" not in null
    assert '"NR"' not in null
    assert "#N/D" not in null
    assert '/latitude> "-20.88"' in overseas
    assert '/latitude> "46.2"' in zero
    assert '"01000"' in zero
    assert "22740001700074" in zero
    assert "00000000000000" not in swapped
    assert '/latitude> "2.3522"' in unsure, "nothing proves that the axes are swapped"
    assert {"point-swapped", "point-null", "postcode-zero", "organisation-placeholder"} <= told(report)


@pytest.mark.fault(24)
def test_a_date_has_the_precision_that_was_given_and_is_the_same_every_night(here: Instance) -> None:
    """Impossible and relative dates are findings; a month stays a month; the next night changes nothing."""
    given = ("31/02/2024", "20266", "mars 2021", "hier", "2019", "04/07/2020")
    lines = [f"{key};Projet {key};https://p.example/{key};{date}" for key, date in enumerate(given)]
    report = table(here, 'startDate = "debut"\n', "debut", *lines)
    unread = {finding.value for finding in report.findings if finding.rule == "date-unreadable"}
    assert unread == {"31/02/2024", "20266", "hier"}
    for key, expected in ((0, None), (1, None), (2, '"2021-03"^^'), (3, None), (4, '"2019"^^'), (5, '"2020-07-04"^^')):
        assert ("startDate" in of(here, str(key))) is (expected is not None)
        assert (expected or "") in of(here, str(key))
    before, told_before = here.dump(), here.told()
    lines.append("9;Projet 9;https://p.example/9;hier")
    assert table(here, 'startDate = "debut"\n', "debut", *lines).counts.changed == 0
    assert before.splitlines()[0] in here.dump()
    assert here.told() == told_before + 1


@pytest.mark.fault(25)
def test_a_row_with_too_many_or_too_few_cells_is_rejected_alone(here: Instance) -> None:
    """A stray separator shifts the cells after it: that row is refused with its line, and its live record stays."""
    good = [f"{key};Projet {key};https://p.example/{key};Texte {key}" for key in range(4)]
    table(here, 'description = "texte"\n', "texte", *good)
    before = here.dump()
    bad = [good[0], "1;Projet;1;https://p.example/1;Texte 1", "2;Projet 2", good[3]]
    report = table(here, 'description = "texte"\n', "texte", *bad)
    assert (report.counts.accepted, report.counts.rejected) == (2, 2)
    assert {finding.where for finding in report.findings if finding.rule == "row-cells"} or told(report)
    assert {"ligne 3", "ligne 4"} <= {finding.where for finding in report.findings}
    assert here.dump() == before


@pytest.mark.fault(28)
def test_a_reference_to_what_the_feed_does_not_hold_is_told_and_left_out(here: Instance) -> None:
    """A place and a holder that are only named by an address: never published as if the address were their name."""
    records = 'types = ["schema:Project"]\nid = "@id"\npage = "url"\n'
    describe(here, "json-ld", profile="schema.org", records=records)
    project = {"@type": "Project", "url": "https://p.example/1", "@id": "https://p.example/1", "name": "Jardin A"}
    dangling = {"location": {"@id": "https://p.example/lieu/9"}, "parentOrganization": {"@id": "_:nobody"}}
    described = {"@type": "Organization", "@id": "https://p.example/asso", "name": "Asso"}
    whole = {**project, "@id": "https://p.example/2", "url": "https://p.example/2", "name": "Jardin B"}
    graph = [{**project, **dangling}, {**whole, "parentOrganization": {"@id": described["@id"]}}, described]
    answer(here, data({"@context": "https://schema.org", "@graph": graph}))
    report = here.night()
    assert report.counts.accepted == 2
    values = {finding.value for finding in report.findings if finding.rule == "reference-dangling"}
    assert values == {"https://p.example/lieu/9", "_:nobody"}
    assert all(finding.field for finding in report.findings if finding.rule == "reference-dangling")
    assert "lieu/9" not in here.dump()
    assert "nobody" not in here.dump()
    assert '"Asso"' in here.dump()


@pytest.mark.fault(28)
def test_a_row_marked_not_to_publish_is_in_no_graph(here: Instance) -> None:
    """Left out and counted from the first night; a live one that is marked is missing, and goes with the others."""
    here.map(extra='[only]\n"publié" = "oui"\n')
    report = here.run([row("1", publié="oui"), row("2", publié="non"), row("3", publié=""), row("4")])
    assert (report.counts.accepted, report.counts.excluded) == (1, 3)
    assert set(here.graphs()) == {iri("1")}
    here.night([row("1", publié="oui"), row("5", publié="oui")])
    for _ in range(9):
        here.night([row("1", publié="oui"), row("5", publié="non")])
    assert set(here.graphs()) == {iri("1")}


@pytest.mark.fault(29)
def test_those_who_harvest_us_give_us_nothing_back(here: Instance) -> None:
    """Our own records, and what others made of them, are left out, counted and told once; their own records come in."""
    here.run(rows(5))
    ours = rdflib.Dataset()
    for name, content in here.graphs().items():
        ours.graph(name).parse(data=content, format="nt")
    published: list[dict[str, Any]] = json.loads(ours.serialize(format="json-ld"))
    nodes = [node for graph in published for node in graph.get("@graph", [graph])]
    made = {"@type": "Project", "name": "Copie", "url": "https://agg.example/9"}
    context = {"@vocab": "http://schema.org/", "prov": "http://www.w3.org/ns/prov#"}
    feed = [
        *nodes,
        {"@context": context, **made, "@id": "https://agg.example/1", "prov:wasDerivedFrom": {"@id": iri("0")}},
        {"@context": context, **made, "@id": "https://agg.example/2", "isBasedOn": {"@id": f"{iri('1')}#project"}},
        {"@context": context, **made, "@id": "https://agg.example/3", "url": iri("2").replace("https:", "http:")},
        {"@context": context, **made, "@id": "https://agg.example/4", "sameAs": {"@id": iri("3")}, "name": "Le leur"},
    ]
    profile = {"profile": "schema.org"}
    records = 'types = ["schema:Project", "Project"]\nid = "@id"\npage = "url"\n'
    describe(here, "json-ld", records=records, source="t", **profile)
    answer(here, data(feed), source="t")

    report = here.run(name="t")

    assert (report.counts.accepted, report.counts.rejected) == (1, 0)
    (said,) = [finding for finding in report.findings if finding.rule == "own-record"]
    assert said.count == 8
    assert len(here.online("t")) == 1
    assert "Le leur" in here.dump()
    assert "Copie" not in here.dump()


@pytest.mark.fault(29)
def test_what_is_read_at_its_producer_is_left_out_counted_and_told(here: Instance) -> None:
    """[origins] names the producers that we read at their own place."""
    here.map(extra='[origins]\n"Réseau T" = "q"\n')
    path = here.settings.sources_dir / "s.toml"
    path.write_text(path.read_text("utf-8").replace("[records]\n", '[records]\norigin = "producteur"\n'), "utf-8")
    report = here.run([row("1", producteur="réseau  t"), row("2", producteur="Réseau T"), row("3", producteur="nous")])
    assert (report.counts.accepted, report.counts.excluded) == (1, 2)
    assert [finding.count for finding in report.findings if finding.rule == "read-at-origin"] == [2]
    assert set(here.graphs()) == {iri("3")}


@pytest.mark.fault(30)
def test_an_object_of_another_host_is_refused(here: Instance, server: LyingServer) -> None:
    """An outbox speaks for its own host only, by its parsed name, whatever another one begins or ends with."""
    host = f"127.0.0.1:{server.port}"
    describe(here, "activitypub", profile="activitypub", records="")

    def create(name: str, number: int) -> dict[str, Any]:
        address = f"http://{name}/events/{number}"
        thing = {"id": address, "type": "Event", "name": f"Fête {number}", "url": address}
        actor = server.url("/s.json")
        return {"type": "Create", "actor": actor, "object": {**thing, "attributedTo": actor}}

    others = [f"{host}.evil.net", f"{host}@evil.net", "evil.net", "127.0.0.1.evil.net"]
    items = [create(host, 0), *(create(name, number) for number, name in enumerate(others, 1))]
    outbox = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": server.url("/s.json"),
        "type": "OrderedCollection",
        "totalItems": len(items),
        "orderedItems": items,
    }
    answer(here, http(json.dumps(outbox).encode(), "Content-Type: application/activity+json"))
    report = here.night()
    assert (len(here.online()), report.counts.rejected) == (1, len(others))
    assert "evil" not in here.dump()
    assert "Fête 0" in here.dump()


def site(server: LyingServer, day: str, **pages: str) -> None:
    """A site with a sitemap of its pages, all changed on a day."""
    places = "".join(f"<url><loc>{server.url(f'/{name}')}</loc><lastmod>{day}</lastmod></url>" for name in pages)
    head = '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    server.answers["/s.json"] = http(f"{head}{places}</urlset>".encode(), "Content-Type: application/xml")
    for name, body in pages.items():
        page = f"<!doctype html><html><head><title>{name}</title></head><body>{body}</body></html>"
        server.answers[f"/{name}"] = http(page.encode(), "Content-Type: text/html; charset=utf-8")


@pytest.mark.fault(31)
def test_a_malformed_block_costs_only_itself(here: Instance, server: LyingServer) -> None:
    """The good block of the same page is read, and the finding says which one is not."""
    describe(here, "html", profile="schema.org", format="html", records='id = "@page"\npage = "@page"\n')
    block = '<script type="application/ld+json">{}</script>'
    good = json.dumps({"@context": "https://schema.org", "@type": "Project", "name": "Jardin"})
    site(server, "2026-03-01", un=block.format('{"@type": "Project",}') + block.format(good), deux=block.format(good))
    report = here.night()
    assert report.counts.accepted == 2
    assert "json-ld-block" in told(report)


@pytest.mark.fault(32)
def test_a_redesign_empties_nothing(here: Instance, server: LyingServer) -> None:
    """The expressions find nothing any more: told at once, held when the whole site is read; the records stay."""
    describe(here, "html", '[select]\nname = "//h1"\n', records='id = "@page"\npage = "@page"\n')
    site(server, "2026-03-01", **{f"p{number}": f"<h1>Jardin {number}</h1>" for number in range(6)})
    assert here.night().counts.accepted == 6
    before = here.dump()
    site(server, "2026-03-02", **{f"p{number}": f"<h2>Jardin {number}</h2>" for number in range(6)})
    assert "select-nothing" in told(here.night())
    assert here.dump() == before
    here.clock.turn(28 * NIGHT)
    is_held(here.night(), Rule.EMPTY)
    assert here.dump() == before
    assert len(here.online()) == 6
    site(server, "2026-04-10", **{f"p{number}": f"<h1>Jardin {number}</h1>" for number in range(6)})
    assert here.night().counts.changed == 0
    assert here.dump() == before
