"""Build vocab/thesauri/*.ttl and vocab/crosswalks/tags.csv from a folder of taxonomy facts (CSV files).

Run ``python vocab/build_thesauri.py FOLDER``. The files built are committed; nothing runs this at run time. The same
facts always give the same bytes. Codes and labels come from the CSV files, never from here.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

BASE = "https://w3id.org/carrefour/"
THEME, PUBLIC, METHOD = BASE + "theme/", BASE + "public/", BASE + "method/"
CIS2018, CIS2019 = THEME + "cis2018/", THEME + "cis2019/"
SDG = "http://metadata.un.org/sdg"
PREFIXES = (
    "@prefix dcterms: <http://purl.org/dc/terms/> .\n"
    "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
    "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
)
Row = Mapping[str, str]


def read(folder: Path, name: str) -> list[Row]:
    """Rows of one CSV file."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def many(cell: str) -> list[str]:
    """Values of a cell that holds several."""
    return [part for part in cell.split("|") if part]


def literal(text: str, language: str = "") -> str:
    """A Turtle literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' + (f"@{language}" if language else "")


def same(one: str, other: str) -> bool:
    """Whether two labels differ only in case and accents, as far as our own labels go."""
    plain = str.maketrans("éèêÉÈÀàçô", "eeeEEAaco")
    return one.translate(plain).casefold() == other.translate(plain).casefold()


class Scheme:
    """One thesaurus being written."""

    def __init__(self, iri: str, fr: str, en: str, comment: str) -> None:
        self.iri = iri
        self.parts = [f"{PREFIXES}\n# {comment}\n"]
        self._add(iri, "skos:ConceptScheme", [f"skos:prefLabel {literal(fr, 'fr')}, {literal(en, 'en')}"])

    def _add(self, iri: str, kind: str, statements: Iterable[str]) -> None:
        self.parts.append(f"<{iri}> a {kind} ;\n  " + " ;\n  ".join(statements) + " .\n")

    def concept(
        self,
        iri: str,
        code: str,
        fr: str,
        en: str,
        *,
        broader: Iterable[str] = (),
        alt: Iterable[str] = (),
        hidden: Iterable[str] = (),
        definition: tuple[str, str] | None = None,
        scope: str = "",
        notes: Iterable[str] = (),
        links: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Write one concept; ``links`` are (mapping property, IRI)."""
        lines = [
            f"skos:prefLabel {literal(fr, 'fr')}, {literal(en, 'en')}",
            f"skos:notation {literal(code)}",
            f"skos:inScheme <{self.iri}>",
        ]
        above = [f"skos:broader <{parent}>" for parent in broader]
        lines += above or [f"skos:topConceptOf <{self.iri}>"]
        lines += [f"skos:altLabel {literal(label, 'fr')}" for label in dict.fromkeys(alt)]
        lines += [f"skos:hiddenLabel {literal(label)}" for label in dict.fromkeys(hidden)]
        if definition and all(definition):
            lines.append(f"skos:definition {literal(definition[0], 'fr')}, {literal(definition[1], 'en')}")
        if scope:
            lines.append(f"skos:scopeNote {literal(scope, 'fr')}")
        lines += [f"skos:editorialNote {literal(note, 'en')}" for note in notes if note]
        lines += [f"skos:{relation} <{target}>" for relation, target in sorted(set(links))]
        self._add(iri, "skos:Concept", lines)

    def text(self) -> str:
        """The whole file."""
        return "\n".join(self.parts)


def old_labels(row: Row) -> list[str]:
    """The label of 2018, where it is a true synonym of today's."""
    quoted = re.search(r'label "([^"]+)"', row.get("origin", ""))
    old = quoted[1] if quoted else row.get("label_original", "")
    if "is an error" in row.get("note", "") or not old or same(old, row["label_fr"]):
        return []
    return [old]


def cis2019_iri(code: str) -> str:
    """The IRI of a 2019 code, which is read with its parent (EMP/ACE)."""
    return CIS2019 + code.replace("/", "-")


def links_2019(rows: list[Row]) -> dict[tuple[str, str], str]:
    """(our IRI, 2019 IRI) → relation: closeMatch when one-to-one, else relatedMatch."""
    pairs = [
        (base + code, cis2019_iri(row["code"]))
        for row in rows
        for base, column in ((THEME, "themes"), (PUBLIC, "publics"))
        for code in many(row[column])
    ]
    ours = [(iri.rsplit("/", 1)[0], other) for iri, other in pairs]
    return {
        (iri, other): "closeMatch"
        if sum(one == iri for one, _ in pairs) == 1 and ours.count((iri.rsplit("/", 1)[0], other)) == 1
        else "relatedMatch"
        for iri, other in pairs
    }


