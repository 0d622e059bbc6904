"""WSGI entry point: settings → platform → Flask. Nothing else."""

import os
from pathlib import Path

from federation.platform import open_platform
from federation.settings import load_settings
from federation.web import create_app

app = create_app(open_platform(load_settings(Path(os.environ.get("CARREFOUR_INSTANCE", ".")))))
