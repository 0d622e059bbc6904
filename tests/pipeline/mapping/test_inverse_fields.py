"""Jobs and assessments point at their project: a feed in our own published form brings them inside it."""

from __future__ import annotations

import json
from typing import Any

from made_rows import BASE, RUN, nodes, said_of

from federation.model import Outcome, RawRecord
from federation.pipeline.assess import Assessor
from federation.pipeline.readers import ReadOptions, read
from federation.pipeline.sources import parse_source
from federation.vocabulary import Vocabulary

SOURCE = """[source]
id = "s"
partner = "p"
url = "feed.jsonld"
profile = "carrefour"
licence = "CC0"
"""


def assessed(vocabulary: Vocabulary, **said: Any) -> Outcome:
    """Read, map and validate one project in our own form."""
    project = {
        "@context": next(iter(vocabulary.contexts)),
        "id": "https://p.example/1",
        "type": "Project",
        "url": "https://p.example/1",
        "name": {"fr": "Un projet"},
        "description": {"fr": "Un projet qui a de quoi être décrit."},
        **said,
    }
    reading = read(json.dumps(project).encode(), ReadOptions(format="json-ld", contexts=vocabulary.contexts))
    (raw,) = (item for item in reading if isinstance(item, RawRecord) and "name" in item.row)
    judge = Assessor(parse_source(SOURCE, "s.toml", vocabulary), vocabulary, BASE)
    (group,) = judge.mapper.group([raw])
    assert not isinstance(group, Outcome)
    return judge(group, RUN)


def test_a_job_is_read_from_our_published_form(vocabulary: Vocabulary) -> None:
    """The node is written with its own words, and points at the project of the record."""
    outcome = assessed(vocabulary, job=[{"type": "JobPosting", "name": {"fr": "Menuisière"}, "needType": ["job"]}])

    (job,) = nodes(outcome, "job")
    assert outcome.record is not None
    assert said_of(outcome, job)["hiringOrganization"] == {f"<{outcome.record.iri}#project>"}
    assert said_of(outcome, job)["name"] == {'"Menuisière"@fr'}


def test_an_assessment_is_about_its_record_only(vocabulary: Vocabulary) -> None:
    """What it says it is about is not taken over: it would be a second project, under a partner's name for it."""
    opinion = {
        "type": "crf:MarkerAssessment",
        "marker": "m01",
        "score": "0.5",
        "prov:wasAttributedTo": {"id": "https://p.example/jury"},
        "prov:generatedAtTime": {"@value": "2026-01-02T03:04:05Z", "@type": "xsd:dateTime"},
    }

    outcome = assessed(vocabulary, assessment=[opinion])

    (assessment,) = nodes(outcome, "assessment")
    assert outcome.record is not None
    assert said_of(outcome, assessment)["about"] == {f"<{outcome.record.iri}#project>"}
    assert said_of(outcome, assessment)["marker"] == {"<https://w3id.org/carrefour/marker/m01>"}


def test_an_assessment_without_an_author_is_left_out(vocabulary: Vocabulary) -> None:
    """An opinion of nobody does not refuse the record: the record goes on without it."""
    outcome = assessed(vocabulary, assessment=[{"type": "crf:MarkerAssessment", "marker": "m01"}])

    assert nodes(outcome, "assessment") == []
    assert "node-incomplete" in {said.rule for said in outcome.findings}
