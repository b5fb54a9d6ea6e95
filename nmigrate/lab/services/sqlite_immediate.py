"""Writers on sqlite begin with BEGIN IMMEDIATE.

A transaction that reads and then wants to write fails at once with "database is locked" when another has
written in between, however long the timeout; a writer that takes the lock from its beginning waits instead.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

from typing import Any


def install() -> None:
    """Change oslo.db before a service makes its first engine."""
    import sqlalchemy
    from oslo_db.sqlalchemy import enginefacade, engines

    make_session = enginefacade._TransactionFactory._create_session
    make_engine = engines.create_engine

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

    def create_engine(*args: Any, **kwargs: Any) -> Any:
        engine = make_engine(*args, **kwargs)
        if engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(engine, "begin", begin)
        return engine

    enginefacade._TransactionFactory._create_session = create_session
    engines.create_engine = create_engine
    enginefacade.engines.create_engine = create_engine
