"""Labels say what a message is, models say where they come from.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MODEL_COLUMNS = ("corpus", "dictionary", "parent", "verdict", "labels", "comparison")


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("label") as label:
        label.add_column(sa.Column("intent", sa.String(), nullable=True))
        label.alter_column("new_leaf", existing_type=sa.String(), nullable=True)
    op.execute("UPDATE label SET intent = 'need_report'")
    with op.batch_alter_table("model_version") as model:
        for name in MODEL_COLUMNS:
            model.add_column(sa.Column(name, sa.String(), nullable=True))


def downgrade() -> None:
    """Back. What older tables cannot say, that it was no need, is lost."""
    op.execute("DELETE FROM label WHERE new_leaf IS NULL OR intent IS NULL OR intent <> 'need_report'")
    with op.batch_alter_table("label") as label:
        label.alter_column("new_leaf", existing_type=sa.String(), nullable=False)
        label.drop_column("intent")
    with op.batch_alter_table("model_version") as model:
        for name in reversed(MODEL_COLUMNS):
            model.drop_column(name)
