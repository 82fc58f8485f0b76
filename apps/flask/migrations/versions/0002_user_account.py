"""Users, and the numbers of new assets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence, DropSequence

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
    )
    op.execute(CreateSequence(sa.Sequence("asset_id", start=1_000_000)))


def downgrade() -> None:
    """Go back to the one before."""
    op.execute(DropSequence(sa.Sequence("asset_id")))
    op.drop_table("user_account")
