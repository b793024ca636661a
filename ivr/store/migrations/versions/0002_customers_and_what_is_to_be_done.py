"""Customers, and what a call leaves to be done: callbacks, messages, ratings, notes, cases, news."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_result", sa.Text()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("answered_call_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_callback"),
    )
    op.create_index("ix_callback_number", "callback", ["number"])
    op.create_index("ix_callback_state_next_at", "callback", ["state", "next_at"])

    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("surname", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("birth_year", sa.Integer()),
        sa.Column("elder", sa.Boolean(), nullable=False),
        sa.Column("key", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "live_board",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("board", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_live_board"),
    )
    op.create_table(
        "message",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_message"),
    )
    op.create_table(
        "news",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_news"),
        sa.UniqueConstraint("channel", "origin", name="uq_news_channel_origin"),
    )
    op.create_index("ix_news_state_next_at", "news", ["state", "next_at"])

    op.create_table(
        "rating",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_rating"),
    )
    op.create_index("ix_rating_agent", "rating", ["agent"])

    op.create_table(
        "service_case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("customer_id", sa.Integer()),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text()),
        sa.Column("key", sa.Boolean(), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_service_case"),
        sa.UniqueConstraint("kind", "origin", name="uq_service_case_kind_origin"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_service_case_call_id", "service_case", ["call_id"])
    op.create_index("ix_service_case_customer_id", "service_case", ["customer_id"])
    op.create_index("ix_service_case_number", "service_case", ["number"])
    op.create_index("ix_service_case_state_due_at", "service_case", ["state", "due_at"])

    op.create_table(
        "wrap_up_note",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "agent", name="pk_wrap_up_note"),
    )
    op.create_table(
        "callback_attempt",
        sa.Column("callback_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("result", sa.Text()),
        sa.ForeignKeyConstraint(
            ["callback_id"], ["callback.id"], name="fk_callback_attempt_callback_id_callback", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("callback_id", "attempt", name="pk_callback_attempt"),
    )
    op.create_index("ix_callback_attempt_call_id", "callback_attempt", ["call_id"])

    op.create_table(
        "customer_number",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name="fk_customer_number_customer_id_customer", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_customer_number"),
    )
    op.create_index("ix_customer_number_customer_id", "customer_number", ["customer_id"])

    op.create_table(
        "visit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("visited_on", sa.Date(), nullable=False),
        sa.Column("visited_by", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name="fk_visit_customer_id_customer", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
        sa.UniqueConstraint("external_id", name="uq_visit_external_id"),
    )
    op.create_index("ix_visit_customer_id", "visit", ["customer_id"])

    with op.batch_alter_table("user_account") as batch_op:
        batch_op.add_column(sa.Column("work_number", sa.Text()))
    with op.batch_alter_table("access_log") as batch_op:
        batch_op.add_column(sa.Column("customer_id", sa.Integer()))
        batch_op.create_index("ix_access_log_customer_id", ["customer_id"])
    with op.batch_alter_table("call") as batch_op:
        batch_op.add_column(sa.Column("customer_id", sa.Integer()))
        batch_op.add_column(sa.Column("offered", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("callback_of", sa.Text()))
        batch_op.add_column(sa.Column("hold_seconds", sa.Float(precision=53), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("transfers", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.create_index("ix_call_callback_of", ["callback_of"])
        batch_op.create_index("ix_call_customer_id", ["customer_id"])


def downgrade() -> None:
    with op.batch_alter_table("user_account") as batch_op:
        batch_op.drop_column("work_number")
    with op.batch_alter_table("access_log") as batch_op:
        batch_op.drop_index("ix_access_log_customer_id")
        batch_op.drop_column("customer_id")
    with op.batch_alter_table("call") as batch_op:
        batch_op.drop_index("ix_call_customer_id")
        batch_op.drop_index("ix_call_callback_of")
        for column in ("transfers", "hold_seconds", "callback_of", "offered", "customer_id"):
            batch_op.drop_column(column)
    for table in (
        "visit", "customer_number", "callback_attempt", "wrap_up_note", "service_case", "rating", "news", "message",
        "live_board", "customer", "callback",
    ):  # fmt: skip
        op.drop_table(table)
