"""The registry of trained models: named, versioned, pinned by their hashes; cards and exports of them."""
