"""What the units of a model do over a whole corpus of sound: built as a stream, kept as Parquet, asked with DuckDB."""
