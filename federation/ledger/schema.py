"""The tables of the ledger. Types that SQLite and PostgreSQL share; times are UTC ISO 8601 text.

A change here or in ap_schema.py (the tables of ActivityPub) needs a new migration in migrations/versions: a test
compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows itself only in a column declared INTEGER.
SERIAL = BigInteger().with_variant(Integer, "sqlite")
TIME = String(32)
IRI = Text

partner = Table(
    "partner",
    metadata,
    Column("slug", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", IRI),
)

source = Table(
    "source",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("partner", ForeignKey("partner.slug"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("url", IRI),
    Column("licence", IRI),
    Column("file_hash", String(64)),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("lang", String(35), nullable=False),
    Column("first_run", String(26)),
    Column("last_run", String(26)),
    Column("due", TIME),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("note", Text),
    Column("validators", JSON),
    Column("full_at", TIME),
)

run = Table(
    "run",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("partner", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", TIME, nullable=False),
    Column("ended", TIME),
    Column("counts", JSON),
    Column("input_sha256", String(64)),
    Column("mapping_version", String(64)),
    Column("message", Text),
    Column("holder", Integer),
    Column("kind", String(16), nullable=False, server_default="harvest"),
    Column("of", String(26)),
    Column("holds", JSON),
    Column("live", Integer),
    Column("options", JSON),
    Column("progress", JSON),
    Index("ix_run_source_started", "source", "started"),
    Index("ix_run_partner_started", "partner", "started"),
    Index("ix_run_state_id", "state", "id"),
    Index("ix_run_of", "of"),
    Index(
        "one_run",
        "source",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

record_state = Table(
    "record_state",
    metadata,
    Column("record", IRI, primary_key=True),
    Column("partner", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("source", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("raw_hash", String(64), nullable=False),
    Column("row_hash", String(32), nullable=False, server_default=""),
    Column("misses", Integer, nullable=False, server_default="0"),
    Column("missing_since", TIME),
    Column("missed_at", TIME),
    Column("reason", String(16)),
    Column("withdrawn_at", TIME),
    Column("mapping_version", String(64), nullable=False),
    Column("tier", String(16)),
    Column("state", String(16), nullable=False),
    Column("first_seen", TIME, nullable=False),
    Column("last_run", String(26), nullable=False),
    Column("page", IRI),
    Column("pid", String(32)),
    Index("ix_record_state_source", "source", "state"),
    Index("ix_record_state_partner", "partner"),
    Index("ix_record_state_pid", "pid"),
)

restricted = Table(
    "restricted",
    metadata,
    Column("record", IRI, primary_key=True),
    Column("data", JSON, nullable=False),
)

body = Table(
    "body",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("fetched_at", TIME, nullable=False),
    Column("content_type", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Index("ix_body_source_fetched_at", "source", "fetched_at"),
)

finding = Table(
    "finding",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("run", String(26), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("record", IRI, index=True),
    Column("times", Integer, nullable=False),
    Column("detail", JSON, nullable=False),
)

change = Table(
    "change",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("time", TIME, nullable=False),
    Column("action", String(8), nullable=False),
    Column("record", IRI, nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("project", IRI, nullable=False, index=True),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("run", String(26), nullable=False, index=True),
    Column("state", String(8), nullable=False, index=True),
    Column("payload", LargeBinary),
    sqlite_autoincrement=True,
)

cursor = Table(
    "cursor",
    metadata,
    Column("consumer", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    Column("home", IRI, primary_key=True),
    Column("pid", String(32), nullable=False, unique=True),
    Column("minted", TIME, nullable=False),
)

claim = Table(
    "claim",
    metadata,
    Column("hash", String(24), primary_key=True),
    Column("record", IRI, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("own", Boolean, nullable=False),
    Column("live", Boolean, nullable=False),
    Index("ix_claim_record", "record"),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("run", String(26), nullable=False, index=True),
    Column("source", String(64), nullable=False, index=True),
    Column("made", TIME, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

approval = Table(
    "approval",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False, index=True),
    Column("run", String(26), nullable=False),
    Column("rule", String(16), nullable=False),
    Column("ceiling", Integer, nullable=False),
    Column("given", TIME, nullable=False),
    Column("until", TIME, nullable=False),
    Column("by", Text, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("at", TIME, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("source", String(64), nullable=False, index=True),
    Column("run", String(26), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("made", TIME, nullable=False),
    Column("sent", TIME),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try", TIME),
)

quality = Table(
    "quality",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("run", String(26), nullable=False),
    Column("score", Integer, nullable=False),
    Column("detail", JSON, nullable=False),
)

trial = Table(
    "trial",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("made", TIME, nullable=False),
    Column("until", TIME, nullable=False),
    Column("result", JSON, nullable=False),
)

candidacy = Table(
    "candidacy",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", IRI, nullable=False),
    Column("contact", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made", TIME, nullable=False),
    Column("decided", TIME),
    Column("decided_by", Text),
    Column("reason", Text),
)

account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("email", Text),
    Column("made", TIME, nullable=False),
    Column("disabled", TIME),
)

session = Table(
    "session",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("made", TIME, nullable=False),
    Column("seen", TIME, nullable=False),
    Column("until", TIME, nullable=False),
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", TIME, nullable=False),
)
