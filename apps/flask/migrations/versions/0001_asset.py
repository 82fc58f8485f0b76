"""The table of assets, the same as ``apps/shared/schema.sql``."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("value_cents", sa.Integer, nullable=False),
        sa.Column("moves", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Go back to the one before."""
    op.drop_table("asset")
