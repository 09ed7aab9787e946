"""What the graph means: node types, references, lifecycles, and how a document becomes nodes and edges."""
