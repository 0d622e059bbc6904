"""Turns a partner's raw value into a clean one of the kind that the vocabulary asks for, or says why it cannot.

Pure functions over plain values. A mapping never names a cleaner and a cleaner never guesses: what is not certain
is left out and reported. Source: harvesting design, section 5.
"""

from __future__ import annotations

from federation.pipeline.cleaning.codes import (
    clean_code,
    clean_commune,
    clean_country,
    clean_currency,
    clean_organisation,
    clean_postcode,
)
from federation.pipeline.cleaning.contacts import clean_email
from federation.pipeline.cleaning.dates import Moment, clean_date
from federation.pipeline.cleaning.iris import clean_iri, normal_address
from federation.pipeline.cleaning.numbers import clean_boolean, clean_number, clean_point
from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import clean_line, clean_text, is_missing

__all__ = [
    "Moment",
    "Problem",
    "clean_boolean",
    "clean_code",
    "clean_commune",
    "clean_country",
    "clean_currency",
    "clean_date",
    "clean_email",
    "clean_iri",
    "clean_line",
    "clean_number",
    "clean_organisation",
    "clean_point",
    "clean_postcode",
    "clean_text",
    "is_missing",
    "normal_address",
]
