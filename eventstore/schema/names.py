"""What the tables of the log have in common: how keys and indexes are named, and numbers."""

from sqlalchemy import BigInteger, Integer, MetaData

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# SQLite gives a table its row number only under the exact word INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")
