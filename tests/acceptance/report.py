"""The table of the acceptance: the real feeds harvested by the real command, every row accounted for.

Run ``python -m tests.acceptance.report [FOLDER]`` from the checkout; FOLDER holds the real feeds (``../shared/data``).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from running import ROOT, Result, make_instance, own_process

SOURCES = ROOT / "tests" / "real_feeds"
_FEED = re.compile(r'^url = "(?:\.\./)+shared/data/(feeds/[^"]+)"$', re.MULTILINE)
_WEIGHT = {"violation": 0, "warning": 1, "info": 2}
TOP = 5

HEADER = (
    "| feed | rows | accepted | Essential | Basic | Full | held | rejected | left out | joined | top five reasons |\n"
    "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |\n"
)


def real_instance(folder: Path, shared: Path) -> Path:
    """Make an instance of all real sources; their feeds are copied beside them, so that a test may change the copy."""
    sources, feeds = {}, {}
    for path in sorted(SOURCES.glob("*.toml")):
        text = path.read_text("utf-8")
        found = _FEED.search(text)
        assert found, f"{path.name} names no feed of the shared folder"
        name = found[1].replace("/", "-")
        sources[path.stem] = _FEED.sub(f'url = "../feeds/{name}"', text)
        feeds[name] = (shared / found[1]).read_bytes()
    return make_instance(folder, sources, feeds, "query_workers = 1\n")


def reasons(findings: Iterable[Mapping[str, Any]], top: int = TOP) -> list[tuple[str, int]]:
    """The rules that say most: what blocks first, then what is to mend, then hints; each by number."""
    counts: Counter[tuple[int, str]] = Counter()
    for finding in findings:
        counts[_WEIGHT[finding["severity"]], finding["rule"]] += finding["count"]
    ranked = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [(f"{('**', '', '_')[weight]}{rule}{('**', '', '_')[weight]}", n) for (weight, rule), n in ranked[:top]]


def table(harvested: Result) -> str:
    """The table as Markdown, from what ``harvest --json`` printed. Bold reasons refuse a row, italic ones are hints."""
    lines, total = [], Counter[str]()
    columns = ("read", "accepted", "essential", "basic", "full", "held", "rejected", "excluded", "merged")
    for source, run in harvested.runs().items():
        counts = run["counts"]
        total.update(counts)
        said = ", ".join(f"{rule} {number}" for rule, number in reasons(run["findings"]))
        lines.append(f"| {source} | {' | '.join(str(counts[name]) for name in columns)} | {said} |\n")
    lines.append(f"| **all** | {' | '.join(str(total[name]) for name in columns)} | |\n")
    return HEADER + "".join(lines)


def main() -> None:
    """Harvest the real feeds into a folder that goes away, and print the table."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"
    with tempfile.TemporaryDirectory() as made:
        folder = real_instance(Path(made) / "instance", shared)
        harvested = own_process(folder, "harvest", "--json")
        if harvested.code not in (0, 1):
            sys.exit(harvested.err)
        sys.stdout.write(table(harvested))


if __name__ == "__main__":
    main()
