"""How long the database is waited for, and how much it is asked at a time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLimits:
    """The defaults are those of the service; times are in seconds."""

    turn: float = 2.0
    """That a connection and, on SQLite, the writers' lock are waited for."""
    beginning: float = 5.0
    """That a comment waits for the transaction which writes it to begin."""
    lock: float = 5.0
    """That a transaction on PostgreSQL waits for a lock."""
    exclusive: float = 60.0
    """That migrations and changes of people wait for their turn and for locks."""
    between_checkpoints: float = 2.0
    """Between two checkpoints of a SQLite file while much is written."""
    largest_log: int = 16 * 1024 * 1024
    """Bytes of SQLite's log that are kept for the next writer; what a long reader leaves beyond is cut off."""
    waiting_reads: int = 2_000
    """How many prepared questions may wait for a connection."""
    page_rows: int = 500
    """How many rows one transaction concerns that looks at pages or moves their comments."""
    batch_rows: int = 1_000
    """How many rows one transaction of a long job may find; who writes more keeps everybody else from writing."""
