"""Needs linked as one and the same.

Revision: 0003, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "need_link",
        sa.Column("first_id", key, nullable=False),
        sa.Column("second_id", key, nullable=False),
        sa.Column("staff_id", key, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_id"], ["need.id"], name=op.f("fk_need_link_first_id_need"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["need.id"], name=op.f("fk_need_link_second_id_need"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_need_link")),
    )
    op.create_index(op.f("ix_need_link_second_id"), "need_link", ["second_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_need_link_second_id"), table_name="need_link")
    op.drop_table("need_link")