def themes(folder: Path) -> str:
    """The 8 domains and 40 themes."""
    scheme = Scheme(THEME, "Thèmes", "Themes", "Themes under the eight domains of 2018, many to many.")
    for row in read(folder, "domains.csv"):
        scheme.concept(
            THEME + row["code"],
            row["code"],
            row["label_fr"],
            row["label_en"],
            hidden=[row["cis2018_id"]],
            links=[("closeMatch", CIS2018 + row["cis2018_id"])],
        )
    mapped = links_2019(read(folder, "cis2019.csv"))
    outside = read(folder, "sdg-links.csv") + read(folder, "essglobal-links.csv")
    publics = {row["code"]: row for row in read(folder, "publics.csv")}
    methods = {row["code"] for row in read(folder, "methods.csv")}
    for row in read(folder, "themes.csv"):
        code, iri = row["code"], THEME + row["code"]
        links = [(relation, other) for (ours, other), relation in mapped.items() if ours == iri]
        links += [(link["relation"], link["iri"]) for link in outside if link["code"] == code]
        links += [("closeMatch", PUBLIC + code)] if publics.get(code, {}).get("related_theme") == code else []
        links += [("closeMatch", METHOD + code)] if code in methods else []
        scheme.concept(
            iri,
            code,
            row["label_fr"],
            row["label_en"],
            broader=[THEME + domain for domain in many(row["domain"])],
            alt=old_labels(row),
            scope=row["description_fr"],
            notes=[row["note"]],
            links=links,
        )
    return scheme.text()


def publics(folder: Path) -> str:
    """Audiences."""
    scheme = Scheme(PUBLIC, "Publics", "Audiences", "Audiences: whom a project acts for.")
    mapped = links_2019(read(folder, "cis2019.csv"))
    for row in read(folder, "publics.csv"):
        iri, related = PUBLIC + row["code"], row["related_theme"]
        links = [(relation, other) for (ours, other), relation in mapped.items() if ours == iri]
        links += [("closeMatch" if related == row["code"] else "relatedMatch", THEME + related)] if related else []
        old = row["cis2018_id"]
        links += [("closeMatch", CIS2018 + old)] if old and not old.endswith("_") else []
        scheme.concept(
            iri,
            row["code"],
            row["label_fr"],
            row["label_en"],
            broader=[PUBLIC + code for code in many(row["broader"])],
            alt=old_labels(row),
            hidden=[old] if old else [],
            links=links,
        )
    return scheme.text()


def methods(folder: Path) -> str:
    """Ways of working."""
    scheme = Scheme(METHOD, "Méthodes", "Methods", "Methods: ways of working.")
    for row in read(folder, "methods.csv"):
        old = row["cis2018_id"]
        scheme.concept(
            METHOD + row["code"],
            row["code"],
            row["label_fr"],
            row["label_en"],
            hidden=[old],
            links=[("closeMatch", THEME + row["related_theme"]), ("closeMatch", CIS2018 + old)],
        )
    return scheme.text()


def statuses(folder: Path) -> str:
    """States of progress, in order."""
    scheme = Scheme(BASE + "status/", "États d'avancement", "States of progress", "States of progress, in their order.")
    for row in sorted(read(folder, "statuses.csv"), key=lambda row: int(row["order"])):
        scheme.concept(
            scheme.iri + row["code"],
            row["code"],
            row["label_fr"],
            row["label_en"],
            alt=many(row["alt_fr"]),
            definition=(row["definition_fr"], row["definition_en"]),
        )
    return scheme.text()


def simple(folder: Path, name: str, path: str, fr: str, en: str, comment: str) -> str:
    """A list of codes with labels, and where given a broader code, definitions and a note of doubt."""
    scheme = Scheme(BASE + path, fr, en, comment)
    for row in read(folder, name):
        doubt = row.get("status", "")
        scheme.concept(
            scheme.iri + row["code"],
            row["code"],
            row["label_fr"],
            row["label_en"],
            broader=[scheme.iri + code for code in many(row.get("broader", ""))],
            definition=(row.get("definition_fr", ""), row.get("definition_en", "")),
            notes=[doubt] if "unconfirmed" in doubt else [],
        )
    return scheme.text()


