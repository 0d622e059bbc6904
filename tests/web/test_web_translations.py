"""French is the source, English the catalogue: nothing missing, nothing stale, compiled, well spaced.

After changing a sentence: edit ``federation/web/translations/en/LC_MESSAGES/messages.po``, then
``pybabel compile -d federation/web/translations``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import federation.web

FOLDER = Path(federation.web.__file__).parent
CATALOGUE = FOLDER / "translations" / "en" / "LC_MESSAGES"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None, "say_many": (1, 2)}


def sentences() -> Iterator[str | tuple[str, ...]]:
    """Every sentence that code and templates ask for."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    for _, _, message, _, _ in extract_from_dir(str(FOLDER), method_map=methods, keywords=KEYWORDS):
        yield message


def test_every_sentence_has_its_english() -> None:
    """No sentence without translation, no translation without sentence, placeholders kept."""
    with (CATALOGUE / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    asked = {message if isinstance(message, str) else message[0] for message in sentences()}
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id}

    assert asked - known == set()
    assert known - asked == set()
    for message in catalogue:
        versions = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(versions)
        assert not message.fuzzy
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        for source, version in zip(sources, versions, strict=True):
            if source:
                assert sorted(re.findall(r"%\(\w+\)s", source)) == sorted(re.findall(r"%\(\w+\)s", version))


def test_the_compiled_catalogue_is_the_written_one() -> None:
    """messages.mo is what messages.po compiles to."""
    with (CATALOGUE / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)

    assert (CATALOGUE / "messages.mo").read_bytes() == compiled.getvalue()


def test_french_is_spaced_as_french() -> None:
    """A non-breaking space before : ; ? ! and inside « », never an ordinary one or none."""
    for message in sentences():
        for text in [message] if isinstance(message, str) else message:
            plain = re.sub(r"%\(\w+\)s|https?://\S+", "x", text)
            assert not re.search(r" [:;?!»]|« |[\w\"][;?!](?!\w)|[a-zé\"]:(?!\w)", plain), text
