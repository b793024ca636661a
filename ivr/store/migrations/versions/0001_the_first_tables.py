"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_call_id", "access_log", ["call_id"])

    op.create_table(
        "call",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text()),
        sa.Column("called", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.Column("queue", sa.Text()),
        sa.Column("agent", sa.Text()),
        sa.Column("wait_seconds", sa.Float(precision=53)),
        sa.Column("talk_seconds", sa.Float(precision=53)),
        sa.Column("hung_up_by", sa.Text()),
        sa.Column("menu_path", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_agent", "call", ["agent"])
    op.create_index("ix_call_caller", "call", ["caller"])
    op.create_index("ix_call_outcome", "call", ["outcome"])
    op.create_index("ix_call_started_at", "call", ["started_at"])

    op.create_table(
        "journal_event",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("channel_id", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source", "position", name="pk_journal_event"),
    )
    op.create_index("ix_journal_event_call_id", "journal_event", ["call_id"])
    op.create_index("ix_journal_event_channel_id", "journal_event", ["channel_id"])
    op.create_index("ix_journal_event_kind_at", "journal_event", ["kind", "at"])

    op.create_table(
        "journal_position",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "file_id", name="pk_journal_position"),
    )
    op.create_table(
        "score",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("total", sa.Float(precision=53)),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text()),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_score"),
    )
    op.create_table(
        "transcript",
        sa.Column("leg_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text()),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("made_at", sa.DateTime(timezone=True)),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("leg_id", name="pk_transcript"),
    )
    op.create_index("ix_transcript_state", "transcript", ["state"])

    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("login", name="uq_user_account_login"),
    )
    op.create_table(
        "leg",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53)),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_leg_call_id_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_leg"),
    )
    op.create_index("ix_leg_call_id", "leg", ["call_id"])


def downgrade() -> None:
    op.drop_table("leg")
    op.drop_table("user_account")
    op.drop_table("transcript")
    op.drop_table("score")
    op.drop_table("journal_position")
    op.drop_table("journal_event")
    op.drop_table("call")
    op.drop_table("access_log")
