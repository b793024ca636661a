"""Sessions of the page that have ended before their cookies."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "ended_session",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_ended_session"),
    )
    op.create_index("ix_ended_session_at", "ended_session", ["at"])


def downgrade() -> None:
    op.drop_table("ended_session")
