"""Source files: what is accepted, and how a fault is said."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from federation.activitypub.names import COMMONS, INSTANCE
from federation.errors import ConfigError
from federation.model import Openness
from federation.pipeline.sources import Coverage, Crosswalk, Paging, load_source, parse_source
from federation.pipeline.sources.schema import OPEN_TABLES, RESERVED_SLUGS, SLUG, TABLES
from federation.pipeline.sources.toml_lines import key_lines, line_of
from federation.vocabulary import Vocabulary, load

HEAD = """[source]
id = "recycleries"
url = "https://recycleries.example/export.csv"
format = "csv"
licence = "https://creativecommons.org/licenses/by-sa/4.0/"
[records]
id = "N°"
page = "https://recycleries.example/projet/{id}"
"""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout."""
    return load()


def refusal(text: str, vocabulary: Vocabulary, name: str = "recycleries.toml") -> str:
    """What the operator reads."""
    with pytest.raises(ConfigError) as caught:
        parse_source(text, name, vocabulary)
    return str(caught.value)


def test_a_source_file_becomes_plain_values(vocabulary: Vocabulary) -> None:
    """Everything that is written stands in the value, everything else has its default."""
    source = parse_source(
        HEAD
        + """
[only]
"Publié" = "oui"
[except]
status = [-6, -5]
[fields]
name = "Nom du projet"
theme = ["Thèmes", "tags[].name"]
location.address.postalCode = "CP"
contact.email = "Mail"
[split]
theme = ";"
[always]
status = "running"
[openness]
contact.email = "private"
[crosswalk.theme]
"Recyclage" = "DEC"
"Projets" = false
[origins]
"Hinaura" = "hinaura"
[limits]
records = 50000
""",
        "recycleries.toml",
        vocabulary,
    )

    assert (source.id, source.partner.slug, source.name, source.lang) == ("recycleries",) * 3 + ("fr",)
    assert source.licence == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert source.fields["theme"] == ("Thèmes", "tags[].name")
    assert source.fields["location.address.postalCode"] == ("CP",)
    assert source.only == {"Publié": ("oui",)}
    assert source.excluded == {"status": (-6, -5)}
    assert source.split == {"theme": (";",)}
    assert source.always == {"status": ("running",)}
    assert source.levels == {"contact.email": Openness.PRIVATE}
    assert source.crosswalks == {"theme": Crosswalk({"Recyclage": ("DEC",), "Projets": ()})}
    assert source.origins == {"Hinaura": "hinaura"}
    assert (source.coverage, source.limits.records, source.is_remote) == (Coverage.COMPLETE, 50_000, True)


