"""Which names there are at a place in a model, for whoever wrote one that is none."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

__all__ = ["fields_at"]


def fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The fields beside the one at this location of pydantic's, in their order."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        model = (_model_in(field.annotation) if field is not None else None) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone, optionally or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
