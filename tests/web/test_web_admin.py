"""The door of operators: sessions, cookies, forged forms, waiting, redirects, escaping; and that orders are noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from operators_desk import PASSWORD, Desk, held_run, log_in, make_desk, secret
from sample_commons import SCRIPT

from federation.ledger.audit import Act
from federation.ledger.sessions import ABSOLUTE, IDLE
from federation.model import Counts, Rule, RunKind, RunReport, RunState
from federation.web import create_app
from federation.web.admin_session import COOKIE, MAX_FORM

HOSTILE = [
    "https://evil.example/",
    "//evil.example/admin",
    "/\\evil.example",
    "/admin/../sparql",
    "/admin//evil.example",
    "/admin@evil.example",
    "/admin\r\nSet-Cookie: a=b",
    "/admin\n",
    "javascript:alert(1)",
    "/projets",
    "/administrator",
    "",
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An instance with two accounts and two sources."""
    made = make_desk(tmp_path)
    yield made
    made.memory.close()


@pytest.fixture
def app(desk: Desk) -> Flask:
    """Its application."""
    return create_app(desk)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody has logged in with."""
    return app.test_client()


@pytest.fixture
def ana(client: FlaskClient) -> FlaskClient:
    """A browser in which the operator has logged in."""
    assert log_in(client).status_code == 303
    return client


def cookies(response: Any) -> list[str]:
    """What a response sets."""
    return list(response.headers.getlist("Set-Cookie"))


def orders(desk: Desk) -> list[tuple[RunKind, str | None]]:
    """What waits for whoever writes."""
    return [(queued.order.kind, queued.order.of) for queued in desk.memory.runs.queued()]


def admin_rules(app: Flask) -> list[tuple[str, str]]:
    """(address, method) of everything under /admin but the login, holes filled with what exists or not."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin") and rule.endpoint != "admin.login":
            address = re.sub(r"<[^>]+>", "jardins", rule.rule)
            found += [(address, method) for method in (rule.methods or set()) - {"OPTIONS"}]
    return found


# -- without a session ----------------------------------------------------------------------------------------------


def test_nothing_of_operators_is_reachable_without_a_session(app: Flask, client: FlaskClient, desk: Desk) -> None:
    """Every address and method under /admin, in both languages, leads to the form to log in; nothing happens."""
    rules = admin_rules(app)
    assert len(rules) >= 20

    for address, method in rules:
        for start in ("", "/en"):
            response = client.open(start + address, method=method, data={"confirm": "yes", "reason": "x"})
            assert response.status_code == 303, (method, address)
            assert response.headers["Location"].startswith(f"{start}/admin/login?next=/admin")
            assert response.headers["Cache-Control"] == "no-store"
            assert cookies(response) == []
    assert orders(desk) == []
    assert desk.memory.audit.lines(9) == []


