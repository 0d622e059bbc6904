"""What a walk tells the partner about the visit itself, in French and English. Must never show a secret."""

from __future__ import annotations

from federation.model import Finding, Severity
from federation.pipeline.fetch.faults import Fault, FetchFailed, FetchRefused, shown


def _finding(rule: str, fr: str, en: str, where: str = "", suggestion: str | None = None) -> Finding:
    return Finding(rule, Severity.WARNING, {"fr": fr, "en": en}, where=where, suggestion=suggestion)


_KEPT = {
    "fr": "Les pages lues sont reprises ; aucune fiche n'est tenue pour absente.",
    "en": "The pages that were read are taken; no record counts as missing.",
}


def page_failed(number: int, address: str, error: FetchFailed | FetchRefused) -> Finding:
    """A page could not be had after others were read. That one page is gone for good says nothing of the feed."""
    return _finding(
        f"fetch:{Fault.STATUS.value}" if error.fault is Fault.GONE else error.rule,
        f"Page {number} : {error.text['fr']} {_KEPT['fr']}",
        f"Page {number}: {error.text['en']} {_KEPT['en']}",
        shown(address),
    )


def moved(address: str, target: str) -> Finding:
    """A permanent redirect proposes another address."""
    return _finding(
        "moved",
        f"L'adresse {shown(address)} est remplacée pour de bon par {target}. Mettez `url` à jour dans le fichier de la "
        "source.",
        f"The address {shown(address)} is replaced for good by {target}. Update `url` in the source file.",
        shown(address),
        target,
    )


def loops(address: str) -> Finding:
    """The next page is one that was read already, by address or content."""
    return _finding(
        "paging-loop",
        f"La page suivante, {shown(address)}, est une page déjà lue : la liste tourne en rond. {_KEPT['fr']} Corrigez "
        "la pagination du flux, ou [paging].",
        f"The next page, {shown(address)}, is one that was read already: the list goes round in circles. {_KEPT['en']} "
        "Correct the paging of the feed, or [paging].",
        shown(address),
    )


def elsewhere(address: str) -> Finding:
    """The next page is on another site."""
    return _finding(
        "paging-elsewhere",
        f"La suite de la liste, {shown(address)}, est sur un autre site : nous n'y allons pas. {_KEPT['fr']}",
        f"The list goes on at {shown(address)}, on another site: we do not go there. {_KEPT['en']}",
        shown(address),
    )


def unreadable(address: str) -> Finding:
    """A page does not say how the list goes on."""
    return _finding(
        "paging-unreadable",
        f"La page {shown(address)} est illisible : impossible de savoir si la liste continue. {_KEPT['fr']}",
        f"The page {shown(address)} cannot be read: there is no telling whether the list goes on. {_KEPT['en']}",
        shown(address),
    )


def nowhere(path: str) -> Finding:
    """A path of [paging] or [records] does not lead to what it should."""
    return _finding(
        "paging-path",
        f"Le chemin « {path} » ne mène pas à ce qu'il faut pour suivre la liste. {_KEPT['fr']} Corrigez [paging] ou "
        "`at`.",
        f'The path "{path}" does not lead to what it takes to follow the list. {_KEPT["en"]} Correct [paging] or `at`.',
    )


def total_differs(announced: int, counted: int) -> Finding:
    """The server announced another number than came."""
    return _finding(
        "total-differs",
        f"Le serveur annonce {announced} fiches et en a donné {counted}. {_KEPT['fr']}",
        f"The server announces {announced} records and gave {counted}. {_KEPT['en']}",
    )


def total_moves(first: int, last: int) -> Finding:
    """The announced number changed while the list was read, twice."""
    return _finding(
        "total-moves",
        f"Le nombre de fiches annoncé change pendant la lecture ({first}, puis {last}), même à la deuxième. "
        f"{_KEPT['fr']}",
        f"The announced number of records changes while the list is read ({first}, then {last}), the second time, "
        f"too. {_KEPT['en']}",
    )


def token_expired() -> Finding:
    """An OAI-PMH resumption token does not work, even in a second harvest."""
    return _finding(
        "oai-token",
        f"Le serveur refuse deux fois le jeton de reprise (resumptionToken) qu'il a donné. {_KEPT['fr']}",
        f"The server refuses twice the resumptionToken that it gave. {_KEPT['en']}",
    )


def sitemap_broken(address: str) -> Finding:
    """One of several sitemaps is no sitemap."""
    return _finding(
        "sitemap-broken",
        f"{shown(address)} n'est pas un plan de site (sitemap) lisible. {_KEPT['fr']}",
        f"{shown(address)} is not a sitemap that can be read. {_KEPT['en']}",
        shown(address),
    )


def dead_link(address: str, status: int | None) -> Finding:
    """The sitemap names a page that the site itself says is not there."""
    return _finding(
        "dead-link",
        f"Le plan de site nomme {shown(address)}, mais cette page n'existe pas ou plus ({status}). Sa fiche compte "
        "comme absente. Retirez l'adresse du plan de site, ou rétablissez la page.",
        f"The sitemap names {shown(address)}, but there is no such page, or not any more ({status}). Its record counts "
        "as absent. Take the address out of the sitemap, or put the page back.",
        shown(address),
    )


def many_dead_links(dead: int, named: int) -> Finding:
    """So many pages are not there that the site rather than the pages must be at fault."""
    return _finding(
        "dead-links",
        f"{dead} des {named} pages du plan de site n'existent pas ou plus : le site semble en panne ou en travaux. "
        f"{_KEPT['fr']}",
        f"{dead} of the {named} pages of the sitemap are not there: the site seems to be out of order or under "
        f"construction. {_KEPT['en']}",
    )


def sitemap_long(limit: int) -> Finding:
    """The sitemap lists more than is followed."""
    return _finding(
        "sitemap-long",
        f"Le plan de site nomme plus de {limit} pages ou plans. {_KEPT['fr']} Les suivantes viendront aux prochaines "
        "visites ; sinon, relevez [limits] pages.",
        f"The sitemap names more than {limit} pages or sitemaps. {_KEPT['en']} The others come with the next visits; "
        "else raise [limits] pages.",
    )


def sitemap_elsewhere(count: int, example: str) -> Finding:
    """Pages of another host stand in the sitemap."""
    return _finding(
        "sitemap-elsewhere",
        f"{count} adresse(s) du plan de site sont sur un autre site, comme {shown(example)} : nous n'y allons pas.",
        f"{count} address(es) of the sitemap are on another site, like {shown(example)}: we do not go there.",
        shown(example),
    )
