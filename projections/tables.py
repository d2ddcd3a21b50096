"""What the projections share: where their tables are listed, and in which shape they are."""

from sqlalchemy import Column, Integer, MetaData, Table, Text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

VERSIONS = Table(
    "projections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""The shape of each table. Another than the program's means: rebuild."""
