"""A role of PostgreSQL that can do what the service does, and no more."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

GRANTS = {
    "events": "SELECT, INSERT",
    "commands": "SELECT, INSERT",
    "seals": "SELECT, INSERT",
    "legal_moves": "SELECT",
    "alembic_version": "SELECT",
    "schema_documentation": "SELECT",
    "refusals": "SELECT, INSERT, DELETE",
    "webhooks": "SELECT, INSERT, UPDATE, DELETE",
    "webhook_letters": "SELECT, INSERT, UPDATE, DELETE",
    "repairs": "SELECT, INSERT, UPDATE",
    "heartbeats": "SELECT, INSERT, UPDATE, DELETE",
    "projections": "SELECT",
    "runs": "SELECT, INSERT, UPDATE",
    "phases": "SELECT, INSERT, UPDATE",
    "startable_phases": "SELECT, INSERT, DELETE",
    "run_labels": "SELECT, INSERT, DELETE",
    "annotations": "SELECT, INSERT",
    "approvals": "SELECT, INSERT, UPDATE",
    "quarantine": "SELECT, INSERT, DELETE",
    "run_tags": "SELECT, INSERT",
    "tallies": "SELECT, INSERT, UPDATE",
}
"""What the service does with each table. It never changes or deletes an event, and owns nothing."""


RIGHTS = text(
    """
    SELECT format('GRANT %s ON %I TO %s', privilege_type, relname,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
        || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    FROM pg_class, aclexplode(relacl)
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:tables) AND grantee <> relowner
    """
)
"""The rights that others than the owner have on tables of PostgreSQL, as statements that give them again."""


def harden(connection: Connection, role: str) -> None:
    """Make a role with these rights, or give an existing one these and no others.

    The role owns no table, so it can neither drop a guard nor switch one off. Migrations need the owner.
    """
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first():
        connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
    for table, rights in GRANTS.items():
        connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {quoted}")
        connection.exec_driver_sql(f"GRANT {rights} ON {table} TO {quoted}")
    connection.exec_driver_sql(f"GRANT USAGE ON SEQUENCE refusals_refusal_id_seq TO {quoted}")


def hardened(connection: Connection) -> list[str]:
    """The roles that may append events and do not own them: those that `harden` has made."""
    if connection.dialect.name != "postgresql":
        return []
    query = (
        "SELECT grantee FROM information_schema.role_table_grants"
        " JOIN pg_tables ON schemaname = table_schema AND tablename = table_name"
        " WHERE table_schema = current_schema() AND table_name = 'events' AND privilege_type = 'INSERT'"
        " AND grantee NOT IN (tableowner, 'PUBLIC')"
    )
    return list(connection.execute(text(query)).scalars())


@contextmanager
def kept(connection: Connection, tables: Iterable[str]) -> Iterator[None]:
    """Whoever had rights on these tables has them again when they were made anew.

    A role that `harden` has made has its rights in any case: one of the tables may have been lost.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    roles = hardened(connection)
    grants = list(connection.execute(RIGHTS, {"tables": list(tables)}).scalars())
    yield
    for role in roles:
        harden(connection, role)
    for grant in grants:
        connection.exec_driver_sql(grant)


def owned_alike(connection: Connection, tables: Iterable[str]) -> None:
    """Give these tables to the owner of the log, whoever has made them."""
    if connection.dialect.name != "postgresql":
        return
    query = "SELECT tableowner FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'events'"
    owner = connection.dialect.identifier_preparer.quote_identifier(
        connection.execute(text(query)).scalar_one()
    )
    for table in tables:
        connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO {owner}")
