"""Why a search index on disk fails, in French and English, for the operator. Must never touch the index."""

from __future__ import annotations

from pathlib import Path

from federation.errors import DataFolderBusy, EngineUnavailable, os_reason


def unusable(folder: Path, verb: str, error: Exception) -> EngineUnavailable:
    """The index in ``folder`` cannot be ``created``, ``opened``, ``read``, ``written`` or ``removed``."""
    why = os_reason(error) if isinstance(error, OSError) else {"fr": str(error), "en": str(error)}
    french = {"created": "créé", "opened": "ouvert", "read": "lu", "written": "écrit", "removed": "effacé"}[verb]
    return EngineUnavailable(
        f"The search index in {folder} cannot be {verb}: {why['en']}.",
        f"L'index de recherche dans {folder} ne peut pas être {french} : {why['fr']}.",
    )


def foreign(folder: Path) -> EngineUnavailable:
    """The folder holds something else."""
    return EngineUnavailable(
        f"The folder {folder} holds files that are not a search index. Empty it, or choose another data folder.",
        f"Le dossier {folder} contient des fichiers qui ne sont pas un index de recherche. Videz-le, ou choisissez un "
        "autre dossier de données.",
    )


def busy(folder: Path) -> DataFolderBusy:
    """Another process holds the writer's lock."""
    return DataFolderBusy(
        f"Another process is writing the search index in {folder}. Stop it, or let it finish, then try again.",
        f"Un autre processus écrit l'index de recherche dans {folder}. Arrêtez-le, ou laissez-le finir, puis "
        "recommencez.",
    )
