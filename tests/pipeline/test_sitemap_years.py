"""A site read by its sitemap over months: what left the sitemap goes late, by full readings only, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from lying_server import LyingServer, http
from misbehaving import describe
from years import Instance

TITLES = {f"p{number}": f"<h1>Jardin {number}</h1>" for number in range(10)}


def site(server: LyingServer, left_out: str = "", changed: str = "", day: int = 1) -> None:
    """A site of ten pages; one may have left, one may have changed on a day."""
    places = "".join(
        f"<url><loc>{server.url(f'/{name}')}</loc><lastmod>2026-03-{day if name == changed else 1:02}</lastmod></url>"
        for name in TITLES
        if name != left_out
    )
    head = '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    server.answers["/s.json"] = http(f"{head}{places}</urlset>".encode(), "Content-Type: application/xml")
    for name, body in TITLES.items():
        text = f"<!doctype html><html><head><title>{name}</title></head><body>{body}</body></html>"
        server.answers[f"/{name}"] = http(text.encode(), "Content-Type: text/html; charset=utf-8")


def begin(here: Instance, server: LyingServer) -> None:
    """Ten pages online, of which one then leaves the sitemap."""
    describe(here, "html", '[select]\nname = "//h1"\n', records='id = "@page"\npage = "@page"\n')
    site(server)
    assert here.night().counts.accepted == 10
    site(server, "p0")


def test_a_page_that_left_a_quiet_sitemap_goes_five_weeks_later(here: Instance, server: LyingServer) -> None:
    """Found at the reading of all pages after four weeks; nights on which nothing changed count on from there.

    The nine pages that keep their ``lastmod`` are not asked for in between, and never count as absent.
    """
    begin(here, server)
    here.clock.turn(timedelta(days=24))
    reports = [here.night() for _ in range(12)]

    missing = [(report.counts.missing, report.counts.withdrawn) for report in reports]
    assert missing == [*[(0, 0)] * 3, *[(1, 0)] * 7, (1, 1), (0, 0)]
    assert len(here.online()) == 9


def test_a_page_that_left_a_busy_sitemap_goes_at_the_third_full_reading(here: Instance, server: LyingServer) -> None:
    """Where a page changes every night, only the readings of all pages count: late, but nothing is taken for gone."""
    begin(here, server)
    counted = []
    for number in range(3):
        for day in (2, 3):
            site(server, "p0", "p1", 2 * number + day)
            here.clock.turn(timedelta(days=13))
            report = here.run()
            assert (report.counts.read, report.counts.missing) == (1, 0)
        here.clock.turn(timedelta(days=2))
        report = here.run()
        counted.append((report.counts.read, report.counts.missing, report.counts.withdrawn))

    assert counted == [(9, 1, 0), (9, 1, 0), (9, 1, 1)]
    assert len(here.online()) == 9
