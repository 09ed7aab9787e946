"""Protocol documents in and out: whole sets in the order of their references, exported equal to what came in."""

from psg.documents.bundle import export_bundle, export_events
from psg.documents.exporting import export_document, export_project
from psg.documents.files import document_module, read_folder, write_document
from psg.documents.importing import import_documents, import_files, survey

__all__ = [
    "document_module",
    "export_bundle",
    "export_document",
    "export_events",
    "export_project",
    "import_documents",
    "import_files",
    "read_folder",
    "survey",
    "write_document",
]