def test_every_address_of_operators_belongs_to_their_guard(app: Flask) -> None:
    """No other part of the application answers under /admin."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")]

    assert {rule.endpoint.partition(".")[0] for rule in rules} == {"admin"}


def test_visitors_get_no_cookie(client: FlaskClient) -> None:
    """Neither on public pages nor on the form to log in, nor by failing to log in."""
    for path in ("/", "/projets", "/admin/login", "/admin", "/admin/nothing"):
        assert cookies(client.get(path)) == []
    assert cookies(log_in(client, password="wrong password")) == []


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "é", "A" * 4000])
def test_a_made_up_cookie_opens_nothing(client: FlaskClient, value: str) -> None:
    """It is as good as none."""
    client.set_cookie(COOKIE, value, path="/admin")

    assert client.get("/admin").status_code == 303


# -- logging in -----------------------------------------------------------------------------------------------------


def test_the_cookie_is_for_operators_pages_only(client: FlaskClient) -> None:
    """HttpOnly, SameSite=Lax, the paths of both languages; ends with the browser; not Secure on plain http."""
    answer = log_in(client)

    assert len(cookies(answer)) == 2
    for cookie, path in zip(cookies(answer), ("/admin", "/en/admin"), strict=True):
        assert {"HttpOnly", f"Path={path}", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    assert answer.headers["Location"] == "/admin"


def test_the_cookie_is_secure_when_the_instance_is(desk: Desk) -> None:
    """With an https base_url it never travels in the clear."""
    desk.use("https://commons.example")
    answer = log_in(create_app(desk).test_client())

    assert all("Secure" in cookie.split("; ") for cookie in cookies(answer))


def test_logging_in_makes_another_session_each_time(app: Flask, desk: Desk) -> None:
    """Session fixation: a token that was there before is never taken up, and an old session of this browser ends."""
    client = app.test_client()
    client.set_cookie(COOKIE, "planted-by-somebody-else", path="/admin")
    first = log_in(client)
    old = client.get_cookie(COOKIE, path="/admin")
    log_in(client)
    new = client.get_cookie(COOKIE, path="/admin")

    assert "planted" not in str(cookies(first))
    assert old is not None
    assert new is not None
    assert old.value != new.value
    assert desk.gate.session("planted-by-somebody-else") is None
    assert desk.gate.session(old.value) is None
    assert desk.gate.session(new.value) is not None


def test_a_wrong_name_and_a_wrong_password_are_told_alike(client: FlaskClient) -> None:
    """Same status, same page but for the name that was typed, same headers."""
    wrong = log_in(client, "ana", "wrong password")
    unknown = log_in(client, "zed", "wrong password")

    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace('"ana"', "") == unknown.text.replace('"zed"', "")
    assert dict(wrong.headers).keys() == dict(unknown.headers).keys()
    assert "wrong password" not in wrong.text


def test_a_disabled_account_is_told_as_a_wrong_password(client: FlaskClient, desk: Desk) -> None:
    """Nobody learns from outside that it exists."""
    wrong = log_in(client, "ana", "wrong password").text
    desk.memory.accounts.disable("ana", desk.at)

    assert log_in(client).text == wrong


def test_too_many_tries_wait(client: FlaskClient, desk: Desk) -> None:
    """The sixth is 429 with Retry-After, the right password too; later it opens."""
    for _ in range(5):
        assert log_in(client, password="wrong password").status_code == 403
    answer = log_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Trop d'essais" in answer.text.replace("&#39;", "'")

    desk.at += timedelta(seconds=int(answer.headers["Retry-After"]))
    assert log_in(client).status_code == 303


@pytest.mark.parametrize("target", HOSTILE)
def test_login_leads_to_our_own_pages_only(client: FlaskClient, target: str) -> None:
    """Whatever `next` says, in the form or the address."""
    shown = client.get("/admin/login", query_string={"next": target}).text
    answer = log_in(client, next=target)

    assert answer.headers["Location"] == "/admin"
    assert 'name="next" value="/admin"' in shown


@pytest.mark.parametrize("target", ["/admin/runs?source=jardins&state=held&page=2", "/admin/sources/a-b.c"])
def test_login_leads_back_to_where_one_wanted_to_go(client: FlaskClient, target: str) -> None:
    """In the language of the page."""
    form = client.get("/en" + target).headers["Location"]
    shown = re.search(r'name="next" value="([^"]+)"', client.get(form).text)
    assert shown is not None
    answer = client.post(
        "/en/admin/login", data={"name": "ana", "password": PASSWORD, "next": shown[1].replace("&amp;", "&")}
    )

    assert form.startswith("/en/admin/login?next=/admin/")
    assert answer.headers["Location"].startswith("/en" + target.partition("?")[0])


def test_a_form_of_another_site_cannot_log_anybody_in(client: FlaskClient) -> None:
    """Browsers say where a form comes from; without such a word (an old browser) the password decides."""
    data = {"name": "ana", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/admin/login", data=data, headers=headers)
        assert answer.status_code == 403
        assert cookies(answer) == []
    for headers in ({"Origin": "http://127.0.0.1:8000"}, {"Sec-Fetch-Site": "same-origin"}):
        assert client.post("/admin/login", data=data, headers=headers).status_code == 303


def test_logging_out_ends_the_session_and_takes_the_cookie(ana: FlaskClient, desk: Desk) -> None:
    """The token is worth nothing afterwards, even to somebody who has copied it."""
    token = ana.get_cookie(COOKIE, path="/admin")
    answer = ana.post("/admin/logout", data={"csrf": secret(ana)})

    assert answer.status_code == 303
    assert all("Max-Age=0" in cookie for cookie in cookies(answer))
    assert token is not None
    assert desk.gate.session(token.value) is None
    assert ana.get("/admin").status_code == 303


# -- with a session -------------------------------------------------------------------------------------------------


def test_what_is_held_back_and_what_is_rejected_stand_apart(ana: FlaskClient, desk: Desk) -> None:
    """In the tables of runs as everywhere else: a column for each."""
    run = desk.memory.runs.start("jardins", "jardins", desk.at, 1)
    counts = Counts(read=40, accepted=12, unchanged=12, held=17, rejected=11)
    desk.memory.runs.finish(
        RunReport(run, "jardins", "jardins", RunState.WITH_REJECTS, desk.at, desk.at, counts, live=29)
    )

    for path in ("/admin/runs", "/admin/sources/jardins"):
        page = ana.get(path).text
        heads = re.findall(r'<th scope="col">([^<]+)</th>', page)
        cells = re.findall(r'<td class="n">([^<]+)</td>', page)
        assert heads[-2:] == ["Retenues", "Rejetées"]
        assert cells[-2:] == ["17", "11"]
    assert "Held back" in ana.get("/en/admin/runs").text


@pytest.mark.parametrize("after", [IDLE, ABSOLUTE])
def test_an_old_session_has_to_log_in_again(ana: FlaskClient, desk: Desk, after: timedelta) -> None:
    """A form sent too late does nothing."""
    csrf = secret(ana)
    desk.at += after

    answer = ana.post("/admin/sources/jardins/harvest", data={"csrf": csrf})

    assert answer.headers["Location"].startswith("/admin/login")
    assert orders(desk) == []


def test_disabling_an_account_closes_its_pages_at_once(ana: FlaskClient, desk: Desk) -> None:
    """The next request is a stranger's."""
    desk.memory.accounts.disable("ana", desk.at)

    assert ana.get("/admin").status_code == 303


