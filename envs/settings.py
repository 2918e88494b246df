"""Building blocks of settings: frozen records, and numbers within limits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]  # of learning; chosen: no larger one was ever meant
Substeps = Annotated[int, Field(ge=1, le=100, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Range = tuple[Number, Number]


class Record(BaseModel):
    """A frozen record that refuses unknown keys. Text is no truth value, and a truth value is no number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _truth_values_are_true_or_false(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        if annotation is bool and not isinstance(value, bool):
            raise ValueError(f"{str(value)[:100]!r} is neither true nor false")
        if annotation in (int, float) and isinstance(value, bool):
            raise ValueError(f"{str(value).lower()} is no number")
        return value
