"""Whoever had rights on the tables on PostgreSQL has them after a rebuild, and only their owner may do it."""

from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any

import psycopg
import pytest

from api import prepare
from api.ledger import Ledger
from api.replay.refusals import OwnerNeeded, TablesInUse
from api.settings import Settings
from eventstore import roles
from eventstore.database import lock_writers
from tests.databases import SERVER, Scratch
from tests.replay.rebuilding import as_role, assert_right, last, left_over, rebuilding

RIGHTS = """
SELECT relname, pg_get_userbyid(relowner), coalesce(grantee::regrole::text, ''), privilege_type, is_grantable
FROM pg_class LEFT JOIN LATERAL aclexplode(relacl) ON true
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1, 2, 3, 4
"""


@pytest.fixture
def database_url(scratch_database: Scratch) -> Iterator[str]:
    with scratch_database("postgresql") as url:
        yield url


MakeRole = Callable[[], str]


@pytest.fixture
def make_role(database_url: str, raw: Any) -> Iterator[MakeRole]:
    """Makes roles that may log in; they are gone afterwards."""
    made: list[str] = []

    def makes() -> str:
        made.append(f"runnotary_test_{token_hex(4)}")
        raw.execute(f"CREATE ROLE {made[-1]} LOGIN NOSUPERUSER")
        return made[-1]

    yield makes
    for role in made:
        raw.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        raw.execute(f"DROP OWNED BY {role}")
    with psycopg.connect(SERVER, autocommit=True) as server:
        for role in made:
            server.execute(f"DROP ROLE {role}".encode())


def given_to(raw: Any, owner: str) -> None:
    """Make a role the owner of all that there is."""
    raw.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
    raw.execute(
        "DO $$ DECLARE each record; BEGIN"
        " FOR each IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP"
        f" EXECUTE format('ALTER TABLE %I OWNER TO {owner}', each.tablename); END LOOP;"
        " FOR each IN SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace LOOP"
        f" EXECUTE format('ALTER FUNCTION %I OWNER TO {owner}', each.proname); END LOOP; END $$"
    )


def hardened(ledger: Ledger, role: str) -> None:
    with ledger.engine.begin() as connection:
        roles.harden(connection, role)


def at_an_upgrade(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        prepare.rebuild(connection)


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("way", ["rebuilt", "upgraded", "lost and rebuilt"])
def test_rights_and_owner_are_kept(
    backend: str, ledger: Ledger, raw: Any, make_role: MakeRole, way: str
) -> None:
    """Those of a hardened role, of one that looks on, and of everybody; by whoever it is rebuilt."""
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
    owner, service, onlooker = make_role(), make_role(), make_role()
    given_to(raw, owner)
    hardened(ledger, service)
    raw.execute(f"GRANT SELECT ON runs, annotations TO {onlooker} WITH GRANT OPTION")
    raw.execute("GRANT SELECT ON phases TO PUBLIC")
    before = raw.execute(RIGHTS).fetchall()
    assert {row[1] for row in before} == {owner}
    assert {row[2] for row in before} >= {owner, service, onlooker, "-"}
    if way == "upgraded":
        at_an_upgrade(ledger)
    else:
        if way == "lost and rebuilt":
            raw.execute("DROP TABLE run_labels")
        last(rebuilding(ledger))
    assert raw.execute(RIGHTS).fetchall() == before
    with Ledger.open(
        Settings(database_url=as_role(ledger.settings.database_url, service), migrate=False)
    ) as own:
        own.propose("one", {"type": "run.labelled", "data": {"labels": {"a": "b"}}})
    assert_right(ledger.engine, raw)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_the_owner_need_not_rule_the_server(
    backend: str, ledger: Ledger, raw: Any, make_role: MakeRole
) -> None:
    """It rebuilds, also over what a rebuild by somebody mightier has left behind."""
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
    owner = make_role()
    given_to(raw, owner)
    left = rebuilding(ledger)
    next(left)
    with Ledger.open(Settings(database_url=as_role(ledger.settings.database_url, owner))) as own:
        before = raw.execute(RIGHTS).fetchall()
        assert {row[1] for row in before} == {owner}
        assert last(rebuilding(own)).found == 0
        assert {row[1] for row in raw.execute(RIGHTS)} == {owner}
    assert_right(ledger.engine, raw)
    left.close()


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("may_make_tables", [False, True])
def test_who_may_only_append_is_told_to_ask_the_owner(
    backend: str, ledger: Ledger, raw: Any, make_role: MakeRole, *, may_make_tables: bool
) -> None:
    """A service with a hardened role cannot rebuild, and says at once who can; nothing is left of the try."""
    ledger.create_run({"run_id": "one"})
    service = make_role()
    hardened(ledger, service)
    if may_make_tables:
        raw.execute(f"GRANT CREATE ON SCHEMA public TO {service}")
    with Ledger.open(
        Settings(database_url=as_role(ledger.settings.database_url, service), migrate=False)
    ) as own:
        steps = rebuilding(own)
        with pytest.raises(OwnerNeeded, match="may not"):
            next(steps)
        own.propose("one", {"type": "run.execution_started"})
    assert left_over(raw) == []


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_view_of_a_table_is_named_when_it_is_in_the_way(backend: str, ledger: Ledger, raw: Any) -> None:
    """The old table cannot go while something is made of it; that is said, and the old tables serve."""
    ledger.create_run({"run_id": "one"})
    raw.execute("CREATE VIEW my_runs AS SELECT run_id, state FROM runs")
    with pytest.raises(TablesInUse, match="view my_runs depends on table runs"):
        last(rebuilding(ledger))
    assert raw.execute("SELECT * FROM my_runs").fetchall() == [("one", "RUN_CREATED")]
    assert last(rebuilding(ledger, ["phases"])).found == 0
    raw.execute("DROP VIEW my_runs")
    last(rebuilding(ledger))
    assert_right(ledger.engine, raw)
