"""The catalogue: facilities, standards, intents, departments, pilots. Data files and the loader that checks them.

    facilities/<code>.yaml   one facility category: names, definition, words
    standards/<id>.yaml      one standard: its figures, each with clause and `verified`
    cities/<code>.yaml       one city: areas, pilots, targets, who leads on what
    *.yaml                   groups, intents, natures, complaint topics, emergency playbook, the 20 items ...

A new facility, a new standard or a new city is a new file and nothing else.
"""

from domain.catalogue.loader import load_catalogue, load_city
from domain.catalogue.model import OTHER_FACILITY, Catalogue, City, Facility, Intent, Norm, Standard

__all__ = [
    "OTHER_FACILITY",
    "Catalogue",
    "City",
    "Facility",
    "Intent",
    "Norm",
    "Standard",
    "load_catalogue",
    "load_city",
]
