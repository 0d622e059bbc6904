"""Settings: where they come from, which one wins, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.settings import CONFIG_NAME, Settings, load_settings


def written(folder: Path, text: str) -> Path:
    """An instance folder with this configuration."""
    (folder / CONFIG_NAME).write_text(text, "utf-8")
    return folder


def test_an_empty_folder_gives_the_defaults_in_that_folder(tmp_path: Path) -> None:
    """Without a file and without environment, only the folders depend on where the instance lies."""
    settings = load_settings(tmp_path, {})

    assert settings == Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A variable CARREFOUR_<NAME> replaces what carrefour.toml says; texts become numbers and folders."""
    written(tmp_path, 'name = "Fichier"\nquery_rows = 5\nfetch_private = true\ndata_dir = "elsewhere"\n')

    settings = load_settings(
        tmp_path, {"CARREFOUR_NAME": "Milieu", "CARREFOUR_QUERY_ROWS": "7", "CARREFOUR_FETCH_PRIVATE": "non"}
    )

    assert (settings.name, settings.query_rows, settings.fetch_private) == ("Milieu", 7, False)
    assert settings.data_dir == tmp_path / "elsewhere"


def test_a_wrong_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    """A typing error is not passed over."""
    with pytest.raises(ConfigError, match=r"carrefour\.toml.*`base_ulr`.*`base_url`"):
        load_settings(written(tmp_path, 'base_ulr = "https://commun.example"\n'), {})


@pytest.mark.parametrize(
    "line",
    [
        'query_rows = "beaucoup"',
        "query_rows = 2.5",
        "query_rows = true",
        "query_workers = -1",
        "query_seconds = []",
        'fetch_private = "peut-être"',
        'base_url = "https://commun.example/"',
        'base_url = "commun.example"',
        'smtp_security = "ssl"',
        "smtp_port = 465",
        'smtp_security = "tls"',
        "trusted_proxies = -1",
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(tmp_path: Path, line: str) -> None:
    """What a setting cannot be is said with the name of the setting."""
    with pytest.raises(ConfigError, match=line.split(" ", 1)[0]):
        load_settings(written(tmp_path, line + "\n"), {})


@pytest.mark.parametrize(
    ("port", "security", "right"),
    [(465, "starttls", "tls"), (465, "none", "tls"), (587, "tls", "starttls"), (25, "tls", "starttls")],
)
def test_a_port_that_speaks_otherwise_is_told_at_once(tmp_path: Path, port: int, security: str, right: str) -> None:
    """Each side would wait for the other to begin: the operator reads which setting to mend, and no time-out."""
    with pytest.raises(ConfigError, match=f"Write smtp_security = '{right}'"):
        load_settings(written(tmp_path, f'smtp_port = {port}\nsmtp_security = "{security}"\n'), {})


@pytest.mark.parametrize(("port", "security"), [(465, "tls"), (587, "starttls"), (25, "none"), (2525, "tls")])
def test_a_mail_server_is_reached_as_its_operator_says(tmp_path: Path, port: int, security: str) -> None:
    """The usual pairs, and any port that is nobody's."""
    settings = load_settings(written(tmp_path, f'smtp_port = {port}\nsmtp_security = "{security}"\n'), {})

    assert (settings.smtp_port, settings.smtp_security) == (port, security)


@pytest.mark.parametrize("text", [b"name = ", b'name = "\xff"'])
def test_a_broken_file_is_named(tmp_path: Path, text: bytes) -> None:
    """A file that is not TOML, or not UTF-8, is an error of the configuration."""
    (tmp_path / CONFIG_NAME).write_bytes(text)

    with pytest.raises(ConfigError, match=CONFIG_NAME):
        load_settings(tmp_path, {})


def test_paths_do_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance may be named by a relative path: worker processes have another current folder."""
    monkeypatch.chdir(tmp_path)

    settings = load_settings(Path("here"), {})

    assert settings.data_dir == tmp_path / "here" / "data"
    assert settings.sources_dir == tmp_path / "here" / "sources"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('base_ulr = "https://commun.example"\n', "il n'y a pas de réglage `base_ulr`. Vouliez-vous « base_url » ?"),
        ('query_rows = "beaucoup"\n', "Le réglage `query_rows` ne peut pas être 'beaucoup' : un nombre entier"),
        ("name = oui\n", "carrefour.toml, ligne 1, colonne 8 : ce n'est pas du TOML valide"),
    ],
)
def test_a_wrong_setting_is_told_in_french_too(tmp_path: Path, text: str, expected: str) -> None:
    """The French sentence names the same file, setting and remedy."""
    with pytest.raises(ConfigError) as caught:
        load_settings(written(tmp_path, text), {})

    assert expected in caught.value.text["fr"]
