"""GeoJSON: a row is the feature itself."""

from __future__ import annotations

import orjson
import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed

FEATURE = {
    "type": "Feature",
    "id": 7,
    "geometry": {"type": "Point", "coordinates": [3.08, 45.78]},
    "properties": {"nom": "Jardin"},
}


def test_a_feature_is_a_row_as_it_stands() -> None:
    """Properties and geometry keep their places, longitude first."""
    rows, _, _ = reading(orjson.dumps({"type": "FeatureCollection", "features": [FEATURE]}), "geojson")

    assert rows[0].row == FEATURE


@pytest.mark.parametrize("body", [FEATURE, [FEATURE]])
def test_a_bare_feature_or_list_is_read(body: object) -> None:
    """A Feature alone is a feed of one; a bare list of features is accepted."""
    rows, _, _ = reading(orjson.dumps(body), "geojson")

    assert len(rows) == 1


def test_null_geometry_and_properties_are_allowed() -> None:
    """RFC 7946 allows both; properties become an empty object."""
    body = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None, "properties": None}]}

    rows, _, _ = reading(orjson.dumps(body), "geojson")

    assert rows[0].row["properties"] == {}
    assert rows[0].row["geometry"] is None


def test_invalid_features_are_rejected_alone() -> None:
    """A feature of another shape is a rejected row."""
    features = [FEATURE, {"type": "Point"}, {**FEATURE, "geometry": [1, 2]}, {**FEATURE, "properties": 3}, 5]

    rows, rejected, _ = reading(orjson.dumps({"type": "FeatureCollection", "features": features}), "geojson")

    assert len(rows) == 1
    assert [finding.where for finding in rejected] == ["élément 2", "élément 3", "élément 4", "élément 5"]


def test_another_coordinate_system_is_reported() -> None:
    """Lambert 93 is announced by the old `crs` member."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}

    _, _, result = reading(orjson.dumps({"type": "FeatureCollection", "crs": crs, "features": [FEATURE]}), "geojson")

    assert rules(result) == ["geojson-crs"]


def test_ordinary_json_is_refused_with_advice() -> None:
    """Something else than GeoJSON says what to write instead."""
    with pytest.raises(UnreadableFeed, match='format = "json"'):
        reading(b'{"data": []}', "geojson")


def test_a_wrapped_collection_is_reached_by_at() -> None:
    """`at` leads to a collection inside another document; `features` is understood."""
    collection = {"type": "FeatureCollection", "features": [FEATURE]}

    assert len(reading(orjson.dumps({"carte": collection}), "geojson", at="carte")[0]) == 1
    assert len(reading(orjson.dumps(collection), "geojson", at="features")[0]) == 1
