"""Purges what is kept of the objects of records that people want erased: bytes, deliveries, provenance.

Must never leave a way back from what stays to the object: only that it is erased is known (ap_objects.erased_id).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from federation.ledger import Ledger


def forget(records: Iterable[str], ledger: Ledger, now: datetime) -> int:
    """Purge what is kept of the objects of records that people want erased, for good; return how many there were.

    For whoever erases the records themselves, before that: nothing leads from a record to its object afterwards.
    """
    count = 0
    for record in records:
        row = ledger.ap_objects.by_record(record)
        if row is None:
            continue
        with ledger.write() as tx:
            ledger.ap_inbox.purge_object([row.id], tx)
            ledger.ap_activities.forget([row.id], tx)
            ledger.ap_deliveries.drop_objects([row.id], "erased", now, tx)
            ledger.ap_objects.erase(row, now, tx)
        count += 1
    return count
