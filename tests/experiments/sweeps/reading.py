"""Reads back what a batch hands over."""

import io

import pyarrow.parquet as pq


def rows_of(result):
    """A batch's rows by table, in the order of run ids."""
    tables = {name: pq.read_table(io.BytesIO(data)) for name, data in result.tables.items()}
    return {name: table.sort_by("run_id").to_pylist() for name, table in tables.items()}
