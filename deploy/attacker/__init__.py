"""Attack what a release publishes, as whoever reads it could, before it is made current.

Imports nothing of `sinks.statistics`: it reads published rows and the catalogue, builds its own
equations, and solves them another way. :func:`attack` finds between what each hidden figure must
lie; :func:`judge` compares that with what the auditor knows, each bureau as an insider too.
"""

from deploy.attacker.bounds import Attack, attack
from deploy.attacker.judge import ChangeId, Leak, OtherTable, Secret, Secrets, judge
from deploy.attacker.knowledge import ContradictionError, Knowledge
from deploy.attacker.noise import faulty_noise_rows
from deploy.attacker.published import (
    Figure,
    FigureId,
    Limit,
    Structure,
    TableShape,
    read_figures,
)

__all__ = [
    "Attack",
    "ChangeId",
    "ContradictionError",
    "Figure",
    "FigureId",
    "Knowledge",
    "Leak",
    "Limit",
    "OtherTable",
    "Secret",
    "Secrets",
    "Structure",
    "TableShape",
    "attack",
    "faulty_noise_rows",
    "judge",
    "read_figures",
]
