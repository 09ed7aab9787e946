"""What the platform's ten modules do: operations on the documents of a project."""
