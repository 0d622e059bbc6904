"""Runs a full JSON-LD 1.1 processor (pyld) on untrusted documents, as a program of its own: one request on standard
input, one answer on standard output. Must never load a context that is not pinned, nor import the rest of the package.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pyld import jsonld
from pyld.context_resolver import ContextResolver

_PLAIN_CONTAINERS = frozenset({"@set", "@list", "@language"})
_FAILURES = (
    jsonld.JsonLdError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    RecursionError,
    MemoryError,
)
"""What pyld raises on bad documents: its own error, and whatever Python says where it does not check."""


class Processor:
    """A JSON-LD 1.1 processor bound to a base IRI and to the pinned contexts; it notes what it had to leave out."""

    def __init__(self, base: str, pinned: Mapping[str, Any]) -> None:
        self.dropped: set[str] = set()
        self._missing: list[str] = []
        self._pinned = pinned
        self._processor = jsonld.JsonLdProcessor(on_property_dropped=self._note)
        self._options = {
            "base": base,
            "documentLoader": self._load,
            "contextResolver": ContextResolver({}, self._load),
            "processingMode": "json-ld-1.1",
            "extractAllScripts": False,
            "isFrame": False,
            "keepFreeFloatingNodes": False,
        }

    def expand(self, document: Any) -> dict[str, Any]:
        """Give ``{"ok": expanded}`` or ``{"error": code, "detail": text}`` (JSON-LD 1.1 API, section 5.1)."""
        return self._attempt(lambda: self._processor.expand(document, self._options))

    def compile(self, context: Any) -> dict[str, Any]:
        """Give ``{"ok": active context}`` as plain values, or an error (JSON-LD 1.1 API, section 4.1)."""
        return self._attempt(lambda: self._compiled(context))

    def _attempt(self, work: Callable[[], Any]) -> dict[str, Any]:
        self._missing.clear()
        try:
            return {"ok": work()}
        except _FAILURES as error:
            if self._missing:
                return {"error": "unpinned", "detail": self._missing[0]}
            code = getattr(error, "code", None) or type(error).__name__
            return {"error": str(code), "detail": str(error.args[0] if error.args else "")[:300]}

    def _note(self, name: str | None) -> None:
        if name is not None:
            self.dropped.add(name)

    def _load(self, url: str, _options: Any) -> dict[str, Any]:
        document = self._pinned.get(url)
        if document is None:
            self._missing.append(url)
            raise jsonld.JsonLdError("Context not pinned.", "jsonld.LoadDocumentError", code="loading document failed")
        return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": document}

    def _compiled(self, context: Any) -> dict[str, Any]:
        initial = self._processor._get_initial_context(self._options)
        active = self._processor.process_context(initial, context, self._options)
        parts = context if isinstance(context, list) else [context]
        wrapped = any(isinstance(part, Mapping) and "@context" in part for part in parts)
        return {
            "plain": not (wrapped or active.get("previousContext") or active.get("@direction")),
            "vocab": active.get("@vocab"),
            "has_base": "@base" in active,
            "base": active.get("@base"),
            "language": active.get("@language"),
            "terms": {term: self._term(active, term, entry) for term, entry in active["mappings"].items()},
        }

    def _term(self, active: Any, term: str, entry: Any) -> dict[str, Any] | None:
        if entry is None:
            return None
        containers = jsonld.JsonLdProcessor.arrayify(entry.get("@container") or [])
        odd = (
            bool(entry.get("reverse"))
            or "@nest" in entry
            or "@direction" in entry
            or "@index" in entry
            or entry.get("@type") == "@json"
            or not _PLAIN_CONTAINERS.issuperset(containers)
        )
        scoped, scoped_vocab = "@context" in entry, None
        if scoped and self._only_vocab(entry["@context"]):
            scoped_vocab = self._processor.process_context(active, entry["@context"], self._options).get("@vocab")
        return {
            "iri": entry["@id"],
            "prefix": bool(entry.get("_prefix")),
            "type": entry.get("@type"),
            "language": jsonld.JsonLdProcessor.get_context_value(active, term, "@language"),
            "maps": "@language" in containers,
            "odd": odd or (scoped and scoped_vocab is None),
            "scoped": scoped,
            "scoped_vocab": scoped_vocab,
        }

    @staticmethod
    def _only_vocab(context: Any) -> bool:
        return isinstance(context, Mapping) and list(context) == ["@vocab"] and isinstance(context["@vocab"], str)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Compile the contexts and expand the documents of a request, each with its own result or error."""
    processor = Processor(request["base"], request["pinned"])
    compiled = [processor.compile(context) for context in request["compile"]]
    expanded = [processor.expand(document) for document in request["expand"]]
    return {"compiled": compiled, "expanded": expanded, "dropped": sorted(processor.dropped)}


def main() -> None:
    """Serve one request within its limits of memory (bytes) and processor time (seconds)."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
