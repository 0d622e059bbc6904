"""What the SPARQL page says, in French and English. Messages about a query are made in catalogue/sparql.py."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "fr": {
            "title": "Interroger les données (SPARQL)",
            "intro": "Tout le commun se lit en SPARQL 1.1. Les motifs simples voient les projets réunis ;"
            " GRAPH ?fiche montre ce que chaque contributeur en dit.",
            "query": "Votre requête",
            "format": "Format du résultat",
            "html": "page",
            "run": "Interroger",
            "examples": "Exemples",
            "error": "La requête a été refusée",
            "result": "Résultat",
            "row": "ligne",
            "rows": "lignes",
            "none": "Aucun résultat : rien dans les données ne répond à cette requête.",
            "yes": "Oui",
            "no": "Non",
            "limited": "La page s'arrête à {most} lignes. Pour tout avoir, choisissez un autre format"
            " ou écrivez LIMIT.",
            "permalink": "Lien permanent vers cette requête",
            "csv": "Le même résultat en CSV",
            "limits": "Limites",
        },
        "en": {
            "title": "Query the data (SPARQL)",
            "intro": "The whole commons can be read with SPARQL 1.1. Plain patterns see merged projects;"
            " GRAPH ?record shows what each partner says.",
            "query": "Your query",
            "format": "Result format",
            "html": "page",
            "run": "Run",
            "examples": "Examples",
            "error": "The query was refused",
            "result": "Result",
            "row": "row",
            "rows": "rows",
            "none": "No result: nothing in the data answers this query.",
            "yes": "Yes",
            "no": "No",
            "limited": "The page stops at {most} rows. To have them all, choose another format or write LIMIT.",
            "permalink": "Permanent link to this query",
            "csv": "The same result as CSV",
            "limits": "Limits",
        },
    }
)
