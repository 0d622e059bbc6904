"""Words that columns of French and English feeds use for our terms. Must never decide: matching.py weighs them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from federation.pipeline.suggest.columns import Shape

_ANY = frozenset(Shape)
_WORDS = frozenset({Shape.TEXT, Shape.LONG})
_NUMBERS = frozenset({Shape.NUMBER, Shape.POSTCODE})
_ADDRESSES = frozenset({Shape.URL, Shape.IMAGE, Shape.TEXT})
_DATES = frozenset({Shape.DATE, Shape.POSTCODE, Shape.TEXT})

TERMS: Mapping[str, tuple[frozenset[Shape], str]] = MappingProxyType(
    {
        "name": (
            _WORDS,
            "nom|nom du projet|nom de la structure|nom du lieu|nom de l initiative|nom du lieu ou de la structure|titre"
            "|titre du projet|intitule|title|name|label|libelle|denomination|projet|raison sociale|nom usuel|headline",
        ),
        "description": (
            _WORDS,
            "description|description longue|presentation|descriptif|presentation detail|texte|contenu|content|details"
            "|informations diverses|a propos|about|body|resume long|description du projet",
        ),
        "abstract": (
            _WORDS,
            "resume|resume court|abstract|summary|accroche|chapeau|excerpt|presentation resume|description courte"
            "|short description|en bref",
        ),
        "theme": (
            _ANY - {Shape.EMAIL, Shape.URL, Shape.DATE},
            "theme|themes|thematique|thematiques|categorie|categories|category|domaine|domaines|secteur|secteurs|topics"
            "|subject|subjects|domaine d action|domaines d action|categories name|services|activites|thematiques name",
        ),
        "keywords": (_WORDS, "mots cles|mot cle|keywords|tags|etiquettes|tags name|labels|tag|type de lieu"),
        "url": (
            _ADDRESSES,
            "site|site web|site internet|website|web|homepage|url|adresse du site|page web|lien|link|site du projet",
        ),
        "location.latitude": (_NUMBERS, "latitude|lat|coord y|y|bf latitude|geo latitude"),
        "location.longitude": (_NUMBERS, "longitude|lon|lng|long|coord x|x|bf longitude|geo longitude"),
        "location.address.streetAddress": (
            _WORDS | {Shape.NUMBER},
            "adresse|adresse postale|voie|rue|street|address|street address|streetaddress|numero et voie"
            "|adresse complete",
        ),
        "location.address.postalCode": (
            _NUMBERS | {Shape.TEXT},
            "code postal|cp|codepostal|postcode|zip|zipcode|zip code|postal code|postalcode",
        ),
        "location.address.addressLocality": (
            _WORDS,
            "ville|commune|localite|city|town|locality|addresslocality|nom commune|nom de la commune",
        ),
        "location.codeINSEE": (
            _NUMBERS | {Shape.TEXT},
            "code insee|insee|codeinsee|code commune|citycode|insee code|insee com",
        ),
        "location.address.addressCountry": (_WORDS, "pays|country|addresscountry|code pays"),
        "holder.name": (
            _WORDS,
            "structure|structure porteuse|porteur|porteur du projet|organisme|organisation|association|operateur|holder"
            "|organization|nom de l organisme|entreprise",
        ),
        "holder.siret": (_NUMBERS | {Shape.SIRET, Shape.TEXT, Shape.PHONE}, "siret|n siret|numero siret|pivot"),
        "holder.siren": (_NUMBERS | {Shape.TEXT, Shape.PHONE}, "siren|n siren|numero siren"),
        "holder.rna": (_WORDS, "rna|numero rna|n rna"),
        "contact.email": (
            frozenset({Shape.EMAIL}),
            "email|mail|e mail|courriel|adresse mail|adresse e mail|contact mail|contact email",
        ),
        "contact.telephone": (
            frozenset({Shape.PHONE, Shape.NUMBER, Shape.TEXT}),
            "telephone|tel|phone|numero de telephone|n de telephone|contact telephone",
        ),
        "startDate": (
            _DATES,
            "date de debut|debut|date debut|start date|startdate|start|date de lancement|annee de creation"
            "|date du projet|annee|starttime",
        ),
        "endDate": (_DATES, "date de fin|fin|date fin|end date|enddate|end|endtime"),
        "issued": (
            frozenset({Shape.DATE}),
            "date de publication|date de creation|date creation|created at|created|createdat|published|publie le"
            "|datetime create|publication date",
        ),
        "modified": (
            frozenset({Shape.DATE}),
            "date de mise a jour|date maj|mise a jour|updated at|updated|updatedat|modified|derniere modification"
            "|date de modification|datetime latest|last updated|last modified",
        ),
        "image.contentUrl": (
            frozenset({Shape.IMAGE, Shape.URL}),
            "image|photo|visuel|illustration|picture|images|image url|url image|photos",
        ),
        "logo": (frozenset({Shape.IMAGE, Shape.URL}), "logo|url logo|logo url"),
        "audience": (
            _WORDS,
            "public|publics|public cible|publics cibles|publics accueillis|beneficiaires|audience|target|publics vises"
            "|profils publics",
        ),
        "status": (_WORDS, "statut|etat|etat d avancement|avancement|status|stade"),
        "budget.value": (_NUMBERS, "budget|budget total|montant|cout"),
        "license": (_ADDRESSES, "licence|license|licence des donnees|licence des donnees collectees"),
        "socialNeed": (_WORDS, "besoin social|besoin|besoins|probleme|problematique|besoin social vise"),
        "novelty": (_WORDS, "innovation|caractere innovant|nouveaute|ce qui est nouveau"),
        "obstacle": (_WORDS, "freins|obstacles|difficultes|difficultes rencontrees"),
    }
)
"""Our term → the shapes that its values may have, and the titles that mean it: folded, without punctuation."""

IDS = ("id", "identifiant", "uid", "uuid", "guid", "reference", "ref", "n", "numero", "code", "cle", "key", "id projet")
"""Titles of ids, the likeliest first."""

PAGES = (
    "permalink",
    "fiche",
    "url fiche",
    "page",
    "lien",
    "link",
    "url",
    "href",
    "self",
    "page web",
    "url de la fiche",
)
"""Titles of the address of a record's own page."""

PUBLISHED = ("a publier", "publie", "publier", "published", "is published", "visible", "a diffuser")
"""Titles of a column that says whether a row may be shown."""

YES = frozenset({"oui", "yes", "true", "vrai", "1", "o", "y"})
NO = frozenset({"non", "no", "false", "faux", "0", "n"})
