"""Callbacks after a visit: contacts of surveys, their attempts and answers, numbers never to be called."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # Nothing has written visits before.
    op.drop_table("visit")
    _visits()
    _contacts()
    op.create_table(
        "campaign",
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("survey", name="pk_campaign"),
    )
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_do_not_call"),
    )
    with op.batch_alter_table("call") as batch_op:
        batch_op.add_column(sa.Column("contact_id", sa.Text()))
        batch_op.create_index("ix_call_contact_id", ["contact_id"])
    with op.batch_alter_table("service_case") as batch_op:
        batch_op.add_column(sa.Column("department", sa.Text()))
        batch_op.add_column(sa.Column("resolve_by", sa.DateTime(timezone=True)))
        batch_op.add_column(sa.Column("escalated_at", sa.DateTime(timezone=True)))
        batch_op.add_column(sa.Column("contact_id", sa.Text()))
        batch_op.create_index("ix_service_case_contact_id", ["contact_id"])


def _visits() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("visited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visited_by", sa.Text(), nullable=False),
        sa.Column("number", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name="fk_visit_customer_id_customer", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
        sa.UniqueConstraint("external_id", name="uq_visit_external_id"),
    )
    op.create_index("ix_visit_customer_id", "visit", ["customer_id"])
    op.create_index("ix_visit_visited_at", "visit", ["visited_at"])


def _contacts() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("key", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True)),
        sa.Column("time_said_in", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_result", sa.Text()),
        sa.Column("asking", sa.Text()),
        sa.Column("reached_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name="fk_contact_visit_id_visit", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"),
    )
    turn = ["survey", "state", "key", "next_at", "due_at"]
    op.create_index("ix_contact_survey_state_key_next_at_due_at", "contact", turn)
    op.create_index("ix_contact_state_agreed_at", "contact", ["state", "agreed_at"])
    op.create_index("ix_contact_state_expires_at", "contact", ["state", "expires_at"])
    op.create_index("ix_contact_number", "contact", ["number"])
    op.create_index("ix_contact_visit_id", "contact", ["visit_id"])
    op.create_table(
        "contact_attempt",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dialled_at", sa.DateTime(timezone=True)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("result", sa.Text()),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name="fk_contact_attempt_contact_id_contact", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "attempt", name="pk_contact_attempt"),
        sa.UniqueConstraint("call_id", name="uq_contact_attempt_call_id"),
    )
    op.create_index("ix_contact_attempt_number_claimed_at", "contact_attempt", ["number", "claimed_at"])
    op.create_index("ix_contact_attempt_result", "contact_attempt", ["result"])
    op.create_table(
        "answer",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text()),
        sa.Column("seconds", sa.Float(precision=53)),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name="fk_answer_contact_id_contact", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "question", name="pk_answer"),
    )
    op.create_index("ix_answer_call_id", "answer", ["call_id"])


def downgrade() -> None:
    with op.batch_alter_table("service_case") as batch_op:
        batch_op.drop_index("ix_service_case_contact_id")
        for column in ("contact_id", "escalated_at", "resolve_by", "department"):
            batch_op.drop_column(column)
    with op.batch_alter_table("call") as batch_op:
        batch_op.drop_index("ix_call_contact_id")
        batch_op.drop_column("contact_id")
    for table in ("do_not_call", "campaign", "answer", "contact_attempt", "contact", "visit"):
        op.drop_table(table)
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
