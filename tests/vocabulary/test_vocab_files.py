"""Opening the vocabulary: what is wrong is named with file and line, what is right is one frozen value."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.vocabulary import load
from federation.vocabulary.documentation import describe

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout that a test may spoil."""
    for folder in ("vocab", "shapes"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_syntax_error_in_a_shape_names_file_and_line(copy: Path) -> None:
    """A slip in a shapes file is a configuration error with file, line and what to do."""
    path = copy / "shapes" / "project.ttl"
    lines = path.read_text("utf-8").splitlines()
    lines[30] = lines[30].replace(" ;", " ; ;;] ")
    path.write_text("\n".join(lines), "utf-8")

    with pytest.raises(
        ConfigError, match=r"shapes/project\.ttl: line 31, column \d+: this is not valid Turtle"
    ) as caught:
        load(copy)

    assert "Correct this line" in str(caught.value)


def test_undeclared_prefix_names_file_and_line(copy: Path) -> None:
    """A forgotten prefix in a thesaurus is told the same way."""
    path = copy / "vocab" / "thesauri" / "theme.ttl"
    path.write_text(path.read_text("utf-8") + "\n<x:a> foo:bar <x:b> .\n", "utf-8")

    with pytest.raises(ConfigError, match=r"vocab/thesauri/theme\.ttl: line \d+, .*foo"):
        load(copy)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sh:property <#name>,", "sh:property <#nmae>,", r"#nmae> is named but has no sh:path"),
        (
            "accessRights crf:commons",
            "accessRights crf:comons",
            r"shapes/project\.ttl: .*comons> is none of crf:opendata",
        ),
        (
            "sh:minCount 1",
            'sh:minCount 1 ; sh:maxCount "x"',
            r"shapes/project\.ttl: .*sh:maxCount is not a number: 'x'",
        ),
        ("sh:severity sh:Violation", "sh:severity sh:Fatal", r"shapes/project\.ttl: .*Fatal> is not a severity"),
        ("sh:targetClass crf:Project", "sh:targetClass crf:Projet", r"no shape targets <.*vocab#Project>"),
    ],
)
def test_a_slip_in_a_shape_is_told(copy: Path, old: str, new: str, message: str) -> None:
    """A slip that is still Turtle is told too, with the shape."""
    path = copy / "shapes" / "project.ttl"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")

    with pytest.raises(ConfigError, match=message):
        load(copy)


