"""What tests of whole harvests over HTTP share: the answers of a server, and what no such harvest may do."""

from __future__ import annotations

import json

from lying_server import Answer, http
from years import Instance

from federation.ledger.records import RecordStatus
from federation.model import RunReport, RunState


def answer(here: Instance, *answers: Answer, source: str = "s") -> None:
    """What the server says from now on, one after the other, the last for ever."""
    assert here.server is not None
    here.server.answers[f"/{source}.json"] = list(answers)


def data(items: object, *headers: str) -> bytes:
    """A good answer."""
    return http(json.dumps(items).encode(), "Content-Type: application/json", *headers)


def down(status: str = "503 Service Unavailable", *headers: str) -> bytes:
    """An answer of a server in trouble."""
    return http(b"oops", *headers, status=status)


def told(report: RunReport) -> set[str]:
    """The rules of what the partner is told, which is in both languages."""
    assert all(finding.message["fr"] and finding.message["en"] for finding in report.findings)
    return {finding.rule for finding in report.findings}


def harmless(here: Instance, before: str, report: RunReport, *states: RunState) -> None:
    """Assert that a run ended in one of these states and changed nothing, not even what is known of absences."""
    assert report.state in (states or (RunState.FAILED,))
    assert report.counts.withdrawn == 0
    assert report.message
    assert here.dump() == before
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}


def describe(
    here: Instance,
    kind: str,
    more: str = "",
    records: str = 'id = "id"\npage = "url"\n',
    source: str = "s",
    **head: str,
) -> None:
    """Write the file of a source anew, for a feed of another format; ``more`` follows the fields."""
    partner = {"s": "p", "t": "q"}[source]
    text = (
        f'[source]\nid = "{source}"\npartner = "{partner}"\nurl = "{here.address(source)}"\n'
        + ("" if "profile" in head else f'format = "{kind}"\n')
        + "".join(f'{key} = "{value}"\n' for key, value in head.items())
        + 'licence = "https://creativecommons.org/licenses/by/4.0/"\n'
        + (f"[records]\n{records}" if records else "")
        + ('[fields]\nname = "name"\n' if "profile" not in head else "")
        + more
    )
    (here.settings.sources_dir / f"{source}.toml").write_text(text, "utf-8")
