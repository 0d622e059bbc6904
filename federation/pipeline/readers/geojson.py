"""Rows of a GeoJSON document (RFC 7946): each feature as it stands, so a mapping says ``properties.nom`` and
``geometry.coordinates[0]``, longitude first. Must never move a point: that is cleaning's work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.json_parser import parse
from federation.pipeline.readers.json_reader import row_problem, select
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, rejected, remark, too_many

_GEOMETRIES = frozenset(
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"]
)
_SHOWN = 5
_WGS84 = ("CRS84", "4326", "OGC:1.3:CRS84")


def read_geojson(body: bytes, options: ReadOptions) -> Reading:
    """Read the features of a FeatureCollection, or a bare Feature. ``at`` leads to it if it is wrapped.

    A row is ``{"type", "id"?, "properties": {...}, "geometry": {...} or None}``. Raises UnreadableFeed.
    """
    parsed = parse(body, options, "GeoJSON")
    document = parsed.document
    if options.at not in (None, "features") and document is not None:
        document = select(document, str(options.at))
    if document is None:
        return Reading("geojson", iter(()), parsed.findings)
    features = _features(document)
    if len(features) > options.max_records:
        raise too_many(options.max_records)
    parsed.findings += _foreign_crs(document)
    return Reading("geojson", _rows(features, options, parsed.findings), parsed.findings)


def _features(document: Any) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        features: list[Any] = document["features"]
        return features
    if kind == "Feature":
        return [document]
    if isinstance(document, list):
        return document
    shown = f"type = {kind!r}" if isinstance(document, dict) else type(document).__name__
    raise UnreadableFeed(
        "not-geojson",
        f"Ce n'est pas une FeatureCollection GeoJSON ({shown}). Si c'est du JSON ordinaire, indiquez `format = "
        '"json"`.',
        f'This is no GeoJSON FeatureCollection ({shown}). If it is ordinary JSON, state `format = "json"`.',
    )


def _rows(features: list[Any], options: ReadOptions, findings: list[Finding]) -> Iterator[RawRecord | Finding]:
    written: list[str] = []
    for number, feature in enumerate(features, 1):
        where = f"élément {number}"
        problem = row_problem(feature, where, options.max_record_bytes) or _not_a_feature(feature, where)
        if problem is not None:
            yield problem
            continue
        if _written(feature):
            written.append(where)
        if feature.get("properties") is None:
            yield RawRecord(where, {**feature, "properties": {}})
        else:
            yield RawRecord(where, feature)
    if written:
        findings.append(_texts(written))


def _written(feature: dict[str, Any]) -> bool:
    """Whether the coordinates of a point are texts; other shapes are not read."""
    geometry = feature.get("geometry")
    given = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
    return isinstance(given, str) or (isinstance(given, list) and any(isinstance(one, str) for one in given[:3]))


def _texts(places: list[str]) -> Finding:
    shown = ", ".join(places[:_SHOWN]) + (", …" if len(places) > _SHOWN else "")
    return remark(
        "geojson-coordinates-text",
        Severity.WARNING,
        f"Des coordonnées sont écrites comme du texte ({shown}) : d'autres logiciels ne les liront pas. Écrivez des "
        "nombres, sans guillemets et avec un point : [3.08, 45.77], la longitude d'abord.",
        f"Coordinates are written as text ({shown}): other programs will not read them. Write numbers, without quotes "
        "and with a point: [3.08, 45.77], the longitude first.",
        field="geometry.coordinates",
    )


def _not_a_feature(feature: dict[str, Any], where: str) -> Finding | None:
    geometry, properties = feature.get("geometry"), feature.get("properties")
    if feature.get("type") != "Feature":
        reason = f"type = {feature.get('type')!r}"
    elif geometry is not None and not (isinstance(geometry, dict) and geometry.get("type") in _GEOMETRIES):
        reason = "geometry"
    elif properties is not None and not isinstance(properties, dict):
        reason = "properties"
    else:
        return None
    return rejected(
        "feature-invalid",
        where,
        f"Cet élément n'est pas une Feature GeoJSON valable ({reason}) : il est écarté.",
        f"This item is not a valid GeoJSON Feature ({reason}): it is left out.",
    )


def _foreign_crs(document: Any) -> list[Finding]:
    crs = document.get("crs") if isinstance(document, dict) else None
    if not isinstance(crs, dict):
        return []
    properties = crs.get("properties")
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if not name or name.endswith(_WGS84):
        return []
    return [
        remark(
            "geojson-crs",
            Severity.WARNING,
            f"Les coordonnées sont annoncées en « {name} » ; GeoJSON les veut en longitude et latitude WGS 84. "
            "Exportez "
            "en WGS 84 (EPSG:4326).",
            f"The coordinates are announced in “{name}”; GeoJSON wants WGS 84 longitude and latitude. Export in "
            "WGS 84 (EPSG:4326).",
            value=name,
        )
    ]
