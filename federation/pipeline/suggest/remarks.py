"""What a guess could not find in a feed, told to its partner: no id, an id that comes again, no page for each record.

Must never decide: the proposed source file holds what stands in for them.
"""

from __future__ import annotations

from federation.model import Finding, Severity, Text
from federation.pipeline.suggest.columns import Column
from federation.pipeline.suggest.matching import Matches, plain


def remarks(matches: Matches, address: str, rows: int) -> tuple[Finding, ...]:
    """The findings on a feed of so many ``rows``; ``address`` stands for the pages that it does not give."""
    found: list[Finding] = []
    if matches.repeated is not None:
        column, value, _ = matches.repeated
        said = repeated_id(matches)
        found.append(Finding("guess-id-repeated", Severity.WARNING, said, field=column.path, value=value))
    elif matches.id is None and matches.page is None and rows > 1:
        found.append(Finding("guess-no-id", Severity.WARNING, _NO_ID))
    if matches.page is None:
        found.append(Finding("guess-no-page", Severity.WARNING, _no_page(address)))
    return tuple(found)


def repeated_id(matches: Matches) -> Text:
    """What keeps a column from being the id. Only if there is one."""
    if matches.repeated is None:
        raise ValueError("no repeated id")
    _, value, count = matches.repeated
    shown = value[:60]
    return {
        "fr": f"la valeur « {shown} » y est {count} fois : cette colonne ne peut pas servir d'identifiant. Donnez à "
        "chaque fiche le sien, qui ne change plus.",
        "en": f"the value “{shown}” is there {count} times: this column cannot be the id. Give each record one of its "
        "own, which never changes.",
    }


def ambiguous(term: str, column: Column) -> Text | None:
    """What is to be asked of a column whose title may mean another of our words; None if it may not."""
    if term != "issued" or not _CREATED & set(plain(column.title).split()):
        return None
    title = column.title[:60]
    return {
        "fr": f"« {title} » : la date de la fiche, ou celle du projet ? Pour celle du projet, écrivez startDate au "
        "lieu de issued.",
        "en": f"“{title}”: the date of the record, or of the project? For that of the project, write startDate "
        "instead of issued.",
    }


_CREATED = {"creation", "created", "createdat"}
"""Words of a title that does not say what was created then."""

_NO_ID: Text = {
    "fr": "Aucune colonne n'est un identifiant : une valeur différente pour chaque fiche, qui ne change plus. Sans "
    "elle, une fiche dont le nom est corrigé passe pour une autre. Ajoutez une colonne « id ».",
    "en": "No column is an id: a value of its own for each record, which never changes. Without it, a record whose "
    "name is corrected is taken for another one. Add a column “id”.",
}


def _no_page(address: str) -> Text:
    return {
        "fr": "Aucune colonne ne donne la page de chaque fiche chez vous : toutes renverraient à la même adresse "
        f"({address}), qui n'est que supposée. Ajoutez une colonne « page » avec l'adresse de chacune ; ou, si elle se "
        'fait de l\'identifiant, écrivez dans le fichier de source page = "https://…/{id}".',
        "en": "No column gives the page of each record on your site: all would lead to one address "
        f"({address}), which is only supposed. Add a column “page” with the address of each; or, if it is made of the "
        'id, write page = "https://…/{id}" in the source file.',
    }
