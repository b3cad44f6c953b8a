"""Foreign checkpoints, each with its own key table."""

from pdfgc.importers.pdfgc_official import Checkpoints, Imported, import_pd_fgc

__all__ = ["Checkpoints", "Imported", "import_pd_fgc"]
