"""Makes OpenStack's database layer good at sqlite, before a service makes its first engine.

Writers begin with BEGIN IMMEDIATE: a transaction that reads and then wants to write fails at once with "database
is locked" when another has written in between, however long the timeout; one that takes the lock from its
beginning waits. And connections are kept: oslo.db opens a new one for each transaction, and to open one is to
read the whole schema.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

from typing import Any


def install() -> None:
    """Change oslo.db in this process."""
    import sqlalchemy
    from oslo_db.sqlalchemy import enginefacade, engines
    from sqlalchemy.pool import QueuePool

    make_session = enginefacade._TransactionFactory._create_session
    make_engine, make_plain_engine = engines.create_engine, engines._create_engine

    def create_session(self: Any, mode: Any, bind: Any = None) -> Any:
        if mode is enginefacade._WRITER and bind is None:
            if not self._started:
                self._start()
            if self._writer_engine.dialect.name == "sqlite":
                bind = self._writer_engine.execution_options(begin_immediate=True)
        return make_session(self, mode, bind)

    def begin(connection: Any) -> None:
        # oslo.db's own listener has just sent a plain BEGIN, which locks nothing yet
        if connection.get_execution_options().get("begin_immediate"):
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def forget(_connection: Any, record: Any) -> None:
        # oslo.db's mark of a transaction; its connections did not live long enough to carry an old one
        record.info.pop("in_transaction", None)

    def create_plain_engine(url: Any, **options: Any) -> Any:
        if url.get_backend_name() == "sqlite":
            options |= {"poolclass": QueuePool, "pool_size": 32, "max_overflow": -1, "pool_pre_ping": False}
        return make_plain_engine(url, **options)

    def create_engine(*args: Any, **options: Any) -> Any:
        # a power cut may cost the lab its state; waiting for the disk would cost every transaction
        options |= {"sqlite_synchronous": False, "thread_checkin": False}
        engine = make_engine(*args, **options, _engine_target=create_plain_engine)
        if engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(engine, "begin", begin)
            sqlalchemy.event.listen(engine, "checkin", forget)
        return engine

    enginefacade._TransactionFactory._create_session = create_session
    engines.create_engine = create_engine
    enginefacade.engines.create_engine = create_engine
