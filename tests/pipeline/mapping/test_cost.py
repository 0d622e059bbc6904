"""What a hostile or careless row may cost: few values, few findings, few steps; what is beyond is told, not endured."""

from __future__ import annotations

import pytest
from made_rows import MakeMapper, mapped, one, raws, said_of

from federation.errors import PartnerError
from federation.model import Outcome, Severity
from federation.pipeline.mapping import Columns
from federation.pipeline.mapping.effort import FINDINGS, HINTS, STEPS, VALUES, Effort, TooCostlyError
from federation.pipeline.mapping.paths import compile_path, compile_template
from federation.pipeline.sources import parse_source
from federation.vocabulary import Vocabulary

ROW = {"id": "1", "nom": "Un projet", "licence": "CC0-1.0"}
NAME = '[fields]\nname = "nom"\n'


def rules(outcome: Outcome) -> dict[str, int]:
    """How often each rule is in the findings."""
    found: dict[str, int] = {}
    for said in outcome.findings:
        found[said.rule] = found.get(said.rule, 0) + 1
    return found


@pytest.mark.parametrize(
    ("term", "split"),
    [("keywords", ""), ("keywords", '[split]\nkeywords = ";"\n'), ("theme", ""), ("obstacle", ""), ("url", "")],
)
def test_values_beyond_the_limit_are_counted_and_left_out(mapper: MakeMapper, term: str, split: str) -> None:
    """One finding says of which field, how many values and where."""
    made = mapper(f'{NAME}{term} = "mots"\n{split}')
    words = [f"https://p.example/mot-{number}" for number in range(VALUES + 50)]

    outcome = one(made, ROW | {"mots": ";".join(words) if split else words})

    (said,) = (said for said in outcome.findings if said.rule == "too-many-values")
    assert (said.term, said.field, said.where, said.value) == (term, "mots", "ligne 2", "50")
    assert outcome.record is not None
    assert outcome.record.content.count("mot-") <= VALUES


def test_as_many_nodes_as_values_are_taken(mapper: MakeMapper) -> None:
    """Places of a record are values of a field, too."""
    made = mapper(f'{NAME}\n[fields.location]\nat = "lieux"\nname = "n"\n')

    outcome = one(made, ROW | {"lieux": [{"n": f"lieu {number}"} for number in range(VALUES + 7)]})

    assert len(said_of(outcome)["location"]) == VALUES
    (said,) = (said for said in outcome.findings if said.rule == "too-many-values")
    assert (said.term, said.value) == ("location", "7")


def test_restricted_values_are_limited_too(mapper: MakeMapper) -> None:
    """What goes to the ledger costs no less than what goes to the graph."""
    made = mapper(f'{NAME}obstacle = "o"\n[openness]\nobstacle = "private"\n')

    outcome = one(made, ROW | {"o": [f"obstacle {number}" for number in range(VALUES + 3)]})

    assert outcome.record is not None
    assert len(outcome.record.restricted["obstacle"]["values"]) == VALUES
    assert rules(outcome)["too-many-values"] == 1


def test_findings_about_one_record_are_limited(mapper: MakeMapper) -> None:
    """A record of a thousand unknown words gives a hundred findings, and one that counts the rest."""
    made = mapper(f'{NAME}theme = "mots"\n')

    outcome = one(made, ROW | {"mots": [f"inconnu {number}" for number in range(VALUES)]})

    assert rules(outcome) == {"unknown-word": FINDINGS, "more-findings": 1}
    assert outcome.findings[-1].value == str(VALUES - FINDINGS)


def test_a_finding_that_refuses_is_never_left_out(mapper: MakeMapper) -> None:
    """However much there is to say, what refuses the record is said."""
    made = mapper(f'{NAME}language = "l"\naccess = "a"\nlicense = "licence"\n')

    outcome = one(made, ROW | {"licence": "inconnue", "a": ["secret"] * 200})

    assert outcome.record is None
    assert {"licence-unreadable", "access-unreadable"} <= set(rules(outcome))


def test_the_nearest_concept_is_looked_for_a_few_times_only(mapper: MakeMapper) -> None:
    """The search takes milliseconds: the first unknown words of a record get one, whatever was asked before."""
    made = mapper(f'{NAME}theme = "mots"\n')
    words = [f"jardin {number} partage" for number in range(FINDINGS)]

    first, again = (one(made, ROW | {"mots": words}) for _ in range(2))

    hinted = [said for said in first.findings if said.suggestion]
    assert len(hinted) == HINTS
    assert first.findings == again.findings