def test_a_typing_error_is_named_with_its_line_and_the_nearest_word(vocabulary: Vocabulary) -> None:
    """The sentence alone is enough to mend the file."""
    text = HEAD + '[fields]\nname = "Nom"\n# a remark\ndiscription = "Texte"\n'

    assert refusal(text, vocabulary) == (
        'recycleries.toml, line 12: there is no field "discription" in [fields]. Did you mean "description"?'
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('[fields]\nnom = "Nom"', 'line 10: there is no field "nom" in [fields]. Did you mean "name"?'),
        ('[fields]\nlocation.postcode = "CP"', 'line 10: there is no field "location.postcode" in [fields].'),
        ('[field]\nname = "Nom"', "line 9: there is no table [field]. Did you mean"),
        ('[split]\nthemes = ";"', 'line 10: there is no field "themes" in [split]. Did you mean "theme"?'),
        ('[openness]\ntheme = "privat"', 'line 10: "privat" is not a level. Did you mean "private"?'),
        ('[crosswalk.theme]\n"Vélo" = "MOBI"', 'line 10: "MOBI" is not a word of theme.'),
        ('[crosswalk.theme]\nsite = "Avize"', 'line 10: there is no dictionary of the site "Avize".'),
        ('[crosswalk.theme]\nfile = "absent.csv"', 'line 10: the file "absent.csv" cannot be read'),
        ('[fields]\npage = "URL"', 'line 10: "page" is not mapped: it comes from [records] and [source].'),
        ("[fields]\nname = 3", 'line 10: "name" must be a column, a path, or a list of these.'),
        (f'[fields]\nname = "{"a" * 201}"', 'line 10: the path of "name" has more than 200 characters.'),
        ('[request]\nheaders.Authorization = "Bearer abc"', 'line 10: "Authorization" looks like a secret'),
        ('[request.header]\nx = "y"', 'line 9: there is no "header" in [request]. Did you mean "headers"?'),
        ('[limits]\nlicence = "CC0"', "line 10: `licence` is a key of [source], and stands under [limits] here"),
        ("[limits]\nrecord = 5", 'line 10: there is no "record" in [limits]. Did you mean "records"?'),
        ("[limits]\nrecords = -5", "line 10: `records`:"),
    ],
)
def test_every_table_names_its_faults(vocabulary: Vocabulary, lines: str, expected: str) -> None:
    """Unknown tables, keys, terms and words are refused where they stand."""
    assert expected in refusal(HEAD + lines + "\n", vocabulary)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("licence =", "license =", 'line 5: there is no "license" in [source]. Did you mean "licence"?'),
        ('format = "csv"', 'format = "cvs"', 'line 4: `format` cannot be "cvs". Did you mean "csv"?'),
        ('format = "csv"', 'profile = "schema"', 'line 4: there is no profile "schema". Did you mean "schema.org"?'),
        ("by-sa/4.0/", "nimporte/", "is not a licence that we know"),
        ('id = "recycleries"', 'id = "Les Recycleries"', "line 2: `id`:"),
        ('id = "N°"', "ident = 1", 'line 7: there is no "ident" in [records].'),
        ("https://recycleries.example/export.csv", "ftp://x.example/a.csv", "line 3: `url` is an http(s) address"),
    ],
)
def test_faults_of_the_fixed_tables(vocabulary: Vocabulary, old: str, new: str, expected: str) -> None:
    """[source] and [records] are checked key by key."""
    assert expected in refusal(HEAD.replace(old, new), vocabulary)


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (HEAD.replace('id = "recycleries"', 'id = "commons"'), "x.toml", 2),
        (HEAD.replace('id = "recycleries"', ""), "commons.toml", 1),
        (HEAD.replace('id = "recycleries"', 'partner = "commons"'), "x.toml", 2),
        (HEAD + '[partner]\nslug = "commons"\n', "x.toml", 10),
    ],
)
def test_no_partner_has_the_name_of_an_actor_of_the_instance(
    vocabulary: Vocabulary, text: str, name: str, line: int
) -> None:
    """The Group's address would be the partner's."""
    assert f'{name}, line {line}: "commons" is the name of the commons itself' in refusal(text, vocabulary, name)


def test_every_name_of_an_actor_of_the_instance_is_reserved_or_no_slug() -> None:
    """The names stand in two layers, which cannot know each other."""
    assert [name for name in (COMMONS, INSTANCE) if SLUG.match(name) and name not in RESERVED_SLUGS] == []


def test_a_source_may_have_the_name_that_its_partner_may_not(vocabulary: Vocabulary) -> None:
    """Sources and actors have addresses of their own."""
    text = HEAD.replace('id = "recycleries"', 'id = "commons"\npartner = "recycleries"')

    assert parse_source(text, "commons.toml", vocabulary).partner.slug == "recycleries"


def test_all_faults_are_told_at_once_in_the_order_of_the_file(vocabulary: Vocabulary) -> None:
    """An operator mends a file in one go."""
    said = refusal(HEAD + '[fields]\nnam = "a"\n[split]\nthem = ";"\n', vocabulary)

    assert [line.split(":")[0] for line in said.splitlines()] == [
        "recycleries.toml, line 10",
        "recycleries.toml, line 12",
    ]


def test_broken_toml_is_said_with_line_and_column(vocabulary: Vocabulary) -> None:
    """A missing quote is found."""
    assert "recycleries.toml, line 3, column" in refusal('[source]\nid = "a"\nurl = "b\n', vocabulary)


def test_a_file_without_source_table_says_so(vocabulary: Vocabulary) -> None:
    """The one table that must be there."""
    assert "[source] is missing" in refusal("", vocabulary)


def test_a_files_own_words_lie_over_its_profile(vocabulary: Vocabulary) -> None:
    """Keys replace keys; a term whose parts the file maps is taken whole from the file; false takes one away."""
    source = parse_source(
        """[source]
url = "https://carte.example/api/elements.json"
profile = "gogocarto"
[records]
page = "https://carte.example/#/fiche/-/{id}"
[fields]
name = "titre"
location.latitude = "lat"
location.longitude = "lon"
keywords = false
[crosswalk.theme]
"Vélo" = "MOB"
""",
        "carte.toml",
        vocabulary,
    )

    assert (source.id, source.format, source.records.at, source.records.id) == ("carte", "json", "data", ("id",))
    assert source.fields["name"] == ("titre",)
    assert source.excluded["status"] == (-6, -5, -4, -3, -2, -1)
    assert {key for key in source.fields if key.startswith("location")} == {"location.latitude", "location.longitude"}
    assert "keywords" not in source.fields
    assert "theme" in source.fields


