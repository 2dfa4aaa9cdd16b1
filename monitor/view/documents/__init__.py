"""The JSON documents that programs read: one module each, fields exactly as the reference names them."""