def test_a_form_without_the_secret_of_its_session_does_nothing(app: Flask, ana: FlaskClient, desk: Desk) -> None:
    """Missing, wrong, empty, of another session, in the address: 403 for every action."""
    other = app.test_client()
    log_in(other, "root")
    foreign, own = secret(other), secret(ana)
    run = held_run(desk)
    actions = [
        address.replace("runs/jardins", f"runs/{run}") for address, method in admin_rules(app) if method == "POST"
    ]
    assert len(actions) == 20

    for address in actions:
        for data in ({}, {"csrf": ""}, {"csrf": "é"}, {"csrf": own[:-1]}, {"csrf": foreign}):
            answer = ana.post(address, data={"confirm": "yes", "reason": "x", "ceiling-shrink": "6", **data})
            assert answer.status_code == 403, (address, data)
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert ana.post(address, query_string={"csrf": own}, data={"confirm": "yes"}).status_code == 403
        assert ana.post(address, json={"csrf": own, "confirm": "yes"}).status_code == 403
    assert orders(desk) == []
    assert desk.memory.audit.lines(9) == []
    assert ana.get("/admin").status_code == 200


def test_a_form_of_another_site_is_refused_even_with_the_secret(ana: FlaskClient, desk: Desk) -> None:
    """Two locks: what the browser says, and the secret."""
    data = {"csrf": secret(ana)}

    answer = ana.post("/admin/sources/jardins/harvest", data=data, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert orders(desk) == []


def test_an_action_is_never_a_get(app: Flask, ana: FlaskClient, desk: Desk) -> None:
    """A link or an image cannot order anything."""
    for address, method in admin_rules(app):
        if method == "POST":
            assert ana.get(address).status_code in {404, 405}, address  # 404: the page of a server of that name
    assert orders(desk) == []


def test_a_large_form_is_refused(ana: FlaskClient, client: FlaskClient) -> None:
    """64 KiB, also before login."""
    big = "x" * (MAX_FORM + 1)

    assert ana.post("/admin/sources/jardins/pause", data={"csrf": secret(ana), "reason": big}).status_code == 413
    assert client.post("/admin/login", data={"name": big, "password": big}).status_code == 413


def test_a_zero_character_is_refused(ana: FlaskClient) -> None:
    """Wherever it stands: not every database takes it."""
    for path in ("/admin/runs?source=%00", "/admin/runs/%00", "/admin/login?next=%00"):
        assert ana.get(path).status_code == 400
    assert log_in(ana, "a\0").status_code == 400


def pages(run: str) -> list[str]:
    """Every page of operators."""
    return [
        "/admin",
        "/admin/",
        "/admin/sources",
        "/admin/sources/jardins",
        "/admin/sources/vide",
        "/admin/runs",
        "/admin/runs?source=jardins&state=held",
        "/admin/runs?state=%22%3E&source=%3Cscript%3E&page=-1",
        f"/admin/runs/{run}",
        "/admin/held",
        "/admin/log",
        "/admin/login",
    ]


def test_pages_are_strict_html_in_both_languages_and_harmless(client: FlaskClient, desk: Desk) -> None:
    """What partners and operators write is text: no script element but ours, no link that is a script."""
    run = held_run(desk)
    log_in(client, "root")
    client.post("/admin/sources/vide/pause", data={"csrf": secret(client), "reason": SCRIPT})
    seen = ""
    for path in pages(run):
        for start in ("", "/en"):
            answer = client.get(start + path)
            assert answer.status_code == 200, path
            assert answer.headers["Cache-Control"] == "no-store"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Content-Language"] == (start[1:] or "fr")
            document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(answer.data)
            assert [one.get("src") for one in document.iter("script")] == []
            assert not [one for one in document.iter("a") if (one.get("href") or "").startswith("javascript:")]
            assert "None" not in "".join(document.itertext())
            seen += answer.text
    assert "&lt;script&gt;alert(1)" in seen


def test_pages_speak_the_language_of_their_address(ana: FlaskClient, desk: Desk) -> None:
    """Sentences, rules of the guard, findings, refusals."""
    run = held_run(desk)

    french, english = ana.get(f"/admin/runs/{run}").text, ana.get(f"/en/admin/runs/{run}").text
    refused = ana.post(f"/en/admin/runs/{run}/undo", data={"csrf": secret(ana)})

    assert "6 fiches absentes sur 9, limite 2." in french
    assert "6 of 9 gone, limit 2." in english
    assert "Le nom manque." in french
    assert "No name." in english
    assert refused.status_code == 409
    assert "Nothing was done: tick the box" in refused.text


def test_what_does_not_exist_is_404(ana: FlaskClient) -> None:
    """For pages and for actions."""
    data = {"csrf": secret(ana), "confirm": "yes", "reason": "x", "ceiling-shrink": "6"}
    for path in ("/admin/runs/nothing", "/admin/runs/nothing/progress", "/admin/sources/nothing", "/admin/nothing"):
        assert ana.get(path).status_code == 404
    for path in ("runs/nothing/approve", "runs/nothing/undo", "runs/nothing/replay", "sources/nothing/harvest"):
        assert ana.post(f"/admin/{path}", data=data).status_code == 404
    for path in ("sources/nothing/pause", "sources/nothing/resume"):
        assert ana.post(f"/admin/{path}", data=data).status_code == 404


def test_the_log_is_for_administrators(ana: FlaskClient, app: Flask) -> None:
    """An operator gets 403 and no link to it."""
    assert ana.get("/admin/log").status_code == 403
    assert '"/admin/log"' not in ana.get("/admin").text
    other = app.test_client()
    log_in(other, "root")
    assert other.get("/admin/log").status_code == 200


# -- orders ---------------------------------------------------------------------------------------------------------


def test_a_harvest_is_ordered_once(ana: FlaskClient, desk: Desk) -> None:
    """Pressing twice gives one order; its page says who asked for it and shows how far it is."""
    csrf = secret(ana)
    first = ana.post("/admin/sources/jardins/harvest", data={"csrf": csrf}).headers["Location"]
    second = ana.post("/admin/sources/jardins/harvest", data={"csrf": csrf}).headers["Location"]
    page = ana.get(first).text

    assert first == second
    assert orders(desk) == [(RunKind.HARVEST, None)]
    assert "Demandée par" in page
    assert "<dd>ana</dd>" in page
    assert "La moisson est demandée" in page


def test_progress_is_shown_and_told_as_json(ana: FlaskClient, desk: Desk) -> None:
    """A running run has a bar, a script of our own, and a refresh for those without scripts."""
    run = desk.memory.runs.start("jardins", "jardins", desk.at, 1)
    desk.memory.runs.note(run, progress={"stage": "map", "done": 40, "total": 120})
    page = ana.get(f"/admin/runs/{run}").text

    assert ana.get(f"/admin/runs/{run}/progress").json == {
        "state": "running",
        "stage": "map",
        "done": 40,
        "total": 120,
    }
    assert 'max="120" value="40"' in page
    assert '<script src="/static/admin.js" defer></script>' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "/undo" not in page


def test_a_held_run_is_approved_up_to_a_figure(ana: FlaskClient, desk: Desk) -> None:
    """Three days, by whom, and a harvest that applies it; the queue is then empty."""
    run = held_run(desk)
    assert run in ana.get("/admin").text
    data = {"csrf": secret(ana), "confirm": "yes", "ceiling-shrink": "7", "absent": "yes"}

    answer = ana.post(f"/admin/runs/{run}/approve", data=data)

    assert answer.status_code == 303
    assert desk.memory.approvals.ceilings("jardins", desk.at) == {Rule.SHRINK: 7}
    assert desk.memory.approvals.ceilings("jardins", desk.at + timedelta(days=3)) == {}
    (queued,) = desk.memory.runs.queued()
    assert queued.order.options == {"by": "ana", "approves": run, "confirm_absent": True}
    assert answer.headers["Location"] == f"/admin/runs/{queued.run}?done=approve"
    assert "Rien à décider" in ana.get("/admin").text
    assert "Approuvé par ana" in ana.get(f"/admin/runs/{run}").text
    (line,) = desk.memory.audit.lines(9)
    assert (line.by, line.act, line.run, line.detail) == ("ana", Act.APPROVE, run, "shrink=7, absent")


@pytest.mark.parametrize(
    "data",
    [
        {"ceiling-shrink": "6"},
        {"confirm": "no", "ceiling-shrink": "6"},
        {"confirm": "yes"},
        {"confirm": "yes", "ceiling-shrink": "-1"},
        {"confirm": "yes", "ceiling-shrink": "6.5"},
        {"confirm": "yes", "ceiling-shrink": "٦"},
        {"confirm": "yes", "ceiling-shrink": "9" * 40},
        {"confirm": "yes", "ceiling-growth": "6"},
        {"confirm": "yes", "ceiling-shrink": "6", "ceiling-growth": "6"},
    ],
)
def test_an_approval_that_is_not_meant_is_refused(ana: FlaskClient, desk: Desk, data: dict[str, str]) -> None:
    """Without the box, without a figure, with a figure for a rule that did not fire."""
    run = held_run(desk)

    answer = ana.post(f"/admin/runs/{run}/approve", data={"csrf": secret(ana), **data})

    assert answer.status_code == 409
    assert desk.memory.approvals.ceilings("jardins", desk.at) == {}
    assert orders(desk) == []


def test_only_the_latest_run_is_approved(ana: FlaskClient, desk: Desk) -> None:
    """A later run has other figures: its own page asks for them."""
    old = held_run(desk)
    desk.at += timedelta(hours=1)
    held_run(desk, Rule.GROWTH)

    data = {"csrf": secret(ana), "confirm": "yes", "ceiling-shrink": "6"}
    answer = ana.post(f"/admin/runs/{old}/approve", data=data)

    assert answer.status_code == 409
    assert "/approve" not in ana.get(f"/admin/runs/{old}").text


def test_undo_and_replay_are_ordered(ana: FlaskClient, desk: Desk) -> None:
    """Undo needs its box; both name the run, and its page lists them."""
    run = held_run(desk)
    csrf = secret(ana)

    assert ana.post(f"/admin/runs/{run}/undo", data={"csrf": csrf}).status_code == 409
    assert ana.post(f"/admin/runs/{run}/undo", data={"csrf": csrf, "confirm": "yes"}).status_code == 303
    desk.at += timedelta(seconds=1)
    assert ana.post(f"/admin/runs/{run}/replay", data={"csrf": csrf}).status_code == 303

    assert orders(desk) == [(RunKind.UNDO, run), (RunKind.REPLAY, run)]
    assert [line.act for line in desk.memory.audit.lines(9)] == [Act.REPLAY, Act.UNDO]
    assert all(queued.run in ana.get(f"/admin/runs/{run}").text for queued in desk.memory.runs.queued())


def test_a_replay_of_a_paused_source_is_told_beside_its_button(ana: FlaskClient, desk: Desk) -> None:
    """What was undone would come back: the page says so, and why the source is paused, in both languages."""
    run = held_run(desk)
    assert "est en pause ou retirée" not in ana.get(f"/admin/runs/{run}").text
    desk.memory.sources.set_state("jardins", "paused", f"undone: {run}")

    french, english = ana.get(f"/admin/runs/{run}").text, ana.get(f"/en/admin/runs/{run}").text

    assert f"jardins est en pause ou retirée (moisson annulée\u00a0: {run})." in french
    assert "La relecture remet quand même en ligne ce que dit ce flux" in french
    assert "Reading it again puts online what this feed says all the same" in english
    assert f'action="/admin/runs/{run}/replay"' in french


def test_what_cannot_be_undone_or_replayed_is_refused(ana: FlaskClient, desk: Desk) -> None:
    """A run under way, one without bytes, one of last year."""
    csrf = secret(ana)
    run = desk.memory.runs.start("jardins", "jardins", desk.at, 1)
    for what in ("undo", "replay"):
        assert ana.post(f"/admin/runs/{run}/{what}", data={"csrf": csrf, "confirm": "yes"}).status_code == 409
    report = desk.memory.runs.get(run)
    assert report is not None
    ended = RunReport(run, "jardins", "jardins", RunState.FAILED, desk.at, desk.at, report.counts)
    desk.memory.runs.finish(ended)
    assert ana.post(f"/admin/runs/{run}/replay", data={"csrf": csrf}).status_code == 409

    desk.at += timedelta(days=91)
    log_in(ana)
    assert ana.post(f"/admin/runs/{run}/undo", data={"csrf": secret(ana), "confirm": "yes"}).status_code == 409
    assert orders(desk) == []


def test_a_source_is_paused_with_a_reason_and_resumed(ana: FlaskClient, desk: Desk) -> None:
    """While it is paused it cannot be harvested; the log says who did what and why."""
    csrf = secret(ana)
    assert ana.post("/admin/sources/jardins/pause", data={"csrf": csrf, "reason": "  "}).status_code == 409
    assert ana.post("/admin/sources/jardins/pause", data={"csrf": csrf, "reason": "refonte"}).status_code == 303
    assert "refonte" in ana.get("/admin/sources/jardins").text
    assert ana.post("/admin/sources/jardins/harvest", data={"csrf": csrf}).status_code == 409
    desk.at += timedelta(seconds=1)
    assert ana.post("/admin/sources/jardins/resume", data={"csrf": csrf}).status_code == 303
    assert ana.post("/admin/sources/jardins/resume", data={"csrf": csrf}).status_code == 409

    source = desk.memory.sources.get("jardins")
    assert source is not None
    assert (source.state, source.note) == ("live", None)
    lines = [(line.by, line.act, line.detail) for line in desk.memory.audit.lines(9)]
    assert lines == [("ana", Act.RESUME, ""), ("ana", Act.PAUSE, "refonte")]


def test_held_withdrawals_name_their_records(ana: FlaskClient, desk: Desk) -> None:
    """Key, original page and since when; a page that is a script is no link."""
    run = held_run(desk)
    page = ana.get("/admin/held").text

    assert f"/admin/runs/{run}" in page
    assert "2 fiches manquent dans le flux" in page
    assert 'href="https://jardins.example/2"' in page
    assert "21 nov. 2026" in page


def test_runs_are_filtered_and_paged(ana: FlaskClient, desk: Desk) -> None:
    """By source and state, fifty on a page, newest first; a page far away is 404."""
    for number in range(51):
        desk.at += timedelta(seconds=1)
        run = desk.memory.runs.start("vide", "jardins", desk.at, 1)
        counts = desk.memory.runs.get(run)
        assert counts is not None
        desk.memory.runs.finish(
            RunReport(run, "vide", "jardins", RunState.SUCCEEDED, desk.at, desk.at, counts.counts, live=number)
        )
    held_run(desk)

    assert ana.get("/admin/runs?source=vide").text.count('<th scope="row">') == 50
    assert ana.get("/admin/runs?source=vide&page=2").text.count('<th scope="row">') == 1
    assert ana.get("/admin/runs?state=held").text.count('<th scope="row">') == 1
    assert ana.get("/admin/runs?source=vide&state=held").text.count('<th scope="row">') == 0
    assert ana.get("/admin/runs?page=99999").status_code == 404
