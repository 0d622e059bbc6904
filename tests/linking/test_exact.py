"""The exact rule and the partition: which records are one project, and under which IRI it answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from federation.ledger.identities import ClaimRow, Minted
from federation.linking import Decision, Link, Member, answering, claims_of, exact_links, mint, normal_form, partition


def members(*names: str, gone: str = "") -> dict[str, Member]:
    """Records named ``source`` + number: each source is its own partner; those in ``gone`` are withdrawn."""
    return {name: Member(name, name[0], name[0], name not in gone.split()) for name in names}


def rows(**named: bool) -> list[ClaimRow]:
    """Claims on one IRI: record to whether it is its own name."""
    return [ClaimRow("h", record, record[0], own, True) for record, own in named.items()]


def linked(claims: list[ClaimRow]) -> set[tuple[str, str]]:
    """Pairs that the claims link."""
    return {(link.a, link.b) for link in exact_links(claims, members(*(row.record for row in claims)))}


def test_names_are_compared_without_scheme_final_slash_and_host_case() -> None:
    """The path keeps its case, fragments and queries count."""
    assert normal_form("http://Avise.example/Projets/12/") == normal_form("https://avise.example/Projets/12")
    assert normal_form("https://a.example/P") != normal_form("https://a.example/p")
    assert normal_form("https://a.example/#/fiche/1") != normal_form("https://a.example/#/fiche/2")
    assert normal_form(" https://A.example ") == "a.example" == normal_form("https://a.example/")
    assert normal_form("urn:uuid:1") == "urn:uuid:1"


def test_a_record_owns_its_iri_and_page_and_names_the_rest() -> None:
    """An own name is never weakened by being named too."""
    claims = claims_of(
        "https://b.example/records/a/1", "https://a.example/1", ["https://a.example/1/", "https://o.example/"]
    )

    assert sorted(claims.values()) == [False, True, True, True]


def test_one_that_names_the_page_of_another_partner_is_linked() -> None:
    """Naming the owner's page links; two that name the page of nobody do not."""
    assert linked(rows(a1=True, b1=False, c1=False)) == {("a1", "b1"), ("a1", "c1")}
    assert linked(rows(b1=False, c1=False)) == set()


def test_the_same_page_at_two_partners_links() -> None:
    """Both own it."""
    assert linked(rows(a1=True, b1=True)) == {("a1", "b1")}


def test_a_page_named_by_several_records_of_one_source_counts_for_none() -> None:
    """A home page given as the page of many projects links nothing."""
    assert linked(rows(a1=True, a2=True, b1=True)) == set()
    assert linked(rows(a1=True, b1=False, b2=False)) == set()


def test_two_sources_of_one_partner_are_not_linked() -> None:
    """A partner knows its own records."""
    of_one_partner = {"a1": Member("a1", "p", "a", True), "b1": Member("b1", "p", "b", True)}

    assert list(exact_links(rows(a1=True, b1=True), of_one_partner)) == []


def test_a_project_holds_one_record_of_each_source() -> None:
    """The link that would bring a second one is set aside, the same whatever order links come in."""
    links = [Link("a1", "b1"), Link("a2", "b1")]

    assert partition(members("a1", "a2", "b1"), links) == [("a1", "b1"), ("a2",)]
    assert partition(members("a1", "a2", "b1"), links[::-1]) == [("a1", "b1"), ("a2",)]


def test_a_human_word_binds() -> None:
    """Different is never joined, not by a chain either; same joins even two of one source."""
    apart = [Decision("a1", "c1", False, "2026")]
    links = [Link("a1", "b1"), Link("b1", "c1")]

    assert partition(members("a1", "b1", "c1"), links, apart) == [("a1", "b1"), ("c1",)]
    assert partition(members("a1", "a2"), [], [Decision("a1", "a2", True, "2026")]) == [("a1", "a2")]


def test_a_stronger_link_goes_first() -> None:
    """Of two links that exclude each other, the higher score wins."""
    assert partition(members("a1", "a2", "b1"), [Link("a1", "b1", 0.5), Link("a2", "b1", 0.9)]) == [
        ("a1",),
        ("a2", "b1"),
    ]


def test_a_withdrawn_record_stays_with_one_project_and_bridges_none() -> None:
    """It keeps its old IRI with the records it was linked to, even one of its own source under a new key."""
    links = [Link("a1", "b1"), Link("b1", "c1")]

    assert partition(members("a1", "b1", "c1", gone="b1"), links) == [("a1", "b1"), ("c1",)]
    assert partition(members("a1", "a2", "b1", gone="a1"), [Link("a1", "b1"), Link("a2", "b1")]) == [("a1", "a2", "b1")]


_ANY = st.sampled_from(["a1", "a2", "b1", "b2", "c1", "d1", "e1", "f1"])


@given(
    st.lists(st.tuples(_ANY, _ANY), max_size=12),
    st.randoms(use_true_random=False),
)
def test_any_order_of_links_gives_the_same_projects_component_by_component(
    pairs: list[tuple[str, str]], chance: object
) -> None:
    """Order does not matter, and a connected component alone gives what it gives among all others."""
    everyone = members("a1", "a2", "b1", "b2", "c1", "d1", "e1", "f1")
    links = [Link(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    whole = partition(everyone, links)
    shuffled = list(links)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    touching = {"a1"}
    for _ in everyone:
        touching |= {name for link in links if {link.a, link.b} & touching for name in (link.a, link.b)}
    alone = partition(
        {name: member for name, member in everyone.items() if name in touching},
        [link for link in links if link.a in touching],
    )

    assert partition(everyone, shuffled) == whole
    assert alone == [part for part in whole if part[0] in touching]


def test_a_project_answers_under_its_oldest_identifier() -> None:
    """Oldest by the time of minting, then by home record."""
    minted = {name: Minted(name, f"pid-{name}", made) for name, made in (("a", "2026"), ("b", "2025"), ("c", "2025"))}

    assert answering(["a", "b", "c"], minted) == "pid-b"
    assert answering(["a"], minted) == "pid-a"


def test_an_identifier_follows_from_its_home_and_gives_way_when_taken() -> None:
    """Twelve lower-case base32 characters; four more when another record has these."""
    plain = mint("https://b.example/records/a/1", "2026", lambda _: False)

    longer = mint("https://b.example/records/a/1", "2026", lambda pid: pid == plain.pid)

    assert plain == mint("https://b.example/records/a/1", "2026", lambda _: False)
    assert len(plain.pid) == 12
    assert set(plain.pid) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert longer.pid.startswith(plain.pid)
    assert len(longer.pid) == 16
