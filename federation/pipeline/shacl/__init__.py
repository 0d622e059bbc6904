"""SHACL Core compiled into functions over one record. Use it through federation.pipeline.validate."""