def test_a_sentence_among_themes_has_no_nearest_concept(mapper: MakeMapper) -> None:
    """A long text where a word is expected is kept, not searched for."""
    made = mapper(f'{NAME}theme = "mots"\n')

    (said,) = one(made, ROW | {"mots": "jardin " * 1000}).findings

    assert (said.rule, said.suggestion) == ("unknown-word", None)


COSTLY = [
    "a|" + "|".join(["[@,@,@,@][]"] * 15),  # 4 to the power of 15 values of a row that has ten
    "|".join(["[@,@]"] * 30) + "|to_string(@)",
    "to_string(" * 16 + "@" + ")" * 16,
    "join(t, b)",
    "b[*].[@,@,@,@,@,@,@,@,@,@]",
    "b|[?contains(@, 'x')]|[*].to_string(@)",
    "map(&[@,@,@], b)",
    "{a: b, b: b, c: {a: b, b: b, c: b}}",
]


@pytest.mark.parametrize("path", COSTLY)
def test_an_expression_that_multiplies_is_stopped(path: str) -> None:
    """Whatever an expression of 200 characters does with a row, it ends after a fixed number of steps."""
    assert len(path) <= 200
    read = compile_path(path, Effort())

    with pytest.raises(TooCostlyError) as stopped:
        read({"a": [1] * 10, "b": ["x" * 20] * 60_000, "t": '"' * 100_000})

    assert stopped.value.field == path


def test_a_template_that_repeats_a_long_value_is_stopped() -> None:
    """Sixty holes for one value of a megabyte are not filled."""
    fill = compile_template("{a}" * 60, False, Effort())

    with pytest.raises(TooCostlyError):
        fill({"a": "x" * 1_000_000}, None)


