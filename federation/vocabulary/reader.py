"""Open the vocabulary folder and give it out as one frozen value. Files are read once; nothing is fetched."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from federation.errors import ConfigError, toml_fault
from federation.vocabulary.fields import ContextTerm, FieldTable, context_terms
from federation.vocabulary.graph import Graph
from federation.vocabulary.statements import statements_by_subject
from federation.vocabulary.terms import (
    BASE,
    CRF,
    OWL,
    RDF,
    RDFS,
    SH,
    ClassInfo,
    Concept,
    ExampleQuery,
    Field,
    Licence,
    OwnTerm,
    Scheme,
    fold,
)
from federation.vocabulary.thesauri import Licences, Thesauri, nearest_hint, read_crosswalks, tag_usage

CONTEXT = BASE + "context/v1.jsonld"
RECORD = "http://www.w3.org/ns/dcat#CatalogRecord"
PROJECT = CRF + "Project"
_OWN_KINDS = (
    (OWL + "Class", "class"),
    (OWL + "ObjectProperty", "property"),
    (OWL + "DatatypeProperty", "property"),
    (OWL + "AnnotationProperty", "property"),
    (OWL + "NamedIndividual", "individual"),
)
_IGNORED = ("__pycache__", ".py", ".pyc", ".md")  # not part of what the vocabulary means
_FEDIVERSE = "vocab/activitypub/"  # says how activities are read, not what a mapped record means


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything we mean (vocab/) and accept (shapes/). Share it: it never changes."""

    fields: Mapping[str, Field]
    classes: Mapping[str, ClassInfo]
    terms: Mapping[str, OwnTerm]
    context_terms: Mapping[str, ContextTerm]
    contexts: Mapping[str, dict[str, Any]]
    prefixes: Mapping[str, str]
    queries: tuple[ExampleQuery, ...]
    groups: tuple[tuple[str, Mapping[str, str]], ...]
    version: str
    _files: Mapping[str, bytes] = field(repr=False)
    _thesauri: Thesauri = field(repr=False)
    _licences: Licences = field(repr=False)
    _crosswalks: Mapping[str, tuple[str, dict[str, tuple[str, ...]]]] = field(repr=False)
    _table: FieldTable = field(repr=False)

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """Every concept of every thesaurus, by IRI."""
        return self._thesauri.concepts

    @property
    def schemes(self) -> Mapping[str, Scheme]:
        """Every thesaurus, by IRI."""
        return self._thesauri.schemes

    @property
    def context(self) -> Mapping[str, Any]:
        """Our own JSON-LD context: the value of ``@context``."""
        context: Mapping[str, Any] = self.contexts[CONTEXT]["@context"]
        return context

    def fields_of(self, class_iri: str) -> Mapping[str, Field]:
        """The fields of any class that has a shape, by dotted key. Raises KeyError for another class."""
        if self.classes[class_iri].shape is None:
            raise KeyError(class_iri)
        return self._table.fields_of(class_iri, self.classes[class_iri].name)

    def find_concepts(self, scheme: str, word: str) -> tuple[Concept, ...]:
        """Concepts with this code, label or synonym (any language, folded); ``scheme`` is an IRI or ``theme``…

        Raises ConfigError for an unknown scheme.
        """
        return self._thesauri.find(scheme, word)

    def nearest_concept(self, scheme: str, word: str) -> Concept | None:
        """The concept to suggest for an unknown word. Raises ConfigError for an unknown scheme."""
        return self._thesauri.nearest(scheme, word)

    def scheme_of(self, term: str) -> str | None:
        """Scheme IRI of a field given by key or by property IRI; None if its values are not concepts."""
        if term in self.fields:
            return self.fields[term].scheme
        return next((f.scheme for f in self.fields.values() if f.property == term and f.scheme), None)

    def crosswalk(self, site: str) -> Mapping[str, tuple[str, ...]]:
        """Folded tag → theme codes, as one contributor used its tags. Raises ConfigError with the nearest name."""
        from_site = self._crosswalks.get(fold(site))
        if from_site is None:
            names = [name for name, _ in self._crosswalks.values()]
            hint = nearest_hint(site, names)
            raise ConfigError(
                f"vocab/crosswalks/tags.csv has no tags of `{site}`.{hint['en']}",
                f"vocab/crosswalks/tags.csv n'a pas de mots de `{site}`.{hint['fr']}",
            )
        return from_site[1]

    @property
    def crosswalk_sites(self) -> tuple[str, ...]:
        """The contributors whose tags are known."""
        return tuple(name for name, _ in self._crosswalks.values())

    def licence(self, text: str) -> str | None:
        """Canonical IRI of a licence given by name, code or address; None if unknown. It may not be open."""
        return self._licences.find(text)

    @property
    def licences(self) -> Mapping[str, Licence]:
        """Every known licence, open or not, by IRI."""
        return self._licences.all

    @property
    def open_licences(self) -> frozenset[str]:
        """IRIs of the licences under which a record may be published."""
        return frozenset(iri for iri, licence in self._licences.all.items() if licence.open)

    def profile(self, name: str) -> dict[str, Any]:
        """A mapping preset, ``vocab/mappings/{name}.toml``. Raises ConfigError with the nearest name, or the line."""
        path = f"vocab/mappings/{name}.toml"
        if path not in self._files:
            hint = nearest_hint(name, self.profiles)
            known = ", ".join(self.profiles)
            raise ConfigError(
                f"There is no mapping profile `{name}`.{hint['en']} Known: {known or 'none'}.",
                f"Il n'y a pas de profil de correspondance `{name}`.{hint['fr']} Connus : {known or 'aucun'}.",
            )
        try:
            return tomllib.loads(self._files[path].decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            said = toml_fault(path, error)
            raise ConfigError(said["en"], said["fr"]) from error

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of the mapping presets."""
        return tuple(
            sorted(Path(name).name.removesuffix(".toml") for name in self._files if name.startswith("vocab/mappings/"))
        )

    def shapes(self) -> Mapping[str, str]:
        """Every SHACL file, file name → Turtle."""
        return {
            name.removeprefix("shapes/"): data.decode("utf-8")
            for name, data in self._files.items()
            if name.startswith("shapes/") and name.endswith(".ttl")
        }

    def shapes_for(self, class_iri: str) -> str:
        """The Turtle of the file that holds the shape of this class. Raises KeyError if it has none."""
        file = self.classes[class_iri].file
        if file is None:
            raise KeyError(class_iri)
        return self._files[file].decode("utf-8")

    def background(self) -> str:
        """Turtle that is laid beside a record to validate it: thesauri and licences, one document each, joined."""
        return "\n".join(self._files[name].decode("utf-8") for name in self._files if _is_thesaurus(name))

    def statements(self) -> dict[str, str]:
        """Ontology, thesauri and licences for the public graph: canonical N-Triples lines by subject IRI."""
        names = [name for name in self._files if name == "vocab/ontology.ttl" or _is_thesaurus(name)]
        return statements_by_subject(self._files, names)

    def file(self, name: str) -> bytes:
        """Bytes of one file (``vocab/ontology.ttl``, ``shapes/place.ttl``). Raises KeyError if there is none."""
        return self._files[name]

    @property
    def file_names(self) -> tuple[str, ...]:
        """Every file read."""
        return tuple(self._files)


def load(root: Path | None = None) -> Vocabulary:
    """Read the vocabulary from a folder that holds vocab/ and shapes/ (default: this checkout, else the package).

    Raises ConfigError naming the file, the line and what to do. The default one is read once per process.
    """
    return _read(root) if root is not None else _default()


@functools.cache
def _default() -> Vocabulary:
    return _read(_default_root())


def _default_root() -> Path:
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "vocab" / "ontology.ttl").is_file() and (checkout / "shapes").is_dir():
        return checkout
    return Path(str(files("federation"))) / "_data"


def _read_files(root: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for top in ("vocab", "shapes"):
        if not (root / top).is_dir():
            raise _missing(f"{root}: the folder {top}/", f"{root} : le dossier {top}/")
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and path.suffix not in _IGNORED and "__pycache__" not in path.parts:
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def _missing(en: str, fr: str) -> ConfigError:
    return ConfigError(
        f"{en} is missing. Reinstall, or run from a whole checkout.",
        f"{fr} manque. Réinstallez, ou partez d'une copie entière du dépôt.",
    )


def _is_thesaurus(name: str) -> bool:
    return name.startswith("vocab/thesauri/") or name == "vocab/licences.ttl"


def _read(root: Path) -> Vocabulary:
    contents = _read_files(root)
    shapes, ontology, thesauri, extras = Graph(), Graph(), Graph(), Graph()
    for name, data in contents.items():
        if not name.endswith(".ttl"):
            continue
        if name.startswith("shapes/"):
            shapes.add(data, name)
        elif _is_thesaurus(name):
            thesauri.add(data, name)
        else:
            (ontology if name == "vocab/ontology.ttl" else extras).add(data, name)
    contexts = _contexts(contents)
    terms = context_terms(contexts[CONTEXT]["@context"])
    table = FieldTable(shapes, terms)
    fields = table.fields_of(RECORD, "record") | table.fields_of(PROJECT, "project")
    prefixes = _prefixes(extras)
    crosswalks = read_crosswalks(contents["vocab/crosswalks/tags.csv"], "vocab/crosswalks/tags.csv")
    return Vocabulary(
        fields=fields,
        classes=_classes(shapes, ontology, table),
        terms=_own_terms(ontology),
        context_terms=terms,
        contexts=contexts,
        prefixes=prefixes,
        queries=_queries(extras, prefixes),
        groups=_groups(shapes),
        version=_version(contents),
        _files=contents,
        _thesauri=Thesauri(thesauri, tag_usage(crosswalks)),
        _licences=Licences(thesauri),
        _crosswalks=crosswalks,
        _table=table,
    )


def _version(contents: Mapping[str, bytes]) -> str:
    """What every source's version holds: a change maps all unchanged feeds again."""
    digest = hashlib.sha256()
    for name in sorted(name for name in contents if not name.startswith(_FEDIVERSE)):
        digest.update(f"{name}\0{hashlib.sha256(contents[name]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _json(contents: Mapping[str, bytes], name: str) -> Any:
    try:
        return json.loads(contents[name])
    except KeyError as error:
        raise _missing(name, name) from error
    except ValueError as error:
        raise ConfigError(
            f"{name}: this is not valid JSON ({error}).", f"{name} : ce n'est pas du JSON valide ({error})."
        ) from error


def _contexts(contents: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    contexts = {CONTEXT: _json(contents, "vocab/context/v1.jsonld")}
    for entry in _json(contents, "vocab/contexts/manifest.json")["contexts"]:
        document = _json(contents, f"vocab/contexts/{entry['file']}")
        contexts |= dict.fromkeys(entry["urls"], document)
    return contexts


def _prefixes(graph: Graph) -> dict[str, str]:
    declared = graph.nodes(BASE + "prefixes", SH + "declare")
    pairs = ((graph.literal(node, SH + "prefix"), graph.literal(node, SH + "namespace")) for node in declared)
    return {prefix: namespace for prefix, namespace in pairs if prefix and namespace}


def _queries(graph: Graph, prefixes: Mapping[str, str]) -> tuple[ExampleQuery, ...]:
    found = []
    for iri in sorted(graph.instances(SH + "SPARQLSelectExecutable")):
        body = (graph.literal(iri, SH + "select") or "").strip()
        used = [f"PREFIX {p}: <{ns}>" for p, ns in prefixes.items() if re.search(rf"\b{p}:", body)]
        text = "\n".join((*used, body)) + "\n"
        found.append(ExampleQuery(iri, graph.text(iri, RDFS + "label"), graph.text(iri, RDFS + "comment"), text))
    return tuple(found)


def _groups(graph: Graph) -> tuple[tuple[str, Mapping[str, str]], ...]:
    nodes = sorted(graph.instances(SH + "PropertyGroup"), key=lambda n: int(graph.literal(n, SH + "order") or 0))
    return tuple((iri.rpartition("/")[2], graph.text(iri, RDFS + "label")) for iri in nodes)


def _own_terms(graph: Graph) -> dict[str, OwnTerm]:
    terms = {}
    for type_iri, kind in _OWN_KINDS:
        for iri in graph.instances(type_iri):
            if iri.startswith(CRF) and iri != CRF:
                parents = graph.nodes(iri, RDFS + "subClassOf") + graph.nodes(iri, RDFS + "subPropertyOf")
                labels, definition = graph.text(iri, RDFS + "label"), graph.text(iri, RDFS + "comment")
                terms[iri] = OwnTerm(iri, kind, labels, definition, parents)
    return terms


def _classes(shapes: Graph, ontology: Graph, table: FieldTable) -> dict[str, ClassInfo]:
    iris = dict.fromkeys((*ontology.instances(OWL + "Class"), *ontology.instances(RDFS + "Class"), *table.shape_of))
    return {iri: _class(shapes, ontology, iri, table.shape_of.get(iri)) for iri in iris}


def _class(shapes: Graph, ontology: Graph, iri: str, shape: str | None) -> ClassInfo:
    types = [iri]
    for property_shape in shapes.nodes(shape, SH + "property") if shape else ():
        if RDF + "type" in shapes.nodes(property_shape, SH + "path"):
            types += shapes.nodes(property_shape, SH + "hasValue")
    return ClassInfo(
        iri=iri,
        name=iri.replace("#", "/").rpartition("/")[2],
        labels=ontology.text(iri, RDFS + "label") or (shapes.text(shape, RDFS + "label") if shape else {}),
        definition=ontology.text(iri, RDFS + "comment") or (shapes.text(shape, RDFS + "comment") if shape else {}),
        parents=ontology.nodes(iri, RDFS + "subClassOf"),
        types=tuple(types),
        shape=shape,
        file=shapes.file(shape) if shape else None,
    )
