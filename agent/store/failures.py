"""How likely hosts were said to fail: each word kept until its time is over, and judged by what came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, case, func, insert, select, update

from agent.records.failures import (
    LOOK_LASTS,
    FailureComparison,
    FailureForecast,
    FailureKey,
    FailureLook,
    FailureRecord,
    FailureState,
    FailureWord,
)
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.in_force import replace_in_force
from agent.store.schema import failure_forecasts as table
from agent.store.schema import in_force

_Reasons = tuple[str, ...]
_Unknown = tuple[tuple[str, int], ...]
_LOOK = "failure_look"  # what the words about hosts go by
_KNOWN = (FailureState.CAME.value, FailureState.STAYED_AWAY.value)


class FailureStore:
    """Keeps what was said of failures ahead, and says how far it may be believed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, *, beside: bool = False) -> list[FailureForecast]:
        """Return the words of which nobody knows yet what comes, the likeliest first.

        They are those that are told, or those that are said ``beside``.
        """
        is_open = (table.c.state == FailureState.OPEN.value) & (table.c.beside == beside)
        query = select(table).where(is_open).order_by(table.c.now.desc())
        with self._database.reading() as connection:
            return [_to_forecast(row) for row in connection.execute(query)]

    def keep(
        self,
        new: Iterable[FailureWord],
        renewed: Iterable[tuple[int, float]],
        judged: Iterable[tuple[int, FailureState]],
        at: datetime,
        unknown: Iterable[FailureKey] | None = None,
    ) -> None:
        """Keep new words, what is said now of open ones by number, and what came of others.

        With ``unknown``, that somebody looked, and of which hosts and horizons nothing is known.
        """
        rows = [_to_row(one) for one in new]
        with self._database.transaction() as connection:
            for id_, now in renewed:
                connection.execute(update(table).where(table.c.id == id_).values(now=now))
            for id_, state in judged:
                ended = {"state": state.value, "ended_at": at}
                connection.execute(update(table).where(table.c.id == id_).values(ended))
            if rows:
                connection.execute(insert(table), rows)
            if unknown is not None:
                told = sorted((host, round(horizon.total_seconds())) for host, horizon in unknown)
                replace_in_force(connection, _LOOK, told, at)

    def last_look(self) -> FailureLook | None:
        """Return when somebody looked last, and what was not known then; None before the first time."""
        query = select(in_force.c.at, in_force.c.content).where(in_force.c.kind == _LOOK)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        unknown = ((host, timedelta(seconds=span)) for host, span in from_json(_Unknown, row.content))
        return FailureLook(at=row.at, unknown=frozenset(unknown))

    def unknown(self, now: datetime) -> frozenset[FailureKey]:
        """Return of which hosts and horizons nothing was known at the last look, if that was lately."""
        last = self.last_look()
        return last.unknown if last is not None and now - last.at <= LOOK_LASTS else frozenset()

    def records(self) -> list[FailureRecord]:
        """Return what came of all that was told and of which that is known, by horizon."""
        said, base, came = table.c.probability, table.c.base, _came(table)
        query = (
            select(
                table.c.horizon_s,
                func.count().label("judged"),
                func.sum(came).label("came"),
                func.sum(said).label("expected"),
                func.avg(_loss(said, came)).label("brier"),
                func.avg(_loss(base, came)).label("brier_base"),
            )
            .where(table.c.state.in_(_KNOWN), table.c.beside.is_(False))
            .group_by(table.c.horizon_s)
            .order_by(table.c.horizon_s)
        )
        with self._database.reading() as connection:
            return [_to_record(row) for row in connection.execute(query)]

    def compare(self, training: str, other: str = "") -> list[FailureComparison]:
        """Return what came of a training's words by horizon, and of both where ``other`` spoke as well."""
        own, else_ = table.alias(), table.alias()
        both = (
            (else_.c.training == other)
            & (else_.c.host == own.c.host)
            & (else_.c.horizon_s == own.c.horizon_s)
            & (else_.c.at == own.c.at)
            & else_.c.state.in_(_KNOWN)
        )
        came = _came(own)
        loss = _loss(own.c.probability, came)
        query = (
            select(
                own.c.horizon_s,
                func.count().label("judged"),
                func.sum(came).label("came"),
                func.avg(loss).label("brier"),
                func.avg(_loss(own.c.base, came)).label("brier_base"),
                func.count(else_.c.id).label("shared"),
                func.avg(case((else_.c.id.is_not(None), loss))).label("brier_shared"),
                func.avg(_loss(else_.c.probability, came)).label("brier_other"),
            )
            .select_from(own.outerjoin(else_, both))
            .where(own.c.training == training, own.c.state.in_(_KNOWN))
            .group_by(own.c.horizon_s)
            .order_by(own.c.horizon_s)
        )
        with self._database.reading() as connection:
            return [_to_comparison(training, row) for row in connection.execute(query)]


def _came(words: FromClause) -> ColumnElement[float]:
    return (words.c.state == FailureState.CAME.value).cast(table.c.base.type)


def _loss(said: ColumnElement[float], came: ColumnElement[float]) -> ColumnElement[float]:
    return (said - came) * (said - came)


def _to_record(row: Row[Any]) -> FailureRecord:
    return FailureRecord(
        horizon=timedelta(seconds=row.horizon_s),
        judged=row.judged,
        came=round(row.came),
        expected=row.expected,
        brier=row.brier,
        brier_base=row.brier_base,
    )


def _to_comparison(training: str, row: Row[Any]) -> FailureComparison:
    return FailureComparison(
        training=training,
        horizon=timedelta(seconds=row.horizon_s),
        judged=row.judged,
        came=round(row.came),
        brier=row.brier,
        brier_base=row.brier_base,
        shared=row.shared,
        brier_shared=row.brier_shared,
        brier_other=row.brier_other,
    )


def _to_row(word: FailureWord) -> dict[str, Any]:
    return {
        "host": word.host,
        "horizon_s": round(word.horizon.total_seconds()),
        "probability": word.probability,
        "base": word.base,
        "now": word.probability,
        "training": word.training,
        "because": to_json(_Reasons, tuple(word.because)),
        "at": word.at,
        "state": FailureState.OPEN.value,
        "beside": word.beside,
    }


def _to_forecast(row: Row[Any]) -> FailureForecast:
    word = FailureWord(
        host=row.host,
        horizon=timedelta(seconds=row.horizon_s),
        probability=row.probability,
        base=row.base,
        training=row.training,
        at=row.at,
        because=from_json(_Reasons, row.because),
        beside=row.beside,
    )
    return FailureForecast(
        id=row.id, said=word, now=row.now, state=FailureState(row.state), ended_at=row.ended_at
    )
