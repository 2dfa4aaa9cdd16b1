"""Our figures beside the exchange's: the document, and the masked archive for a report of a mistake."""
