"""How the embedded models were made: composer, rendering, codec, generator, judge."""
