"""Validates JSON against a schema: `python3 valid.py SCHEMA FILE`. With `--lines` before them, each line of the file."""
import json
import sys

import jsonschema

lines = sys.argv[1] == "--lines"
schema, path = sys.argv[-2:]
with open(schema, encoding="utf-8") as file:
    validator = jsonschema.validators.validator_for(document := json.load(file))(document)
with open(path, encoding="utf-8") as file:
    documents = [json.loads(line) for line in file] if lines else [json.load(file)]
for number, document in enumerate(documents, 1):
    for error in validator.iter_errors(document):
        sys.exit(f"{path}:{number}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
print(f"ok: {path}: {len(documents)} valid")
