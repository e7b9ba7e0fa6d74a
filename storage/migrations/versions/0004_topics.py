"""Sub-topics of facilities.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "topic",
        sa.Column("id", key, nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("centroid", sa.String(), nullable=False),
        sa.Column("first_day", sa.String(), nullable=False),
        sa.Column("last_day", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic")),
    )
    op.create_table(
        "topic_need",
        sa.Column("need_id", key, nullable=False),
        sa.Column("topic_id", key, nullable=False),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_topic_need_need_id_need"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name=op.f("fk_topic_need_topic_id_topic"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("need_id", name=op.f("pk_topic_need")),
    )
    op.create_index(op.f("ix_topic_need_topic_id"), "topic_need", ["topic_id"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_index(op.f("ix_topic_need_topic_id"), table_name="topic_need")
    op.drop_table("topic_need")
    op.drop_table("topic")
