"""WSGI entry point: settings → platform → Flask. It reads and never harvests: `carrefour worker` does, beside it."""

import logging
import os
from pathlib import Path

from federation.platform import open_platform
from federation.settings import load_settings
from federation.web import create_app

platform = open_platform(load_settings(Path(os.environ.get("CARREFOUR_INSTANCE", "."))))
app = create_app(platform)
if not platform.has_worker():
    logging.getLogger("carrefour").warning("Nobody harvests here: run `carrefour worker` too / à lancer aussi.")
