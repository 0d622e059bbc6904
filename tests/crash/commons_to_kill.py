"""A process whose children harvest real files with the whole pipeline until they end or are killed.

It reads lines ``FOLDER VERSION``, writes the feeds of that version, and forks a child that does what
``carrefour harvest`` does: fetch, read, map and validate in worker processes, merge, index. It tells ``opened PID``
and ``ended STATUS`` like harvest_to_kill.py.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from federation.model import Rule
from federation.platform import open_platform
from federation.settings import load_settings

SOURCES = {"grand": 620, "petit": 40}  # records: more than pipeline.assess.SMALL, so worker processes take part
CONTEXT = "https://w3id.org/carrefour/context/v1.jsonld"


def feed(source: str, version: int) -> list[dict[str, Any]]:
    """The records of a source in one version: most change each time, a few are refused."""
    return [_item(source, number, version) for number in range(SOURCES[source])]


def _item(source: str, number: int, version: int) -> dict[str, Any]:
    turn = version if number % 4 else 0
    name = f"Projet {number} dans son état {turn} « é\u2028è »"
    item: dict[str, Any] = {
        "type": "Project",
        "identifier": str(number),
        "page": f"https://{source}.example/p/{number}",
        "name": {"fr": "" if number % 11 == 0 else name},
        "description": {"fr": f"Ce que fait le projet {number} de {source} ; variante {turn}. " * 4},
        "theme": [["EMP", "HAB", "MOB"][(number + turn) % 3]],
        "location": [{"type": "Place", "codeINSEE": "63113", "latitude": 45.70, "longitude": 3.1 + number / 1000}],
        "holder": [{"type": "Organization", "name": f"Association {number}"}],
    }
    if source == "petit" and (number + version) % 3 == 0:
        item["sameAs"] = [f"https://grand.example/p/{number}"]
    return item


def prepare(folder: Path, version: int) -> None:
    """Write the instance with the feeds of one version, each whole at once."""
    (folder / "sources").mkdir(parents=True, exist_ok=True)
    (folder / "carrefour.toml").write_text('base_url = "https://commons.example"\nworkers = 2\n', "utf-8")
    for source in SOURCES:
        text = json.dumps({"@context": CONTEXT, "@graph": feed(source, version)}, ensure_ascii=False)
        (folder / f"{source}.jsonld").write_text(text, "utf-8")
        (folder / "sources" / f"{source}.toml").write_text(
            f'[source]\nid = "{source}"\npartner = "{source}"\nname = "Source {source}"\nprofile = "carrefour"\n'
            f'url = "../{source}.jsonld"\nlicence = "https://creativecommons.org/licenses/by/4.0/"\n',
            "utf-8",
        )


def harvest(folder: Path) -> None:
    """Do what ``carrefour harvest`` does, with an operator who agrees to any change: most records change each time."""
    platform = open_platform(load_settings(folder, {}))
    now = datetime.now(UTC)
    for source in SOURCES:
        ceilings = dict.fromkeys(Rule, sum(SOURCES.values()))
        platform._ledger.approvals.give(source, "any", ceilings, "test", now, now + timedelta(days=1))
    _say(f"opened {os.getpid()}")
    with platform.writing() as writer:
        for source in platform.sources():
            writer.harvest(source, lambda *_: None)
    platform.close()


def serve() -> None:
    """Run one child after the other."""
    for line in sys.stdin:
        folder, version = line.split()
        prepare(Path(folder), int(version))
        child = os.fork()
        if child == 0:
            harvest(Path(folder))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    serve()
