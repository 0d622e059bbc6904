"""Names that follow from other names."""

from __future__ import annotations

from federation.model import partner_of, peer_slug


def test_the_partner_is_read_from_the_record_address() -> None:
    """Whatever the base address and the key look like."""
    assert partner_of("https://a.example/x/records/avise/123", "https://a.example/x") == "avise"
    assert partner_of("https://a.example/records/fonda/a/records/b", "https://a.example") == "fonda"


def test_a_partner_of_another_commons_is_not_ours_of_the_same_name() -> None:
    """It carries its host, and a mark of its whole address."""
    theirs = partner_of("https://b.example/records/avise/123", "https://a.example")
    assert theirs == peer_slug("https://b.example/actors/avise")
    assert theirs.startswith("avise-at-b-example-")
    assert theirs != partner_of("https://b-example/records/avise/123", "https://a.example")
    assert len(peer_slug(f"https://{'long.' * 20}example/actors/{'n' * 64}")) <= 51
