"""Remediations that programs ordered: one for each key of an owner, however often and at once it is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError
from agent.records import RunRequest
from agent.records.orders import RemediationOrder
from agent.store.engine import Database
from agent.store.schema import remediation_orders

KEY_LIFE = timedelta(hours=24)


class OrderStore:
    """Keeps orders with their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, order_id: int) -> RemediationOrder:
        """Return one order. Raises NotFoundError."""
        with self._database.reading() as connection:
            query = select(remediation_orders).where(remediation_orders.c.id == order_id)
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"there is no order {order_id}")
        return RemediationOrder(**row._mapping)

    def find(self, owner: str, key: str | None, digest: str, now: datetime) -> RemediationOrder | None:
        """Return the order that an owner placed under a key within a day.

        Raises ConflictError when the key was for something else.
        """
        if key is None:
            return None
        with self._database.reading() as connection:
            return _find(connection, owner, key, digest, now)

    def place(
        self,
        order: RemediationOrder,
        request: Callable[[Connection], RunRequest] | None,
    ) -> RemediationOrder:
        """Keep an order with the request to run that it makes, or return the one of the same key.

        ``request`` adds the request in the same transaction. Raises what that raises, and ConflictError.
        """
        with self._database.transaction() as connection:
            if order.key is not None:
                known = _find(connection, order.owner, order.key, order.digest, order.at)
                if known is not None:
                    return known
                mine = (remediation_orders.c.owner == order.owner) & (remediation_orders.c.key == order.key)
                connection.execute(update(remediation_orders).where(mine).values(key=None))
            made = request(connection) if request is not None else None
            values = {
                "owner": order.owner,
                "key": order.key,
                "digest": order.digest,
                "at": order.at,
                "incident_id": order.incident_id,
                "remediation": order.remediation,
                "request_id": made.id if made is not None else None,
                "refusal": order.refusal,
            }
            number = connection.execute(insert(remediation_orders).values(**values)).inserted_primary_key
            assert number is not None
            query = select(remediation_orders).where(remediation_orders.c.id == number[0])
            return _to_order(connection.execute(query).one())


def _find(
    connection: Connection, owner: str, key: str, digest: str, now: datetime
) -> RemediationOrder | None:
    mine = (remediation_orders.c.owner == owner) & (remediation_orders.c.key == key)
    young = remediation_orders.c.at > now - KEY_LIFE
    row = connection.execute(select(remediation_orders).where(mine & young)).first()
    if row is None:
        return None
    if row.digest != digest:
        raise ConflictError(f"the key was used for another order within a day: order {row.id}")
    return _to_order(row)


def _to_order(row: Row[Any]) -> RemediationOrder:
    return RemediationOrder(**row._mapping)
