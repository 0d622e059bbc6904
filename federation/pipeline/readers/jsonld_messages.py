"""What the JSON-LD reader says to partners, and how the problem of a context is put. Must never read anything."""

from __future__ import annotations

from collections import Counter

from federation.model import Finding, Severity
from federation.pipeline.readers.jsonld_fast import DEPTH
from federation.pipeline.readers.jsonld_process import Answer
from federation.pipeline.readers.reading import UnreadableFeed, rejected, remark

SHOWN = 20
"""Names, types or keys that one message lists."""


def too_deep(where: str) -> Finding:
    """Reject a node that nests too many objects."""
    return rejected(
        "record-too-deep",
        where,
        f"Cette fiche emboîte plus de {DEPTH} niveaux d'objets : elle est écartée.",
        f"This record nests more than {DEPTH} levels of objects: it is left out.",
    )


def refused(where: str, answer: Answer) -> Finding:
    """Reject a node that a JSON-LD processor refuses."""
    rule, fr, en = context_problem(answer)
    return rejected(rule, where, fr, en)


def context_problem(answer: Answer) -> tuple[str, str, str]:
    """Put what the processor answered into words: rule, French, English."""
    code, detail = answer["error"], answer["detail"]
    if code == "unpinned":
        return (
            "context-not-pinned",
            f"Le document renvoie à un autre fichier qui dit ce que ses mots signifient (son « @context » : {detail}), "
            "et nous n'en avons pas de copie ; nous n'allons jamais chercher un tel fichier sur le web. Recopiez son "
            "contenu dans votre document, à la place de l'adresse, ou écrivez-nous pour que nous en ajoutions une "
            "copie. L'opérateur la dépose dans vocab/contexts/ et l'inscrit dans manifest.json.",
            f"The document points to another file that says what its words mean (its @context: {detail}), of which we "
            "have no copy; we never fetch such a file from the web. Copy its content into your document in place of "
            "the address, or write to us so that we add a copy. The operator puts it into vocab/contexts/ and lists "
            "it in manifest.json.",
        )
    return (
        "json-ld-invalid",
        f"JSON-LD invalide : {code} ({detail}).",
        f"Invalid JSON-LD: {code} ({detail}).",
    )


def left_out(others: Counter[str], some_kept: bool, types: tuple[str, ...]) -> Finding:
    """Tell which nodes of other types are no records."""
    listed = ", ".join(f"{name} ({count})" for name, count in others.most_common(SHOWN))
    wanted = ", ".join(types)
    return remark(
        "type-left-out",
        Severity.INFO if some_kept else Severity.WARNING,
        f"{others.total()} objets d'autres types que {wanted} ne sont pas des fiches : {listed}.",
        f"{others.total()} nodes of other types than {wanted} are no records: {listed}.",
    )


def references_clipped() -> Finding:
    """Tell that some references stay plain addresses."""
    return remark(
        "references-clipped",
        Severity.INFO,
        "Les fiches renvoient les unes aux autres si souvent que certains renvois restent de simples adresses.",
        "Records refer to each other so often that some references stay plain addresses.",
    )


def no_meaning(keys: list[str]) -> UnreadableFeed:
    """No key of the document means anything."""
    shown = ", ".join(dict.fromkeys(keys[:SHOWN]))
    return UnreadableFeed(
        "json-ld-no-meaning",
        f"Aucune clé de ce document n'a de sens dans son `@context` ({shown}). Ajoutez un `@context`, ou lisez-le "
        'comme du JSON ordinaire (`format = "json"`).',
        f"No key of this document has a meaning in its `@context` ({shown}). Add a `@context`, or read it as "
        'ordinary JSON (`format = "json"`).',
    )


def key_unknown(name: str) -> Finding:
    """Tell that a key is ignored."""
    return remark(
        "json-ld-key-unknown",
        Severity.INFO,
        f"La clé « {name} » n'a pas de sens dans le contexte JSON-LD : elle est ignorée.",
        f"The key “{name}” has no meaning in the JSON-LD context: it is ignored.",
        field=name,
    )
