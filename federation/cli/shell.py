"""What every command shares: the instance folder, the language, and the platform opened on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from federation.errors import ConfigError
from federation.platform import Platform, open_platform
from federation.settings import CONFIG_NAME, load_settings


@dataclass(frozen=True, slots=True)
class Shell:
    """The instance and the language of one call."""

    instance: Path
    lang: str

    def platform(self) -> Platform:
        """Open the instance. Raises ConfigError if the folder holds none."""
        if not (self.instance / CONFIG_NAME).exists():
            raise ConfigError(
                f"There is no instance in {self.instance.resolve()} (no {CONFIG_NAME}). Make one: `carrefour init`, "
                "or name its folder: `carrefour --instance FOLDER …`.",
                f"Il n'y a pas d'instance dans {self.instance.resolve()} (pas de {CONFIG_NAME}). Créez-en une : "
                "`carrefour init`, ou nommez son dossier : `carrefour --instance DOSSIER …`.",
            )
        platform = open_platform(load_settings(self.instance))
        click.get_current_context().call_on_close(platform.close)
        return platform

    def say(self, text: Mapping[str, str]) -> str:
        """The text in the language of this call."""
        return text.get(self.lang) or text.get("fr") or next(iter(text.values()), "")

    def tell(self, text: Mapping[str, str]) -> None:
        """Say something beside the results, in the language of this call."""
        click.echo(f"carrefour: {self.say(text)}", err=True)