def test_honest_expressions_stay_far_below_the_limit() -> None:
    """A thousand values through three steps take a twentieth of what there is."""
    effort = Effort()
    effort.spend(STEPS - STEPS // 20, "")

    read = compile_path("tags[?lang=='fr'].label", effort)

    assert len(read({"tags": [{"lang": "fr", "label": "mot"}] * 1000})) == 1000


def test_an_expression_that_overflows_reads_as_nothing() -> None:
    """Numbers too large for a sum are the row's fault, and no reason to fall over."""
    assert compile_path("sum(a)", Effort())({"a": [0.5, 10**400]}) is None


def test_a_costly_field_refuses_its_record_and_names_the_field(mapper: MakeMapper) -> None:
    """The partner reads which path it was; the next record is mapped as if nothing had been."""
    made = mapper(f'{NAME}description = "{COSTLY[0]}"\n')
    bad, good = mapped(made, ROW | {"a": [1] * 10}, ROW | {"id": "2", "a": None})

    assert bad.record is None
    assert [(said.rule, said.severity, said.field, said.term) for said in bad.findings] == [
        ("record-too-costly", Severity.VIOLATION, COSTLY[0], "description")
    ]
    assert good.record is not None


def test_the_raw_hash_of_a_costly_record_matches_nothing(mapper: MakeMapper) -> None:
    """A record that cannot be read is not taken for one that has not changed."""
    made = mapper(f'{NAME}description = "{COSTLY[0]}"\n')
    (group, _) = made.group(raws([ROW | {"a": [1] * 10}, ROW | {"id": "2"}]))

    assert not isinstance(group, Outcome)
    assert made.raw_hash(group) == ""


@pytest.mark.parametrize("table", ['[only]\n"{path}" = "x"\n', '[except]\n"{path}" = "x"\n'])
def test_a_costly_condition_refuses_the_row(mapper: MakeMapper, table: str) -> None:
    """Sorting rows is bounded like mapping them."""
    (outcome,) = mapped(mapper(NAME + table.replace("{path}", COSTLY[0])), ROW | {"a": [1] * 10})

    assert (outcome.record, rules(outcome)) == (None, {"record-too-costly": 1})


def test_a_costly_id_refuses_the_row(mapper: MakeMapper) -> None:
    """An id that takes too much work is no id."""
    made = mapper(NAME, records=f'[records]\nid = "{COSTLY[0]}"\npage = "https://p.example/{{nom}}"\n')

    assert rules(one(made, ROW | {"a": [1] * 10})) == {"record-too-costly": 1}


def test_rows_with_costly_names_are_joined_all_the_same(mapper: MakeMapper) -> None:
    """Looking whether an id varies must not fail on what the mapping refuses later."""
    made = mapper(
        f'[fields]\nname = "{COSTLY[0]}"\n', records='[records]\nid = "id"\npage = "page"\nrepeat = "location"\n'
    )

    (outcome,) = mapped(made, ROW | {"a": [1] * 10, "page": "https://p.example/1"})

    assert rules(outcome) == {"record-too-costly": 1}


@pytest.mark.parametrize("level", ["opendata", "private"])
def test_nodes_times_values_are_bounded(mapper: MakeMapper, level: str) -> None:
    """Each of a thousand needs repeats the row's thousand areas: that product is refused."""
    made = mapper(f'{NAME}\n[fields.need]\nname = "n"\narea = "t"\n[openness]\nneed = "{level}"\n')
    row = {
        "n": [f"besoin {number}" for number in range(VALUES)],
        "t": [f"com-{number:05}" for number in range(VALUES)],
    }

    outcome = one(made, ROW | row)

    assert [(said.rule, said.term, said.field) for said in outcome.findings] == [
        ("record-too-costly", "need.area", "t")
    ]


def test_a_licence_among_thousands_is_not_looked_for(mapper: MakeMapper) -> None:
    """All licences of a record must be known, so none may be left out: too many refuse it."""
    outcome = one(mapper(f'{NAME}license = "licence"\n'), ROW | {"licence": ["CC0-1.0"] * (VALUES + 1)})

    assert [(said.rule, said.term, said.field) for said in outcome.findings] == [
        ("record-too-costly", "license", "licence")
    ]


def test_columns_of_costly_paths_count_as_met(vocabulary: Vocabulary) -> None:
    """A path that takes too much work does lead somewhere: it is no typing error."""
    head = '[source]\nid = "s"\nurl = "a.csv"\nformat = "json"\n[records]\nid = "id"\npage = "id"\n'
    columns = Columns(parse_source(f'{head}[fields]\nname = "{COSTLY[0]}"\n', "s.toml", vocabulary))

    list(columns.over(raws([{"id": "1", "a": [1] * 10}])))

    assert columns.findings("s") == []


def test_an_id_that_never_varies_is_told_in_both_languages(mapper: MakeMapper) -> None:
    """The refusal of a whole feed reads in French and in English."""
    made = mapper(NAME)

    with pytest.raises(PartnerError) as refused:
        list(made.group(raws([ROW, ROW | {"nom": "Un autre"}])))

    assert "never varies" in refused.value.text["en"]
    assert "ne varie jamais" in refused.value.text["fr"]


def test_the_field_that_took_most_is_named(mapper: MakeMapper) -> None:
    """The field that happens to come last is not the one to put right."""
    made = mapper(f'{NAME}keywords = "tags[*].n"\nurl = "links[0].href"\ndescription = "texts[0].fr"\n')
    many = [{"n": str(number)} for number in range(STEPS - 5)]

    outcome = one(made, ROW | {"tags": many, "links": [{"href": "a"}], "texts": [{"fr": "b"}]})

    assert [(said.rule, said.field) for said in outcome.findings] == [("record-too-costly", "tags[*].n")]


def test_dates_in_words_are_limited(mapper: MakeMapper) -> None:
    """Each takes a parser of languages: fifty are read, a thousand refuse the record, whatever was read before."""
    made = mapper(f'{NAME}startDate = "dates"\n')
    words = [f"{day % 28 + 1} mars {1900 + day}" for day in range(60)]

    few = one(made, ROW | {"dates": words[:20]})
    refused = [one(made, ROW | {"dates": words}) for _ in range(2)]

    assert few.record is not None
    assert [rules(outcome) for outcome in refused] == [{"record-too-costly": 1}] * 2
    assert refused[0].findings[0].field == "dates"


def test_dates_in_figures_cost_next_to_nothing(mapper: MakeMapper) -> None:
    """A thousand of them are read."""
    made = mapper(f'{NAME}startDate = "dates"\n')

    outcome = one(made, ROW | {"dates": [f"{1 + day % 28}/03/{1600 + day // 2}" for day in range(VALUES)]})

    assert outcome.record is not None


@pytest.mark.parametrize("mark", ["<i>", "</b>", "&lt;b&gt;", "&eacute;"])
def test_markup_beyond_measure_refuses_the_record(mapper: MakeMapper, mark: str) -> None:
    """Parsers of HTML take time that grows as the square of what they parse; a long page is far below the limit."""
    made = mapper(f'{NAME}description = "texte"\n')

    long = one(made, ROW | {"texte": "<p>Une longue page.</p>" * 600})
    endless = one(made, ROW | {"texte": "Une page." + mark * 6000})

    assert long.record is not None
    assert rules(endless) == {"record-too-costly": 1}
    assert endless.findings[0].field == "texte"
