"""The bureau's side: publisher, outbox, importers of foreign formats, traffic simulator."""
