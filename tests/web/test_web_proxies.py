"""Who counts as one client: the peer, or whom a proxy of ours names; never whom a stranger's header names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from federation.ledger.gate import Gate
from federation.pipeline.joining import JoiningDesk
from federation.pipeline.trial import TrialDesk
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.web import create_app

PEER = "192.0.2.1"
FORGED = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7", "X-Real-IP": "198.51.100.9", "Forwarded": "for=198.51.100.9"}


class Seen(Exception):
    """What a desk was told of the client."""


def _tell(_desk: object, *given: object) -> None:
    raise Seen(given[-1])


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """An instance whose limits tell whom they would have counted."""
    for desk, name in ((Gate, "login"), (TrialDesk, "run"), (JoiningDesk, "submit")):
        monkeypatch.setattr(desk, name, _tell)
    (tmp_path / "sources").mkdir()
    settings = Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources")
    with closing(open_platform(settings)) as opened:
        with opened.writing():
            pass
        yield opened


@pytest.mark.parametrize("path", ["/admin/login", "/essayer", "/rejoindre", "/en/essayer"])
@pytest.mark.parametrize(("proxies", "client"), [(0, PEER), (1, "203.0.113.7"), (2, "198.51.100.9"), (3, PEER)])
def test_a_header_is_believed_as_far_as_proxies_are_ours(
    platform: Platform, path: str, proxies: int, client: str
) -> None:
    """None is believed by default; with one proxy, what it added itself; with fewer names than proxies, none."""
    platform.settings = replace(platform.settings, trusted_proxies=proxies)
    app = create_app(platform)
    app.testing = True

    with pytest.raises(Seen) as caught:
        app.test_client().post(path, headers=FORGED, environ_base={"REMOTE_ADDR": PEER})

    assert caught.value.args == (client,)


def test_a_proxy_says_nothing_of_our_address(platform: Platform) -> None:
    """Links are built on ``base_url``, whatever a proxy or a stranger says of host and scheme."""
    platform.settings = replace(platform.settings, trusted_proxies=1)
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}

    assert "evil" not in create_app(platform).test_client().get("/essayer", headers=headers).get_data(as_text=True)
