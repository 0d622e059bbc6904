"""Whole harvests of real projects over HTTP, in every form in which partners publish: paging, totals, 304, a page 4
that fails for good, and everything well again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from partner_sites import (
    Feed,
    MicrodataPages,
    NumberedFeed,
    Outbox,
    Pages,
    Project,
    Repository,
    Site,
    WordPress,
    real_projects,
)
from running import LICENCE, SMALL, make_instance

from federation.ledger.records import PRESENT, RecordStatus
from federation.model import RunReport, RunState
from federation.pipeline.fetch.visit import Visitor
from federation.platform import Platform, open_platform
from federation.settings import load_settings

pytestmark = pytest.mark.needs_shared

MANY, FEW = 700, 150  # projects of a list; of a site that gives each its page
WORDPRESS = """\
format = "json"
[request]
per_page = 100
[paging]
page = "page"
total_header = "X-WP-Total"
[records]
id = "id"
page = "link"
[fields]
name = "title.rendered"
description = "content.rendered"
"""
PAGES = 'format = "html"\nprofile = "schema.org"\n[records]\nid = "@page"\npage = "@page"\n'


@dataclass(frozen=True)
class Form:
    """One form: its site, the rest of its source file, and what of a request says that it is for the fourth page.

    ``repeated``: the requests of the second visit, by status; ``totals``: whether the form announces how many.
    """

    site: type[Site]
    source: str
    fourth: str
    repeated: Mapping[int, int]
    count: int = MANY
    by_date: bool = False
    totals: bool = True


FORMS = {
    "wordpress": Form(WordPress, 'profile = "wordpress"\n', r"[?&]page=4\b", {200: 1}),
    "json-pages": Form(WordPress, WORDPRESS, r"[?&]page=4\b", {304: 7}, by_date=True),
    "rss": Form(Feed, 'profile = "feed"\n', r"paged=4$", {304: 7}, totals=False),
    "rss-numbered": Form(
        NumberedFeed, 'profile = "feed"\n[paging]\npage = "paged"\n', r"paged=4$", {200: 7, 404: 1}, totals=False
    ),
    "oai-pmh": Form(Repository, 'profile = "oai_dc"\n', r"%2F300$", {200: 1}),
    "html-json-ld": Form(Pages, PAGES, r"/projets/4$", {200: 1, 304: FEW}, FEW),
    "html-microdata": Form(MicrodataPages, PAGES, r"/projets/4$", {200: 1, 304: FEW}, FEW, by_date=True),
    "outbox": Form(Outbox, 'profile = "activitypub"\n', r"[?]page=4$", {304: 9}),
}


@dataclass(frozen=True)
class Visit:
    """What one harvest did: its account, what it asked for, and the published graph after it."""

    report: RunReport
    asked: list[tuple[str, int]]
    graph: bytes
    states: Counter[str]

    def statuses(self) -> Counter[int]:
        """How often the site gave which answer."""
        return Counter(status for _, status in self.asked)

    def said(self, property_: str) -> Counter[str]:
        """The texts of a property of the projects, without markup, and how often each is said."""
        return Counter(_plain(text) for text in re.findall(_LINE % property_.encode(), self.graph))


_LINE = rb'#project> <http://schema\.org/%s> "((?:[^"\\]|\\.)*)"'


def _plain(text: bytes) -> str:
    said = re.sub(r"\\(.)", lambda match: {"n": " ", "r": " ", "t": " "}.get(match[1], match[1]), text.decode())
    return " ".join(re.sub(r"</?(?:p|br)\b[^>]*>", " ", said).split())


class Story:
    """The instance and the partner's site, and one harvest after the other."""

    def __init__(self, form: Form, site: Site, platform: Platform) -> None:
        self.form, self.site, self.platform = form, site, platform
        self.passed = timedelta()
        self.slept: list[float] = []
        platform.visitor = Visitor(platform.settings, sleep=self.slept.append, now=self.now)

    def now(self) -> datetime:
        """The visitor's time, which the story lets pass."""
        return datetime.now(UTC) + self.passed

    def harvest(self) -> Visit:
        """Harvest once."""
        with self.platform.writing() as writer:
            report = writer.harvest(self.platform.source("reseau"), lambda *_: None)
        states = self.platform._ledger.records.states("reseau").values()
        graph = b"".join(self.platform.export())
        return Visit(report, self.site.take(), graph, Counter(state.state for state in states))


