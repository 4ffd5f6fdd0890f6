"""The kinds of columns and constraints that the tables of `db.schema` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, get_args

from sqlalchemy import JSON, BigInteger, CheckConstraint, DateTime, Dialect, Double, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

from db.errors import ForeignFile


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as naive UTC: SQLite keeps no zone, and other engines then agree with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value as the column stores it; ValueError for a moment without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: pass a clock's utc()")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored value as callers get it."""
        return None if value is None else value.replace(tzinfo=UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A `StrEnum` as its value, in a text column.

    Args:
        kind: the enumeration.
        length: of the column, in characters.
        unknown: what a value stands for that this release does not know; None: ForeignFile is raised.
    """

    impl = String
    cache_ok = True

    def __init__(self, kind: type[StrEnum], length: int, unknown: StrEnum | None = None) -> None:
        self.kind, self.unknown = kind, unknown
        super().__init__(length)

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        """The text of a value; ValueError for one that is none of the enumeration."""
        return None if value is None else str(self.kind(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The value of a text."""
        if value is None:
            return None
        if value in list(self.kind):
            return self.kind(value)
        if self.unknown is not None:
            return self.unknown
        known = ", ".join(self.kind)
        raise ForeignFile(
            f"the record holds {value!r} where one of {known} must stand",
            "a newer release may have written it: update this installation; else restore the file from a copy",
        )


Id = Annotated[int, mapped_column(primary_key=True)]
Sha256 = Annotated[str, mapped_column(String(64))]
Word = Annotated[str, mapped_column(String(16))]
Name = Annotated[str, mapped_column(String(200))]
Big = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """Constraint names are fixed by rule, so that a later migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  -- read once by the mapper, never changed
        str: Text,
        float: Double,
        datetime: UtcDateTime,
        Mapping[str, Any]: JSON,
    }


def known(column: str, words: object) -> CheckConstraint:
    """One of the words of a `Literal`, or of the values of a `StrEnum`; a nullable column passes while empty."""
    values = (
        [str(value) for value in words] if isinstance(words, type) and issubclass(words, StrEnum) else get_args(words)
    )
    listed = ", ".join(f"'{word}'" for word in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def not_negative(*columns: str) -> list[CheckConstraint]:
    """Zero or more; a nullable column passes while empty, as a comparison with NULL is not false."""
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def sha256_length(column: str) -> CheckConstraint:
    """A SHA-256 in hex: 64 digits."""
    return CheckConstraint(f"length({column}) = 64", name=f"{column}_length")
