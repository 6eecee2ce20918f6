"""Typed events for people who build them in Python; the hot path never makes one.

A wrong event raises :class:`pydantic.ValidationError` naming the field, the value and what is
allowed. What the outbox gives (bureau, system, lane, epoch, sequence) is no field of an event: it
comes with the :class:`Stamp` under which an event is encoded.
"""

from schemas.models.encode import Stamp, encode_event, event_lane
from schemas.models.event import Event, Grading, Identifier, Measure, Supersedes
from schemas.models.kinds import (
    MODELS,
    Arrest,
    BirthDate,
    Charge,
    Diffusion,
    Freeze,
    Hit,
    Indicator,
    Message,
    Name,
    Notice,
    OperationReport,
    Recall,
    Report,
    Search,
    Seizure,
    Sighting,
    Subject,
    VictimIdentified,
)

__all__ = [
    "MODELS",
    "Arrest",
    "BirthDate",
    "Charge",
    "Diffusion",
    "Event",
    "Freeze",
    "Grading",
    "Hit",
    "Identifier",
    "Indicator",
    "Measure",
    "Message",
    "Name",
    "Notice",
    "OperationReport",
    "Recall",
    "Report",
    "Search",
    "Seizure",
    "Sighting",
    "Stamp",
    "Subject",
    "Supersedes",
    "VictimIdentified",
    "encode_event",
    "event_lane",
]
