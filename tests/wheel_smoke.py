"""Build the wheel, install it in a clean environment, and take one demo harvest from it to a SPARQL answer.

Run by CI as a program: it proves that vocab/, shapes/ and demo/ travel in the wheel and that nothing else is needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNT = "SELECT (COUNT(DISTINCT ?p) AS ?n) WHERE { ?p a <https://w3id.org/carrefour/vocab#Project> }"


def run(*command: str | Path, cwd: Path, accept: tuple[int, ...] = (0,)) -> str:
    """Run a command and return what it printed; stop the smoke test if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode not in accept:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install, init, harvest, query."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work, cwd=ROOT)
        wheel = next(work.glob("*.whl"))
        venv.create(work / "env", with_pip=True)
        binaries = work / "env" / "bin"
        run(binaries / "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements.lock", cwd=work)
        run(binaries / "pip", "install", "--quiet", "--no-deps", wheel, cwd=work)
        carrefour = binaries / "carrefour"
        run(carrefour, "--instance", "here", "init", "--demo", cwd=work)
        run(carrefour, "--instance", "here", "harvest", cwd=work, accept=(0, 1))
        answer = json.loads(run(carrefour, "--instance", "here", "query", "--format", "json", COUNT, cwd=work))
        count = int(answer["results"]["bindings"][0]["n"]["value"])
        if count < 40:
            sys.exit(f"the wheel harvested {count} projects of the demo, 40 or more expected")
        print(f"wheel smoke test passed: {wheel.name}, {count} projects")  # noqa: T201 - a program that reports


if __name__ == "__main__":
    main()
