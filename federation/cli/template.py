"""What `carrefour init` writes into a new instance: settings, and a model of a source file that is never harvested."""

from __future__ import annotations

CONFIG = """\
# Settings of this instance. All of them, with their meaning: docs/settings.md
# The public address never changes: every IRI is built on it.
base_url = "http://127.0.0.1:8000"
name = "Carrefour"
# contact = "you@example.org"
"""

SOURCE_NAME = "exemple.toml.txt"
"""Not ``.toml``: only what ends so is a source."""

SOURCE = """\
# Modèle de fichier de source : copiez-le en « mon-reseau.toml », remplissez-le, puis essayez-le sans rien écrire :
#     carrefour preview mon-reseau
# Model of a source file: copy it to "my-network.toml", fill it in, then try it; nothing is written.
# Tous les mots / all words: docs/sources.md

[source]
name = "Mon réseau"                               # ce que les gens lisent / what people read
url = "https://reseau.example/projets.csv"        # une adresse, ou un fichier / an address, or a file
format = "csv"                                    # csv, xlsx, json, geojson, json-ld…
licence = "CC BY-SA 4.0"                          # une licence ouverte est obligatoire / an open licence is required
contact = "donnees@reseau.example"

[records]
id = "N°"                                         # un identifiant qui ne change jamais / an id that never changes
page = "https://reseau.example/projets/{id}"      # la page de la fiche chez vous / the page of the record

# [only]                                          # garder ces lignes seulement / keep these rows only
# "Publié" = "oui"

[fields]                                          # notre mot = votre colonne / our word = your column
name = "Nom du projet"
description = "Présentation"
theme = "Thèmes"
holder.name = "Porteur"
location.address.addressLocality = "Commune"
location.address.postalCode = "CP"
startDate = "Début"
# contact.email = "Courriel"                      # n'est jamais public / is never public

[split]                                           # une case qui contient plusieurs valeurs / several values in a cell
theme = ","

[crosswalk.theme]                                 # votre mot = notre code (voir /themes) / your word = our code
"Jardinage" = "AGR"
"""
