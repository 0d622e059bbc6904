"""Write ``feeds/accompagnateurs.xlsx``, the demonstration feed that is a spreadsheet. It must never need the network.

Run ``python demo/make_xlsx.py`` after changing a row below. The bytes depend on the rows only: openpyxl stamps the
current time into the file, so the archive is packed again with fixed times.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from pathlib import Path

from openpyxl import Workbook

FEED = Path(__file__).resolve().parent / "feeds" / "accompagnateurs.xlsx"
EPOCH = (2017, 11, 30, 0, 0, 0)
TITLE = "Structures de soutien et collectivités rencontrées pour l'étude de 2017 (démonstration)"

Cell = str | int | float | date | None
HEADER: tuple[str, ...] = (
    "Réf.",
    "Nom de la structure",
    "Ce qu'elle fait",
    "Domaines",
    "Portée par",
    "Commune",
    "Code postal",
    "Code INSEE",
    "Ouverture",
    "Page",
    "Fiche relue le",
)
BASE = "https://accompagnateurs.demo.carrefour.example/fiches/"
READ = date(2017, 11, 30)

# As in many partner files: the table is on the second sheet, postcodes are numbers (leading zeros would be lost),
# dates are real dates, an empty line sits in the middle.
ROWS: tuple[tuple[Cell, ...], ...] = (
    (
        "A-01",
        "Espace test agricole",
        "Avant de s'installer, on cultive pour de vrai, dans un cadre protégé : le temps de "
        "voir si le métier, la terre et les débouchés conviennent.",
        "Agriculture",
        "Association Serpolet",
        None,
        None,
        None,
        None,
        BASE + "espace-test-agricole",
        READ,
    ),
    (
        "A-02",
        "La Ruche Bordeaux",
        "Un lieu de travail partagé entre entrepreneurs sociaux dont le projet, nouveau, vise un "
        "effet utile. On y trouve un bureau, et surtout des voisins.",
        "Économie, Coopération",
        "La Ruche",
        "Bordeaux",
        33000,
        "33063",
        None,
        BASE + "la-ruche-bordeaux",
        READ,
    ),
    (
        "A-03",
        "Realis",
        "Une pépinière faite pour les entreprises qui veulent être à la fois utiles et solides : la Région y "
        "loge et y conseille celles de l'économie sociale.",
        "Économie",
        "Région Languedoc-Roussillon",
        "Montpellier",
        34000,
        "34172",
        None,
        BASE + "realis",
        READ,
    ),
    (
        "A-04",
        "Alter'incub",
        "Un incubateur d'entreprises sociales et solidaires, porté par l'union régionale des sociétés "
        "coopératives : il accompagne de l'idée à la création.",
        "Économie, Emploi",
        "URSCOP Languedoc-Roussillon",
        None,
        None,
        None,
        None,
        BASE + "alterincub",
        READ,
    ),
    (None,) * 11,
    (
        "A-05",
        "Catalyst",
        "Un laboratoire citoyen qui aide les collectifs à inventer, à l'heure du numérique, des réponses "
        "partagées à des besoins sociaux.",
        "Numérique, Citoyenneté",
        "Collectif Catalyst",
        None,
        None,
        None,
        None,
        BASE + "catalyst",
        READ,
    ),
    (
        "A-06",
        "Décliic",
        "Un incubateur d'initiatives citoyennes.",
        "Citoyenneté",
        None,
        None,
        None,
        None,
        None,
        BASE + "decliic",
        READ,
    ),
    (
        "A-07",
        "Service Internet et multimédia de Brest",
        "La ville forme, relie et finance de petits projets depuis une "
        "quinzaine d'années ; elle appelle sa méthode une gouvernance contributive.",
        "Gouvernance, Numérique",
        "Ville de Brest",
        "Brest",
        29200,
        "29019",
        None,
        BASE + "brest",
        READ,
    ),
    (
        "A-08",
        "Cohésion sociale et territoriale à Bordeaux",
        "La ville mène une politique de cohésion des quartiers et mise "
        "sur la formation pour acclimater ses services à l'innovation sociale.",
        "Solidarité",
        "Ville de Bordeaux",
        "Bordeaux",
        33000,
        "33063",
        None,
        BASE + "bordeaux",
        READ,
    ),
    (
        "A-09",
        "Mission ville numérique de la Métropole de Lille",
        "La métropole soutient des communs numériques et des "
        "partenaires associatifs, là où l'appel à projets mettrait les acteurs en concurrence.",
        "Numérique, Communs",
        "Métropole européenne de Lille",
        "Lille",
        59000,
        "59350",
        None,
        BASE + "metropole-de-lille",
        READ,
    ),
    (
        "A-10",
        "Retour à Sceaux",
        None,
        "Numérique",
        "Ville de Sceaux",
        "Sceaux",
        92330,
        "92071",
        date(2016, 1, 1),
        None,
        READ,
    ),
)


def workbook_bytes() -> bytes:
    """Return the spreadsheet as bytes that depend on the rows alone."""
    book = Workbook()
    sheet = book.active
    if sheet is None:  # openpyxl types it so: a new workbook always has one
        raise RuntimeError("a new workbook has no sheet")
    sheet.title = "Lisez-moi"
    sheet.append([TITLE])
    table = book.create_sheet("Fiches")
    table.append(list(HEADER))
    for row in ROWS:
        table.append(list(row))
    raw = io.BytesIO()
    book.save(raw)
    return _repacked(raw.getvalue())


def _repacked(data: bytes) -> bytes:
    """Pack the archive again with fixed times, uncompressed so that no compressor version shows."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2017-11-30T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return out.getvalue()


if __name__ == "__main__":
    FEED.write_bytes(workbook_bytes())