@dataclass(frozen=True)
class Visits:
    """The harvests of the story, in order."""

    form: Form
    projects: list[Project]
    updated: list[Project]
    first: Visit
    again: Visit
    lied: Visit | None
    broken: Visit
    healed: Visit
    after: Visit


def _edited(projects: list[Project], step: int) -> list[Project]:
    """The projects with a new text for the first of each of the first three pages, and the last ten gone."""
    edited = list(projects)
    for at in (0, step, 2 * step):
        project = edited[at]
        edited[at] = replace(project, text=f"{project.text} (mis à jour)", modified=datetime.now(UTC))
    return edited


QUICK = ("wordpress",)  # the others in the slow suite


@pytest.fixture(
    scope="module",
    params=[form if form in QUICK else pytest.param(form, marks=pytest.mark.slow) for form in FORMS],
)
def visits(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    """Six harvests of one form: first, the same again, a lie about totals, page 4 down, all well, the same again."""
    form = FORMS[request.param]
    projects = real_projects(shared, form.count)
    with closing(form.site(projects, form.by_date)) as site:
        source = f'[source]\nid = "reseau"\nurl = "{site.address}{site.entry}"\nlicence = "{LICENCE}"\n{form.source}'
        folder = tmp_path_factory.mktemp("http") / "instance"
        make_instance(folder, {"reseau": source}, {}, f"{SMALL}fetch_private = true\n")
        with closing(open_platform(load_settings(folder, {}))) as platform:
            story = Story(form, site, platform)
            first, again = story.harvest(), story.harvest()
            story.passed += timedelta(days=29)  # whatever asks for news in between asks for everything now
            site.lie = form.count // 2 if form.totals else 0
            lied = story.harvest() if form.totals else None
            updated = _edited(projects, 1 if form.count == FEW else site.size)
            site.lie, site.down, site.projects = 0, form.fourth, updated[:-10]
            broken = story.harvest()
            site.down, site.projects = "", updated
            healed, after = story.harvest(), story.harvest()
            yield Visits(form, projects, updated, first, again, lied, broken, healed, after)


def test_every_real_project_comes_once_with_its_words(visits: Visits) -> None:
    """As many records as projects; names and texts are letter for letter those of the partner, accents and all."""
    first = visits.first

    assert first.report.state is RunState.SUCCEEDED
    assert (first.report.counts.read, first.report.counts.new) == (visits.form.count, visits.form.count)
    assert first.said("name") == Counter(project.name for project in visits.projects)
    assert first.said("description") == Counter(project.text for project in visits.projects)
    assert sum(not name.isascii() for name in first.said("name")) > visits.form.count / 5


def test_a_second_visit_transfers_no_record_and_writes_nothing(visits: Visits) -> None:
    """Conditions by ETag or by date are answered by 304; where news are asked for, there are none."""
    again = visits.again

    assert again.report.state is RunState.UNCHANGED
    assert again.statuses() == visits.form.repeated
    assert again.graph == visits.first.graph
    assert [finding for finding in again.report.findings if finding.severity.value != "info"] == []


def test_a_total_that_lies_makes_the_list_incomplete_and_nothing_missing(visits: Visits) -> None:
    """More is announced than comes: what came is taken, what did not is not held against anybody."""
    lied = visits.lied
    if lied is None:
        return  # feeds announce no totals

    assert lied.report.state is RunState.INCOMPLETE
    assert {finding.rule for finding in lied.report.findings} & {"total-differs", "dead-links"}
    assert (lied.report.counts.missing, lied.report.counts.withdrawn) == (0, 0)
    assert lied.states == {RecordStatus.LIVE: visits.form.count}
    assert lied.graph == visits.first.graph


def test_a_page_four_that_fails_for_good_withdraws_nothing(visits: Visits) -> None:
    """Asked for three times; pages before it update, the records behind it are not missing, even those that left."""
    broken = visits.broken
    fourth = [status for path, status in broken.asked if re.search(visits.form.fourth, path)]

    assert broken.report.state is RunState.INCOMPLETE
    assert fourth == [500] * 3
    assert any(finding.rule == "fetch:http-status" for finding in broken.report.findings)
    assert (broken.report.counts.changed, broken.report.counts.missing, broken.report.counts.withdrawn) == (3, 0, 0)
    assert broken.states == {RecordStatus.LIVE: visits.form.count}
    assert broken.said("description") == Counter(project.text for project in visits.updated)


def test_when_all_is_well_again_there_is_each_project_once(visits: Visits) -> None:
    """Nothing is new, missing or doubled, and the visit after that is unchanged."""
    healed, after = visits.healed, visits.after

    assert healed.report.state is RunState.SUCCEEDED
    assert (healed.report.counts.read, healed.report.counts.unchanged) == (visits.form.count, visits.form.count)
    assert healed.said("name") == Counter(project.name for project in visits.projects)
    assert healed.graph.count(b"#project> <http://schema.org/name>") == visits.form.count
    assert after.report.counts.changed == after.report.counts.missing == after.report.counts.new == 0
    assert _lasting(after.graph) == _lasting(healed.graph) == _lasting(visits.broken.graph)


def _lasting(graph: bytes) -> set[bytes]:
    """What projects say, without what is told of runs."""
    return {line for line in graph.splitlines() if b"#project>" in line}


def test_a_record_whose_page_is_gone_is_absent_and_stays_in_grace(shared: Path, tmp_path: Path) -> None:
    """A dead link of a sitemap leaves the list whole; its record is missing, and online until grace is over."""
    projects = real_projects(shared, 30)
    with closing(Pages(projects)) as site:
        source = f'[source]\nid = "reseau"\nurl = "{site.address}{site.entry}"\nlicence = "{LICENCE}"\n{PAGES}'
        folder = make_instance(tmp_path / "i", {"reseau": source}, {}, f"{SMALL}fetch_private = true\n")
        with closing(open_platform(load_settings(folder, {}))) as platform:
            story = Story(FORMS["html-json-ld"], site, platform)
            story.harvest()
            story.passed += timedelta(days=29)
            site.dead = {7}
            gone = story.harvest()
            quiet = story.harvest()
            story.passed += timedelta(days=29)
            site.dead = set()
            back = story.harvest()

    assert (gone.report.state, gone.report.counts.missing) == (RunState.SUCCEEDED, 1)
    assert [found.rule for found in gone.report.findings if found.rule.startswith("dead")] == ["dead-link"]
    assert gone.states == {RecordStatus.LIVE: 29, RecordStatus.MISSING: 1}
    assert quiet.report.state is RunState.UNCHANGED
    assert (back.report.state, back.states) == (RunState.SUCCEEDED, {RecordStatus.LIVE: 30})
    assert set(gone.states) <= set(PRESENT)


@pytest.mark.parametrize("form", ["wordpress", "oai-pmh", "html-json-ld"])
def test_a_night_with_news_reads_the_news_alone(form: str, shared: Path, tmp_path: Path) -> None:
    """One text changes: that record is read and updated, the run is a success, and the next asks for news again."""
    projects = real_projects(shared, 30)
    with closing(FORMS[form].site(projects)) as site:
        source = f'[source]\nid = "reseau"\nurl = "{site.address}{site.entry}"\nlicence = "{LICENCE}"\n'
        folder = make_instance(
            tmp_path / "i", {"reseau": source + FORMS[form].source}, {}, f"{SMALL}fetch_private = true\n"
        )
        with closing(open_platform(load_settings(folder, {}))) as platform:
            story = Story(FORMS[form], site, platform)
            story.harvest()
            site.projects = _edited(projects, 10)[:1] + projects[1:]
            news, next_ = story.harvest(), story.harvest()

    assert news.report.state is RunState.SUCCEEDED
    assert (news.report.counts.read, news.report.counts.changed, news.report.counts.missing) == (1, 1, 0)
    assert news.states == {RecordStatus.LIVE: 30}
    assert next_.report.counts.read <= 1
    assert next_.report.counts.changed == 0
    assert _lasting(next_.graph) == _lasting(news.graph)
