"""What makes Seamline one product: plant file, store, writer, stations, shards, gateway, console."""
