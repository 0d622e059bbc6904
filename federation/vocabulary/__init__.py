"""The only reader of vocab/ and shapes/: terms, fields, concepts, contexts, shapes. Never writes, never fetches.

Start at :func:`load`. Adding a field, a concept, a licence or a context needs no change in this package.
"""

from __future__ import annotations

from federation.vocabulary.reader import Vocabulary, load
from federation.vocabulary.terms import (
    BASE,
    CRF,
    ClassInfo,
    Concept,
    ExampleQuery,
    Field,
    Kind,
    Licence,
    OwnTerm,
    Scheme,
    fold,
)

__all__ = [
    "BASE",
    "CRF",
    "ClassInfo",
    "Concept",
    "ExampleQuery",
    "Field",
    "Kind",
    "Licence",
    "OwnTerm",
    "Scheme",
    "Vocabulary",
    "fold",
    "load",
]