def test_every_profile_holds_only_words_that_exist(vocabulary: Vocabulary) -> None:
    """A profile is checked like a file."""
    assert {"schema.org", "gogocarto", "carrefour"} <= set(vocabulary.profiles)
    for name in vocabulary.profiles:
        source = parse_source(f'[source]\nurl = "https://a.example/"\nprofile = "{name}"\n', "a.toml", vocabulary)
        assert source.fields


def test_a_relative_path_starts_at_the_file(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """A source beside its feed can be moved with it."""
    (tmp_path / "sources").mkdir()
    file = tmp_path / "sources" / "a.toml"
    file.write_text('[source]\nurl = "../feeds/a.csv"\nformat = "csv"\n', "utf-8")

    source = load_source(file, vocabulary)

    assert source.url == str((tmp_path / "feeds" / "a.csv").resolve())
    assert not source.is_remote


def test_a_crosswalk_may_lie_in_a_table_beside_the_file(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """Several rows or a bar give one word several concepts; an empty second cell means nothing on purpose."""
    (tmp_path / "themes.csv").write_text("mot,code\nVélo,MOB\nVélo,SPO\nTri|réemploi,DEC|ECO\nProjets,\n", "utf-8")
    file = tmp_path / "a.toml"
    file.write_text('[source]\nurl = "a.csv"\nformat = "csv"\n[crosswalk.theme]\nfile = "themes.csv"\n', "utf-8")

    source = load_source(file, vocabulary)

    words = source.crosswalks["theme"].words
    assert words == {"Vélo": ("MOB", "SPO"), "Tri|réemploi": ("DEC", "ECO"), "Projets": ()}


def test_the_version_follows_everything_that_decides(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """Another text or another crosswalk file is another mapping; the same is the same."""
    table = tmp_path / "t.csv"
    table.write_text("mot,code\nVélo,MOB\n", "utf-8")
    text = '[source]\nid = "a"\nurl = "a.csv"\nformat = "csv"\n[crosswalk.theme]\nfile = "t.csv"\n'

    first = parse_source(text, "a.toml", vocabulary, tmp_path).version
    again = parse_source(text, "a.toml", vocabulary, tmp_path).version
    other = parse_source(text + '"Marche" = "MOB"\n', "a.toml", vocabulary, tmp_path).version
    table.write_text("mot,code\nVélo,SPO\n", "utf-8")
    moved = parse_source(text, "a.toml", vocabulary, tmp_path).version

    assert first == again
    assert len({first, other, moved}) == 3


def test_secrets_come_from_the_environment_only(vocabulary: Vocabulary) -> None:
    """The file holds a name; the request holds the secret; a missing variable is said."""
    text = HEAD + '[request]\ncategories = 12\napi_key = "env:RECYCLERIES_KEY"\nheaders.X-Token = "env:T"\n'

    request = parse_source(text, "a.toml", vocabulary).request

    assert request.resolved({"RECYCLERIES_KEY": "s", "T": "t"}) == (
        {"categories": "12", "api_key": "s"},
        {"X-Token": "t"},
    )
    with pytest.raises(ConfigError, match="RECYCLERIES_KEY"):
        request.resolved({})


def test_a_source_travels_to_worker_processes(vocabulary: Vocabulary) -> None:
    """It is a plain value."""
    source = parse_source(HEAD, "a.toml", vocabulary)

    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301 - our own bytes


def test_lines_of_keys_survive_long_strings_and_arrays() -> None:
    """What looks like a key inside a string is none."""
    text = 'a = """\nb = 1\n[c]\n"""\n[d."e f"]\ng.h = [\n  1,\n]\ni = 2\n'

    lines = key_lines(text)

    assert lines == {("a",): 1, ("d", "e f"): 5, ("d", "e f", "g"): 6, ("d", "e f", "g", "h"): 6, ("d", "e f", "i"): 9}
    assert line_of(lines, ("d", "e f", "unknown")) == 5


def test_every_example_of_the_guide_is_a_valid_source_file(vocabulary: Vocabulary) -> None:
    """What partners copy from docs/sources.md works as it stands."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "sources.md").read_text("utf-8")

    examples = [block for block in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if "[source]" in block]

    assert len(examples) >= 13
    for number, example in enumerate(examples):
        assert parse_source(example, f"example-{number}.toml", vocabulary).format


def test_the_guide_names_every_key(vocabulary: Vocabulary) -> None:
    """A key that is not explained does not exist for partners."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "sources.md").read_text("utf-8")

    keys = [key for model in TABLES.values() for key in model.model_fields if key != "slug"]

    assert [key for key in keys if f"`{key}`" not in guide and f"\n{key} = " not in guide] == []
    assert [table for table in OPEN_TABLES if f"`[{table}" not in guide] == []
    assert [name for name in vocabulary.profiles if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("lang", ["fr-fr-fr", "fr-u", "fr\\n", "français", "x-a", "fr-ab-cd"])
def test_a_language_that_the_store_could_not_read_is_refused(vocabulary: Vocabulary, lang: str) -> None:
    """Every text of the source would carry it."""
    said = refusal(HEAD.replace("[records]", f'lang = "{lang}"\n[records]'), vocabulary)

    assert "line 6" in said
    assert "lang" in said


@pytest.mark.parametrize("lang", ["fr", "br", "oci", "pt-BR", "es-419", "zh-Hant-TW"])
def test_a_language_may_name_its_script_and_region(vocabulary: Vocabulary, lang: str) -> None:
    """As BCP 47 writes them."""
    text = HEAD.replace("[records]", f'lang = "{lang}"\n[records]')

    assert parse_source(text, "s.toml", vocabulary).lang == lang


def french(text: str, vocabulary: Vocabulary) -> str:
    """What a French operator reads."""
    with pytest.raises(ConfigError) as caught:
        parse_source(text, "ressources.toml", vocabulary)
    return caught.value.text["fr"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            '[fields]\ndiscription = "Texte"',
            "ligne 10 : il n'y a pas de champ « discription » dans [fields]. Vouliez-vous « description » ?",
        ),
        ('[field]\nname = "Nom"', "ligne 9 : il n'y a pas de table [field]. Vouliez-vous « fields » ?"),
        ('[openness]\ntheme = "privat"', "n'est pas un niveau d'ouverture. Vouliez-vous « private » ?"),
        ("[limits]\nrecords = -5", "ligne 10 : `records` : un nombre plus grand que 0 est attendu."),
        ('[partner]\nslug = "Les Jardins"', "« Les Jardins » doit être fait de lettres minuscules"),
        ('[crosswalk.theme]\nfile = "absent.csv"', "ne peut pas être lu : ce fichier ou ce dossier n'existe pas."),
        (
            "[fields\n",
            "ressources.toml, ligne 9, colonne 8 : ce n'est pas du TOML valide : il manque le crochet fermant",
        ),
    ],
)
def test_faults_are_told_in_french_too(vocabulary: Vocabulary, lines: str, expected: str) -> None:
    """The French sentence says as much as the English one: file, line, fault, nearest word."""
    assert expected in french(HEAD + lines + "\n", vocabulary)


def test_several_faults_are_lines_in_both_languages(vocabulary: Vocabulary) -> None:
    """Each fault has its line, in the order of the file, in French as in English."""
    text = HEAD + '[fields]\nnom = "Nom"\ndiscription = "Texte"\n'

    en, fr = refusal(text, vocabulary, "ressources.toml").split("\n"), french(text, vocabulary).split("\n")

    assert [line.partition(":")[0] for line in en] == ["ressources.toml, line 10", "ressources.toml, line 11"]
    assert [line.partition(" :")[0] for line in fr] == ["ressources.toml, ligne 10", "ressources.toml, ligne 11"]


def test_a_list_in_pages_is_described_in_its_own_table(vocabulary: Vocabulary) -> None:
    """[paging] is a value of its own, and absent if it is not written."""
    paged = parse_source(HEAD + '[paging]\nnext = "links.next"\ntotal = "meta.total"\n', "a.toml", vocabulary)

    assert paged.paging == Paging(next="links.next", total="meta.total")
    assert parse_source(HEAD, "a.toml", vocabulary).paging is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('[paging]\nnex = "a"', 'line 10: there is no "nex" in [paging]. Did you mean "next"?'),
        ('[paging]\nnext = "a"\npage = "p"', "line 9: `paging`: exactly one of next, link, page, offset"),
        ('[paging]\ntotal = "n"', "line 9: `paging`: exactly one of next, link, page, offset"),
        ('[paging]\npage = "p"\nfirst = 2', "line 11: `first`"),
        ('[pagin]\nnext = "a"', "line 9: there is no table [pagin]. Did you mean"),
    ],
)
def test_a_paging_that_cannot_be_is_named_with_its_line(vocabulary: Vocabulary, lines: str, expected: str) -> None:
    """One way to the next page, and only one."""
    assert expected in refusal(HEAD + lines + "\n", vocabulary)


def test_a_key_of_source_that_stands_under_request_is_found(vocabulary: Vocabulary) -> None:
    """A table goes on to the next header: what is written below [request] is in it."""
    said = refusal('[source]\npartner = "a"\n[request]\nurl = "https://a.example/f"\nformat = "csv"\n', vocabulary)

    assert "`url` is missing in [source]. `url` is a key of [source], and stands under [request] here" in said