def test_an_installed_package_reads_its_own_copy(tmp_path: Path) -> None:
    """Away from a checkout, as in a wheel, the files are read from federation/_data."""
    site = tmp_path / "federation"
    shutil.copytree(
        ROOT / "federation" / "vocabulary", site / "vocabulary", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("__init__.py", "errors.py", "model.py"):
        shutil.copy(ROOT / "federation" / name, site / name)
    for folder in ("vocab", "shapes"):
        shutil.copytree(ROOT / folder, site / "_data" / folder)
    code = "import federation.vocabulary as v; print(v.__file__); print(v.load().version)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )

    assert done.stdout.split() == [str(site / "vocabulary" / "__init__.py"), load(ROOT).version]


def test_broken_context_names_the_file(copy: Path) -> None:
    """A context that is not JSON is a configuration error."""
    (copy / "vocab" / "context" / "v1.jsonld").write_text('{"@context": {', "utf-8")

    with pytest.raises(ConfigError, match=r"vocab/context/v1\.jsonld: this is not valid JSON"):
        load(copy)


def test_shifted_crosswalk_names_the_line(copy: Path) -> None:
    """A crosswalk row with too few cells is told by its line."""
    path = copy / "vocab" / "crosswalks" / "tags.csv"
    path.write_text("source,tag,code\nAvise,Café\n", "utf-8")

    with pytest.raises(ConfigError, match=r"tags\.csv: line 2"):
        load(copy)


def test_concept_without_code_is_named(copy: Path) -> None:
    """A concept that lacks its code or scheme is a configuration error that names it."""
    path = copy / "vocab" / "thesauri" / "need.ttl"
    path.write_text(path.read_text("utf-8") + '\n<x:new> a skos:Concept ; skos:prefLabel "x"@fr .\n', "utf-8")

    with pytest.raises(ConfigError, match=r"need\.ttl: the concept <x:new> needs"):
        load(copy)


def test_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """A folder without vocab/ is told."""
    with pytest.raises(ConfigError, match="vocab/ is missing"):
        load(tmp_path)


def test_profiles_are_read_and_misspelt_ones_corrected(copy: Path) -> None:
    """A mapping profile is plain TOML; an unknown name gets the nearest, a slip its line."""
    mappings = copy / "vocab" / "mappings"
    mappings.mkdir(exist_ok=True)
    (mappings / "essai.toml").write_text('[fields]\nname = "title"\n', "utf-8")
    (mappings / "cassé.toml").write_text("[fields\n", "utf-8")
    vocabulary = load(copy)

    assert vocabulary.profile("essai") == {"fields": {"name": "title"}}
    with pytest.raises(ConfigError, match="`essai`"):
        vocabulary.profile("essay")
    with pytest.raises(ConfigError, match=r"cassé\.toml.*line 1"):
        vocabulary.profile("cassé")


def test_version_follows_every_file_that_means_something(copy: Path) -> None:
    """The version changes with a shape or a thesaurus, and not with a note."""
    before = load(copy).version
    (copy / "vocab" / "crosswalks" / "NOTICE.md").write_text("other words", "utf-8")
    assert load(copy).version == before

    path = copy / "shapes" / "place.ttl"
    path.write_text(path.read_text("utf-8") + "\n# changed\n", "utf-8")
    assert load(copy).version != before


def test_contexts_of_the_fediverse_map_no_source_again(copy: Path) -> None:
    """They are read like all files, but a new bundle changes no version: no mapped record depends on it."""
    before = load(copy).version
    path = copy / "vocab" / "activitypub" / "joinmastodon.jsonld"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")

    after = load(copy)

    assert after.file("vocab/activitypub/joinmastodon.jsonld").endswith(b"\n\n")
    assert after.version == before


def test_every_word_of_ours_in_activitypub_is_defined() -> None:
    """What our context for ActivityPub maps to our own namespace stands in the ontology."""
    vocabulary = load(ROOT)
    context = json.loads(vocabulary.file("vocab/activitypub/carrefour-v1.jsonld"))["@context"]
    named = [value["@id"] if isinstance(value, dict) else value for value in context.values()]
    own = [name.replace("crf:", context["crf"], 1) for name in named if name.startswith("crf:")]

    assert own
    assert [name for name in own if name not in vocabulary.terms] == []


def test_default_is_read_once() -> None:
    """The vocabulary of this checkout is one shared value."""
    assert load() is load()
    assert load().version == load(ROOT).version


def test_importing_brings_no_heavy_library() -> None:
    """Neither rdflib nor pySHACL nor PyLD is imported with the vocabulary."""
    heavy = ("rdflib", "pyshacl", "pyld")
    code = f"import sys, federation.vocabulary as v; v.load(); print([m for m in {heavy} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"


def test_every_pinned_context_is_listed_once() -> None:
    """The manifest names files that exist, and no address twice."""
    manifest = json.loads((ROOT / "vocab" / "contexts" / "manifest.json").read_text("utf-8"))["contexts"]
    urls = [url for entry in manifest for url in entry["urls"]]

    assert len(urls) == len(set(urls))
    assert all(entry["note"] and (ROOT / "vocab" / "contexts" / entry["file"]).is_file() for entry in manifest)
    assert set(urls) < set(load().contexts)


def test_documentation_is_up_to_date() -> None:
    """docs/vocabulary.md is what the vocabulary says of itself."""
    written = (ROOT / "docs" / "vocabulary.md").read_text("utf-8")

    assert written == describe(load()), "run: python -m federation.vocabulary.documentation > docs/vocabulary.md"