def goals(folder: Path) -> str:
    """The 17 Sustainable Development Goals, under the IRIs of the United Nations."""
    scheme = Scheme(
        SDG, "Objectifs de développement durable", "Sustainable Development Goals", "Goals, by their UN IRIs."
    )
    for row in read(folder, "sdg.csv"):
        feed = row["label_in_cis2019_feed"]
        scheme.concept(
            row["iri"],
            row["goal"],
            row["label_fr"],
            row["label_en"],
            alt=[] if same(feed, row["label_fr"]) else [feed],
            hidden=[f"ODD {row['goal']}", f"SDG {row['goal']}"],
            links=[
                (link["relation"], THEME + link["code"])
                for link in read(folder, "sdg-links.csv")
                if link["iri"] == row["iri"]
            ],
        )
    return scheme.text()


def facets_2018(folder: Path) -> str:
    """The facets of 2018, frozen: domains, publics, methods."""
    scheme = Scheme(CIS2018, "Facettes de 2018", "Facets of 2018", "Frozen: the facets of the 2018 site.")
    sources = (("domains.csv", THEME), ("publics.csv", PUBLIC), ("methods.csv", METHOD))
    for name, base in sources:
        for row in read(folder, name):
            old = row["cis2018_id"]
            if old and not old.endswith("_"):
                scheme.concept(
                    CIS2018 + old,
                    old,
                    row["label_fr"],
                    row["label_en"],
                    alt=old_labels(row),
                    links=[("closeMatch", base + row["code"])],
                )
    return scheme.text()


def thematics_2019(folder: Path) -> str:
    """The thématiques of 2019, frozen. Their codes are read with their parent; their labels win."""
    scheme = Scheme(
        CIS2019,
        "Thématiques de 2019",
        "Topics of 2019",
        "Frozen: the 2019 topics. English labels are those of the themes that they map to.",
    )
    rows = read(folder, "cis2019.csv")
    english = {THEME + row["code"]: row["label_en"] for row in read(folder, "themes.csv")}
    english |= {PUBLIC + row["code"]: row["label_en"] for row in read(folder, "publics.csv")}
    mapped = links_2019(rows)
    for row in rows:
        iri = cis2019_iri(row["code"])
        links = [(relation, ours) for (ours, other), relation in mapped.items() if other == iri]
        scheme.concept(
            iri,
            row["code"].replace("/", "-"),
            row["label_fr"],
            " / ".join(english[ours] for _, ours in links),
            broader=[cis2019_iri(row["parent"])] if row["parent"] else [],
            hidden=[row["code"]] if "/" in row["code"] else [],
            notes=[row["note"]],
            links=links,
        )
    return scheme.text()


def tags(folder: Path) -> str:
    """The (source, tag, code) facts, as they are."""
    rows = ["source,tag,code\n"]
    for row in read(folder, "tags.csv"):
        cells = [
            f'"{cell.replace(chr(34), chr(34) * 2)}"' if set(cell) & set('",\n') else cell for cell in row.values()
        ]
        rows.append(",".join(cells) + "\n")
    return "".join(rows)


def build(folder: Path) -> dict[str, str]:
    """All files, by path under vocab/."""
    return {
        "thesauri/theme.ttl": themes(folder),
        "thesauri/public.ttl": publics(folder),
        "thesauri/method.ttl": methods(folder),
        "thesauri/status.ttl": statuses(folder),
        "thesauri/need.ttl": simple(
            folder, "needs.csv", "need/", "Besoins et offres", "Needs and offers", "Kinds of need or offer."
        ),
        "thesauri/spread.ttl": simple(
            folder, "spread.csv", "spread/", "Formes d'essaimage", "Ways of spreading", "Ways of spreading."
        ),
        "thesauri/marker.ttl": simple(
            folder,
            "markers.csv",
            "marker/",
            "Marqueurs",
            "Markers",
            "Markers of social innovation; m01-m11 are placeholders.",
        ),
        "thesauri/sdg.ttl": goals(folder),
        "thesauri/cis2018.ttl": facets_2018(folder),
        "thesauri/cis2019.ttl": thematics_2019(folder),
        "crosswalks/tags.csv": tags(folder),
    }


def main(arguments: list[str]) -> int:
    """Write the files beside this script."""
    if len(arguments) != 1:
        sys.stderr.write("usage: build_thesauri.py FOLDER_OF_CSV_FILES\n")
        return 2
    for name, text in build(Path(arguments[0])).items():
        path = Path(__file__).parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
