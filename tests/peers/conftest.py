"""The real peer of these tests: had once in a folder outside the checkout, started anew for each module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fedify_peer import FedifyPeer, Installed, NoPeer, install


@pytest.fixture(scope="session")
def fedify() -> Installed:
    """Node and Fedify (``CARREFOUR_PEERS``, or a folder of the user's cache)."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        return install(Path(os.environ.get("CARREFOUR_PEERS") or home / "carrefour-peers"))
    except NoPeer as error:
        pytest.skip(f"no Fedify here: {error}")


@pytest.fixture(scope="module")
def start_peer(fedify: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], FedifyPeer]]:
    """Starts peers; all end with the module."""
    started: list[FedifyPeer] = []

    def start() -> FedifyPeer:
        peer = FedifyPeer(fedify, tmp_path_factory.mktemp("peer"))
        started.append(peer)
        return peer

    yield start
    for peer in started:
        peer.stop()
